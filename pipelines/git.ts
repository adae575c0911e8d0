// The exact files of one commit, by git over HTTP, without a working tree on this machine: nothing of a repository is
// ever checked out, run, followed or interpreted here. One bare repository per project is the cache.
//
// Concurrency: any number of calls for one directory, also from several processes. Repeatability: always.
// Not fetched: submodules (they come out as empty folders) and Git LFS content (the pointer files come out).

import { resolve } from 'node:path'
import { Fault } from './fault'
import { archive, askObjects, fetchesEnded, fetchInto, oneCommit, readyRepository } from './git-cache'
import { readCommit, readTree, type TreeEntry } from './git-objects'
import { type Credentials, type GitAccess, urlForGit } from './git-process'

/** One commit, at hand: what it says stays right for ever, the files come from the cache. */
export interface Commit {
  commit: string
  /** The tree's hash: two commits of the same tree have the same files. */
  tree: string
  /** First line of the message, at most 200 characters; untrusted text. */
  title: string
  /**
   * A file by its path from the root. Null: there is no such file, or it is a folder, a submodule or a symbolic link
   * (links are never followed, so a link named like a file counts as absent). Larger than `maxBytes`: Fault input.invalid.
   */
  readFile(path: string, maxBytes: number): Promise<Buffer | null>
  /** Names in the root folder, files and folders alike. */
  list(): Promise<string[]>
  /** A tar of exactly the commit's files, made afresh for each call; destroy it to stop early. */
  files(prefix?: string): NodeJS.ReadableStream
}

export interface FetchOrder {
  /** The project's cache: a directory of its own, made where it is absent. */
  dir: string
  /** http or https, without credentials. */
  url: string
  credentials: Credentials | null
  /** 40 or 64 hex digits. */
  commit: string
  /** For the whole call, in ms. */
  deadlineMs: number
  signal: AbortSignal
  /** A push has just brought it: the cache is not asked before the forge is. */
  isFresh?: boolean
  /** The reference that it is asked for by, where it is on no branch of this repository: a merge request's head. */
  ref?: string
}

const COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/
/** References of our own making, such as refs/merge-requests/7/head. */
const REFERENCE = /^refs(\/[a-z0-9-]+)+$/

/** Bytes of a commit object and of one folder's listing; about 100,000 names. */
const MAX_OBJECT = 8 * 1024 * 1024

/**
 * Makes the commit available. Faults: forge.denied (user or password), forge.missing (no such commit or repository),
 * forge.unreachable, forge.busy, git.failed (with git's own last lines), input.invalid (a bad address or hash).
 */
export async function fetchCommit(asked: FetchOrder): Promise<Commit> {
  const order = { ...asked, dir: resolve(asked.dir) }
  if (!COMMIT.test(order.commit)) throw new Fault('input.invalid', 'a commit is 40 or 64 hex digits')
  if (order.ref !== undefined && !REFERENCE.test(order.ref))
    throw new Fault('input.invalid', `${JSON.stringify(order.ref)} is not a reference to fetch by`)
  const access: GitAccess = {
    dir: order.dir,
    url: urlForGit(order.url),
    credentials: order.credentials,
    deadline: Date.now() + order.deadlineMs,
    signal: order.signal,
  }
  const seen = fetchesEnded(order.dir)
  const isNew = await readyRepository(access, order.commit.length === 64 ? 'sha256' : 'sha1')
  const held = isNew ? null : (recall(order) ?? (order.isFresh ? null : await look(access, order.commit)))
  if (held !== null) return commitOf(order, held)
  await fetchInto(
    access,
    oneCommit(order.commit, order.ref),
    seen,
    async () => (await look(access, order.commit)) !== null,
  )
  const fetched = await look(access, order.commit)
  if (fetched === null) throw new Fault('forge.missing', `${order.commit} is not a commit of this repository`)
  remember(order, fetched)
  return commitOf(order, fetched)
}

/** A run's stages follow one another within seconds, and ask for the same commit: what a hash names never changes. */
const REMEMBERED_MS = 60_000
const MOST_REMEMBERED = 200
const remembered = new Map<string, { held: Held; until: number }>()
const nameOf = (order: FetchOrder) => `${order.dir} ${order.commit}`

function remember(order: FetchOrder, held: Held) {
  if (remembered.size >= MOST_REMEMBERED) remembered.clear()
  remembered.set(nameOf(order), { held, until: performance.now() + REMEMBERED_MS })
}

function recall(order: FetchOrder): Held | null {
  const known = remembered.get(nameOf(order))
  return known !== undefined && known.until > performance.now() ? known.held : null
}

interface Held {
  tree: string
  title: string
  root: TreeEntry[]
}

/** Commit and root folder in one process; null where the cache has not both. */
async function look(access: GitAccess, commit: string): Promise<Held | null> {
  const [commitObject, treeObject] = await askObjects(access, [`${commit}^{commit}`, `${commit}^{tree}`], MAX_OBJECT)
  if (!commitObject || !treeObject) return null
  // A tag's hash peels to another commit: what was asked for is then not a commit.
  if (commitObject.id !== commit) throw new Fault('forge.missing', `${commit} is a tag, not a commit`)
  return { ...readCommit(commitObject.bytes), root: readTree(treeObject.bytes, commit.length) }
}

function commitOf(order: FetchOrder, held: Held): Commit {
  const reading = (): GitAccess => ({
    dir: order.dir,
    url: '',
    credentials: null,
    deadline: Date.now() + order.deadlineMs,
    signal: order.signal,
  })
  return {
    commit: order.commit,
    tree: held.tree,
    title: held.title,
    readFile: (path, maxBytes) => readFile(reading(), held.root, path, maxBytes, order.commit.length),
    list: async () => held.root.map((entry) => entry.name.toString('utf8')),
    files: (prefix) => archive(order.dir, order.commit, prefix),
  }
}

/** Walks the tree objects name by name, so that no link is followed and no "..", ":" or glob means anything. */
async function readFile(
  access: GitAccess,
  root: TreeEntry[],
  path: string,
  maxBytes: number,
  hashLength: number,
): Promise<Buffer | null> {
  const names = path.split('/')
  let folder = root
  for (const [depth, name] of names.entries()) {
    const wanted = Buffer.from(name)
    const entry = folder.find((candidate) => candidate.name.equals(wanted))
    const isLast = depth === names.length - 1
    if (entry === undefined || entry.kind !== (isLast ? 'file' : 'folder')) return null
    const [object] = await askObjects(access, [entry.id], isLast ? maxBytes : MAX_OBJECT)
    if (!object) throw new Fault('git.failed', `${entry.id} is not in the cache although its commit is`)
    if (isLast) return object.bytes
    folder = readTree(object.bytes, hashLength)
  }
  return null
}
