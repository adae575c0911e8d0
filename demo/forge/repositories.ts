import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { MergeMethod } from './merge-request'
import { OWNER, type User } from './people'
import type { Protection } from './protections'

const run = promisify(execFile)
const DEADLINE_MS = 30_000
const MAX_OUTPUT = 32 * 1024 * 1024

export interface Project {
  id: number
  path: string
  name: string
  defaultBranch: string
  /** user name → access level */
  members: Record<string, number>
  dir: string
  createdAt: string
  /** Which branches only some may push to or merge into, there or not. */
  protections: Protection[]
  mergeMethod: MergeMethod
  /** A push to the source takes a merge request's approvals away: Premium on GitLab, a rule of the branch on GitHub. */
  resetApprovalsOnPush: boolean
  /** The project it is a fork of. */
  forkOf: number | null
}

/** A user's access level in a project; 0: it is not theirs to see. */
export function levelOf(project: Project, user: User): number {
  if (user.admin) return OWNER
  return Object.hasOwn(project.members, user.username) ? (project.members[user.username] ?? 0) : 0
}

export interface CommitFacts {
  id: string
  title: string
  message: string
  authorName: string
  authorEmail: string
  at: string
  parents: string[]
}

/** What git runs with: nothing of this machine's own configuration. */
export const GIT_ENV = {
  NODE_ENV: 'production' as const,
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  LC_ALL: 'C',
  GIT_AUTHOR_NAME: 'Demo',
  GIT_AUTHOR_EMAIL: 'demo@example.com',
  GIT_COMMITTER_NAME: 'Demo',
  GIT_COMMITTER_EMAIL: 'demo@example.com',
}

const limits = { env: GIT_ENV, timeout: DEADLINE_MS, maxBuffer: MAX_OUTPUT }

/** @param more variables of git's, as who the author is */
export async function git(cwd: string, args: string[], more: Record<string, string> = {}): Promise<string> {
  const { stdout } = await run('git', args, { cwd, ...limits, env: { ...GIT_ENV, ...more } })
  return stdout
}

/** The same for what may be no text. */
export async function gitBytes(cwd: string, args: string[]): Promise<Buffer> {
  const { stdout } = await run('git', args, { cwd, ...limits, encoding: 'buffer' })
  return stdout
}

/** What a client may send in one request of git's. */
export const MAX_PUSH_BYTES = 512 * 1024 * 1024

const SETTINGS = [
  ['http.receivepack', 'true'],
  ['uploadpack.allowAnySHA1InWant', 'true'],
  ['receive.denyDeletes', 'false'],
  ['receive.denyNonFastForwards', 'false'],
  ['receive.advertisePushOptions', 'true'],
  // The forge alone keeps the heads of merge requests; anybody may fetch them.
  ['receive.hideRefs', 'refs/merge-requests'],
  ['receive.hideRefs', 'refs/pull'],
  // The pack as it is on disk: a request may be compressed.
  ['receive.maxInputSize', String(MAX_PUSH_BYTES)],
  // Nothing tidies up behind a test's back, or still writes when the folder is removed.
  ['gc.auto', '0'],
  ['receive.autogc', 'false'],
  ['maintenance.auto', 'false'],
] as const

// The forge names the branches that this pusher may not push to, one pattern a line; git itself then refuses the push.
const GUARD = `#!/bin/sh
while read -r before after ref; do
  while read -r closed; do
    case "$ref" in $closed)
      echo 'GitLab: You are not allowed to push code to protected branches on this project.' >&2
      exit 1 ;;
    esac
  done <<REFS
$FORGE_CLOSED_REFS
REFS
done
`

// Push options reach a hook as variables and nothing else; they are laid down for the forge to read after the push.
const HOOK = `#!/bin/sh
i=0
: > "$GIT_DIR/push-options"
while [ "$i" -lt "\${GIT_PUSH_OPTION_COUNT:-0}" ]; do
  eval "printf '%s\\n' \\"\\$GIT_PUSH_OPTION_$i\\"" >> "$GIT_DIR/push-options"
  i=$((i + 1))
done
exit 0
`

/** Makes a bare repository; with a seed folder, its files are the first commit on the default branch and on `also`. */
export async function makeRepository(dir: string, defaultBranch: string, seed?: string, also: readonly string[] = []) {
  await mkdir(dirname(dir), { recursive: true })
  await git(dirname(dir), ['init', '--quiet', '--bare', `--initial-branch=${defaultBranch}`, '--', dir])
  for (const [key, value] of SETTINGS) await git(dir, ['config', '--add', key, value])
  await writeFile(join(dir, 'hooks', 'pre-receive'), GUARD, { mode: 0o755 })
  await writeFile(join(dir, 'hooks', 'post-receive'), HOOK, { mode: 0o755 })
  if (seed === undefined) return
  const work = ['--git-dir', dir, '--work-tree', seed]
  await git(seed, [...work, 'add', '--all', '--force'])
  await git(seed, [...work, 'commit', '--quiet', '--message=Begin'])
  for (const branch of also) await git(dir, ['branch', branch, defaultBranch])
}

/** Full names of branches and tags, and what they point at. */
export async function readRefs(dir: string): Promise<Map<string, string>> {
  const out = await git(dir, ['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads', 'refs/tags'])
  return new Map(
    out
      .split('\n')
      .filter(Boolean)
      .map((line) => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]),
  )
}

const FORMAT = '%H%x00%s%x00%B%x00%an%x00%ae%x00%aI%x00%P%x01'

/**
 * Commits, newest first. `revisions` are checked hashes or full ref names, `^` before what is left out; `more` holds
 * options of git log that are no user's words, `path` what they must have changed.
 */
export async function log(
  dir: string,
  revisions: string | readonly string[],
  most: number,
  more: readonly string[] = [],
  path?: string,
): Promise<CommitFacts[]> {
  const from = typeof revisions === 'string' ? [revisions] : revisions
  const out = await git(dir, [
    '--literal-pathspecs',
    'log',
    `--max-count=${most}`,
    `--format=${FORMAT}`,
    ...more,
    '--end-of-options',
    ...from,
    '--',
    ...(path === undefined ? [] : [path]),
  ])
  return out
    .split('\u0001')
    .map((c) => c.trimStart())
    .filter(Boolean)
    .map((entry) => {
      const [id = '', title = '', message = '', authorName = '', authorEmail = '', at = '', parents = ''] =
        entry.split('\0')
      return { id, title, message, authorName, authorEmail, at, parents: parents.split(' ').filter(Boolean) }
    })
}

/** The commit that a hash, branch or tag names; null where there is none. */
export async function resolve(dir: string, name: string): Promise<string | null> {
  if (name.startsWith('-') || /[\s\0~^:?*[\\]|\.\./.test(name)) return null
  const hash = /^[0-9a-f]{7,64}$/.test(name) ? [name] : []
  // The head of a merge request is named in full, as GitLab's pipelines of merge requests name it.
  const refs = /^refs\/merge-requests\/\d+\/head$/.test(name) ? [name] : [`refs/heads/${name}`, `refs/tags/${name}`]
  // A branch may be called `deadbeef`; a whole hash is always one.
  const candidates = name === 'HEAD' ? ['HEAD'] : name.length >= 40 ? [...hash, ...refs] : [...refs, ...hash]
  for (const candidate of candidates) {
    const out = await git(dir, ['rev-parse', '--quiet', '--verify', '--end-of-options', `${candidate}^{commit}`]).catch(
      () => '', // not there: the next
    )
    if (out.trim() !== '') return out.trim()
  }
  return null
}
