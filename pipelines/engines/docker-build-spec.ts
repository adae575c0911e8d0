import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A container of a build, as BuildKit wrote it down for runc. */
export interface Seen {
  env: string[]
  /** Of the container, as runc was told. */
  cgroup: string
  /** The folder of its own layer; known once it runs. */
  upper: string | null
  /** Other folders that it may write to: its cache mounts. */
  caches: string[]
  written: () => Promise<number>
}

interface Spec {
  process?: { env?: string[] }
  mounts?: { source?: string; type?: string; options?: string[] }[]
  linux?: { cgroupsPath?: string }
}

/** Null: it is no container, or not written down yet. */
export async function specOf(executor: string, id: string): Promise<Seen | null> {
  const text = await readFile(join(executor, id, 'config.json'), 'utf8').catch(() => '') // it is looked for again
  if (text === '') return null
  let spec: Spec
  try {
    spec = JSON.parse(text) as Spec
  } catch {
    return null // half of it is written: the next look reads it whole
  }
  const storage = posix.dirname(posix.dirname(executor))
  const sources = (spec.mounts ?? []).flatMap(({ source = '', type, options = [] }) =>
    type === 'bind' && source.startsWith(`${storage}/`) && !options.includes('ro') ? [source] : [],
  )
  const caches = [...new Set(sources)]
  let before: Promise<number> | null = null
  const seen: Seen = {
    env: spec.process?.env ?? [],
    cgroup: spec.linux?.cgroupsPath ?? '',
    upper: null,
    caches,
    // Of a cache mount only what it grows by from the first question on is the container's own.
    written: async () => {
      before ??= sizeOf(caches)
      const was = await before
      const own = seen.upper === null ? 0 : await sizeOf([seen.upper])
      return Math.max(0, own + (await sizeOf(caches)) - was)
    },
  }
  return seen
}

/** The upper folder of the overlay that the container's root is mounted from. */
export async function upperOf(executor: string, id: string): Promise<string | null> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8')
  const root = mounts.split('\n').find((line) => line.split(' ')[4] === join(executor, id, 'rootfs'))
  return /[ ,]upperdir=([^, ]+)/.exec(root ?? '')?.[1] ?? null
}

/** BuildKit's name of what is kept in a folder of the engine's storage, which is the folder's own. Null: it is none of BuildKit's. */
export const recordOf = (folder: string): string | null => /\/overlay2\/([0-9a-z]{25})(\/|$)/.exec(folder)?.[1] ?? null

export interface Usage {
  bytes: number
  /** When the newest of its files was changed in any way, ms. No command can set it. */
  changed: number
}

/** On the disk. What goes away meanwhile is not counted. */
export async function usageOf(folders: readonly string[]): Promise<Usage[]> {
  if (folders.length === 0) return []
  const args = ['-sk', '--time=ctime', '--time-style=+%s.%N', '--', ...folders]
  const text = await run('du', args, { maxBuffer: 2 ** 24 }).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? '', // du tells what it could read
  )
  const told = new Map(
    text.split('\n').map((line) => {
      const [kib = '', seconds = '', ...folder] = line.split('\t')
      return [folder.join('\t'), { bytes: 1024 * (Number(kib) || 0), changed: 1000 * (Number(seconds) || 0) }]
    }),
  )
  return folders.map((folder) => told.get(folder) ?? { bytes: 0, changed: 0 })
}

async function sizeOf(folders: readonly string[]): Promise<number> {
  return (await usageOf(folders)).reduce((sum, { bytes }) => sum + bytes, 0)
}
