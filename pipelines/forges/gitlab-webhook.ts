// What GitLab sends (16 to 19), verified and read. Pure: the web process loads this file, and it holds no forge token.
// https://docs.gitlab.com/user/project/integrations/webhooks/ and https://www.standardwebhooks.com

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { firstLine, isStorable } from '../title'
import type { ForgeEvent, ForgeIntake, Headers, HookSecrets } from './forge'

/** Seconds a signed timestamp may lie in the past or the future: what Standard Webhooks recommends. */
const FRESH_S = 300
/** GitLab sends one signature and reserves the right to send more; a longer list is somebody trying. */
const MAX_SIGNATURES = 8
/** Above git's and the forges' own limits: a longer name is never cut, because a cut name is another branch. */
const MAX_REF = 1024

const DELIVERY_ID = /^[\w:-]{1,128}$/
const SIGNATURE = /^[a-z0-9]{1,8},[A-Za-z0-9+/=_-]{1,256}$/

/** True where the header was sent in any form, also one that verify will refuse: no way round it by sending it twice. */
const isSent = (headers: Headers, name: string) => headers[name] !== undefined

/** The header's one value. Sent twice, or as a list: null. */
function one(headers: Headers, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' ? value : null
}

/** Hashing both sides makes them equally long: timingSafeEqual throws on unequal lengths, and length is a hint as well. */
function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

function isFresh(timestamp: string, now: number): boolean {
  return /^\d{1,12}$/.test(timestamp) && Math.abs(now / 1000 - Number(timestamp)) <= FRESH_S
}

/**
 * The signed text is `id.timestamp.body`; an id with a dot could shift that border, so none is taken. Entries are
 * compared as text: base64 has several spellings of one value, and only the sender's own counts.
 */
function signatureIsRight(headers: Headers, rawBody: Buffer, key: Buffer, now: number): boolean {
  const id = one(headers, 'webhook-id')
  const timestamp = one(headers, 'webhook-timestamp')
  const list = one(headers, 'webhook-signature')
  if (key.length !== 32 || id === null || timestamp === null || list === null) return false
  if (!DELIVERY_ID.test(id) || !isFresh(timestamp, now)) return false
  const entries = list.split(' ')
  // Node joins a repeated header with ", ": such an entry does not match, and one odd entry spoils the list.
  if (entries.length > MAX_SIGNATURES || !entries.every((entry) => SIGNATURE.test(entry))) return false
  const right = `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(rawBody).digest('base64')}`
  let found = false
  for (const entry of entries) found = sameSecret(entry, right) || found
  return found
}

function tokenIsRight(headers: Headers, token: string): boolean {
  const sent = one(headers, 'x-gitlab-token')
  return token !== '' && sent !== null && sent !== '' && sameSecret(sent, token)
}

function verify(headers: Headers, rawBody: Buffer, secrets: HookSecrets, now: number): boolean {
  // A hook that GitLab confirmed as signing never falls back to the token, which travels in clear.
  if (secrets.signed || isSent(headers, 'webhook-signature')) {
    return signatureIsRight(headers, rawBody, secrets.signingKey, now)
  }
  return tokenIsRight(headers, secrets.token)
}

/** `webhook-id` first: it is signed, so a replay cannot come under a new name. Both are the same value in GitLab 19. */
function deliveryKey(headers: Headers): string | null {
  for (const name of ['webhook-id', 'idempotency-key']) {
    const value = one(headers, name)
    if (value !== null && DELIVERY_ID.test(value)) return value
  }
  return null
}

// Only what a push must have can make it unreadable; everything else has a default, because payloads differ by version.
const text = z.string().catch('')
const object = z.record(z.string(), z.unknown()).catch({})
const Kind = z.object({ object_kind: text, event_name: text })
const hash = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/)
const Push = z.object({
  ref: z.string().max(MAX_REF),
  before: hash,
  after: hash,
  project_id: z.number().int().positive().max(Number.MAX_SAFE_INTEGER),
  project: z.object({ path_with_namespace: text }).catch({ path_with_namespace: '' }),
  user_id: z.union([z.number().int(), z.string()]).catch(''),
  user_username: text,
  user_name: text,
  commits: z.array(z.unknown()).catch([]),
  push_options: z.object({ ci: object }).catch({ ci: {} }),
})
const PushedCommit = z.object({ id: z.string(), title: text, message: text })

/** Why an event makes no run. Kinds by `object_kind`, those of system hooks by `event_name`. */
const IGNORED: Readonly<Record<string, string>> = {
  tag_push: 'a tag, not a branch',
  merge_request: 'a merge request: the push to its branch brings its own event',
  note: 'a comment',
  issue: 'an issue',
  work_item: 'an issue',
  pipeline: 'a GitLab pipeline, not a push',
  build: 'a GitLab CI job, not a push',
  deployment: 'a deployment recorded on the forge, not a push',
  release: 'a release recorded on the forge, not a push',
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

function readPush(payload: unknown): ForgeEvent {
  const read = Push.safeParse(payload)
  if (!read.success) {
    const where = read.error.issues[0]?.path.join('.') || 'its shape'
    return ignored(`a push that cannot be read: ${where} is missing or is not what GitLab sends`)
  }
  const push = read.data
  if (push.ref.startsWith('refs/tags/')) return ignored(IGNORED.tag_push ?? '')
  if (!push.ref.startsWith('refs/heads/') || push.ref === 'refs/heads/') return ignored('not a branch')
  const branch = push.ref.slice('refs/heads/'.length)
  if (!isStorable(branch)) return ignored('a branch name that no git repository can hold')
  if (ZERO.test(push.before) && ZERO.test(push.after)) return ignored('a push of nothing: both commits are zeros')
  return {
    kind: 'push',
    forgeProjectId: push.project_id,
    path: firstLine(push.project.path_with_namespace, 500),
    branch,
    before: push.before,
    after: push.after,
    title: titleOf(push.commits, push.after),
    pusherId: firstLine(String(push.user_id), 64),
    // The username is unique on the forge; the display name is whatever its owner typed.
    pusherName: firstLine(push.user_username || push.user_name, 255),
    skip: asksToSkip(push.push_options.ci),
  }
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

/** The body alone decides which event it is: the body is signed, the X-Gitlab-Event header is not. */
function parse(_headers: Headers, rawBody: Buffer): ForgeEvent {
  const decoded = decode(rawBody)
  if (decoded === null) return ignored('the body is not JSON in UTF-8')
  const kind = Kind.safeParse(decoded.payload)
  if (!kind.success) return ignored('the body is not a JSON object')
  const name = kind.data.object_kind || kind.data.event_name
  if (name === '') return ignored('the body names no event: does the webhook have a custom template? It must have none')
  if (name === 'push') return readPush(decoded.payload)
  const reason = Object.hasOwn(IGNORED, name) ? IGNORED[name] : undefined
  return ignored(reason ?? `an event that makes no run: ${firstLine(name, 60)}`)
}

/** GitLab's webhooks. `X-Gitlab-Event-UUID` is neither read nor sent on: GitLab drops our hook from a chain that carries it. */
export const gitlabIntake: ForgeIntake = {
  hasSecret: (headers) => Boolean(headers['webhook-signature'] || headers['x-gitlab-token']),
  verify,
  deliveryKey,
  eventName: (headers) => firstLine(one(headers, 'x-gitlab-event') ?? '', 100) || 'unknown',
  parse,
}
