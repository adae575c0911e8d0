// An environment: an ordered place with a policy, as data. The files in environments/*.yaml are what a project starts with.
import { z } from 'zod'
import { nearest } from '../pipelines/nearest'
import { parseDuration, parseSize } from '../pipelines/quantity'
import { type Problem, pathInWords, readYaml, type YamlDocument } from '../pipelines/yaml-document'
import { Freeze } from './freeze'
import { DockerSettings } from './targets/docker-settings'

const MIN_MEMORY = 6 * 1024 ** 2
const A_NAME = 'must start with a letter and hold a-z, 0-9 and "-" only, at most 32'
const Name = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, A_NAME)

/** "512m", or a number of bytes: what was parsed parses again. */
const Memory = z
  .union([z.string(), z.number()], 'must be a size like 512m, or a number of bytes')
  .transform((size) => (typeof size === 'number' ? size : parseSize(size)))
  .pipe(
    z
      .int('must be a size like 512m, or a number of bytes')
      .min(MIN_MEMORY, 'must be at least 6m, as the engine wants it')
      .max(2 ** 50),
  )

const Approval = z.strictObject({
  role: z.enum(['owner', 'ops', 'developer'], 'must be owner, ops or developer'),
  count: z.int().min(1).max(20).default(1),
  /** `required`: only an answer that is signed with an admitted passkey counts for the rule. */
  passkey: z.enum(['required', 'optional'], 'must be required or optional').default('optional'),
})

const HOUR = 3_600_000
const MINUTE = 60_000

/** "30m" or a number of milliseconds: what was parsed parses again. */
const duration = (like: string, least: { ms: number; words: string }, most: { ms: number; words: string }) =>
  z
    .union([z.string(), z.number()], `must be a duration like ${like}`)
    .transform((text) => (typeof text === 'number' ? text : (parseDuration(text) ?? Number.NaN)))
    .pipe(
      z
        .int(`must be a duration like ${like}`)
        .min(least.ms, `must be at least ${least.words}`)
        .max(most.ms, `must be at most ${most.words}`),
    )
const A_MINUTE = { ms: MINUTE, words: '1m' }

const VERIFIED_BY = ['component', 'functional', 'stress'] as const

export const EnvironmentPolicy = z.strictObject({
  name: Name,
  /** Its place in the order of environments; the lower comes first. */
  position: z.int().min(0).max(1000).default(0),
  /** The environment in which a release must have been verified before. Absent: this is the first one. */
  after: Name.optional(),
  start: z.enum(['automatic', 'on-signoff', 'by-hand'], 'must be automatic, on-signoff or by-hand'),
  target: z.discriminatedUnion(
    'kind',
    [DockerSettings],
    'must be docker: this version carries no other kind of target',
  ),
  /** In place of what the service file asks for. */
  replicas: z.int().min(1).max(50).optional(),
  /** For each replica, in place of what the service file asks for; `memory` in bytes once parsed. */
  limits: z
    .strictObject({
      memory: Memory.optional(),
      cpus: z.number().min(0.01).max(256).optional(),
      pids: z.int().min(8).max(32_768).optional(),
    })
    .optional(),
  /** Every rule must hold; one person satisfies one rule; nobody approves their own change. */
  approvals: z.array(Approval).max(20).default([]),
  /** For how long an approval counts after it was given; in ms once parsed. */
  approval_expires: duration('4h', A_MINUTE, { ms: 24 * HOUR, words: '24h' }).default(4 * HOUR),
  /** How often those who can sign are reminded of what waits for them; in ms once parsed. Absent: never. */
  remind: duration('1h', A_MINUTE, { ms: 30 * 24 * HOUR, words: '30 days' }).optional(),
  /** Times in which nothing is deployed there. */
  freeze: z.array(Freeze).max(100).default([]),
  /** How long a release must have been verified in `after` before it may come here; in ms once parsed. */
  soak: duration('30m', { ms: 0, words: '0s' }, { ms: 30 * 24 * HOUR, words: '30 days' }).optional(),
  /** Stages of the service file that run against the environment after a deployment, and decide whether it counts as verified. */
  verify: z
    .array(z.enum(VERIFIED_BY, `must be ${VERIFIED_BY.join(', ')}`))
    .max(VERIFIED_BY.length)
    .default([]),
  /** What happens where they fail: the release before is put back by itself, or the failed one stays. */
  on_verify_failed: z.enum(['rollback', 'stay'], 'must be rollback or stay').default('stay'),
})
export type EnvironmentPolicy = z.infer<typeof EnvironmentPolicy>

