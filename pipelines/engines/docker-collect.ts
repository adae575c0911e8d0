import { posix } from 'node:path'
import { Aborted, type DockerApi, hasStatus } from './docker-api'
import { readGlobs } from './docker-glob'
import { plainPath, readTar, type TarHeader } from './docker-tar'
import { asDuration, asSize } from './docker-words'
import type { Collected, CollectOrder } from './engine'

/** All reading together. */
const COLLECT_MS = 120_000
/** Bits of Go's FileMode, as the engine gives it. */
const DIRECTORY = 2 ** 31
const SYMLINK = 2 ** 27

/** What was left out: the reason, the first file, and how many more. */
type LeftOut = Map<string, { first: string; more: number }>

interface Place {
  api: DockerApi
  id: string
  workdir: string
  signal: AbortSignal
}

/**
 * Takes what matches out of a container that has ended. The engine gives a tar of a folder, what volumes hold included. A
 * symbolic link in it is no file; one above the folder the engine would follow, so each folder on the way is looked at.
 * Throws Aborted, engine.unreachable, and what `take` throws.
 */
export async function collectFiles(
  api: DockerApi,
  id: string,
  order: CollectOrder,
  signal: AbortSignal,
): Promise<void> {
  const { bases, matches, refused } = readGlobs(order.globs)
  const leftOut: LeftOut = new Map()
  for (const { glob, because } of refused) leave(leftOut, because, glob)
  const admits = admitter(order.most, leftOut)
  const workdir = await workdirOf(api, id)
  const either = AbortSignal.any([signal, AbortSignal.timeout(COLLECT_MS)])
  try {
    for (const base of workdir === null ? [] : bases) {
      const place = { api, id, workdir: workdir ?? '/', signal: either }
      if (await hasLinkOrNothing(place, base)) continue
      const pathOf = pathsBelow(base)
      const admit = (header: TarHeader) => {
        const path = pathOf(header.name)
        return path !== null && header.type === '0' && matches(path) && admits(path, header.size) ? path : null
      }
      await collectBase(place, base, admit, order.take)
    }
  } catch (error) {
    if (signal.aborted || !(error instanceof Aborted)) throw error
    leave(leftOut, `reading took longer than ${asDuration(COLLECT_MS)}`, 'the rest')
  }
  if (leftOut.size > 0) order.leftOut([...leftOut].map(asWords).join('; '))
}

function leave(leftOut: LeftOut, because: string, what: string): void {
  const known = leftOut.get(because)
  if (known) known.more += 1
  else leftOut.set(because, { first: what, more: 0 })
}

const asWords = ([because, { first, more }]: [string, { first: string; more: number }]) =>
  `left out ${first.slice(0, 200)}${more > 0 ? ` and ${more} more` : ''}: ${because}`

/** Says of one file after the other whether it is within the limits, and keeps count of those that are not. */
function admitter(most: CollectOrder['most'], leftOut: LeftOut) {
  let files = 0
  let bytes = 0
  return (path: string, size: number): boolean => {
    const because =
      size > most.fileBytes
        ? `over ${asSize(most.fileBytes)}`
        : files + 1 > most.files
          ? `more than ${most.files} files`
          : bytes + size > most.bytes
            ? `more than ${asSize(most.bytes)} in all`
            : null
    if (because === null) {
      files += 1
      bytes += size
      return true
    }
    leave(leftOut, because, path)
    return false
  }
}

/** Null: the container is gone. */
async function workdirOf(api: DockerApi, id: string): Promise<string | null> {
  type Inspect = { Config: { WorkingDir?: string } }
  const found = await api.find<Inspect>({ method: 'GET', path: `/containers/${id}/json` })
  return found && (found.Config.WorkingDir || '/')
}

/** Below the working directory, that is; itself it may be behind a link. */
async function hasLinkOrNothing(place: Place, base: string): Promise<boolean> {
  const names = base === '' ? [] : base.split('/')
  for (let depth = 1; depth <= names.length; depth += 1) {
    const mode = await modeOf(place, posix.join(place.workdir, ...names.slice(0, depth)))
    if (mode === null || is(SYMLINK, mode)) return true
    if (depth < names.length && !is(DIRECTORY, mode)) return true
  }
  return false
}

const is = (bit: number, mode: number) => Math.floor(mode / bit) % 2 === 1

async function modeOf({ api, id, signal }: Place, path: string): Promise<number | null> {
  try {
    const answer = await api.open({ method: 'HEAD', path: `/containers/${id}/archive`, query: { path }, signal })
    answer.destroy()
    const stat = Buffer.from(String(answer.headers['x-docker-container-path-stat']), 'base64').toString()
    return (JSON.parse(stat) as { mode: number }).mode
  } catch (error) {
    if (hasStatus(error, 404)) return null
    throw error
  }
}

async function collectBase(
  { api, id, workdir, signal }: Place,
  base: string,
  admit: (header: TarHeader) => string | null,
  take: CollectOrder['take'],
): Promise<void> {
  // The dot, for a working directory that is a link to one.
  const path = base === '' ? `${workdir}/.` : posix.join(workdir, base)
  let inTake = false
  try {
    const answer = await api.open({ method: 'GET', path: `/containers/${id}/archive`, query: { path }, signal })
    try {
      for await (const file of wholeFiles(answer as AsyncIterable<Buffer>, admit)) {
        inTake = true
        await take(file)
        inTake = false
        if (signal.aborted) throw new Aborted()
      }
    } finally {
      answer.destroy()
    }
  } catch (error) {
    if (inTake || error instanceof Aborted) throw error
    if (signal.aborted) throw new Aborted()
    if (hasStatus(error, 404)) return
    throw api.unreachable(error)
  }
}

/** The files that `admit` gives a path for, each whole, one at a time; nothing is held of the others. */
async function* wholeFiles(
  source: AsyncIterable<Buffer>,
  admit: (header: TarHeader) => string | null,
): AsyncGenerator<Collected> {
  let path: string | null = null
  let chunks: Buffer[] = []
  let left = 0
  for await (const { header, data } of readTar(source)) {
    if (data === null) {
      path = admit(header)
      chunks = []
      left = header.size
    } else if (path !== null) {
      chunks.push(data.subarray(0, left))
      left = Math.max(0, left - data.length)
    }
    if (path === null || left > 0) continue
    yield { path, bytes: Buffer.concat(chunks) }
    path = null
  }
}

/** The archive's first name is the base's own, however the engine calls it. Null: no path that we give on. */
function pathsBelow(base: string) {
  let root: string | null = null
  return (name: string): string | null => {
    const plain = plainPath(name)
    root ??= plain === '.' ? '' : plain
    if (root !== '' && plain !== root && !plain.startsWith(`${root}/`)) return null
    const below = root === '' ? plain : plain.slice(root.length + 1)
    const path = [base, below].filter(Boolean).join('/')
    return path === '' || path.split('/').some((part) => part === '' || part === '.' || part === '..') ? null : path
  }
}
