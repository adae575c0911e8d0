// What a reader of .shiplock.yaml is told about a problem: what was expected, what stands there, and the nearest right name.
import type { z } from 'zod'
import { nearest } from './nearest'
import { cut, type Problem, pathInWords, type YamlDocument } from './yaml-document'

type Path = readonly (string | number)[]
type Issue = z.core.$ZodIssue

/** More than this is not told one by one. */
export const MAX_PROBLEMS = 50

/** The value at a path of plain data; undefined where there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (v, key) =>
      typeof v === 'object' && v !== null && Object.hasOwn(v, key)
        ? (v as Record<string | number, unknown>)[key]
        : undefined,
    value,
  )
}

/** What belongs where a required key is missing. */
const MISSING: Record<string, string> = {
  service: 'the name of the service, such as `hello`',
  version: 'the version in quotes, such as "1.0"',
  run: 'the commands, such as ["npm test"]',
  image: 'the name of an image, such as "postgres:17"',
  http: 'the path to ask, such as "/healthz"',
  test: 'the command, such as "pg_isready"',
}

/** Keys that people bring from Compose and other systems, by the path they are tried at. */
const ELSEWHERE: Record<string, string> = {
  image: 'the image is built from the commit: see `build`',
  'build.context': 'the build context is always the root of the repository',
  'build.args': 'a template takes no arguments; write a Dockerfile',
  'stages.build': 'what is built stands under `build:` at the top',
  replicas: 'it belongs under `deploy`',
  ports: 'it belongs under `deploy`',
  healthcheck: 'it belongs under `deploy`',
  update: 'it belongs under `deploy`',
  environment: 'what each environment must supply stands under `config`',
  env: 'what each environment must supply stands under `config`',
  'deploy.environment': 'what each environment must supply stands under `config`',
  'deploy.env': 'what each environment must supply stands under `config`',
  'deploy.healthcheck.test': 'the service is asked over HTTP: see `http` and `port`',
}

const KNOWN: Record<string, readonly string[]> = {
  '': ['service', 'version', 'build', 'stages', 'deploy', 'config'],
  build: ['dockerfile', 'template'],
  stages: ['static', 'unit', 'api', 'integration', 'component', 'functional', 'stress'],
  'stages.*': [
    'image',
    'run',
    'also_on',
    'timeout',
    'workdir',
    'env',
    'reports',
    'artifacts',
    'cache',
    'services',
    'memory',
    'cpus',
  ],
  'stages.*.services.*': ['image', 'env', 'command', 'healthcheck'],
  'stages.*.services.*.healthcheck': ['test', 'interval', 'timeout', 'start_period', 'retries'],
  deploy: ['replicas', 'ports', 'healthcheck', 'update', 'memory', 'cpus'],
  'deploy.healthcheck': ['http', 'port', 'interval', 'timeout', 'start_period', 'retries'],
  'deploy.update': ['order', 'parallelism', 'delay', 'monitor', 'on_failure'],
  'config.*': ['required', 'secret', 'enum', 'default'],
}

/** The names that may stand at a path; a star is any name. */
function knownAt(path: Path): readonly string[] {
  const places = [
    path.join('.'),
    [...path.slice(0, -1), '*'].join('.'),
    path.map((p, i) => (i % 2 ? '*' : p)).join('.'),
  ]
  return places.map((place) => KNOWN[place]).find((names) => names !== undefined) ?? []
}

function unknownKey(path: Path, key: string): string {
  const place = pathInWords([...path, key])
  const elsewhere = Object.hasOwn(ELSEWHERE, place) ? ELSEWHERE[place] : undefined
  const meant = nearest(key, knownAt(path))
  const names = knownAt(path)
  const hint =
    elsewhere ?? (meant ? `did you mean \`${meant}\`?` : names.length ? `known here: ${names.join(', ')}` : '')
  return `unknown key \`${cut(key)}\`${hint && `; ${hint}`}`
}

const EXPECTED: Record<string, string> = {
  string: 'a string',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  boolean: 'true or false',
  number: 'a whole number',
  int: 'a whole number',
}

function found(value: unknown, written: string | undefined): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'number') return `the number ${cut(written ?? String(value))}`
  return typeof value === 'string'
    ? 'a string'
    : typeof value === 'boolean'
      ? cut(written ?? String(value))
      : 'a mapping'
}

function wrongType(expected: string, path: Path, value: unknown, written: string | undefined): string {
  if (value === undefined) {
    const what = MISSING[String(path.at(-1))]
    return what ? `is missing: ${what}` : `is missing: expected ${EXPECTED[expected] ?? expected}`
  }
  const hint =
    expected === 'string' && (typeof value === 'number' || typeof value === 'boolean')
      ? `; put it in quotes: "${cut(written ?? String(value))}"`
      : expected === 'array' && typeof value === 'string'
        ? '; write it as a list: ["…"]'
        : ''
  return `expected ${EXPECTED[expected] ?? expected}, found ${found(value, written)}${hint}`
}

function outOfBounds(issue: Issue & { code: 'too_small' | 'too_big' }, value: unknown): string {
  const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`
  const one = Number(issue.code === 'too_small' ? issue.minimum : issue.maximum) === 1
  if (issue.origin === 'array')
    return `expected ${bound} ${one ? 'entry' : 'entries'}, found ${Array.isArray(value) ? value.length : 0}`
  if (issue.origin === 'string')
    return `expected ${bound} ${one ? 'character' : 'characters'}, found ${String(value).length}`
  return `expected ${bound}, found ${cut(String(value))}`
}

function notOneOf(values: readonly unknown[], value: unknown, written: string | undefined): string {
  if (typeof value !== 'string') return `expected one of ${values.join(', ')}, found ${found(value, written)}`
  const meant = nearest(value, values.map(String))
  return `${JSON.stringify(cut(value))} is not one of ${values.join(', ')}${meant ? `; did you mean "${meant}"?` : ''}`
}

/** One issue of the schema as problems (an issue about unknown keys holds several), each with its line. */
export function problemsOf(issue: Issue, document: YamlDocument): Problem[] {
  const path = issue.path.filter((p): p is string | number => typeof p !== 'symbol')
  const value = valueAt(document.value, path)
  const written = document.written(path)
  const problem = (message: string): Problem[] => [{ line: document.lineOf(path), path: pathInWords(path), message }]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key, i) => ({
        line: document.lineOf([...path, key]),
        path: pathInWords([...path, key]),
        // Looking for what was meant takes long, and nobody reads more.
        message: i < MAX_PROBLEMS ? unknownKey(path, key) : `unknown key \`${cut(key)}\``,
      }))
    case 'invalid_type':
      return problem(wrongType(issue.expected, path, value, written))
    case 'too_small':
    case 'too_big':
      return problem(
        issue.origin === 'string' && !/^Too (small|big)/.test(issue.message)
          ? issue.message
          : outOfBounds(issue, value),
      )
    case 'invalid_value':
      return problem(notOneOf(issue.values, value, written))
    case 'invalid_key':
      return problem(issue.issues[0]?.message ?? 'is not a name that can stand here')
    default:
      return problem(issue.message)
  }
}
