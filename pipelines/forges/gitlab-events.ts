// What the webhooks of GitLab (16 to 19) mean: pushes, tags and merge requests; everything else is ignored, with the reason.
// https://docs.gitlab.com/user/project/integrations/webhook_events/ Pure, and the payload is a stranger's.

import { z } from 'zod'
import { firstLine, isStorable } from '../title'
import type { ForgeEvent } from './forge'

/** Above git's and the forges' own limits: a longer name is never cut, because a cut name is another branch. */
const MAX_REF = 1024

// Only what an event must have can make it unreadable; everything else has a default, because payloads differ by version.
const text = z.string().catch('')
const object = z.record(z.string(), z.unknown()).catch({})
const Kind = z.object({ object_kind: text, event_name: text })
const hash = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/)
const number = z.number().int().positive().max(Number.MAX_SAFE_INTEGER)
const userId = z.union([z.number().int(), z.string()]).catch('')
const Path = z.object({ path_with_namespace: text }).catch({ path_with_namespace: '' })

/** Pushes of branches and of tags. */
const Push = z.object({
  ref: z.string().max(MAX_REF),
  before: hash,
  after: hash,
  // Of a tag: the commit, dereferenced. Null: deleted.
  checkout_sha: hash.nullable().catch(null),
  project_id: number,
  project: Path,
  user_id: userId,
  user_username: text,
  user_name: text,
  commits: z.array(z.unknown()).catch([]),
  push_options: z.object({ ci: object }).catch({ ci: {} }),
})
type Push = z.infer<typeof Push>
const PushedCommit = z.object({ id: z.string(), title: text, message: text })

/** There is no project_id at the top; `project` is the target's, also of a fork's merge request, and had no id long ago. */
const MergeRequestEvent = z.object({
  project: z.object({ id: number.optional(), path_with_namespace: text }).catch({ path_with_namespace: '' }),
  user: z.object({ id: userId, username: text, name: text }).catch({ id: '', username: '', name: '' }),
  object_attributes: z.object({
    iid: number,
    target_project_id: number.optional().catch(undefined),
    action: z.string().min(1),
    title: text,
    source_branch: z.string().max(MAX_REF),
    target_branch: z.string().max(MAX_REF),
  }),
})

/** Why an event makes nothing happen. Kinds by `object_kind`, those of system hooks by `event_name`. */
const IGNORED: Readonly<Record<string, string>> = {
  note: 'a comment',
  issue: 'an issue',
  work_item: 'an issue',
  pipeline: 'a GitLab pipeline, not a push',
  build: 'a GitLab CI job, not a push',
  deployment: 'a deployment recorded on the forge, not a push',
  release: 'a release recorded on the forge: its tag brings its own event',
  wiki_page: 'a wiki page',
  emoji: 'an emoji',
  milestone: 'a milestone',
  feature_flag: 'a feature flag',
  access_token: 'an access token of the forge is about to expire: make a new one before it does',
  repository_update: 'a repository update: the push event of each branch says the same',
}

const ignored = (because: string): ForgeEvent => ({ kind: 'ignored', because })
const ZERO = /^0+$/

/** The pushed commit's own title. `commits` holds at most the newest 20 and may be empty: it decides nothing. */
function titleOf(commits: readonly unknown[], after: string): string {
  for (const item of commits.slice(0, 100)) {
    const commit = PushedCommit.safeParse(item).data
    if (commit?.id === after) return firstLine(commit.title || commit.message)
  }
  return ''
}

/** `git push -o ci.skip`: GitLab sends true; an option without a value may also come as an empty text. */
const asksToSkip = (ci: Record<string, unknown>) =>
  Object.hasOwn(ci, 'skip') && ci.skip !== false && ci.skip !== 'false'

/** What a ref names below this folder of refs; null: it is elsewhere, or names nothing. */
const nameIn = (folder: string, ref: string) =>
  ref.startsWith(folder) && ref.length > folder.length ? ref.slice(folder.length) : null

/** The username is unique on the forge; the display name is whatever its owner typed. */
const person = (id: number | string, username: string, name: string) =>
  [firstLine(String(id), 64), firstLine(username || name, 255)] as const

function unreadable(what: string, error: z.ZodError): ForgeEvent {
  const where = error.issues[0]?.path.join('.') || 'its shape'
  return ignored(`${what} that cannot be read: ${where} is missing or is not what GitLab sends`)
}

