// Is there room to begin a build or a deployment? Asked before each claim, and told by health.
import { constants } from 'node:fs'
import { access, mkdir, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Context } from './context'
import { Fault } from './fault'
import { fails, type Seen } from './part'

/** Free MiB below which no build and no deployment is begun, where nothing else is set. */
export const FLOOR_MB = 512
/** A build makes thousands of files. */
const FLOOR_FILES = 2_000
const MB = 2 ** 20

type Rooms = Pick<Context, 'cache' | 'trail' | 'keys' | 'engine' | 'floorMb'>

/** What is short, worst first; null: there is room. Folders that are not there are not looked at. */
export async function shortOfRoom(context: Rooms): Promise<Seen | null> {
  const closed = await whyClosed(context.cache)
  if (closed !== null) return closed
  const floor = context.floorMb ?? FLOOR_MB
  const engine = await context.engine.root?.().catch(() => null) // an engine that does not answer is told as such
  const folders = [context.cache, context.trail, join(dirname(context.keys), 'postgres'), tmpdir(), engine ?? null]
  const seen = await Promise.all(folders.map((folder) => (folder === null ? null : shortIn(folder, floor))))
  const short = seen.filter((one) => one !== null)
  return short.toSorted((a, b) => Number(a.params.free) - Number(b.params.free))[0] ?? null
}

/** What failed on a full disk has not said no. @throws Fault storage.short: it is tried again, and counts as an attempt */
export async function blameTheDisk(context: Rooms, because: string): Promise<void> {
  const short = await shortOfRoom(context)
  if (short !== null) throw new Fault('storage.short', `${because}; and ${short.params.because}`)
}

/** @returns what this folder's file system lacks */
export async function shortIn(folder: string, floorMb: number): Promise<Seen | null> {
  const fs = await statfs(folder).catch(() => null) // not there, or not ours to look at
  if (fs === null) return null
  const free = Math.floor((fs.bavail * fs.bsize) / MB)
  if (free < floorMb)
    return fails('degraded', 'disk.low', {
      folder,
      free,
      floor: floorMb,
      because: `the disk of ${folder} has ${free} MiB free, less than ${floorMb}`,
    })
  // Some file systems do not count files: then they say 0 of 0.
  if (fs.files > 0 && fs.ffree < Math.min(FLOOR_FILES, fs.files / 10))
    return fails('degraded', 'disk.inodes', {
      folder,
      free: fs.ffree,
      because: `the disk of ${folder} has room for ${fs.ffree} more files only`,
    })
  return null
}

async function whyClosed(folder: string): Promise<Seen | null> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await access(folder, constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC') return null // told as what it is, below
    return fails('degraded', 'state.closed', {
      folder,
      because: `${folder} cannot be written to (${code ?? (error as Error).message})`,
    })
  }
}
