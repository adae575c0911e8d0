// What a merge would come to, asked of git itself: nothing is checked out, written to a branch, or run.
//
// Concurrency and repeatability as in git.ts. The cache is one of its own, with history: in one that is filled commit by
// commit git cannot see who came from whom. Needs git 2.38.

import { resolve } from 'node:path'
import { Fault } from './fault'
import { askObjects, fetchesEnded, fetchInto, readyRepository } from './git-cache'
import { type Credentials, type GitAccess, runGit, urlForGit } from './git-process'

export interface MergeOrder {
  /** A directory of its own, made where it is absent; never the one that `fetchCommit` fills. */
  dir: string
  /** http or https, without credentials. */
  url: string
  credentials: Credentials | null
  /** What is to be merged: 40 or 64 hex digits. */
  commit: string
  /** The head of the branch that it is to be merged into: 40 or 64 hex digits. */
  into: string
  /** For the whole call, in ms. */
  deadlineMs: number
  signal: AbortSignal
}

/**
 * contained: it is part of the history already · unchanged: it is not, yet merging it would change no file, as after a
 * squash · clean: it can be merged · conflict: it cannot without a person; `files` at most 100.
 */
export type Trial = { kind: 'contained' | 'unchanged' | 'clean' } | { kind: 'conflict'; files: string[]; more: number }

const COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/
const MOST_FILES = 100
/** Names of all files in conflict: a merge in which every file of a large repository conflicts. */
const MAX_NAMES = 16 * 1024 * 1024

/** Tries a merge. Faults as of `fetchCommit`. */
export async function tryMerge(asked: MergeOrder): Promise<Trial> {
  const { commit, into } = asked
  if (!COMMIT.test(commit) || !COMMIT.test(into)) throw new Fault('input.invalid', 'a commit is 40 or 64 hex digits')
  if (commit === into) return { kind: 'contained' }
  const access: GitAccess = {
    dir: resolve(asked.dir),
    url: urlForGit(asked.url),
    credentials: asked.credentials,
    deadline: Date.now() + asked.deadlineMs,
    signal: asked.signal,
  }
  const local = { ...access, url: '', credentials: null }
  await bring(access, local, commit, into)
  const missing = await runGit(
    local,
    'comparing the branches',
    ['rev-list', '--max-count=1', commit, `^${into}`, '--'],
    {
      maxOutput: 4096,
    },
  )
  if (missing.length === 0) return { kind: 'contained' }
  return judge(local, commit, into)
}

async function bring(access: GitAccess, local: GitAccess, commit: string, into: string) {
  const seen = fetchesEnded(access.dir)
  const isThere = async () => {
    const found = await askTypes(local, [commit, into])
    return found.every((type) => type === 'commit')
  }
  const isNew = await readyRepository(access, commit.length === 64 ? 'sha256' : 'sha1')
  if (!isNew && (await isThere())) return
  const refspecs = [
    `${commit}:refs/shiplock/merged/${commit.slice(0, 2)}`,
    `${into}:refs/shiplock/into/${into.slice(0, 2)}`,
  ]
  await fetchInto(access, { refspecs, history: true }, seen, isThere)
  if (!(await isThere())) throw new Fault('forge.missing', `${commit} or ${into} is not a commit of this repository`)
}

/** Most commits that a range names. */
const MOST_COMMITS = 5_000

/**
 * The commits that `commit` has and `into` has not, newest first; `more`: there are others beyond. With `into` null all that
 * led to `commit`. Faults as of `fetchCommit`.
 */
export async function commitsMissing(
  asked: Omit<MergeOrder, 'into'> & { into: string | null },
): Promise<{ commits: string[]; more: boolean }> {
  const { commit, into } = asked
  if (!COMMIT.test(commit) || (into !== null && !COMMIT.test(into)))
    throw new Fault('input.invalid', 'a commit is 40 or 64 hex digits')
  const access: GitAccess = {
    dir: resolve(asked.dir),
    url: urlForGit(asked.url),
    credentials: asked.credentials,
    deadline: Date.now() + asked.deadlineMs,
    signal: asked.signal,
  }
  const local = { ...access, url: '', credentials: null }
  await bring(access, local, commit, into ?? commit)
  const until = into === null ? [] : [`^${into}`]
  const printed = await runGit(
    local,
    'listing the commits',
    ['rev-list', `--max-count=${MOST_COMMITS + 1}`, commit, ...until, '--'],
    { maxOutput: (MOST_COMMITS + 1) * 65 },
  )
  const commits = printed.toString('latin1').split('\n').filter(Boolean)
  return { commits: commits.slice(0, MOST_COMMITS), more: commits.length > MOST_COMMITS }
}

async function askTypes(local: GitAccess, names: readonly string[]): Promise<(string | undefined)[]> {
  const objects = await askObjects(local, names, 8 * 1024 * 1024)
  return objects.map((object) => object?.type)
}

async function judge(local: GitAccess, commit: string, into: string): Promise<Trial> {
  const flags = ['--write-tree', '-z', '--name-only', '--no-messages', '--allow-unrelated-histories']
  const printed = await runGit(local, 'trying the merge', ['merge-tree', ...flags, into, commit], {
    maxOutput: MAX_NAMES,
    answers: [1],
  })
  const [tree = '', ...names] = printed.toString('utf8').split('\0')
  const files = [...new Set(names.filter((name) => name !== ''))]
  if (files.length > 0)
    return { kind: 'conflict', files: files.slice(0, MOST_FILES), more: Math.max(0, files.length - MOST_FILES) }
  const before = await runGit(local, 'reading the tree', ['rev-parse', '--verify', `${into}^{tree}`], {
    maxOutput: 4096,
  })
  return { kind: before.toString('latin1').trim() === tree.trim() ? 'unchanged' : 'clean' }
}
