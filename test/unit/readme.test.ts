// README is the one manual: what it names exists, what it shows works, what it repeats of the code is fresh.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeConfig as webConfig } from '../../app/_server/config'
import { PERMITS } from '../../app/_server/permit'
import { ROUTES } from '../../app/_server/rest/routes'
import { parseEnvironment } from '../../environments/environment'
import { parseServiceFile } from '../../pipelines/service-file'
import { regenerate } from '../../scripts/readme'
import { describeConfig as workerConfig } from '../../worker/config'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const readme = read('README.md')

/** Blocks of one language, without the indent that a list gives them. */
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^\\1\`\`\``, 'gm'))].map(([, indent, body]) =>
    (body ?? '').replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )
const prose = readme.replace(/^ *```[\s\S]*?^ *```/gm, '')
const inline = [...prose.matchAll(/`([^`\n]+)`/g)].map((m) => m[1] ?? '')

describe('the generated parts', () => {
  it('are fresh: npx tsx scripts/readme.ts writes them', () => {
    expect(readme).toBe(regenerate(readme))
  })

  it('are seen when they are stale, unknown or missing', () => {
    expect(regenerate(readme.replace('| `errored` ', '| `erred` '))).toBe(readme)
    expect(() => regenerate(`${readme}<!-- generated: nothing -->\n<!-- end -->`)).toThrow('nothing makes')
    expect(() => regenerate(readme.replace('<!-- generated: jobs -->', ''))).toThrow('no place for: jobs')
  })
})

describe('the words', () => {
  it('are exactly these, each once', () => {
    const section = /^## The words$([\s\S]*?)^\*\*/m.exec(readme)?.[1] ?? ''
    const words = [...section.matchAll(/^\| ([^|]+?) +\|/gm)].flatMap((m) => (m[1] ?? '').split(', '))
    expect(words).toEqual(
      (
        'word forge delivery service pipeline run stage step job image digest class release environment target promotion ' +
        'gate approval sign-off statement rule vote override break-glass stop policy version passkey enrolment vouch membership trail ' +
        'entry leaf checkpoint proof dossier bundle hold freeze refusal back-merge debt deployment failed errored'
      ).split(' '),
    )
  })
})

describe('the commands', () => {
  const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts)
  const named = [...readme.matchAll(/\bnpm (?:run ([\w-]+)|(start|test)\b)/g)].map((m) => m[1] ?? m[2] ?? '')
  // What a service's own package.json holds, in examples.
  const elsewhere = ['lint', 'test']

  it('exist in package.json', () => {
    expect(named.filter((name) => !scripts.includes(name) && !elsewhere.includes(name))).toEqual([])
  })

  it('are all of those in package.json', () => {
    expect(scripts.filter((name) => name !== 'postinstall' && !named.includes(name))).toEqual([])
  })
})

describe('the files', () => {
  const folders = readdirSync(root, { withFileTypes: true }).flatMap((d) => (d.isDirectory() ? [d.name] : []))
  const isPath = (text: string) =>
    /^[\w.@-]+(\/[\w.@-]+)*\/?$/.test(text) &&
    (text.includes('/') ? folders.includes(text.split('/')[0] ?? '') : /^[\w-]+\.(json|mjs|cjs|md)$/.test(text))
  // `read.ts` beside a page, GitLab's daemon.json: no file of the root.
  const elsewhere = ['package.json', 'daemon.json']
  const paths = [
    ...inline,
    ...[...readme.matchAll(/(?:npx tsx|vitest run) ([\w./-]+)/g)].map((m) => m[1] ?? ''),
  ].filter(isPath)

  it('exist', () => {
    expect(paths.length).toBeGreaterThan(50)
    expect(paths.filter((path) => !elsewhere.includes(path) && !existsSync(join(root, path)))).toEqual([])
  })
})

/** One curl of a block: its method, path, query and JSON body, which may follow as a here-document. */
interface Curl {
  /** What it shows who asks: a token, or a session's cookie */
  token: boolean
  method: string
  path: string
  query: Record<string, string>
  body: unknown
}

function curls(block: string): Curl[] {
  return [...block.matchAll(/^curl (.*?)(?:<<'JSON'\n([\s\S]*?)^JSON$|$)/gm)].map(([, line = '', here]) => {
    const data = here ?? /-d '([^']*)'/.exec(line)?.[1]
    const url = new URL(/"\$SHIPLOCK([^"]*)"/.exec(line)?.[1] ?? '/?', 'http://shiplock')
    return {
      token: line.includes('Bearer $TOKEN'),
      method: /-X (\w+)/.exec(line)?.[1] ?? (data === undefined ? 'GET' : 'POST'),
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      body: data === undefined ? undefined : JSON.parse(data),
    }
  })
}

describe('the curl examples', () => {
  const examples = blocks('sh').flatMap(curls)
  const routeOf = ({ method, path }: Curl) =>
    ROUTES.find((r) => r.method === method && new RegExp(`^${r.path.replace(/\{\w+\}/g, '[^/]+')}$`).test(path))

  it('are found', () => {
    expect(examples.length).toBeGreaterThanOrEqual(10)
    expect(examples.length).toBe(readme.match(/^curl /gm)?.length)
  })

  const made = examples.find((e) => e.method === 'POST' && e.path === '/api/v1/tokens')
  const scopes = (made?.body as { scopes?: string[] } | undefined)?.scopes ?? []

  it.each(examples.filter((e) => e.token))(
    '$method $path is within the scopes of the token that they make',
    (example) => {
      const action = routeOf(example)?.action ?? null
      if (action !== null) expect(scopes).toContain(PERMITS[action].scope)
    },
  )

  it.each(examples)('$method $path is a route, and takes what is sent', (example) => {
    const route = routeOf(example)
    expect(route).toBeDefined()
    expect(
      (route?.query ?? { safeParse: () => ({ success: Object.keys(example.query).length === 0 }) }).safeParse(
        example.query,
      ).success,
    ).toBe(true)
    expect(
      route?.body === undefined ? example.body === undefined : route.body.safeParse(example.body ?? {}).success,
    ).toBe(true)
  })
})

describe('the yaml examples', () => {
  const examples = blocks('yaml')

  it.each(examples)('%s … is valid, and all of it is carried', (text) => {
    if (text.startsWith('name:')) return expect(parseEnvironment(text, 'README.md')).toMatchObject({ ok: true })
    expect(parseServiceFile(text)).toMatchObject({ ok: true, notes: [] })
  })

  it('are there for the service file and the environment', () => {
    expect(examples.map((text) => text.split(':')[0]).sort()).toEqual(['name', 'service', 'service'])
  })

  it.each([
    ['stages: {unit: {image: a, run: [a], timeout: 1h}}', 'stages: {unit: {image: a, run: [a], timeout: 61m}}'],
    ['deploy: {memory: 16m}', 'deploy: {memory: 15m}'],
    ['deploy: {memory: 4g}', 'deploy: {memory: 5g}'],
    ['deploy: {cpus: 0.1}', 'deploy: {cpus: 0.05}'],
    ['deploy: {cpus: 16}', 'deploy: {cpus: 17}'],
  ])('the limit that is told of "%s" is the parser’s', (inside, outside) => {
    expect(parseServiceFile(`service: a\nversion: "1"\n${inside}\n`).ok).toBe(true)
    expect(parseServiceFile(`service: a\nversion: "1"\n${outside}\n`).ok).toBe(false)
  })
})

describe('the environment variables', () => {
  const configured = [...webConfig(), ...workerConfig()].map((v) => v.name)
  /** What is read, or set for containers, beside the two schemas. */
  const sources = [
    'cli/up.ts',
    'demo/tell.ts',
    'prisma/postgres.ts',
    'pipelines/git-process.ts',
    'pipelines/execute.ts',
  ]
    .concat(
      'environments/deployment.ts',
      'cli/programs.ts',
      readdirSync(join(root, 'scripts')).map((name) => `scripts/${name}`),
    )
    .filter((path) => path !== 'scripts/readme.ts')
    .map(read)
    .join('\n')
  // Node's own, and the variable of a service in an example.
  const elsewhere = ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS']
  const isVariable = (text: string) => /^([A-Z][A-Z0-9]*(_[A-Z0-9]+)+|CI|HOST|PORT|[a-z]+_proxy)$/.test(text)
  const named = inline.map((text) => text.split('=')[0] ?? '').filter(isVariable)

  it('that are named exist', () => {
    const unknown = named.filter((name) => !configured.includes(name) && !elsewhere.includes(name))
    expect(unknown.filter((name) => !new RegExp(`\\b${name}\\b`).test(sources))).toEqual([])
  })

  it('that `npm start` and the set-up read are named', () => {
    const code = ['cli/up.ts', 'cli/programs.ts', 'scripts/setup.mjs', 'scripts/setup-engine.mjs', 'prisma/postgres.ts']
      .map(read)
      .join('\n')
    const found = [...code.matchAll(/\benv\.([A-Z][A-Z0-9_]+)/g)].map((m) => m[1] ?? '')
    // The system's own, which nobody sets for Shiplock.
    const own = ['NODE_ENV', 'PATH', 'HOME', 'XDG_RUNTIME_DIR']
    expect(found.filter((name) => !own.includes(name) && !named.includes(name))).toEqual([])
  })

  it('have a meaning, each of them', () => {
    for (const { name } of [...webConfig(), ...workerConfig()])
      expect(readme, name).toMatch(new RegExp(`^\\| \`${name}\` +\\| [^|]*\\| \\S`, 'm'))
  })
})
