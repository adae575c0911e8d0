// Writes the generated parts of README.md: npx tsx scripts/readme.ts. test/unit/readme.test.ts fails while they are stale.
// What the code can say of itself is taken from it; the words that it lacks stand here, and each must have its row.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { describeConfig as webConfig } from '../app/_server/config'
import { OPEN, PERMITS, ROLES } from '../app/_server/permit'
import { ROUTES } from '../app/_server/rest/routes'
import { SESSION_MS } from '../app/_server/session'
import { TOKEN_DAYS } from '../app/_server/tokens'
import { MAX_BODY } from '../app/_server/webhooks'
import { DEFAULT_LIMIT, MAX_LIMIT } from '../app/paging'
import { type Facts, GATES, type GateName, judge } from '../environments/gate'
import { PROMOTION } from '../environments/promotion'
import { asDuration, asSize } from '../pipelines/engines/docker-words'
import { FAULTS, type FaultCode } from '../pipelines/fault'
import { FLOW } from '../pipelines/gitflow'
import { LEASE_MS } from '../pipelines/lease'
import { LIVES_MS } from '../pipelines/part'
import { PROJECT } from '../pipelines/project'
import { MAX_ATTEMPTS } from '../pipelines/retry'
import { RUN, STAGE } from '../pipelines/run'
import { MAX_SERVICE_FILE, parseServiceFile, ServiceFile } from '../pipelines/service-file'
import { HEAD_BYTES, TAIL_BYTES } from '../pipelines/stage-log'
import { planStages } from '../pipelines/stage-plan'
import { describeConfig as workerConfig } from '../worker/config'
import { JOB_NAMES, JOBS, type JobName } from '../worker/jobs'
import { DELIVERY_DAYS } from '../worker/prune'
import { PASSES, STOPS } from './readme-gates'

const README = new URL('../README.md', import.meta.url)

/** What each job does. A job without a sentence, or a sentence without a job, does not compile. */
const JOB_IN_WORDS: Record<JobName, string> = {
  checkpoint: 'the trail has grown: sign its head, if it continues what was signed before',
  agreePolicy: 'an environment was made: agree to the policy it begins with',
  applyPolicyChange: 'a policy is proposed: apply it once everybody has agreed who must',
  admitPasskey: 'a passkey is proposed: admit it for signing off',
  expireApproval: 'the time of an approval is over',
  connect: 'checks a repository on its forge: token, project, branches; makes its webhook and reads it back',
  plan: 'reads the head again, fetches the commit, reads the service file, writes the stages; adopts a known release',
  execute: 'runs one stage in a container, or builds the image',
  retryStage: 'queues an errored stage again once its time has come',
  cut: 'freezes what was built as a release: digest, tree, tag',
  onward: 'asks for the environment that the branch goes to by itself',
  review: 'judges every gate; queues the promotion, ends it, or says why it waits',
  deploy: 'judges the gates once more, applies, observes, compares digests',
  observe:
    'asks a target what it runs and keeps the answer; retires what served before, or withdraws what was never recorded',
  retryPromotion: 'queues an errored promotion again once its time has come',
  verify:
    'begins the stages that decide whether a deployment counts as verified; where there are none, it counts at once',
  settleVerification:
    'ends a verification whose stages have ended; puts the release before back where the environment says so',
  report: 'tells the forge one commit status',
  syncMergeRequest:
    'reads a merge request from the forge, judges its pair of branches, keeps its status and its one note',
  doMergeAction: 'approves or merges on the forge what an owner asked for here, only as it was seen',
  makeTag: 'makes the version tag on the production branch',
  carryBackMerge: 'asks git whether a release has come back to develop; opens the merge request where it has not',
  tellDeployment: "keeps the deployment on the forge's own pages",
  reconcile: 'compares branches, merge requests and the webhook with what was seen, and takes up what was missed',
  losePlan: 'takes a plan away from a worker that died',
  loseStage: 'takes a stage away from a worker that died',
  losePromotion: 'takes a deployment away from a worker that died',
  loseProject: 'takes a check away from a worker that died',
  loseTag: 'takes a tag away from a worker that died',
  loseMergeAction: 'takes an approval or a merge away from a worker that died',
}

