// An author with a clone, a git server with the repository, and a fresh cache for every test.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { isFault } from '../../pipelines/fault'
import type { FetchOrder } from '../../pipelines/git'
import { type GitServer, startGitServer } from './git-server'

export const root = mkdtempSync(join(tmpdir(), 'shiplock-git-'))
export const work = join(root, 'work')
export const bare = join(root, 'team', 'hello.git')
export const RIGHT = { username: 'oauth2', password: 'glpat-right-and-secret' }
/** The server, and this test's cache. */
export const there = { server: null as unknown as GitServer, cache: '' }
let caches = 0

/** The author's own git, with settings of its own only. */
export function git(...args: string[]): string {
  const env = { PATH: process.env.PATH ?? '', HOME: root, GIT_CONFIG_NOSYSTEM: '1' } as unknown as NodeJS.ProcessEnv
  const author = [
    '-c',
    'user.name=Mei',
    '-c',
    'user.email=mei@harbour.test',
    '-c',
    'core.autocrlf=false',
    '-c',
    'core.quotePath=false',
  ]
  return execFileSync('git', ['-C', work, ...author, ...args], {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim()
}

export function write(files: Record<string, string | Buffer | { link: string }>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(work, name)
    rmSync(path, { force: true, recursive: true })
    mkdirSync(dirname(path), { recursive: true })
    if (typeof content === 'object' && 'link' in content) symlinkSync(content.link, path)
    else writeFileSync(path, content)
  }
}

/** Commits, pushes to the server's repository, and returns the hash. */
export function push(message: string, branch = 'develop'): string {
  // What add would change by .gitattributes (line ends, encodings) must be committed as it was written.
  mkdirSync(join(work, '.git', 'info'), { recursive: true })
  writeFileSync(join(work, '.git', 'info', 'attributes'), '* -text -ident -filter -working-tree-encoding\n')
  git('add', '--all', '--force')
  git('commit', '--quiet', '--allow-empty', '--message', message)
  git('push', '--quiet', '--force', bare, `HEAD:refs/heads/${branch}`)
  return git('rev-parse', 'HEAD')
}

export const order = (commit: string, change: Partial<FetchOrder> = {}): FetchOrder => ({
  dir: there.cache,
  url: `${there.server.url}/team/hello.git`,
  credentials: RIGHT,
  commit,
  deadlineMs: 20_000,
  signal: new AbortController().signal,
  ...change,
})

export async function faultOf(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await work.then(
    () => expect.fail('it went well'),
    (caught: unknown) => caught,
  )
  if (!isFault(error)) throw error
  return error
}

/** Unpacks a tar and tells names, modes and link targets as tar lists them. */
export async function unpack(files: NodeJS.ReadableStream) {
  const dir = mkdtempSync(join(root, 'tar-'))
  const tar = await buffer(files)
  execFileSync('tar', ['-xf', '-', '-C', dir], { input: tar })
  const listed = execFileSync('tar', ['-tvf', '-', '--quoting-style=literal'], { input: tar, encoding: 'utf8' })
  return { dir, listed, read: (name: string) => readFileSync(join(dir, name)) }
}

/** Call at the top of a test file. */
export function giveRepository(): void {
  beforeAll(async () => {
    mkdirSync(work)
    mkdirSync(dirname(bare))
    execFileSync('git', ['init', '--quiet', '--bare', '--', bare])
    git('init', '--quiet', '--initial-branch=develop')
    there.server = await startGitServer(root, RIGHT.username, RIGHT.password)
  })
  beforeEach(() => {
    there.cache = join(root, 'caches', String(++caches))
    for (const name of readdirSync(work)) if (name !== '.git') rmSync(join(work, name), { recursive: true })
    there.server.seen.length = 0
    there.server.hold = null
  })
  afterAll(async () => {
    await there.server.close()
    rmSync(root, { recursive: true, force: true })
  })
}
