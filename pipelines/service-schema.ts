// The shape of .shiplock.yaml: as its author writes it (input), and as the rest of Shiplock reads it (output).
import { z } from 'zod'
import { KINDS } from './gitflow'
import { parseDuration, parseSize } from './quantity'
import { cut } from './yaml-document'

export const TEMPLATE_NAMES = ['node', 'java-maven', 'python', 'go', 'static'] as const
export type TemplateName = (typeof TEMPLATE_NAMES)[number]

// Every pattern below is linear: no two of its repeats can take the same letters.
const NAME = /^[a-z](?:[a-z0-9-]{0,48}[a-z0-9])?$/
const VERSION = /^[0-9][0-9A-Za-z]*(?:[._-][0-9A-Za-z]+)*$/
const IMAGE =
  /^(?:[A-Za-z0-9][A-Za-z0-9.-]{0,252}(?::\d{1,5})?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/
const VARIABLE = /^[A-Z_][A-Z0-9_]*$/
// Without \p{…}: an editor may read the published pattern without the u flag.
const IN_REPOSITORY = /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[ !-[\]-~\u00a1-\uffff]+$/
const IN_CONTAINER = /^(?!(?:.*\/)?\.\.(?:\/|$))[ !-[\]-~\u00a1-\uffff]+$/
const URL_PATH = /^\/[!"$-~]*$/
const GLOB = /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[\w.@*?/ +,=~{}[\]\u00a1-\uffff-]+$/
/** Stars of one name share its letters in many ways; more of them would make matching slow on purpose. */
const STARRY = /\*[^*/]+\*+[^*/]+\*+[^*/]+\*/
const CACHED = /^(?!(?:.*\/)?\.\.?(?:\/|$))(?:\/[\w.@+-]+)+$/
/** What a step needs as it is. */
const NOT_CACHED = /^\/(?:proc|sys|dev)(?:\/|$)|^\/(?:etc|bin|tmp|workspace)$/

// What is too long is not looked at any further.
const text = (pattern: RegExp, max: number, message: string) =>
  z.string().max(max, { error: message, abort: true }).regex(pattern, { error: message, abort: true })
const variable = text(VARIABLE, 100, 'expected a name of capital letters, digits and _, such as DATABASE_URL').refine(
  (name) => !name.startsWith('SHIPLOCK_'),
  { error: 'names that start with SHIPLOCK_ are set by Shiplock itself' },
)
const image = text(IMAGE, 255, 'expected the name of an image, such as "node:22"')
const path = text(IN_REPOSITORY, 200, 'expected a path inside the repository, without a leading "/" and without ".."')
const glob = text(
  GLOB,
  200,
  'expected a pattern such as "reports/*.xml", relative to the working directory, with *, **, ?, [a-z] and {a,b}',
)
  .refine((pattern) => !STARRY.test(pattern), { error: 'expected at most three * between two slashes' })
  .refine((pattern) => !/\{[^}]*\//.test(pattern), { error: 'a "/" cannot stand within braces' })
const cached = text(CACHED, 99, 'expected an absolute path in the container, such as "/root/.npm"').refine(
  (folder) => !NOT_CACHED.test(folder),
  { error: 'this folder is needed as it is; expected one that a tool keeps for itself, such as "/root/.npm"' },
)
const plainValue = z
  .union([z.string().max(4096, 'expected at most 4096 characters'), z.number(), z.boolean()], {
    error: 'expected a plain value: a string, a number, true or false',
  })
  .refine((v) => !String(v).includes('\0'), { error: 'a value cannot hold the character U+0000' })

/** "1m30s" to milliseconds, within bounds that are written the same way. */
const duration = (least: string, most: string) =>
  z
    .string()
    .refine((s) => parseDuration(s) !== null, { error: 'expected a duration such as "30s" or "1m30s"', abort: true })
    .refine((s) => Number(parseDuration(s)) >= Number(parseDuration(least)), {
      error: (i) => `expected at least ${least}, found ${quoted(i.input)}`,
    })
    .refine((s) => Number(parseDuration(s)) <= Number(parseDuration(most)), {
      error: (i) => `expected at most ${most}, found ${quoted(i.input)}`,
    })
    .transform((s) => Number(parseDuration(s)))

/** "512m" to bytes, from 16m (an engine refuses less than 6m) to 4g. */
const memory = z
  .string()
  .refine((s) => parseSize(s) !== null, { error: 'expected a size such as "512m" or "1g"', abort: true })
  .refine((s) => Number(parseSize(s)) >= Number(parseSize('16m')), {
    error: (i) => `expected at least 16m, found ${quoted(i.input)}`,
  })
  .refine((s) => Number(parseSize(s)) <= Number(parseSize('4g')), {
    error: (i) => `expected at most 4g, found ${quoted(i.input)}`,
  })
  .transform((s) => Number(parseSize(s)))

const cpus = z
  .union([z.number(), z.string()])
  .refine((n) => Number(n) >= 0.1 && Number(n) <= 16, { error: 'expected a number of processors from 0.1 to 16' })
  .transform(Number)

const quoted = (input: unknown) => JSON.stringify(cut(String(input)))
const size = (most: number, what: string) => ({
  check: (o: object) => Object.keys(o).length <= most,
  because: {
    error: (i: { input?: unknown }) =>
      `expected at most ${most} ${what}, found ${Object.keys(i.input as object).length}`,
  },
})
const few = size(50, 'variables')

const env = z.record(variable, plainValue.transform(String)).refine(few.check, few.because).prefault({})

const word = z
  .string()
  .max(4096)
  .refine((s) => !s.includes('\0'), { error: 'a command cannot hold the character U+0000' })

/** As Compose writes it: a string goes through the container's shell. */
const ContainerCheck = z
  .strictObject({
    test: z
      .union([word.min(1), z.array(word).min(1).max(50)], {
        error: 'expected a command: a string, or a list that starts with CMD or CMD-SHELL',
      })
      .refine((test) => typeof test === 'string' || isCheck(test), {
        error: 'expected a list that starts with CMD or CMD-SHELL and names a command, or ["NONE"]',
      })
      .transform((test) => (typeof test === 'string' ? ['CMD-SHELL', test] : test)),
    interval: duration('100ms', '1m').prefault('1s'),
    timeout: duration('100ms', '1m').prefault('5s'),
    start_period: duration('0s', '1m').prefault('0s'),
    retries: z.int().min(1).max(100).prefault(30),
  })
  .transform(({ start_period: startPeriod, ...check }) => ({ ...check, startPeriod }))

const isCheck = ([how, ...command]: readonly string[]) =>
  how === 'NONE' ? command.length === 0 : (how === 'CMD' || how === 'CMD-SHELL') && command.length > 0

const ServiceContainer = z
  .strictObject({
    image,
    env,
    command: z.array(word).max(50).optional(),
    healthcheck: ContainerCheck.optional(),
  })
  .transform(({ command, healthcheck, ...container }) => ({
    ...container,
    command: command ?? null,
    healthcheck: healthcheck ?? null,
  }))
const containers = size(5, 'service containers')

const Stage = z
  .strictObject({
    image: image.optional().describe('What the commands run in; absent: the image just built'),
    run: z
      .array(
        z
          .string()
          .min(1)
          .refine((s) => Buffer.byteLength(s) <= 4096, {
            error: (i) => `expected at most 4096 bytes, found ${Buffer.byteLength(String(i.input))}`,
          })
          .refine((s) => !s.includes('\0'), { error: 'a command cannot hold the character U+0000' }),
      )
      .min(1)
      .max(50)
      .describe('Commands, one after the other, each through /bin/sh -c; the first that fails ends the stage'),
    also_on: z.array(z.enum(KINDS)).max(5).prefault([]).describe('Kinds of branch on which an optional stage runs too'),
    timeout: duration('1s', '1h').prefault('10m'),
    workdir: text(IN_CONTAINER, 200, 'expected a folder, without ".."').optional(),
    env,
    reports: z.array(glob).max(20).prefault([]),
    artifacts: z.array(glob).max(20).prefault([]),
    cache: z
      .array(cached)
      .max(5)
      .refine((folders) => new Set(folders).size === folders.length, { error: 'a folder stands here twice' })
      .prefault([]),
    services: z
      .record(text(NAME, 50, 'expected a name of small letters, digits and -'), ServiceContainer)
      .refine(containers.check, containers.because)
      .prefault({}),
    memory: memory.prefault('1g'),
    cpus: cpus.prefault(1),
  })
  .transform(({ also_on, timeout, memory: memoryBytes, ...stage }) => ({
    ...stage,
    alsoOn: also_on,
    timeoutMs: timeout,
    memoryBytes,
  }))

function portProblem(input: unknown): string {
  if (typeof input === 'string' && input.includes(':')) {
    return `expected a container port such as "8085", found ${quoted(input)}: the host port is picked by the engine, so that a new release can start beside the old one`
  }
  return 'expected a container port from 1 to 65535'
}
const port = z
  .union([z.string(), z.number()], { error: (i) => portProblem(i.input) })
  .refine((p) => /^[1-9]\d{0,4}$/.test(String(p)) && Number(p) <= 65535, { error: (i) => portProblem(i.input) })
  .transform(Number)

const Healthcheck = z.strictObject({
  http: text(URL_PATH, 500, 'expected a path that starts with "/", such as "/healthz"'),
  port: port.optional().describe('Absent: the first of deploy.ports'),
  interval: duration('100ms', '5m').prefault('2s'),
  timeout: duration('100ms', '5m').prefault('5s'),
  start_period: duration('0s', '30m').prefault('10s'),
  retries: z.int().min(1).max(100).prefault(3),
})

const Deploy = z
  .strictObject({
    replicas: z.int().min(1).max(20).prefault(1),
    ports: z.array(port).max(20).prefault([]).describe('Container ports; the engine picks the host ports'),
    healthcheck: Healthcheck.optional(),
    update: z
      .strictObject({
        order: z.enum(['start-first', 'stop-first']).prefault('start-first'),
        parallelism: z.int().min(1).max(20).optional(),
        delay: duration('0s', '1h').optional(),
        monitor: duration('0s', '10m')
          .prefault('5s')
          .describe(
            'For so long, and 3 times at least, every new replica must answer well before the old release goes',
          ),
        on_failure: z.enum(['rollback', 'pause', 'continue']).prefault('rollback'),
      })
      .transform(({ on_failure, ...update }) => ({ ...update, onFailure: on_failure }))
      .prefault({}),
    memory: memory.prefault('512m'),
    cpus: cpus.prefault(1),
  })
  .transform(({ memory: memoryBytes, healthcheck, ports, ...deploy }) => {
    if (!healthcheck) return { ...deploy, ports, memoryBytes, healthcheck: null }
    const { start_period: startPeriod, ...check } = healthcheck
    // The 0 never leaves this file: a healthcheck without any port is a problem of `acrossKeys`.
    return { ...deploy, ports, memoryBytes, healthcheck: { ...check, startPeriod, port: check.port ?? ports[0] ?? 0 } }
  })

const ConfigRule = z.strictObject({
  required: z.boolean().prefault(false),
  secret: z.boolean().prefault(false),
  enum: z.array(plainValue.transform(String)).min(1).max(100).optional(),
  default: plainValue.transform(String).optional(),
})
const rules = size(200, 'variables')

/** What an image is made from. */
export type Build = { dockerfile: string } | { template: TemplateName }

const Build = z
  .strictObject({ dockerfile: path.optional(), template: z.enum(TEMPLATE_NAMES).optional() })
  // Both or neither is a problem of `acrossKeys`, so that it is told together with the others.
  .transform(
    ({ dockerfile, template }): Build => (template ? { template } : { dockerfile: dockerfile ?? 'Dockerfile' }),
  )

export const ServiceFile = z.strictObject({
  service: text(NAME, 50, 'expected at most 50 small letters, digits and -, starting with a letter'),
  version: text(VERSION, 32, 'expected a version such as "1.0": digits and letters, with . _ or - between'),
  build: Build.optional()
    .transform((build) => build ?? null)
    .describe('Absent: the Dockerfile of the repository, or else the template of its language'),
  stages: z
    .strictObject({
      static: Stage.optional(),
      unit: Stage.optional(),
      api: Stage.optional(),
      integration: Stage.optional(),
      component: Stage.optional(),
      functional: Stage.optional(),
      stress: Stage.optional(),
    })
    .prefault({}),
  deploy: Deploy.prefault({}),
  config: z.record(variable, ConfigRule).refine(rules.check, rules.because).prefault({}),
})

export type ServiceFile = z.output<typeof ServiceFile>
export type ServiceStage = z.output<typeof Stage>
