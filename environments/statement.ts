// What a person agrees to, as bytes: everything that a deployment does, and who says so. Pure.
import { createHash } from 'node:crypto'
import { canonical, hashOf, type Json, sha256 } from '../audit/canonical'

/** approve · reject, with a reason · override a freeze, together with somebody else · break-glass: now, and be reviewed. */
export const DECISIONS = ['approve', 'reject', 'override', 'break-glass'] as const
export type Decision = (typeof DECISIONS)[number]

/** Breaking the glass takes a reason of at least this many characters, and holds this long, in ms. */
export const GLASS_REASON = 20
export const GLASS_MS = 3_600_000
/** By then somebody else has looked at it, or the environment freezes. */
export const GLASS_REVIEW_MS = 24 * 3_600_000
/** Of a comment or a reason, in characters. */
export const MOST_REASON = 2_000
/** An unsigned statement may be answered for this long, in ms. */
export const STATEMENT_MS = 5 * 60_000
export const DEFAULT_EXPIRES_MS = 4 * 3_600_000

/** People who had a hand in it: accounts here, and users of the forge by their numeric ids. */
export interface Hands {
  accounts: readonly number[]
  forge: readonly string[]
}

/** What a sign-off of a promotion binds. Every field is read anew before anything is deployed. */
export type BoundPromotion = {
  project: { id: number; path: string }
  environment: { id: number; name: string }
  /** `ask`: trying again by hand counts on. */
  promotion: { id: number; kind: string; ask: number }
  release: { id: number; tag: string; tree: string }
  digest: string
  /** Bytes of the image; null: its store did not say. */
  size: number | null
  git: { repository: number | null; commit: string; branch: string }
  /** Of how it was built: the Dockerfile and its bases. */
  build_sha256: string
  /** Of what the service file says about deploying and configuration. */
  config_sha256: string
  /** Of the results of its stages. */
  tests_sha256: string
  merge_requests: number[]
  policy: { version: number; sha256: string }
  /** What runs there now; null: nothing. */
  previous_digest: string | null
  /** Who had a hand in it, as far as it was known when this was shown; who counts is looked up anew. */
  excluded: Hands
}

/** What agreeing to a change of an environment's policy binds. */
export type BoundPolicy = {
  project: { id: number; path: string }
  environment: { id: number; name: string }
  change: number
  policy: { version: number; sha256: string }
  policy_sha256: string
  excluded: Hands
}

type Envelope<T extends string, B> = {
  v: 1
  type: T
  /** The trail's name. */
  origin: string
  decision: Decision
  reason: string
  bound: B
  approver: { account: number; forge: string | null; role: string }
  /** The newest signed head of the trail: who signs is its witness. */
  checkpoint: { size: number; root: string } | null
  nonce: string
  /** ISO 8601 */
  iat: string
  exp: string
}
export type Statement = Envelope<'shiplock.signoff', BoundPromotion> | Envelope<'shiplock.policy', BoundPolicy>
export type Bound = BoundPromotion | BoundPolicy

const PREFIX = 'shiplock/signoff/v1\n'

/** The bytes that are stored, hashed and signed. */
export const bytesOf = (statement: Statement): Buffer => Buffer.from(canonical(statement as unknown as Json))
export const statementHash = (bytes: Uint8Array): string => sha256(bytes)
/** What the passkey signs, base64url. */
export const challengeOf = (bytes: Uint8Array): string =>
  createHash('sha256').update(PREFIX).update(bytes).digest('base64url')

/** @returns null where the bytes are no statement of ours */
export function readStatement(bytes: Uint8Array): Statement | null {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString('utf8')) as Statement
    const known = value?.v === 1 && (value.type === 'shiplock.signoff' || value.type === 'shiplock.policy')
    return known && Buffer.compare(bytesOf(value), Buffer.from(bytes)) === 0 ? value : null
  } catch {
    return null // not JSON: no statement
  }
}

const IN_WORDS: Record<string, string> = {
  project: 'project',
  environment: 'environment',
  promotion: 'promotion, or attempt of it',
  release: 'release',
  digest: 'image',
  size: 'size of the image',
  git: 'commit',
  build_sha256: 'way of building',
  config_sha256: 'configuration',
  tests_sha256: 'test results',
  merge_requests: 'merge requests',
  policy: 'policy of the environment',
  previous_digest: 'release to be replaced',
  change: 'change of the policy',
  policy_sha256: 'proposed policy',
}

/** Which bound field is another one now, in words; null: none. Who had a hand is looked up on its own. */
export function whatDiffers(signed: Bound, now: Bound): string | null {
  const [a, b] = [signed, now].map(({ excluded: _, ...rest }) => rest as Record<string, Json>)
  if (a === undefined || b === undefined) return 'everything'
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (hashOf(a[key] ?? null) !== hashOf(b[key] ?? null) || key in a !== key in b) return IN_WORDS[key] ?? key
  }
  return null
}
