// What GitHub sends, verified and read. Pure: the web process loads this file, and it holds no forge token; what it takes
// from Octokit verifies and does no more. https://docs.github.com/webhooks/webhook-events-and-payloads

import { Webhooks } from '@octokit/webhooks'
import { z } from 'zod'
import { firstLine, isStorable } from '../title'
import type { ForgeEvent, ForgeIntake, Headers, HookSecrets } from './forge'

const SIGNATURE = 'x-hub-signature-256'
/** Above git's and the forges' own limits: a longer name is never cut, because a cut name is another branch. */
const MAX_REF = 1024

/** The header's one value. Sent twice, or as a list: null. */
function one(headers: Headers, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' ? value : null
}

/** JSON text is UTF-8 by its standard. Every byte counts, a mark at its beginning too: the signature is over all of them. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(rawBody: Buffer): string | null {
  try {
    return utf8.decode(rawBody)
  } catch {
    return null // a decoder that replaces what it cannot read makes one text of several bodies
  }
}

/** GitHub always signs, with the secret that our hook was given: there is no way in without, whatever `signed` says. */
async function verify(headers: Headers, rawBody: Buffer, { token }: HookSecrets): Promise<boolean> {
  const signature = one(headers, SIGNATURE)
  const text = textOf(rawBody)
  // Node joins a repeated header with ", ", which is no signature. An empty secret would sign for everybody.
  if (token === '' || !text || signature === null || !/^sha256=[0-9a-f]{64}$/.test(signature)) return false
  return new Webhooks({ secret: token }).verify(text, signature)
}

const Name = z.string().max(MAX_REF)
const Hash = z.string().max(64)
const User = z.object({ id: z.number().int(), login: z.string() })
const Repository = z.object({ id: z.number().int(), full_name: z.string() })

export const Push = z.object({
  ref: Name,
  before: Hash,
  after: Hash,
  head_commit: z.object({ id: Hash, message: z.string().catch('') }).nullish(),
  repository: Repository,
  sender: User,
})

export const PullRequest = z.object({
  action: z.string(),
  pull_request: z.object({
    number: z.number().int().positive(),
    title: z.string().catch(''),
    head: z.object({ ref: Name }),
    base: z.object({ ref: Name }),
  }),
  review: z.object({ state: z.string() }).optional(),
  repository: Repository,
  sender: User,
})

const ignored = (because: string): ForgeEvent => ({ kind: 'ignored', because })
const ZERO = /^0+$/

/** Reads a payload, or says what of it is not as GitHub sends it. */
function readAs<T>(shape: z.ZodType<T>, payload: unknown, what: string, make: (read: T) => ForgeEvent): ForgeEvent {
  const result = shape.safeParse(payload)
  if (result.success) return make(result.data)
  const where = result.error.issues[0]?.path.join('.') || 'its shape'
  return ignored(`${what} that cannot be read: ${where} is missing or is not what GitHub sends`)
}

function readPush(push: z.infer<typeof Push>): ForgeEvent {
  const { ref, before, after, head_commit: commit } = push
  const [, kind, name = ''] = /^refs\/(heads|tags)\/(.+)$/s.exec(ref) ?? []
  if (kind === undefined) return ignored('not a branch')
  if (!isStorable(name)) return ignored('a branch name that no git repository can hold')
  if (ZERO.test(before) && ZERO.test(after)) return ignored('a push of nothing: both commits are zeros')
  const common = {
    forgeProjectId: push.repository.id,
    path: firstLine(push.repository.full_name, 500),
    before,
    after,
    pusherId: String(push.sender.id),
    pusherName: firstLine(push.sender.login, 255),
  }
  // `after` of an annotated tag is the tag itself; `head_commit` is what it names.
  if (kind === 'tags') return { kind: 'tag', name, commit: ZERO.test(after) ? null : (commit?.id ?? null), ...common }
  const title = commit?.id === after ? firstLine(commit.message) : ''
  return { kind: 'push', branch: name, title, skip: false, ...common }
}

/** What people do to a pull request that moves nothing in the flow. An action that is not known here is looked at. */
const IDLE_ACTIONS = new Set([
  ...['assigned', 'unassigned', 'labeled', 'unlabeled', 'milestoned', 'demilestoned', 'locked', 'unlocked'],
  ...['review_requested', 'review_request_removed', 'auto_merge_enabled', 'auto_merge_disabled'],
])

