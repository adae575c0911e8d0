// What changed by a push, as GitLab tells it.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { passes } from './branch-names'
import { HEADS, isZero, type Listener, type RefChange } from './happening'
import type { User } from './people'
import { isProtected } from './protections'
import { type CommitFacts, git, log, type Project, resolve } from './repositories'
import type { Hook } from './webhooks'
import type { World } from './world'

/** One push that changes more refs of a kind than this sends no webhook for them at all. */
const PUSH_EVENT_HOOKS_LIMIT = 3
const MOST_COMMITS = 20
/** Names of changed files told per commit and kind of change. */
const MOST_NAMES = 1_000

const actionOf = (c: RefChange) => (isZero(c.before) ? 'created' : isZero(c.after) ? 'removed' : 'updated')
const typeOf = (c: RefChange) => (c.ref.startsWith('refs/tags/') ? 'tag' : 'branch')

type Options = Record<string, unknown>

/** Sends the webhooks of a push. */
export const pushHooks =
  (world: World): Listener =>
  async (happening) => {
    if (happening.kind !== 'push') return
    const { project, user, changes, options } = happening
    const kindOf = (c: RefChange) => `${typeOf(c)} ${actionOf(c)}`
    for (const kind of new Set(changes.map(kindOf))) {
      const group = changes.filter((c) => kindOf(c) === kind)
      if (group.length > PUSH_EVENT_HOOKS_LIMIT) continue
      for (const change of group) {
        const hooks = (world.hooks.get(project.id) ?? []).filter((hook) => wants(hook, change))
        if (hooks.length === 0) continue
        const payload = await payloadOf(project, user, change, options, world.url)
        for (const hook of hooks) world.sender.send(hook, eventOf(change), payload)
      }
    }
  }

const eventOf = (change: RefChange) => (typeOf(change) === 'tag' ? 'Tag Push Hook' : 'Push Hook')

const wants = (hook: Hook, change: RefChange) =>
  typeOf(change) === 'tag' ? hook.tagPushEvents : hook.pushEvents && passes(hook.filter, change.ref.slice(HEADS.length))

/** The options of the last push of the repository: of this one, while it has its turn. */
export async function pushOptions(dir: string): Promise<Options> {
  const text = await readFile(join(dir, 'push-options'), 'utf8').catch(() => '') // no push with options yet
  const names = text.split('\n').filter(Boolean)
  return names.includes('ci.skip')
    ? { ci: { skip: true } }
    : Object.fromEntries(names.map((n) => [n.split('=')[0], n.includes('=') ? n.slice(n.indexOf('=') + 1) : true]))
}

/** The body of a push hook. */
async function payloadOf(project: Project, user: User, change: RefChange, options: Options, webUrl: string) {
  const tag = typeOf(change) === 'tag'
  const removed = isZero(change.after)
  const checkout = removed ? null : await resolve(project.dir, change.after) // null: a tag of a file or a folder
  const { commits, total } = checkout === null ? NOTHING : await commitsOf(project, change, checkout)
  const web = `${webUrl}/${project.path}`
  const kind = tag ? 'tag_push' : 'push'
  return {
    object_kind: kind,
    event_name: kind,
    before: change.before,
    after: change.after,
    ref: change.ref,
    ref_protected: !tag && isProtected(project, change.ref.slice(HEADS.length)),
    checkout_sha: checkout,
    message: tag && !removed ? await tagMessage(project.dir, change.after) : null,
    user_id: user.id,
    user_name: user.name,
    user_username: user.username,
    user_email: null,
    user_avatar: null,
    project_id: project.id,
    project: projectPart(project, webUrl),
    commits: await Promise.all(commits.map((c) => commitPart(project.dir, c, web))),
    total_commits_count: total,
    push_options: options,
    repository: {
      name: project.name,
      url: `${web}.git`,
      description: '',
      homepage: web,
      git_http_url: `${web}.git`,
      git_ssh_url: '',
      visibility_level: 0,
    },
  }
}

/** What GitLab sends to try a hook: the newest three commits of the default branch; null where there are none. */
export async function samplePush(project: Project, user: User, webUrl: string) {
  const head = await resolve(project.dir, project.defaultBranch)
  const [newest, ...earlier] = head === null ? [] : await log(project.dir, head, 3)
  if (newest === undefined) return null
  const before = earlier.at(-1)?.id ?? '0'.repeat(newest.id.length)
  const change = { ref: `refs/heads/${project.defaultBranch}`, before, after: newest.id }
  return payloadOf(project, user, change, {}, webUrl)
}

const NOTHING: { commits: CommitFacts[]; total: number } = { commits: [], total: 0 }

async function commitsOf(project: Project, change: RefChange, checkout: string): Promise<typeof NOTHING> {
  if (typeOf(change) === 'tag') return { commits: await log(project.dir, checkout, 1), total: 1 }
  const range = await rangeOf(project, change)
  if (range === null) return NOTHING
  const newest = await log(project.dir, range, MOST_COMMITS)
  const total =
    newest.length < MOST_COMMITS
      ? newest.length
      : Number(await git(project.dir, ['rev-list', '--count', '--end-of-options', ...range]))
  return { commits: newest.reverse(), total }
}

/** A new branch tells of what its own push brought and the default branch does not have. */
async function rangeOf(project: Project, change: RefChange): Promise<string[] | null> {
  if (!isZero(change.before)) return [change.after, `^${change.before}`]
  if (change.ref === `refs/heads/${project.defaultBranch}`) return [change.after]
  const base = await resolve(project.dir, project.defaultBranch)
  return base === null ? null : [change.after, `^${base}`]
}

/** null: a tag without a word of its own. */
async function tagMessage(dir: string, tag: string): Promise<string | null> {
  if ((await git(dir, ['cat-file', '-t', tag])).trim() !== 'tag') return null
  return (await git(dir, ['cat-file', 'tag', tag])).split('\n\n').slice(1).join('\n\n').trim()
}

async function commitPart(dir: string, c: CommitFacts, web: string) {
  return {
    id: c.id,
    message: c.message,
    title: c.title,
    timestamp: c.at,
    url: `${web}/-/commit/${c.id}`,
    author: { name: c.authorName, email: '[REDACTED]' },
    ...(await changedFiles(dir, c)),
  }
}

/** Against the first parent, as GitLab does for merges too. */
async function changedFiles(dir: string, { id, parents: [parent] }: CommitFacts) {
  const between = parent === undefined ? ['--root', '--no-commit-id', id] : [parent, id]
  const out = await git(dir, ['diff-tree', '-r', '-z', '--no-renames', '--name-status', ...between])
  const words = out.split('\0')
  const files = { added: [] as string[], modified: [] as string[], removed: [] as string[] }
  for (let n = 0; n + 1 < words.length; n += 2) {
    const list = words[n] === 'A' ? files.added : words[n] === 'D' ? files.removed : files.modified
    if (list.length < MOST_NAMES) list.push(words[n + 1] ?? '')
  }
  return files
}

export function projectPart(project: Project, webUrl: string) {
  return {
    id: project.id,
    name: project.name,
    description: '',
    web_url: `${webUrl}/${project.path}`,
    avatar_url: null,
    git_ssh_url: '',
    git_http_url: `${webUrl}/${project.path}.git`,
    namespace: project.path.split('/').slice(0, -1).join('/'),
    visibility_level: 0,
    path_with_namespace: project.path,
    default_branch: project.defaultBranch,
    ci_config_path: null,
    homepage: `${webUrl}/${project.path}`,
    url: `${webUrl}/${project.path}.git`,
    http_url: `${webUrl}/${project.path}.git`,
  }
}