/** What branches and tags have alike; or why there is nothing to do. */
function pushedOf(payload: unknown, folder: string, what: string): { push: Push; name: string } | ForgeEvent {
  const read = Push.safeParse(payload)
  if (!read.success) return unreadable(what === 'branch' ? 'a push' : 'a tag', read.error)
  const push = read.data
  const name = nameIn(folder, push.ref)
  if (name === null) return ignored(`not a ${what}`)
  if (!isStorable(name)) return ignored(`a ${what} name that no git repository can hold`)
  if (ZERO.test(push.before) && ZERO.test(push.after)) return ignored('a push of nothing: both commits are zeros')
  return { push, name }
}

function readPush(payload: unknown): ForgeEvent {
  const pushed = pushedOf(payload, 'refs/heads/', 'branch')
  if ('kind' in pushed) return pushed
  const { push, name } = pushed
  const [pusherId, pusherName] = person(push.user_id, push.user_username, push.user_name)
  return {
    kind: 'push',
    forgeProjectId: push.project_id,
    path: firstLine(push.project.path_with_namespace, 500),
    branch: name,
    before: push.before,
    after: push.after,
    title: titleOf(push.commits, push.after),
    pusherId,
    pusherName,
    skip: asksToSkip(push.push_options.ci),
  }
}

function readTag(payload: unknown): ForgeEvent {
  const pushed = pushedOf(payload, 'refs/tags/', 'tag')
  if ('kind' in pushed) return pushed
  const { push, name } = pushed
  const [pusherId, pusherName] = person(push.user_id, push.user_username, push.user_name)
  return {
    kind: 'tag',
    forgeProjectId: push.project_id,
    path: firstLine(push.project.path_with_namespace, 500),
    name,
    before: push.before,
    after: push.after,
    // Of an annotated tag `after` is the tag's own object: what it names is checkout_sha alone.
    commit: ZERO.test(push.after) ? null : push.checkout_sha,
    pusherId,
    pusherName,
  }
}

function readMergeRequest(payload: unknown): ForgeEvent {
  const read = MergeRequestEvent.safeParse(payload)
  if (!read.success) return unreadable('a merge request', read.error)
  const { project, user, object_attributes: about } = read.data
  const [source, target] = [about.source_branch, about.target_branch]
  const forgeProjectId = project.id ?? about.target_project_id
  if (forgeProjectId === undefined) return ignored('a merge request of no project')
  if (!isStorable(source) || !isStorable(target)) return ignored('a branch name that no git repository can hold')
  const [actorId, actorName] = person(user.id, user.username, user.name)
  return {
    kind: 'merge-request',
    forgeProjectId,
    path: firstLine(project.path_with_namespace, 500),
    iid: about.iid,
    action: firstLine(about.action, 60),
    title: firstLine(about.title),
    source,
    target,
    actorId,
    actorName,
  }
}

const READERS: Readonly<Record<string, (payload: unknown) => ForgeEvent>> = {
  push: readPush,
  tag_push: readTag,
  merge_request: readMergeRequest,
}

/** JSON text is UTF-8 by its standard; a decoder that guesses would show a branch that does not exist. */
const utf8 = new TextDecoder('utf-8', { fatal: true })

function decode(rawBody: Buffer): { payload: unknown } | null {
  try {
    return { payload: JSON.parse(utf8.decode(rawBody)) }
  } catch {
    return null // not UTF-8, not JSON, or nested beyond what the parser takes: all the same to the inbox
  }
}

const of = <T>(table: Readonly<Record<string, T>>, name: string) =>
  Object.hasOwn(table, name) ? table[name] : undefined

/** Never throws. System hooks come under one header for all events, so the body alone is asked which it is. */
export function parse(rawBody: Buffer): ForgeEvent {
  const decoded = decode(rawBody)
  if (decoded === null) return ignored('the body is not JSON in UTF-8')
  const kind = Kind.safeParse(decoded.payload)
  if (!kind.success) return ignored('the body is not a JSON object')
  const name = kind.data.object_kind || kind.data.event_name
  if (name === '') return ignored('the body names no event: does the webhook have a custom template? It must have none')
  const reader = of(READERS, name)
  if (reader !== undefined) return reader(decoded.payload)
  return ignored(of(IGNORED, name) ?? `an event that makes no run: ${firstLine(name, 60)}`)
}
