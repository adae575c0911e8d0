import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

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

export async function git(cwd: string, args: string[]): Promise<string> {
  const { stdout } = await run('git', args, { cwd, env: GIT_ENV, timeout: DEADLINE_MS, maxBuffer: MAX_OUTPUT })
  return stdout
}

const SETTINGS = [
  ['http.receivepack', 'true'],
  ['uploadpack.allowAnySHA1InWant', 'true'],
  ['receive.denyDeletes', 'false'],
  ['receive.denyNonFastForwards', 'false'],
  ['receive.advertisePushOptions', 'true'],
] as const

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

/** Makes a bare repository; with a seed folder, its files are the first commit on master and develop. */
export async function makeRepository(dir: string, seed?: string) {
  await mkdir(dirname(dir), { recursive: true })
  await git(dirname(dir), ['init', '--quiet', '--bare', '--initial-branch=master', '--', dir])
  for (const [key, value] of SETTINGS) await git(dir, ['config', key, value])
  await writeFile(join(dir, 'hooks', 'post-receive'), HOOK, { mode: 0o755 })
  if (seed === undefined) return
  const work = ['--git-dir', dir, '--work-tree', seed]
  await git(seed, [...work, 'add', '--all', '--force'])
  await git(seed, [...work, 'commit', '--quiet', '--message=Begin'])
  await git(dir, ['branch', 'develop', 'master'])
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

/** Commits, newest first. `revision` is a checked hash or full ref name, or a range of such. */
export async function log(dir: string, revision: string, most: number): Promise<CommitFacts[]> {
  const out = await git(dir, ['log', `--max-count=${most}`, `--format=${FORMAT}`, '--end-of-options', revision])
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
  if (name.startsWith('-') || /[\s~^:?*[\\]|\.\./.test(name)) return null
  for (const candidate of /^[0-9a-f]{7,64}$/.test(name)
    ? [name]
    : [`refs/heads/${name}`, `refs/tags/${name}`, ...(name === 'HEAD' ? ['HEAD'] : [])]) {
    const out = await git(dir, ['rev-parse', '--quiet', '--verify', '--end-of-options', `${candidate}^{commit}`]).catch(
      () => '',
    ) // not there: the next
    if (out.trim() !== '') return out.trim()
  }
  return null
}
