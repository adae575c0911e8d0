// The import arrows of the design. `npm run check` and test/unit/arrows.test.ts run them; what a rule's comment says is shown with
// a violation.

// dependency-cruiser asks swc for TypeScript without JSX, whatever the file is called. Without swc it guesses at what it cannot
// parse, and is blind to type-only imports.
const swc = require('@swc/core')
const { parseFileSync } = swc
swc.parseFileSync = (file, options) => parseFileSync(file, { ...options, tsx: file.endsWith('x') })

/** Pure files: types, tables, decisions. A new one is added here when it is made. */
const NOUNS = [
  '^pipelines/(machine|fault|trust|full-engine|full-disk|part|run|project|gitflow|merge-request|tag|back-merge|test-report|junit|dockerfile|dockerfile-variables|dockerfile-bases|dockerfile-syntax|dockerfile-rules|dockerfile-pin|image-name|service-file|service-schema|service-problem|nearest|quantity|title|yaml-document)[.]ts$',
  '^environments/(environment|promotion|observed|gate|holds|image|freeze|zone|release|deployment|statement|approval|passkey|policy-change|words|policy-difference)[.]ts$',
  '^environments/targets/(target|docker-settings)[.]ts$',
  '^pipelines/(forges/forge|engines/engine)[.]ts$',
  '^prisma/(database-loss|pause)[.]ts$',
  '^audit/(canonical|entry|tree|checkpoint|trust)[.]ts$',
  '^prisma/clock[.]ts$',
]
const DRIVERS = '^(pipelines/forges|pipelines/engines|environments/targets)/(?!index[.]ts)'
/** By name as well as by place: so that a planted import is seen where nothing is installed. */
const packages = (...names) => `(^|node_modules/)(${names.join('|')})(/|$)`
const folders = (...names) => `^(${names.join('|')})/`
const RUNNERS = ['app', 'worker', 'cli', 'demo', 'test', 'bench', 'scripts']

/** An arrow that must not be. */
const never = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to })

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    never(
      'record-is-a-leaf',
      'prisma and audit import nothing of ours but nouns',
      { path: folders('prisma', 'audit') },
      { path: folders('pipelines', 'environments', ...RUNNERS), pathNot: NOUNS },
    ),
    never(
      'pipelines-know-no-environment',
      'what must happen to a commit does not know where a release may live',
      { path: folders('pipelines') },
      { path: folders('environments', ...RUNNERS) },
    ),
    never(
      'environments-know-no-runner',
      'app, worker, cli, demo and test are imported by nobody',
      { path: folders('environments') },
      { path: folders(...RUNNERS) },
    ),
    never(
      'app-stands-alone',
      'app and worker never meet; nobody imports cli, demo or test',
      { path: folders('app') },
      { path: folders(...RUNNERS), pathNot: '^app/' },
    ),
    never(
      'worker-stands-alone',
      'app and worker never meet; nobody imports cli, demo or test',
      { path: folders('worker') },
      { path: folders(...RUNNERS), pathNot: '^worker/' },
    ),
    never(
      'nobody-imports-tests',
      'what only a test needs does not run in production',
      { pathNot: folders('test', 'bench') },
      { path: folders('test', 'bench') },
    ),
    never(
      'app-holds-no-queue-and-no-engine',
      'the web process rings by the record, and never holds the Docker socket',
      { path: folders('app') },
      { path: packages('bullmq', 'dockerode'), reachable: true },
    ),
    never(
      'noun-is-pure',
      'a noun imports zod, yaml, saxes, hashes and other nouns; move what touches the world into a verb',
      { path: NOUNS },
      { pathNot: [...NOUNS, packages('zod', 'yaml', 'saxes'), '^(node:)?crypto$', '[.]json$'] },
    ),
    never(
      'driver-knows-its-interface-alone',
      'a driver imports its folder, nouns and its SDK: no record, no verb, no other kind of driver',
      { path: DRIVERS, pathNot: NOUNS },
      { path: folders('prisma', 'audit', 'pipelines', 'environments', ...RUNNERS), pathNot: [...NOUNS, '^$1/'] },
    ),
    never(
      'ui-reads-nothing',
      'app/_ui is given what it shows: no record, no verb, no read',
      { path: '^app/_ui/' },
      {
        path: [
          folders('prisma', 'audit', 'pipelines', 'environments'),
          '^app/_server/',
          '/read[.]ts$',
          packages('pg', '@prisma/client'),
        ],
        pathNot: NOUNS,
      },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^([.]next|prisma/generated)/' },
    tsPreCompilationDeps: 'specify',
    parser: 'swc',
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
