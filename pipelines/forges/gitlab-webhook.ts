// What GitLab sends (16 to 19), verified; gitlab-events.ts reads it. Pure: the web process loads this file, and it holds no forge token.
// https://docs.gitlab.com/user/project/integrations/webhooks/ and https://www.standardwebhooks.com

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { firstLine } from '../title'
import type { ForgeIntake, Headers, HookSecrets } from './forge'
import { parse } from './gitlab-events'

/** Seconds a signed timestamp may lie in the past or the future: what Standard Webhooks recommends. */
const FRESH_S = 300
/** GitLab sends one signature and reserves the right to send more; a longer list is somebody trying. */
const MAX_SIGNATURES = 8

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

/** GitLab's webhooks. `X-Gitlab-Event-UUID` is neither read nor sent on: GitLab drops our hook from a chain that carries it. */
export const gitlabIntake = {
  hasSecret: (headers) => Boolean(headers['webhook-signature'] || headers['x-gitlab-token']),
  verify,
  deliveryKey,
  eventName: (headers) => firstLine(one(headers, 'x-gitlab-event') ?? '', 100) || 'unknown',
  headersOf: (eventName) => ({ 'x-gitlab-event': eventName }),
  // The body alone decides which event it is: the body is signed, the X-Gitlab-Event header is not.
  parse: (_headers, rawBody) => parse(rawBody),
} satisfies ForgeIntake
