// What stages a push gets, from the flow and the service file. What is stored of a stage is its definition, as JSON.
import { z } from 'zod'
import { BASES } from './defaults'
import { ADOPTS_FROM, type BranchKind, FLOW } from './gitflow'
import type { KnownRelease } from './planned'
import { STAGE_NAMES, type StageName } from './run'
import type { ServiceFile, ServiceStage } from './service-file'
import { dockerfileOf } from './templates/render'

/** The engine's limits: times in ms, sizes in bytes. */
const Limits = z.object({
  timeMs: z.int().positive(),
  graceMs: z.int().nonnegative(),
  memoryBytes: z.int().positive(),
  cpus: z.number().positive(),
  pids: z.int().positive(),
  diskBytes: z.int().positive(),
})

/** A container beside the step, as the engine is told. Times in ms. */
const Beside = z.object({
  name: z.string(),
  image: z.string(),
  env: z.record(z.string(), z.string()),
  command: z.array(z.string()).nullable(),
  healthcheck: z
    .object({
      test: z.array(z.string()),
      interval: z.int().positive(),
      timeout: z.int().positive(),
      startPeriod: z.int().nonnegative(),
      retries: z.int().positive(),
    })
    .nullable(),
})

export const StageDefinition = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('build'),
    /** A path in the commit's files, or the whole text of one, made from a template. */
    dockerfile: z.union([z.strictObject({ path: z.string() }), z.strictObject({ text: z.string() })]),
    /** The name the image gets in the store, `name:tag`. */
    image: z.string(),
    limits: Limits,
  }),
  z.object({
    kind: z.literal('step'),
    /** Null: the image just built (or adopted), with its own files and its own working directory. */
    image: z.string().nullable(),
    run: z.array(z.string()),
    workdir: z.string().optional(),
    env: z.record(z.string(), z.string()),
    limits: Limits,
    // Stages that were planned before these were carried have none.
    services: z.array(Beside).default([]),
    /** Globs relative to the working directory: what is read as JUnit reports, and what is kept. */
    reports: z.array(z.string()).default([]),
    artifacts: z.array(z.string()).default([]),
    /** Absolute paths of folders that outlive the container. */
    cache: z.array(z.string()).default([]),
  }),
  /** Never run: the answer is no from the start, so that nothing passes that was not really tried. */
  z.object({ kind: z.literal('refused'), because: z.string() }),
])
export type StageDefinition = z.infer<typeof StageDefinition>

export interface StagePlan {
  name: StageName
  definition: StageDefinition
  /** The stage is not run, and that is as good as passed: why. */
  skip?: string
  /** The stage cannot be run, and fails for it: why. Also in its definition. */
  refuse?: string
}

export interface PlanOrder {
  /** fork: a merge request from outside. It is checked, and nothing of it is built, kept for later or promoted. */
  kind: BranchKind | 'fork'
  service: ServiceFile
  /** The name the image gets where one is built, `name:tag`. */
  image: string
  /** A release of the same tree: its image is taken instead of building. Verified, a branch that adopts runs nothing more. */
  knownRelease?: KnownRelease
  /** Images that replace the templates' public bases, by template. */
  bases?: Readonly<Record<string, string>>
}

const MIB = 1024 ** 2
const BUILD_LIMITS = {
  timeMs: 1_200_000,
  graceMs: 10_000,
  memoryBytes: 2048 * MIB,
  cpus: 2,
  pids: 1024,
  diskBytes: 8192 * MIB,
}
const STEP_LIMITS = {
  timeMs: 600_000,
  graceMs: 10_000,
  memoryBytes: 1024 * MIB,
  cpus: 1,
  pids: 512,
  diskBytes: 4096 * MIB,
}

/** The stages of a push, in the order they run. Never empty: where there is nothing to do, one skipped stage says why. */
export function planStages(order: PlanOrder): StagePlan[] {
  if (order.kind === 'fork') return planFork(order)
  const { kind, knownRelease } = order
  if (FLOW[kind].adopts && knownRelease?.verified) return [adopted({ ...order, kind }, knownRelease)]
  const names = namesOf(kind, order.service)
  if (names.length === 0) return [nothing(kind, FLOW[kind].stages)]
  return names.map((name) => (name === 'build' ? build({ ...order, kind }) : step(name, order.service.stages[name])))
}

