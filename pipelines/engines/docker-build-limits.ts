import { execFile } from 'node:child_process'
import { access, readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, posix } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { DockerApi } from './docker-api'
import { watchCopies } from './docker-build-copies'
import { isolate } from './docker-build-network'
import { recordOf, type Seen, specOf, upperOf } from './docker-build-spec'
import { type BuildGroup, makeBuildGroup } from './docker-cgroups'
import type { Trace } from './docker-trace'
import type { Limits } from './engine'

// BuildKit takes no limits for the commands of a build. On the engine's own machine, as root, they are put in force from
// outside: each container of the build is known by a mark in its environment, and its processes are moved into a control group
// of the build before its command starts. What is written is measured in the folders that it writes to, and in those that COPY
// makes.

const run = promisify(execFile)
const LOOK_MS = 25
/** Between the container's making and its command lie some 50 ms; meanwhile it is looked at without a pause. */
const LOOK_CLOSELY_MS = 4
const MEASURE_MS = 1_000
/** To measure is to walk through files: at most a tenth of the time goes into that. */
const REST = 10

/** Of coreutils, util-linux and iproute2. */
const PROGRAMS: [string, ...string[]][] = [
  ['du', '--version'],
  ['nsenter', '--version'],
  ['ip', '-V'],
]

/** Where limits can be set, or why not. */
export type LimitsWorld = { executor: string; version: 1 | 2; cpus: number } | { because: string }

/** Asked once: an engine does not move to another machine. */
export function limitsWorld(api: DockerApi): () => Promise<LimitsWorld> {
  let known: Promise<LimitsWorld> | null = null
  return () => {
    known ??= look(api)
    known.catch(() => {
      known = null
    })
    return known
  }
}

async function look(api: DockerApi): Promise<LimitsWorld> {
  type Info = { Name: string; DockerRootDir: string; CgroupVersion?: string; NCPU: number }
  const info = await api.json<Info>({ method: 'GET', path: '/info' })
  if (process.getuid?.() !== 0) return { because: 'the worker does not run as root' }
  if (!api.where.startsWith('/') && !api.where.startsWith('unix:'))
    return { because: 'the engine is on another machine' }
  const executor = join(info.DockerRootDir, 'buildkit/executor')
  const isHere =
    info.Name === hostname() &&
    (await access(executor).then(
      () => true,
      () => false,
    ))
  if (!isHere) return { because: 'the engine is on another machine, or keeps its builds elsewhere' }
  for (const [program, ...args] of PROGRAMS)
    if (
      !(await run(program, args).then(
        () => true,
        () => false,
      ))
    )
      return { because: `this machine has no program ${program}` }
  return { executor, version: info.CgroupVersion === '2' ? 2 : 1, cpus: info.NCPU }
}

export interface BuildLimits {
  /** Takes what BuildKit tells of its progress. */
  trace: (trace: Trace) => void
  /** Why no limit is in force for what was seen, or null. */
  problem: () => string | null
  /** Of so many commands those that ended before they were bounded, and the longest that one of them can have lived. */
  missed: (commands: number) => Missed
  /** Processes of the build that were killed for memory. */
  killed: () => Promise<number>
  /** How often it was refused one more process. */
  refused: () => Promise<number>
  /** What all its instructions have written by now. */
  written: () => Promise<number>
  /** What BuildKit keeps of it: its cache mounts, and its layers, the newest first. */
  records: () => { caches: string[]; layers: string[] }
  end: () => Promise<void>
}

export interface Missed {
  count: number
  ms: number
}

/**
 * Watches for the containers that carry the mark, until it is ended.
 * @param over called once, when too much is written
 * @param mounts told of each cache mount, by BuildKit's name of it, before a command has written much into it
 */
