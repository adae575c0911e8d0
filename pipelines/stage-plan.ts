// What stages a push gets, from the flow and the service file. What is stored of a stage is its definition, as JSON.
import { z } from 'zod'
import { type BranchKind, FLOW } from './gitflow'
import type { StageName } from './run'
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

export const StageDefinition = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('build'),
    /** A path in the commit's files, or the whole text of one, made from a template. */
    dockerfile: z.union([z.strictObject({ path: z.string() }), z.strictObject({ text: z.string() })]),
    /** The name the image gets in the store, `name:tag`. */
    image: z.string(),
    /** False: the image serves the stages of this run and becomes no release. */
    forRelease: z.boolean(),
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
  kind: BranchKind
  service: ServiceFile
  /** The name the image gets where one is built, `name:tag`. */
  image: string
  /** A release of the same tree, built the same way: its image is taken instead of building. */
  knownRelease?: { id: number; digest: string; run: number }
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
  const names = namesOf(order)
  if (names.length === 0) return [nothing(order.kind)]
  return names.map((name) => (name === 'build' ? build(order) : step(name, order.service.stages[name])))
}

/** The row of the flow, cut down to what the service file defines, with the build before whatever needs its image. */
function namesOf({ kind, service }: PlanOrder): StageName[] {
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

function nothing(kind: BranchKind): StagePlan {
  const { stages } = FLOW[kind]
  const definition: StageDefinition = { kind: 'step', image: null, run: [], env: {}, limits: STEP_LIMITS }
  if (stages.length === 0)
    return {
      name: 'build',
      definition,
      skip: `a push to ${kind} runs no stage: it adopts the release of the same tree`,
    }
  return {
    name: stages[0] ?? 'static',
    definition,
    skip: `a push to a ${kind} branch runs ${stages.join(', ')}, and the service file defines no such stage`,
  }
}

function build({ kind, service, image, knownRelease, bases }: PlanOrder): StagePlan {
  const from = service.build ?? { dockerfile: 'Dockerfile' }
  const dockerfile = 'template' in from ? { text: dockerfileOf(from.template, bases ?? {}) } : { path: from.dockerfile }
  const definition: StageDefinition = {
    kind: 'build',
    dockerfile,
    image,
    forRelease: FLOW[kind].stages.includes('build'),
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
  const containers = Object.keys(stage.services)
  if (containers.length) {
    const refuse = `needs service containers (${containers.join(', ')}), which this version cannot start`
    return { name, definition: { kind: 'refused', because: refuse }, refuse }
  }
  const { image, run, workdir, env, timeoutMs, memoryBytes, cpus } = stage
  const limits = { ...STEP_LIMITS, timeMs: timeoutMs, memoryBytes, cpus }
  return {
    name,
    definition: { kind: 'step', image: image ?? null, run, ...(workdir !== undefined && { workdir }), env, limits },
  }
}