const FAULT_IN_WORDS: Record<FaultCode, string> = {
  'forge.unreachable': 'the forge does not answer, or answers nonsense',
  'forge.busy': 'the forge says later (429, or a lock)',
  'forge.denied': 'the token is not accepted, or lacks a right (401, 403)',
  'forge.missing': 'there is no such project, branch or commit',
  'forge.refused': 'the forge refuses the request (any other 4xx)',
  'git.failed': 'git ended with an error; its last lines are in the message',
  'engine.unreachable': 'Docker does not answer',
  'engine.refused': 'Docker refuses the request',
  'image.missing': 'the image is no longer in the store',
  'target.unreachable': 'what is deployed to does not answer',
  'database.unreachable': 'the database does not answer',
  'database.busy': 'the database takes no more connections at this moment',
  'input.invalid': 'what was sent is not valid; every problem at once',
  'not.found': 'there is no such thing here',
  'not.signed.in': 'no session, no valid token, a wrong password or signature',
  'not.permitted': 'the role may not, or a browser asked from another origin',
  'too.many': 'too many wrong passwords, or too many open streams',
  'storage.full': 'a disk has no room left: nothing was stored; it is tried again until there is room',
  'storage.short': 'it failed while a disk had too little room; which of the two it was is not known',
  conflict: 'it exists already, or has ended already',
}

/** Keys of the service file that the schema does not describe. Its own descriptions come first. */
const KEY_IN_WORDS: Record<string, string> = {
  service: 'Name of the service: small letters, digits and -',
  version: 'Version, such as "1.0"; part of the release tag',
  'build.dockerfile': 'Path of the Dockerfile in the repository',
  'build.template': 'A Dockerfile of pipelines/templates, for a repository without one',
  'stages.<name>.timeout': 'Duration, at most `1h`',
  'stages.<name>.workdir': 'Folder in the workspace (or in the image)',
  'stages.<name>.env': 'Variables of the commands',
  'stages.<name>.reports': 'Patterns of JUnit XML files in the working directory, read when the commands have ended',
  'stages.<name>.artifacts': 'Patterns of files to keep for 30 days: 10 MiB a file, 25 MiB and 200 files a stage',
  'stages.<name>.cache': 'Folders of the container that outlive it, at most 5; each trust class has its own',
  'stages.<name>.services':
    'At most 5 containers beside the commands, by host name: `image`, `env`, `command`, and `healthcheck` (`test`, `interval`, `timeout`, `start_period`, `retries`), which is waited for',
  'stages.<name>.memory': 'From `16m` to `4g`',
  'stages.<name>.cpus': 'From 0.1 to 16',
  'deploy.replicas': 'How many containers serve',
  'deploy.healthcheck.http': 'Path that answers 2xx or 3xx once the replica is healthy',
  'deploy.healthcheck.interval': 'Duration between two questions',
  'deploy.healthcheck.timeout': 'Duration that one answer may take',
  'deploy.healthcheck.start_period': 'Duration in which failures do not count',
  'deploy.healthcheck.retries': 'So many failures, an interval apart, are too many',
  'deploy.update.order': 'Only `start-first` is carried',
  'deploy.update.parallelism': 'Not carried yet: all replicas are replaced together',
  'deploy.update.delay': 'Not carried yet',
  'deploy.update.on_failure': 'Only `rollback` is carried: the old release keeps serving',
  'deploy.memory': 'Of each replica, from `16m` to `4g`',
  'deploy.cpus': 'Of each replica, from 0.1 to 16',
  'config.<NAME>.required': 'Without a value the promotion is refused',
  'config.<NAME>.secret': 'It may have no default',
  'config.<NAME>.enum': 'The values that are right',
  'config.<NAME>.default': 'The value, until values per environment are carried',
}

type Cells = readonly string[]

/** A table that is read in its source too: columns as wide as they need to be, the last as long as it is. */
function table(head: Cells, rows: readonly Cells[]): string {
  const lines = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const wide = head.map((_, i) => Math.max(3, ...lines.map((line) => line[i]?.length ?? 0)))
  const print = (line: Cells) =>
    `| ${line.map((cell, i) => (i < head.length - 1 ? cell.padEnd(wide[i] ?? 0) : cell)).join(' | ')} |`
  const rule = `|${head.map((_, i) => '-'.repeat(i < head.length - 1 ? (wide[i] ?? 0) + 2 : 3)).join('|')}|`
  return [print(lines[0] ?? []), rule, ...lines.slice(1).map(print)].join('\n')
}

const code = (text: string) => `\`${text}\``
const list = (texts: readonly string[]) => (texts.length > 0 ? texts.join(', ') : '–')
const yes = (answer: boolean) => (answer ? 'yes' : 'no')

