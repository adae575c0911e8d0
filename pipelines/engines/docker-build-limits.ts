import { execFile } from 'node:child_process'
import { access, readdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, posix } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { DockerApi } from './docker-api'
import { isolate } from './docker-build-network'
import { type BuildGroup, makeBuildGroup } from './docker-cgroups'
import type { Limits } from './engine'

// BuildKit takes no limits for the commands of a build. On the engine's own machine, as root, they are put in force from
// outside: each container of the build is known by a mark in its environment, and its processes are moved into a control group
// of the build before its command starts. What is written is measured in the folders that it writes to.

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
  /** Containers that were seen and bounded. */
  seen: () => number
  /** Why no limit is in force for what was seen, or null. */
  problem: () => string | null
  /** Processes of the build that were killed for memory. */
  killed: () => Promise<number>
  /** What all its commands have written by now. */
  written: () => Promise<number>
  end: () => Promise<void>
}

/** Watches for the containers that carry the mark, until it is ended. `over` is called once, when too much is written. */
export function limitBuild(
  world: Exclude<LimitsWorld, { because: string }>,
  mark: string,
  limits: Limits,
  over: () => void,
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
      for (const id of await running()) {
        if (strangers.has(id) || seen.has(id)) continue
        const spec = await specOf(world.executor, id)
        if (spec === null) continue
        if (!spec.env.some((text) => text.includes(mark))) {
          strangers.add(id)
          continue
        }
        seen.set(id, spec)
        bounds.push(bound(id, spec).catch(onProblem))
      }
      await pause(LOOK_MS)
    }
  }

  async function bound(id: string, spec: Seen) {
    group ??= makeBuildGroup(world.version, spec.cgroup, mark, bounded)
    const ours = await group
    const goesOn = async () => !ended.signal.aborted && (await isThere(world.executor, id))
    const isolating = isolate(ours.processes, networks, goesOn)
    isolating.catch(onProblem)
    let isBound = false
    while (await goesOn()) {
      isBound = (await ours.take(id)) || isBound
      spec.upper ??= await upperOf(world.executor, id)
      await pause(isBound ? LOOK_MS : LOOK_CLOSELY_MS)
    }
    if (!isBound && !ended.signal.aborted) problem ??= 'a command of the build ended before it was seen'
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
    let sum = 0
    for (const spec of seen.values()) sum += await spec.written()
    return sum
  }

  const watching = Promise.all([watch(), measure()])
  return {
    seen: () => seen.size,
    problem: () => problem,
    // A group that could not be made is told as the problem, and has killed nothing.
    killed: async () => (group === null ? 0 : (await group.catch(() => null))?.killed()) ?? 0,
    written,
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

interface Seen {
  env: string[]
  /** Of the container, as runc was told. */
  cgroup: string
  /** The folder of its own layer; known once it runs. */
  upper: string | null
  written: () => Promise<number>
}

interface Spec {
  process?: { env?: string[] }
  mounts?: { source?: string; type?: string; options?: string[] }[]
  linux?: { cgroupsPath?: string }
}

/** Null: it is no container, or not written down yet. */
async function specOf(executor: string, id: string): Promise<Seen | null> {
  const text = await readFile(join(executor, id, 'config.json'), 'utf8').catch(() => '') // it is looked for again
  if (text === '') return null
  let spec: Spec
  try {
    spec = JSON.parse(text) as Spec
  } catch {
    return null // half of it is written: the next look reads it whole
  }
  const storage = posix.dirname(posix.dirname(executor))
  // Cache mounts: the other folders that it may write to. Only what they grow by is its own.
  const caches = (spec.mounts ?? []).flatMap(({ source = '', type, options = [] }) =>
    type === 'bind' && source.startsWith(`${storage}/`) && !options.includes('ro') ? [source] : [],
  )
  const before = sizeOf(caches)
  const seen: Seen = {
    env: spec.process?.env ?? [],
    cgroup: spec.linux?.cgroupsPath ?? '',
    upper: null,
    written: async () => {
      const own = seen.upper === null ? 0 : await sizeOf([seen.upper])
      return Math.max(0, own + (await sizeOf(caches)) - (await before))
    },
  }
  return seen
}

/** The upper folder of the overlay that the container's root is mounted from. */
async function upperOf(executor: string, id: string): Promise<string | null> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8')
  const root = mounts.split('\n').find((line) => line.split(' ')[4] === join(executor, id, 'rootfs'))
  return /[ ,]upperdir=([^, ]+)/.exec(root ?? '')?.[1] ?? null
}

/** In bytes on the disk. What goes away meanwhile is not counted. */
async function sizeOf(folders: readonly string[]): Promise<number> {
  if (folders.length === 0) return 0
  const text = await run('du', ['-sk', '--', ...folders], { maxBuffer: 2 ** 24 }).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? '', // du tells what it could read
  )
  return text.split('\n').reduce((sum, line) => sum + 1024 * (Number.parseInt(line, 10) || 0), 0)
}
