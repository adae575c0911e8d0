// The bare repository that caches one project's commits: making it, filling it, reading it.

import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault, isFault } from './fault'
import { faultOfGit, type GitAccess, lastWords, runGit, startGit, stopGit } from './git-process'

/** Stronger than any .gitattributes of the repository: what git archive writes is what was committed, byte for byte. */
const ATTRIBUTES = '* -export-ignore -export-subst -text -crlf -eol -ident -filter -working-tree-encoding\n'
/** Every fetch leaves a pack; from this many on they are packed together. */
const MAX_PACKS = 50
/** Tries against the locks of another process that fetches into the same cache. */
const LOCK_TRIES = 6
/** A lock this old was left by a crash: no fetch may take so long. */
const STALE_LOCK_MS = 30 * 60_000
/** Wall time of one tar; a reader that stands still for longer has gone. */
const ARCHIVE_MS = 15 * 60_000

const existing = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  ) // absent and unreadable alike: git will say

/** Makes the bare repository where there is none; true: it was made now, and is empty. Two makers: one wins. */
export async function readyRepository(access: GitAccess, format: 'sha1' | 'sha256'): Promise<boolean> {
  if (await existing(join(access.dir, 'HEAD'))) return false
  const draft = `${access.dir}.new-${process.pid}-${randomBytes(4).toString('hex')}`
  try {
    await mkdir(dirname(access.dir), { recursive: true })
    await runGit(
      { ...access, dir: draft, credentials: null },
      'git init',
      ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`],
      { maxOutput: 4096 },
    )
    await mkdir(join(draft, 'info'), { recursive: true })
    await writeFile(join(draft, 'info', 'attributes'), ATTRIBUTES)
    await rename(draft, access.dir)
    return true
  } catch (error) {
    await rm(draft, { recursive: true, force: true }).catch(() => undefined) // it was never made
    if (await existing(join(access.dir, 'HEAD'))) return false
    throw isFault(error)
      ? error
      : new Fault('git.failed', `the cache ${access.dir} cannot be made: ${String(error)}`, { cause: error })
  }
}

export interface GitObject {
  id: string
  type: string
  bytes: Buffer
}

/** Reads objects in one process; null where the cache has none of that name. One larger than `maxBytes`: Fault input.invalid. */
export async function askObjects(
  access: GitAccess,
  names: readonly string[],
  maxBytes: number,
): Promise<(GitObject | null)[]> {
  const local = { ...access, url: '', credentials: null }
  const maxOutput = names.length * (maxBytes + 512)
  const printed = await runGit(local, 'reading the repository', ['cat-file', '--batch'], {
    stdin: `${names.join('\n')}\n`,
    maxOutput,
  })
  let at = 0
  return names.map((name) => {
    const end = printed.indexOf(0x0a, at)
    const header = printed.toString('latin1', at, end)
    at = end + 1
    const [, id, type, size] = /^([0-9a-f]{40,64}) (\w+) (\d+)$/.exec(header) ?? []
    if (id === undefined || type === undefined) return null // "<name> missing"
    const bytes = printed.subarray(at, at + Number(size))
    at += bytes.length + 1
    if (bytes.length > maxBytes)
      throw new Fault('input.invalid', `${name} has ${bytes.length} bytes; at most ${maxBytes} are read`)
    return { id, type, bytes }
  })
}

/** One fetch at a time per cache in this process: git's own locks would only make the second fail. */
const fetching = new Map<string, Promise<void>>()

/** How many fetches into a cache this process has ended. */
const ended = new Map<string, number>()
export const fetchesEnded = (dir: string) => ended.get(dir) ?? 0

/** Which objects, and by what name the other side is asked for them. */
export interface Wanted {
  /** Names that both sides know: `<hash or full reference>:<our reference>`. */
  refspecs: readonly string[]
  /** With all that came before it; a cache is filled one way only, as a shallow fetch would cut history off again. */
  history: boolean
}

/**
 * A commit without its history. The reference keeps it from being tidied away, and lets the next fetch bring only what
 * has changed. One of 256 by the hash's first two digits: a bounded number, renewed for ever.
 */
export const oneCommit = (commit: string, ref: string = commit): Wanted => ({
  refspecs: [`${ref}:refs/shiplock/${commit.slice(0, 2)}`],
  history: false,
})

/**
 * Fetches what is wanted. `isThere` is asked when another call was ahead, or has ended since `seen` fetches had: it may
 * have brought it.
 */
export async function fetchInto(
  access: GitAccess,
  wanted: Wanted,
  seen: number,
  isThere: () => Promise<boolean>,
): Promise<void> {
  const ahead = fetching.get(access.dir)
  const mine = (async () => {
    if (ahead !== undefined) await inTime(access, ahead)
    if (fetchesEnded(access.dir) !== seen && (await isThere())) return
    await fetchPatiently(access, wanted)
    ended.set(access.dir, fetchesEnded(access.dir) + 1)
    await tidy(access)
  })()
  // Whoever is next starts anyway: the error is this caller's. One that gave up waiting does not let the next one pass.
  const settled = Promise.allSettled([ahead, mine]).then(() => undefined)
  fetching.set(access.dir, settled)
  void settled.then(() => {
    if (fetching.get(access.dir) === settled) fetching.delete(access.dir)
  })
  return mine
}

/** Waits, but not beyond the deadline or the signal; then git, which looks at both, refuses to start. */
async function inTime(access: GitAccess, work: Promise<void>): Promise<void> {
  const over = new AbortController()
  const signal = AbortSignal.any([access.signal, over.signal])
  const patience = sleep(Math.max(access.deadline - Date.now(), 0), undefined, { signal }).catch(() => undefined) // called off, or no longer needed
  await Promise.race([work, patience])
  over.abort()
}

async function fetchPatiently(access: GitAccess, wanted: Wanted): Promise<void> {
  const flags = [
    '--quiet',
    '--no-tags',
    ...(wanted.history ? [] : ['--depth=1']),
    '--no-recurse-submodules',
    '--no-write-fetch-head',
    '--no-auto-maintenance',
    '--force',
  ]
  const args = ['fetch', ...flags, '--', access.url, ...wanted.refspecs]
  for (let attempt = 1; ; attempt++) {
    try {
      await runGit(access, `git fetch ${access.url}`, args, { maxOutput: 65_536 })
      return
    } catch (error) {
      if (
        attempt >= LOCK_TRIES ||
        !isFault(error) ||
        !/\.lock'|cannot lock ref|shallow file has changed/i.test(error.message)
      )
        throw error
      await dropStaleLock(access.dir, error.message)
      await sleep(2 ** attempt * 20 * (0.5 + Math.random()), undefined, { signal: access.signal }).catch(
        () => undefined,
      ) // the next try says it was called off
    }
  }
}

async function dropStaleLock(dir: string, message: string): Promise<void> {
  const lock = /'([^']+\.lock)'/.exec(message)?.[1]
  if (lock === undefined || !lock.startsWith(`${dir}/`) || lock.includes('/../')) return
  const found = await stat(lock).catch(() => null) // gone meanwhile: just what is wanted
  if (found !== null && Date.now() - found.mtimeMs > STALE_LOCK_MS) await rm(lock, { force: true })
}

/** Now and then all packs become one; what nothing has referred to for two days goes. A failure only means: next time. */
async function tidy(access: GitAccess): Promise<void> {
  const packs = (await readdir(join(access.dir, 'objects', 'pack'))).filter((name) => name.endsWith('.pack'))
  if (packs.length < MAX_PACKS) return
  const local = { ...access, url: '', credentials: null }
  await runGit(local, 'git gc', ['gc', '--quiet', '--prune=2.days.ago'], { maxOutput: 65_536 }).catch(() => undefined)
}

/** `git archive`: a tar of exactly the commit's files, each name after the prefix. Ends with a Fault where git does; destroying it stops git. */
export function archive(dir: string, commit: string, prefix = ''): NodeJS.ReadableStream {
  const access: GitAccess = {
    dir,
    url: '',
    credentials: null,
    deadline: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
  }
  const child = startGit(access, ['archive', '--format=tar', `--prefix=${prefix}`, commit], 'ignore')
  const words = lastWords(child, null)
  const out = new PassThrough({ highWaterMark: 256 * 1024 })
  const timer = setTimeout(
    () => out.destroy(new Fault('git.failed', `the files of ${commit} were not read to the end`)),
    ARCHIVE_MS,
  )
  child.stdout?.pipe(out, { end: false })
  child.on('error', (error) => out.destroy(new Fault('git.failed', `git cannot be started: ${error.message}`)))
  // The tar's end is passed on only when git ended well: a tar cut short must not look like a smaller repository.
  child.on('close', (code) => {
    if (code === 0) out.end()
    else out.destroy(faultOfGit(`the files of ${commit}`, words()))
  })
  out.on('close', () => {
    clearTimeout(timer)
    child.stdout?.destroy()
    stopGit(child)
  })
  return out
}
