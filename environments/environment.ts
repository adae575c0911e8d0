// An environment: an ordered place with a policy, as data. The files in environments/*.yaml are what a project starts with.
import { z } from 'zod'
import { nearest } from '../pipelines/nearest'
import { parseSize } from '../pipelines/quantity'
import { type Problem, pathInWords, readYaml, type YamlDocument } from '../pipelines/yaml-document'
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
  role: z.string().min(1).max(64),
  count: z.int().min(1).max(20).default(1),
  passkey: z.enum(['required', 'optional']).optional(),
})

const Freeze = z.strictObject({
  from: z.string().min(1).max(64),
  to: z.string().min(1).max(64),
  zone: z.string().min(1).max(64).optional(),
  reason: z.string().min(1).max(500),
})

/** What a valid file may say, also where this version does not carry it: see NOT_CARRIED. */
export const EnvironmentPolicy = z.strictObject({
  name: Name,
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
  approvals: z.array(Approval).max(20).default([]),
  freeze: z.array(Freeze).max(100).default([]),
  verify: z.array(z.string().min(1).max(64)).max(20).default([]),
})
export type EnvironmentPolicy = z.infer<typeof EnvironmentPolicy>

/** Keys that say "do not deploy unless …". To pass over one in silence would be to deploy where somebody forbade it. */
const NOT_CARRIED = {
  approvals: 'nobody would be asked',
  freeze: 'the window would not be kept',
  verify: 'nothing would be verified',
} as const

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
  problems.push(...notCarried(document))
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

/** Looked for in the file itself, so that it is also told where something else is wrong. */
function notCarried({ value, lineOf }: YamlDocument): Problem[] {
  const file = z.record(z.string(), z.unknown()).safeParse(value).data ?? {}
  return Object.entries(NOT_CARRIED).flatMap(([key, consequence]) => {
    const asked = file[key]
    if (!Array.isArray(asked) || asked.length === 0) return []
    const message = `is not carried by this version, and is refused because ${consequence}: remove it, or leave the list empty`
    return [{ line: lineOf([key]), path: key, message }]
  })
}

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
