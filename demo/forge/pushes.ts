// What changed by a push, as GitLab tells it.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { User } from './people'
import { type CommitFacts, git, log, type Project } from './repositories'
import type { Hook, Sender } from './webhooks'

/** One push that changes more refs of a kind than this sends no webhook for them at all. */
const PUSH_EVENT_HOOKS_LIMIT = 3
const MOST_COMMITS = 20

export interface RefChange {
  ref: string
  before: string
  after: string
}

export function changesOf(before: Map<string, string>, after: Map<string, string>): RefChange[] {
  const zeros = '0'.repeat([...before.values(), ...after.values()][0]?.length ?? 40)
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((ref) => ({ ref, before: before.get(ref) ?? zeros, after: after.get(ref) ?? zeros }))
    .filter((change) => change.before !== change.after)
}

const isZero = (hash: string) => /^0+$/.test(hash)
const actionOf = (c: RefChange) => (isZero(c.before) ? 'created' : isZero(c.after) ? 'removed' : 'updated')
const typeOf = (c: RefChange) => (c.ref.startsWith('refs/tags/') ? 'tag' : 'branch')

/** Sends the webhooks that a push causes. */
export async function tellOfPush(
  project: Project,
  user: User,
  changes: RefChange[],
  hooks: readonly Hook[],
  sender: Sender,
  webUrl: string,
) {
  const options = await pushOptions(project.dir)
  const kindOf = (c: RefChange) => `${typeOf(c)} ${actionOf(c)}`
  for (const kind of new Set(changes.map(kindOf))) {
    const group = changes.filter((c) => kindOf(c) === kind)
    if (group.length > PUSH_EVENT_HOOKS_LIMIT) continue
    for (const change of group) {
      const tag = typeOf(change) === 'tag'
      const payload = await payloadOf(project, user, change, options, webUrl)
      for (const hook of hooks)
        if (tag ? hook.tagPushEvents : hook.pushEvents) sender.send(hook, tag ? 'Tag Push Hook' : 'Push Hook', payload)
    }
  }
}

async function pushOptions(dir: string): Promise<Record<string, unknown>> {
  const text = await readFile(join(dir, 'push-options'), 'utf8').catch(() => '') // no push with options yet
  const names = text.split('\n').filter(Boolean)
  return names.includes('ci.skip')
    ? { ci: { skip: true } }
    : Object.fromEntries(names.map((n) => [n.split('=')[0], n.includes('=') ? n.slice(n.indexOf('=') + 1) : true]))
}

async function payloadOf(
  project: Project,
  user: User,
  change: RefChange,
  options: Record<string, unknown>,
  webUrl: string,
) {
  const tag = typeOf(change) === 'tag'
  const removed = isZero(change.after)
  const checkout = removed
    ? null
    : (await git(project.dir, ['rev-parse', '--verify', '--end-of-options', `${change.after}^{commit}`])).trim()
  const { commits, total } = removed || tag ? { commits: [], total: 0 } : await commitsOf(project, change)
  return {
    object_kind: tag ? 'tag_push' : 'push',
    event_name: tag ? 'tag_push' : 'push',
    before: change.before,
    after: change.after,
    ref: change.ref,
    ref_protected: change.ref === `refs/heads/${project.defaultBranch}`,
    checkout_sha: checkout,
    message: tag && !removed && checkout !== change.after ? await tagMessage(project.dir, change.after) : null,
    user_id: user.id,
    user_name: user.name,
    user_username: user.username,
    user_email: null,
    user_avatar: null,
    project_id: project.id,
    project: projectPart(project, webUrl),
    commits: commits.map((c) => commitPart(c, `${webUrl}/${project.path}`)),
    total_commits_count: total,
    push_options: options,
    repository: {
      name: project.name,
      url: `${webUrl}/${project.path}.git`,
      description: '',
      homepage: `${webUrl}/${project.path}`,
      git_http_url: `${webUrl}/${project.path}.git`,
      git_ssh_url: '',
      visibility_level: 0,
    },
  }
}

async function commitsOf(project: Project, change: RefChange): Promise<{ commits: CommitFacts[]; total: number }> {
  // A new branch tells of what its own push brought and the default branch does not have.
  const range = isZero(change.before)
    ? [change.after, `^refs/heads/${project.defaultBranch}`]
    : [change.after, `^${change.before}`]
  const ids = (await git(project.dir, ['rev-list', '--max-count=10000', ...range]).catch(() => ''))
    .split('\n')
    .filter(Boolean) // no default branch yet
  const newest = await Promise.all(ids.slice(0, MOST_COMMITS).map(async (id) => (await log(project.dir, id, 1))[0]))
  return { commits: newest.filter((c) => c !== undefined).reverse(), total: ids.length }
}

const tagMessage = async (dir: string, tag: string) =>
  (await git(dir, ['cat-file', '-p', tag])).split('\n\n').slice(1).join('\n\n').trim()

function commitPart(c: CommitFacts, web: string) {
  return {
    id: c.id,
    message: c.message,
    title: c.title,
    timestamp: c.at,
    url: `${web}/-/commit/${c.id}`,
    author: { name: c.authorName, email: '[REDACTED]' },
    added: [],
    modified: [],
    removed: [],
  }
}

function projectPart(project: Project, webUrl: string) {
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
