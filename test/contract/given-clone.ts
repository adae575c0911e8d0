// A developer's clone of the one project of a forge: what the contract of the forges does with git.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { StandingForge } from './given-forge'

const run = promisify(execFile)

export type Clone = Pick<StandingForge, 'push' | 'deleteBranch' | 'pushTag' | 'deleteTag' | 'commit' | 'ref'> & {
  /** Pushes a branch of the forge as it is to another repository. */
  copy(branch: string, to: string): Promise<void>
  close(): void
}

type Git = (...args: string[]) => Promise<string>

/** Git with settings of its own only, in a folder that goes with the clone. */
async function emptyRepository(root: string): Promise<Git> {
  const env = { PATH: process.env.PATH ?? '', HOME: root, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' }
  const author = ['-c', 'user.name=Somebody Else', '-c', 'user.email=else@example.com', '-c', 'commit.gpgSign=false']
  const git: Git = async (...args) => {
    const options = { env: env as unknown as NodeJS.ProcessEnv, timeout: 20_000 }
    const { stdout } = await run('git', ['-C', root, ...author, ...args], options)
    return stdout.trim()
  }
  await git('init', '--quiet', '--initial-branch=nothing', '--', root)
  return git
}

/** The hash of a ref on the forge; null: there is none. */
async function lookUp(git: Git, remote: string, ref: string): Promise<string | null> {
  const listed = await git('ls-remote', '--', remote, ref)
  const line = listed.split('\n').find((each) => each.endsWith(`\t${ref}`))
  return line?.slice(0, line.indexOf('\t')) ?? null
}

/** Stands where the branch stands on the forge, or `onto`; where that is nowhere either: at a beginning. */
async function checkOut(git: Git, remote: string, branch: string, onto: string): Promise<void> {
  const [theirs, base] = [
    await lookUp(git, remote, `refs/heads/${branch}`),
    await lookUp(git, remote, `refs/heads/${onto}`),
  ]
  const from = theirs === null ? (base === null ? null : onto) : branch
  if (from === null) return void (await git('symbolic-ref', 'HEAD', 'refs/heads/beginning'))
  await git('fetch', '--quiet', '--', remote, `refs/heads/${from}`)
  await git('checkout', '--quiet', '--force', '--detach', 'FETCH_HEAD')
}

function write(root: string, files: Record<string, string | null>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name)
    if (content === null) rmSync(path, { force: true })
    else {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, content)
    }
  }
}

/** `remote`: the address with the developer's name and password. */
export async function cloneOf(remote: string, defaultBranch: string): Promise<Clone> {
  const root = mkdtempSync(join(tmpdir(), 'shiplock-clone-'))
  const git = await emptyRepository(root)
  return {
    push: async (branch, message, { files = {}, onto = defaultBranch, skip = false, force = false } = {}) => {
      await checkOut(git, remote, force ? '' : branch, onto)
      write(root, files)
      await git('add', '--all', '--force')
      await git('commit', '--quiet', '--allow-empty', '--message', message)
      const options = [...(skip ? ['--push-option=ci.skip'] : []), ...(force ? ['--force'] : [])]
      await git('push', '--quiet', ...options, '--', remote, `HEAD:refs/heads/${branch}`)
      return git('rev-parse', 'HEAD')
    },
    deleteBranch: async (branch) => void (await git('push', '--quiet', '--', remote, `:refs/heads/${branch}`)),
    pushTag: async (name, commit, message) => {
      await git('fetch', '--quiet', '--no-tags', '--', remote, commit)
      const annotation = message === undefined ? [] : ['--annotate', '--message', message]
      await git('tag', '--force', ...annotation, '--', name, commit)
      await git('push', '--quiet', '--force', '--', remote, `refs/tags/${name}`)
    },
    deleteTag: async (name) => void (await git('push', '--quiet', '--', remote, `:refs/tags/${name}`)),
    commit: async (hash) => {
      await git('fetch', '--quiet', '--no-tags', '--', remote, hash)
      const [tree = '', ...parents] = (await git('show', '--no-patch', '--format=%T %P', hash)).split(' ')
      return { tree, parents }
    },
    copy: async (branch, to) => {
      await git('fetch', '--quiet', '--no-tags', '--', remote, `refs/heads/${branch}`)
      await git('push', '--quiet', '--force', '--', to, `FETCH_HEAD:refs/heads/${branch}`)
    },
    ref: (name) => lookUp(git, remote, name),
    close: () => rmSync(root, { recursive: true, force: true }),
  }
}