export function limitBuild(
  world: Exclude<LimitsWorld, { because: string }>,
  mark: string,
  limits: Limits,
  over: () => void,
  mounts: (record: string) => void,
): BuildLimits {
  const ended = new AbortController()
  const bounded = { ...limits, cpus: Math.min(limits.cpus, world.cpus) }
  const seen = new Map<string, Seen>()
  const strangers = new Set<string>()
  const bounds: Promise<void>[] = []
  /** Of the containers that are there. */
  const networks = new Set<number>()
  let group: Promise<BuildGroup> | null = null
  let problem: string | null = null
  const copies = watchCopies(join(posix.dirname(posix.dirname(world.executor)), 'overlay2'))
  const missed: Missed = { count: 0, ms: 0 }
  /** The longest time between two looks: what was not seen at all has lived less. */
  let blindMs = 0
  let looked = performance.now()
  const caches = new Set<string>()

  const onProblem = (error: unknown) => {
    problem ??= (error as Error).message
  }

  /** The folder is there once a build has had a command; one that cannot be read leaves the build without limits, and that is said. */
  async function running(): Promise<string[]> {
    try {
      return await readdir(world.executor)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onProblem(error)
      return []
    }
  }

  async function watch() {
    while (!ended.signal.aborted) {
      blindMs = Math.max(blindMs, performance.now() - looked)
      looked = performance.now()
      for (const id of await running()) {
        if (strangers.has(id) || seen.has(id)) continue
        const spec = await specOf(world.executor, id)
        if (spec === null) continue
        await findUpper(id, spec)
        for (const folder of spec.caches) copies.isOfContainer(recordOf(folder) ?? '')
        if (!spec.env.some((text) => text.includes(mark))) {
          strangers.add(id)
          continue
        }
        seen.set(id, spec)
        spec.written().catch(onProblem) // how large its cache mounts are now
        for (const record of spec.caches.map(recordOf)) {
          if (record === null || caches.has(record)) continue
          caches.add(record)
          mounts(record)
        }
        bounds.push(bound(id, spec).catch(onProblem))
      }
      await pause(LOOK_MS)
    }
  }

  async function findUpper(id: string, spec: Seen) {
    spec.upper ??= await upperOf(world.executor, id)
    if (spec.upper !== null) copies.isOfContainer(recordOf(spec.upper) ?? '')
  }

  async function bound(id: string, spec: Seen) {
    const began = performance.now()
    group ??= makeBuildGroup(world.version, spec.cgroup, mark, bounded)
    const ours = await group
    const goesOn = async () => !ended.signal.aborted && (await isThere(world.executor, id))
    const isolating = isolate(ours.processes, networks, goesOn)
    isolating.catch(onProblem)
    let isBound = false
    while (await goesOn()) {
      isBound = (await ours.take(id)) || isBound
      await findUpper(id, spec)
      await pause(isBound ? LOOK_MS : LOOK_CLOSELY_MS)
    }
    if (!isBound && !ended.signal.aborted) {
      missed.count += 1
      missed.ms = Math.max(missed.ms, performance.now() - began)
    }
    const network = await isolating
    if (network !== null) networks.delete(network)
  }

  async function measure() {
    for (let tookMs = 0; !ended.signal.aborted; ) {
      await pause(Math.max(MEASURE_MS, REST * tookMs), undefined, { signal: ended.signal }).catch(() => {}) // ended: the loop sees it
      const started = performance.now()
      if (!ended.signal.aborted && (await written()) > limits.diskBytes) return over()
      tookMs = performance.now() - started
    }
  }

  async function written(): Promise<number> {
    let sum = await copies.written().catch((error: unknown) => {
      onProblem(error) // an engine that keeps its layers in another way
      return 0
    })
    for (const spec of seen.values()) sum += await spec.written()
    return sum
  }

  /** Null where it could not be made, which is told as the problem: it has killed and refused nothing. */
  const madeGroup = async () => (group === null ? null : group.catch(() => null))

  const watching = Promise.all([watch(), measure()])
  return {
    trace: copies.see,
    problem: () => problem,
    missed: (commands) => {
      const unseen = Math.max(0, commands - seen.size)
      const blind = Math.max(blindMs, performance.now() - looked)
      const ms = Math.max(missed.count > 0 ? missed.ms + blind : 0, unseen > 0 ? blind : 0)
      return { count: missed.count + unseen, ms }
    },
    killed: async () => (await madeGroup())?.killed() ?? 0,
    refused: async () => (await madeGroup())?.refused() ?? 0,
    written,
    records: () => {
      const uppers = [...seen.values()].flatMap(({ upper }) => (upper === null ? [] : [recordOf(upper)]))
      const layers = [...copies.records().map(({ name }) => name), ...uppers].filter((name) => name !== null)
      return { caches: [...caches], layers: layers.reverse() }
    },
    async end() {
      ended.abort()
      await watching
      // Each sees the end itself; one that has just begun may still be making the group.
      await Promise.all(bounds)
      await (await group?.catch(() => null))?.end()
    },
  }
}

const isThere = (executor: string, id: string) =>
  access(join(executor, id, 'config.json')).then(
    () => true,
    () => false,
  )
