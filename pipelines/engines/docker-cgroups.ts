// Control groups of this machine, as much as a limit on a build takes: one group for each build, of both versions.
import { mkdir, readdir, readFile, rmdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { isGroupOf } from './docker-build-marks'
import type { Limits } from './engine'

const ROOT = '/sys/fs/cgroup'
/** v1 has a tree for each; a kernel may mount cpu under either name. */
const CONTROLLERS = ['memory', 'pids', 'cpu'] as const
const PERIOD_US = 100_000
/** A group says by its time that its build goes on. */
const SIGN_MS = 5_000
const SILENT_MS = 60_000

/** The containers' processes, moved into one group that bounds them together. */
export interface BuildGroup {
  /** Moves what stands in the container's own group; whether there was anything. */
  take: (container: string) => Promise<boolean>
  processes: () => Promise<string[]>
  /** Processes that the kernel killed for memory. */
  killed: () => Promise<number>
  /** How often it was refused one more process. */
  refused: () => Promise<number>
  /** Removes it. The processes are gone by then. */
  end: () => Promise<void>
}

/**
 * @param path of a container's group, as runc is told: `/docker/buildkit/<id>`. The build's group stands beside it.
 * @throws what the file system says, where limits cannot be set
 */
export async function makeBuildGroup(version: 1 | 2, path: string, name: string, limits: Limits): Promise<BuildGroup> {
  const parent = posix.dirname(path)
  const trees = version === 1 ? CONTROLLERS.map((controller) => join(ROOT, controller)) : [ROOT]
  const groups = trees.map((tree) => join(tree, parent, name))
  const [memory = '', pids = memory, cpu = memory] = groups
  const make = async () => {
    for (const group of groups) await mkdir(group, { recursive: true })
    if (version === 1) await limitV1(memory, pids, cpu, limits)
    else await limitV2(memory, limits)
  }
  await make()
  const sign = setInterval(() => {
    const now = new Date()
    for (const group of groups) utimes(group, now, now).catch(() => {}) // the next one says it
  }, SIGN_MS)
  sign.unref()
  return {
    async take(container) {
      const own = posix.join(parent, container)
      let moved = false
      for (const [at, tree] of trees.entries())
        for (const pid of await procsOf(join(tree, own))) if (await moveTo(groups[at] ?? '', pid, make)) moved = true
      return moved
    },
    processes: () => procsOf(memory),
    killed: () => countOf(join(memory, version === 1 ? 'memory.oom_control' : 'memory.events'), /^oom_kill (\d+)$/m),
    refused: () => countOf(join(pids, 'pids.events'), /^max (\d+)$/m),
    async end() {
      clearInterval(sign)
      for (const group of groups) await removeGroup(group)
    },
  }
}

/** A group that a dying process is still in cannot be removed; one that stays in spite of that costs nothing. */
async function removeGroup(group: string): Promise<void> {
  for (let left = 50; left > 0; left--) {
    const isGone = await rmdir(group).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
    )
    if (isGone) return
    await pause(100)
  }
}

async function limitV1(memory: string, pids: string, cpu: string, limits: Limits) {
  await writeFile(join(memory, 'memory.limit_in_bytes'), String(limits.memoryBytes))
  // Memory and swap together; a kernel that counts no swap has no such file.
  await writeFile(join(memory, 'memory.memsw.limit_in_bytes'), String(limits.memoryBytes)).catch(() => {})
  await writeFile(join(pids, 'pids.max'), String(limits.pids))
  await writeFile(join(cpu, 'cpu.cfs_period_us'), String(PERIOD_US))
  await writeFile(join(cpu, 'cpu.cfs_quota_us'), String(Math.round(limits.cpus * PERIOD_US)))
}

async function limitV2(group: string, limits: Limits) {
  await writeFile(join(group, 'memory.max'), String(limits.memoryBytes))
  await writeFile(join(group, 'memory.swap.max'), '0').catch(() => {}) // a kernel without swap has no such file
  await writeFile(join(group, 'pids.max'), String(limits.pids))
  await writeFile(join(group, 'cpu.max'), `${Math.round(limits.cpus * PERIOD_US)} ${PERIOD_US}`)
}

async function procsOf(group: string): Promise<string[]> {
  const text = await readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '') // it has not begun, or is over
  return text.split('\n').filter(Boolean)
}

/** @param make of a group that a sweep took for left, because this worker stood still for so long */
async function moveTo(group: string, pid: string, make: () => Promise<void>): Promise<boolean> {
  const move = () => writeFile(join(group, 'cgroup.procs'), pid)
  try {
    await move().catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      await make()
      await move()
    })
    return true
  } catch {
    return false // it has just ended
  }
}

async function countOf(file: string, line: RegExp): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => '') // it is told where it is known
  return Number(line.exec(text)?.[1] ?? 0)
}

/**
 * Removes the groups of builds whose worker was killed: those of the instance that have no process and whose build gives no sign of
 * life. A build that is between two commands has an empty group too, and says that it goes on.
 */
export async function sweepBuildGroups(version: 1 | 2, instance: string, silentMs = SILENT_MS): Promise<number> {
  let removed = 0
  for (const tree of version === 1 ? CONTROLLERS.map((controller) => join(ROOT, controller)) : [ROOT]) {
    const parents = ['', ...(await namesIn(tree)).map((name) => join(name, 'buildkit'))]
    for (const parent of parents) {
      for (const name of await namesIn(join(tree, parent))) {
        const group = join(tree, parent, name)
        if (isGroupOf(instance, name) && (await isSilent(group, silentMs)) && (await isRemoved(group))) removed += 1
      }
    }
  }
  return removed
}

const namesIn = (folder: string) => readdir(folder).catch(() => [] as string[]) // it is no folder, or not there

const isSilent = async (group: string, ms: number) =>
  stat(group).then(
    ({ mtimeMs }) => Date.now() - mtimeMs >= ms,
    () => false, // it has just gone
  )

/** The kernel removes no group that has a process. */
const isRemoved = (group: string) =>
  rmdir(group).then(
    () => true,
    () => false,
  )