/**
 * The stages that verify a promotion against its environment: those of `names` that the service file defines, in the order
 * they run. Empty where it defines none of them. A step without an image runs in the release's own.
 */
export function planVerification(service: ServiceFile, names: readonly StageName[]): StagePlan[] {
  return STAGE_NAMES.flatMap((name) =>
    name !== 'build' && names.includes(name) && service.stages[name] ? [step(name, service.stages[name])] : [],
  )
}

/** The row of the flow, cut down to what the service file defines, with the build before whatever needs its image. */
function namesOf(kind: BranchKind, service: ServiceFile): StageName[] {
  const row = FLOW[kind]
  const defined = (name: StageName) => name !== 'build' && service.stages[name] !== undefined
  const wanted = (name: StageName) => name !== 'build' && service.stages[name]?.alsoOn.includes(kind)
  const names = [
    ...row.stages.filter((name) => name === 'build' || defined(name)),
    ...row.optional.filter((name) => wanted(name)),
  ]
  const inImage = names.findIndex((name) => name !== 'build' && service.stages[name]?.image === undefined)
  const built = names.indexOf('build')
  if (inImage === -1 || (built !== -1 && built < inImage)) return names
  const others = names.filter((name) => name !== 'build')
  return [...others.slice(0, inImage), 'build', ...others.slice(inImage)]
}

/** A fork's code runs in an image that was there before it, and finds and leaves no cache. */
function planFork({ service, bases }: PlanOrder): StagePlan[] {
  const stage = service.stages.static
  if (!stage) return [nothing('fork', ['static'])]
  const template = service.build && 'template' in service.build ? service.build.template : null
  const image =
    stage.image ?? (template && ((bases && Object.hasOwn(bases, template) && bases[template]) || BASES[template]))
  if (image) return [step('static', { ...stage, image, cache: [] })]
  const refuse = 'nothing is built for a merge request from a fork: name an `image` for the static stage'
  return [{ name: 'static', definition: { kind: 'refused', because: refuse }, refuse }]
}

const NO_STEP: StageDefinition = {
  kind: 'step',
  image: null,
  run: [],
  env: {},
  limits: STEP_LIMITS,
  services: [],
  reports: [],
  artifacts: [],
  cache: [],
}

function nothing(kind: BranchKind | 'fork', stages: readonly StageName[]): StagePlan {
  const what = kind === 'fork' ? 'a merge request from a fork' : `a push to a ${kind} branch`
  return {
    name: stages[0] ?? 'static',
    definition: NO_STEP,
    skip: `${what} runs ${stages.join(', ')}, and the service file defines no such stage`,
  }
}

type PushOrder = PlanOrder & { kind: BranchKind }

function adopted(order: PushOrder, { id, run }: KnownRelease): StagePlan {
  const skip = `release #${id} of the same tree (run #${run}) was verified in ${ADOPTS_FROM}: it is adopted, and nothing runs again`
  return { ...build(order), skip }
}

function build({ service, image, knownRelease, bases }: PushOrder): StagePlan {
  const from = service.build ?? { dockerfile: 'Dockerfile' }
  const dockerfile = 'template' in from ? { text: dockerfileOf(from.template, bases ?? {}) } : { path: from.dockerfile }
  const definition: StageDefinition = {
    kind: 'build',
    dockerfile,
    image,
    limits: BUILD_LIMITS,
  }
  if (!knownRelease) return { name: 'build', definition }
  return {
    name: 'build',
    definition,
    skip: `release #${knownRelease.id} of the same tree was built by run #${knownRelease.run}`,
  }
}

function step(name: StageName, stage: ServiceStage | undefined): StagePlan {
  if (!stage) throw new Error(`stage ${name} is planned and not defined`)
  const { image, run, workdir, env, timeoutMs, memoryBytes, cpus, services, reports, artifacts, cache } = stage
  return {
    name,
    definition: {
      kind: 'step',
      image: image ?? null,
      run,
      ...(workdir !== undefined && { workdir }),
      env,
      limits: { ...STEP_LIMITS, timeMs: timeoutMs, memoryBytes, cpus },
      services: Object.entries(services).map(([beside, container]) => ({ name: beside, ...container })),
      reports,
      artifacts,
      cache,
    },
  }
}