function readPullRequest(event: z.infer<typeof PullRequest>): ForgeEvent {
  const { pull_request: pull, review, repository, sender } = event
  const action = firstLine(event.action, 60)
  if (review === undefined && IDLE_ACTIONS.has(action)) return ignored(`a pull request was ${action}`)
  if (![pull.head.ref, pull.base.ref].every(isStorable)) return ignored('a branch name that no git repository can hold')
  return {
    kind: 'merge-request',
    forgeProjectId: repository.id,
    path: firstLine(repository.full_name, 500),
    iid: pull.number,
    action: review === undefined ? action : `review ${action}: ${firstLine(review.state, 60)}`,
    title: firstLine(pull.title),
    source: pull.head.ref,
    target: pull.base.ref,
    actorId: String(sender.id),
    actorName: firstLine(sender.login, 255),
  }
}

/** Why an event that is well understood makes nothing. */
const IGNORED: Readonly<Record<string, string>> = {
  ping: "GitHub's greeting to a new webhook: it arrives here",
  create: 'a branch or tag was made: its push event says the same, with the commit',
  delete: 'a branch or tag was deleted: its push event says the same',
  status: 'a commit status, not a push',
  check_run: 'a check, not a push',
  check_suite: 'a check, not a push',
  deployment: 'a deployment recorded on the forge, not a push',
  deployment_status: 'a deployment recorded on the forge, not a push',
  release: 'a release recorded on the forge, not a push',
  issue_comment: 'a comment',
  pull_request_review_comment: 'a comment',
  pull_request_review_thread: 'a comment',
  commit_comment: 'a comment',
  issues: 'an issue',
  workflow_run: 'a GitHub Actions workflow, not a push',
  workflow_job: 'a GitHub Actions workflow, not a push',
}

/** What only the bodies of these events have. */
const MARKS: Readonly<Record<string, readonly string[]>> = {
  push: ['ref', 'before', 'after'],
  pull_request_review: ['action', 'pull_request', 'review'],
  pull_request: ['action', 'pull_request', 'number'],
}

/** Which event the body is one of, as far as it shows; null: one of the others. */
function kindOf(payload: object): string | null {
  if (Object.hasOwn(payload, 'comment') || Object.hasOwn(payload, 'thread')) return null // remarks upon a pull request
  const has = (keys: readonly string[]) => keys.every((key) => Object.hasOwn(payload, key))
  return Object.entries(MARKS).find(([, keys]) => has(keys))?.[0] ?? null
}

/** The event's name stands in the header alone, and the body alone is signed: one must bear the other out. */
function parse(headers: Headers, rawBody: Buffer): ForgeEvent {
  const name = one(headers, 'x-github-event') ?? ''
  const payload = payloadOf(rawBody)
  if (payload === undefined)
    return ignored('the body is not JSON in UTF-8: is the content type of the webhook application/json? It must be')
  if (typeof payload !== 'object' || payload === null) return ignored('the body is not a JSON object')
  const kind = kindOf(payload)
  const isRead = Object.hasOwn(MARKS, name)
  if (isRead && kind !== name) return ignored(`the header says ${name}, but the body is none`)
  if (name === 'push') return readAs(Push, payload, 'a push', readPush)
  if (isRead) return readAs(PullRequest, payload, 'a pull request', readPullRequest)
  if (name === '') return ignored('the header X-GitHub-Event is missing')
  const reason = Object.hasOwn(IGNORED, name) ? IGNORED[name] : undefined
  return ignored(reason ?? `an event that makes no run: ${firstLine(name, 60)}`)
}

/** Undefined: no JSON, or nested beyond what the parser takes: all the same to the inbox. */
function payloadOf(rawBody: Buffer): unknown {
  try {
    return JSON.parse(textOf(rawBody) ?? '')
  } catch {
    return undefined
  }
}

/** GitHub's webhooks. */
export const githubIntake: ForgeIntake = {
  hasSecret: (headers) => Boolean(headers[SIGNATURE]),
  verify,
  // Not signed: whoever replays a body under another name is answered by what the forge says when it is asked again.
  deliveryKey: (headers) => {
    const value = one(headers, 'x-github-delivery')
    return value !== null && /^[\w-]{1,128}$/.test(value) ? value : null
  },
  eventName: (headers) => firstLine(one(headers, 'x-github-event') ?? '', 100) || 'unknown',
  headersOf: (eventName) => ({ 'x-github-event': eventName }),
  parse,
}