/** One thing that is wrong with a file of an environment. */
export interface EnvironmentProblem extends Problem {
  file: string
}

/** Reads the text of one `environments/*.yaml`. All problems at once, in the order of their lines; `file` is only told. */
export function parseEnvironment(
  text: string,
  file: string,
): { ok: true; policy: EnvironmentPolicy } | { ok: false; problems: EnvironmentProblem[] } {
  const document = readYaml(text)
  const problems = [...document.problems]
  if (document.value === null) problems.push({ line: null, path: '', message: 'the file is empty' })
  const parsed = EnvironmentPolicy.safeParse(document.value, { error: inWords })
  // A syntax error leaves no value: what zod would say about that is noise.
  if (!parsed.success && document.value !== undefined && document.value !== null) {
    problems.push(...parsed.error.issues.flatMap((issue) => problemsOf(issue, document)))
  }
  if (parsed.success && parsed.data.start === 'on-signoff' && parsed.data.approvals.length === 0)
    problems.push({
      line: document.lineOf(['start']),
      path: 'start',
      message: 'on-signoff needs somebody who signs: add approvals, such as [{ role: ops, count: 1 }]',
    })
  if (parsed.success && parsed.data.soak !== undefined && parsed.data.after === undefined)
    problems.push({
      line: document.lineOf(['soak']),
      path: 'soak',
      message: 'soak counts from the verification in another environment: name it in `after`',
    })
  if (parsed.success && parsed.data.after === parsed.data.name) {
    problems.push({
      line: document.lineOf(['after']),
      path: 'after',
      message: 'an environment cannot come after itself',
    })
  }
  if (parsed.success && problems.length === 0) return { ok: true, policy: parsed.data }
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
  return { ok: false, problems: problems.map((p) => ({ ...p, file })) }
}

/** `environments/test.yaml:3 target.kind: must be docker`: one line for a terminal. */
export const problemInWords = ({ file, line, path, message }: EnvironmentProblem) =>
  `${file}${line === null ? '' : `:${line}`}${path ? ` ${path}` : ''}: ${message}`

function problemsOf(issue: z.core.$ZodIssue, document: YamlDocument): Problem[] {
  const path = issue.path.filter((p) => typeof p !== 'symbol')
  if (issue.code !== 'unrecognized_keys')
    return [{ line: document.lineOf(path), path: pathInWords(path), message: issue.message }]
  return issue.keys.map((key) => {
    const meant = nearest(key, KEYS[path.join('.').replace(/\.\d+$/, '')] ?? [])
    const message = meant ? `is not known here; did you mean \`${meant}\`?` : 'is not known here'
    return { line: document.lineOf([...path, key]), path: pathInWords([...path, key]), message }
  })
}

const KEYS: Record<string, string[]> = {
  '': Object.keys(EnvironmentPolicy.shape),
  target: Object.keys(DockerSettings.shape),
  limits: ['memory', 'cpus', 'pids'],
  approvals: Object.keys(Approval.shape),
  freeze: Object.keys(Freeze.shape),
}

/** For what the schema says nothing about itself; undefined leaves it to zod. */
const inWords: z.core.$ZodErrorMap = (issue) => {
  if (issue.code !== 'invalid_type') return undefined
  return issue.input === undefined ? 'is missing' : `must be ${A[issue.expected] ?? issue.expected}`
}

const A: Record<string, string> = {
  object: 'a mapping',
  array: 'a list',
  string: 'a string: put it in quotes',
  number: 'a number',
  int: 'a whole number',
  record: 'a mapping',
}