function machineTable(machine: Record<string, Record<string, string>>): string {
  const arrows = (row: Record<string, string>) => Object.entries(row).map(([event, to]) => `${event} → ${code(to)}`)
  return table(
    ['status', 'what can happen to it'],
    Object.entries(machine).map(([status, row]) => [code(status), list(arrows(row)).replace('–', 'final')]),
  )
}

/** Function → file, from the import statements of worker/jobs.ts. */
function filesOfJobs(): Map<string, string> {
  const text = readFileSync(new URL('../worker/jobs.ts', import.meta.url), 'utf8')
  const imports = [...text.matchAll(/import \{([^}]+)\} from '(\.[^']+)'/g)]
  return new Map(
    imports.flatMap(([, names, file]) =>
      (names ?? '').split(',').map((n) => [n.trim(), `${join('worker', file ?? '')}.ts`]),
    ),
  )
}

function jobsTable(): string {
  const files = filesOfJobs()
  const rows = JOB_NAMES.map((name) => {
    const { lane, rung, do: verb } = JOBS[name]
    const file = files.get(verb.name)
    if (file === undefined) throw new Error(`worker/jobs.ts does not import what the job ${name} does: ${verb.name}`)
    return [name, lane, list(rung.map(code)), code(file), JOB_IN_WORDS[name]]
  })
  return table(['job', 'lane', 'rung by', 'file', 'what it does'], rows)
}

function flowTable(): string {
  const rows = Object.values(FLOW).map((row) => [
    row.match.map((m) => code(m.endsWith('/') ? `${m}*` : m)).join(', '),
    list(row.stages),
    list(row.optional),
    row.goesTo ?? 'nowhere',
    String(row.priority),
    list(row.mergesInto),
  ])
  return table(
    ['branch', 'stages on a push', 'with `also_on`', 'goes to by itself', 'priority', 'may be merged into'],
    rows,
  )
}

function gatesTable(): string {
  const verdictOf = (gate: GateName, facts: Facts) => {
    const verdict = judge(facts).verdicts.find((v) => v.gate === gate)
    return verdict ? { state: verdict.state, words: verdict.because } : { state: 'open', words: '' }
  }
  const rows = (Object.keys(GATES) as GateName[]).map((gate) => {
    const no = verdictOf(gate, { ...PASSES, ...STOPS[gate] })
    return [gate, verdictOf(gate, PASSES).words, no.state, no.words]
  })
  return table(['gate', 'open: it says', 'else', 'it says, for example'], rows)
}

interface Schema {
  type?: string | string[]
  description?: string
  default?: unknown
  enum?: string[]
  minimum?: number
  maximum?: number
  items?: Schema
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  required?: string[]
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map(code).join(', ')
  if (schema.type === 'array') return `list of ${schema.items?.enum ? typeOf(schema.items) : 'values'}`
  if (schema.type === 'object') return 'mapping'
  if (schema.anyOf || Array.isArray(schema.type)) return 'text or number'
  if (schema.type === 'integer') return `${schema.minimum} to ${schema.maximum}`
  return schema.type === 'boolean' ? 'true, false' : 'text'
}

/** Every key with its dotted path; the stages are one another's like, so one stands for all. */
function keysOf(schema: Schema, path = ''): Cells[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]): Cells[] => {
    const at = `${path}${name}`
    const must = schema.required?.includes(name) === true
    if (at === 'stages') return keysOf(child.properties?.static ?? {}, 'stages.<name>.')
    if (at === 'config') return keysOf(child.additionalProperties as Schema, 'config.<NAME>.')
    if (child.properties) return keysOf(child, `${at}.`)
    const standard = must ? 'required' : child.default === undefined ? '' : code(JSON.stringify(child.default))
    const what = child.description ?? KEY_IN_WORDS[at]
    if (what === undefined) throw new Error(`scripts/readme.ts says nothing about the key ${at} of the service file`)
    return [[code(at), typeOf(child), standard.replaceAll('"', ''), what]]
  })
}

function serviceFileTable(): string {
  const rows = keysOf(z.toJSONSchema(ServiceFile, { io: 'input', reused: 'inline' }) as Schema)
  const stale = Object.keys(KEY_IN_WORDS).filter((key) => !rows.some(([at]) => at === code(key)))
  if (stale.length > 0) throw new Error(`scripts/readme.ts describes keys that do not exist: ${stale.join(', ')}`)
  return table(['key', 'value', 'absent', 'meaning'], rows)
}

function configTable(variables: ReturnType<typeof webConfig>): string {
  const rows = variables.map(({ name, standard, what }) => [
    code(name),
    standard === 'required' ? standard : standard && code(standard),
    // What both processes read is described once.
    what || (webConfig().find((other) => other.name === name)?.what ?? ''),
  ])
  return table(['variable', 'absent', 'meaning'], rows)
}

function permitsTable(): string {
  const rows = Object.entries(PERMITS).map(([action, permit]) => [
    code(action),
    ...ROLES.map((role) => yes((permit.roles as readonly string[]).includes(role))),
    permit.at,
    permit.scope ?? '',
    permit.why,
  ])
  return table(['action', ...ROLES, 'held in', 'token needs', 'what'], rows)
}

/** What a stage may use unless its file says otherwise, from the planner itself. */
function limitsTable(): string {
  const parsed = parseServiceFile('{service: a, version: "1", stages: {static: {image: a, run: [a]}}}')
  const stages = parsed.ok ? planStages({ kind: 'develop', service: parsed.service, image: 'a:1' }) : []
  const stageRows = stages.flatMap(({ name, definition: d }): Cells[] => {
    if (d.kind === 'refused') return []
    const { timeMs, memoryBytes, cpus, pids, diskBytes } = d.limits
    const what = `${asDuration(timeMs)}, ${asSize(memoryBytes)} memory, ${cpus} cpu, ${pids} processes, ${asSize(diskBytes)} written`
    return [[d.kind === 'build' ? 'a build' : `a stage (${name} …), unless its file says otherwise`, what]]
  })
  return table(
    ['what', 'limit'],
    [
      ['body of a webhook request', asSize(MAX_BODY)],
      ['`.shiplock.yaml`', `${MAX_SERVICE_FILE / 1024} KiB`],
      ...stageRows,
      ["a stage's output that is kept", `the first ${asSize(HEAD_BYTES)} and the last ${asSize(TAIL_BYTES)}`],
      ['attempts of a stage or a deployment that errored', String(MAX_ATTEMPTS)],
      ["a dead worker's work is taken up again after", asDuration(LEASE_MS)],
      ['a worker counts as gone after', asDuration(LIVES_MS)],
      ['the body of a webhook request is kept', `${DELIVERY_DAYS} days`],
      ['a session lasts', `${SESSION_MS / 3_600_000} hours`],
      ['an API token lasts, unless asked otherwise', `${TOKEN_DAYS} days`],
      ['rows of a REST page', `${DEFAULT_LIMIT}; at most ${MAX_LIMIT}`],
    ],
  )
}

/** The generated parts of README.md, by the name in their markers. */
const PARTS: Record<string, () => string> = {
  'service file': serviceFileTable,
  jobs: jobsTable,
  flow: flowTable,
  run: () => machineTable(RUN),
  stage: () => machineTable(STAGE),
  promotion: () => machineTable(PROMOTION),
  project: () => machineTable(PROJECT),
  gates: gatesTable,
  faults: () =>
    table(
      ['code', 'HTTP', 'tried again', 'meaning'],
      (Object.keys(FAULTS) as FaultCode[]).map((c) => [
        code(c),
        String(FAULTS[c].http),
        yes(FAULTS[c].retry),
        FAULT_IN_WORDS[c],
      ]),
    ),
  web: () => configTable(webConfig()),
  worker: () => configTable(workerConfig()),
  routes: () =>
    table(
      ['request', 'action', 'what'],
      ROUTES.map((r) => [code(`${r.method} ${r.path}`), r.action === null ? 'open' : code(r.action), r.summary]),
    ),
  permits: permitsTable,
  open: () =>
    table(
      ['request', 'why that is safe'],
      OPEN.map((o) => [code(`${o.method} ${o.path}`), o.why]),
    ),
  limits: limitsTable,
}

/** The text with every generated part made anew. Throws where a part is missing or unknown. */
export function regenerate(text: string): string {
  const seen = new Set<string>()
  const made = text.replace(/(<!-- generated: ([^>]+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, begin, name, end) => {
    const part = PARTS[name]
    if (!part) throw new Error(`README.md asks for a part that nothing makes: ${name}`)
    seen.add(name)
    return `${begin}${part()}\n${end}`
  })
  const missing = Object.keys(PARTS).filter((name) => !seen.has(name))
  if (missing.length > 0) throw new Error(`README.md has no place for: ${missing.join(', ')}`)
  return made
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(README, regenerate(readFileSync(README, 'utf8')))
}
