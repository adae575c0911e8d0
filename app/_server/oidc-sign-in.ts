// Signing in at the provider: what begins in one browser ends in the same one, once, within ten minutes.
import { randomBytes } from 'node:crypto'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { Attempts } from './attempts'
import { accountOf, linkIdentity } from './identities'
import type { Oidc, Pending } from './oidc'
import { isProblem, type OidcProblem } from './oidc-problem'
import { cookieValue, type Entrance, openSession, sha256, viewerFromCookie } from './session'
import { tellRefused } from './sign-in'

/** Of the browser that began; whoever else comes back with the same address has it from somebody. */
export const ATTEMPT_COOKIE = 'shiplock_sign_in'
export const ATTEMPT_MS = 10 * 60_000
/** Sign-ins under way at once: a stranger can begin one, and must not fill the table. */
const MOST_UNDER_WAY = 5_000

/** Beginning and coming back, each counted: by address, and a company often has one. */
const perAddress = new Attempts({ tries: 120, windowMs: 15 * 60_000, keys: 10_000 })

/** Throws too.many. */
export function countTry(address: string, now = Date.now()) {
  const ms = perAddress.blockedFor(address, now)
  if (ms > 0)
    throw new Fault('too.many', `too many sign-ins: try again in ${Math.ceil(ms / 60_000)} minutes`, {
      retryAfterMs: ms,
    })
  perAddress.count(address, now)
}

export interface Begun {
  /** Where the browser is sent. */
  address: URL
  /** The value of ATTEMPT_COOKIE, always new. */
  cookie: string
}

/**
 * Begins a sign-in, or the linking of an identity to an account.
 * @param wanted.next a path of our own, where the browser goes afterwards
 * @param wanted.accountId who links; null: a sign-in
 * Throws too.many.
 */
export async function beginSignIn(
  record: RecordHandle,
  oidc: Oidc,
  wanted: { redirectUri: string; next: string; accountId: number | null },
): Promise<Begun | OidcProblem> {
  const secret = () => randomBytes(32).toString('base64url')
  const pending: Pending = { redirectUri: wanted.redirectUri, state: secret(), nonce: secret(), verifier: secret() }
  const address = await oidc.address(pending)
  if (!(address instanceof URL)) return address
  const cookie = secret()
  await record.pool.query('DELETE FROM "SignInAttempt" WHERE "expiresAt" <= clock_timestamp()')
  const { rowCount } = await record.pool.query(
    `INSERT INTO "SignInAttempt" (hash, verifier, nonce, next, "accountId", cookie, "expiresAt")
     SELECT $1, $2, $3, $4, $5::int, $6, clock_timestamp() + $7 * interval '1 millisecond'
     WHERE (SELECT count(*) FROM "SignInAttempt") < $8`,
    [
      sha256(pending.state),
      pending.verifier,
      pending.nonce,
      wanted.next,
      wanted.accountId,
      sha256(cookie),
      ATTEMPT_MS,
      MOST_UNDER_WAY,
    ],
  )
  if (!rowCount) throw new Fault('too.many', 'too many people are signing in at this moment: try again in a minute')
  return { address, cookie }
}

interface Attempt {
  verifier: string
  nonce: string
  next: string
  accountId: number | null
}

/** Takes the attempt that this state belongs to: it is gone afterwards, whatever comes of it. */
async function takeAttempt(record: RecordHandle, state: string, cookie: string | null): Promise<Attempt | OidcProblem> {
  const { rows } = await record.pool.query<Attempt & { alive: boolean }>(
    `DELETE FROM "SignInAttempt" WHERE hash = $1 AND cookie = $2
     RETURNING verifier, nonce, next, "accountId", "expiresAt" > clock_timestamp() AS alive`,
    [sha256(state), cookie === null ? '' : sha256(cookie)],
  )
  if (rows[0]?.alive) return rows[0]
  if (rows[0]) return { problem: 'expired', because: 'it took more than ten minutes' }
  const others = await record.pool.query('SELECT 1 FROM "SignInAttempt" WHERE hash = $1', [sha256(state)])
  return others.rows.length > 0
    ? { problem: 'elsewhere', because: 'it was begun in another browser' }
    : { problem: 'expired', because: 'it was used already, or never begun here' }
}

/** What came of it, and where the browser goes: an account of its own is linked, or a session is opened. */
export type Came =
  | { session: string | null; next: string; linked: boolean }
  | (OidcProblem & { next: string; linked: boolean })

/**
 * The browser has come back from the provider.
 * @param search the query of the redirect, as it is
 */
export async function finishSignIn(
  record: RecordHandle,
  oidc: Oidc,
  came: { search: string; redirectUri: string; from: Omit<Entrance, 'how'> },
): Promise<Came> {
  const { cookie, address } = came.from
  const state = new URLSearchParams(came.search).get('state') ?? ''
  const attempt = await takeAttempt(record, state, cookieValue(cookie, ATTEMPT_COOKIE))
  const next = isProblem(attempt) ? '/' : attempt.next
  const linked = !isProblem(attempt) && attempt.accountId !== null
  const end = isProblem(attempt)
    ? attempt
    : attempt.accountId === null
      ? await signInWith(record, oidc, { ...came, state, attempt })
      : await linkWith(record, oidc, { ...came, state, attempt })
  if (!isProblem(end)) return { ...end, next, linked }
  if (!linked) await tellRefused(record, end.problem, { how: 'oidc', why: end.because, accountId: null, address })
  return { ...end, next, linked }
}

interface Return {
  search: string
  redirectUri: string
  from: Omit<Entrance, 'how'>
  state: string
  attempt: Attempt
}

const whoCame = (oidc: Oidc, { search, redirectUri, state, attempt }: Return) =>
  oidc.identify(search, { redirectUri, state, nonce: attempt.nonce, verifier: attempt.verifier })

async function signInWith(record: RecordHandle, oidc: Oidc, came: Return): Promise<{ session: string } | OidcProblem> {
  const who = await whoCame(oidc, came)
  if (isProblem(who)) return who
  const account = await accountOf(record, who, oidc.settings.role)
  if (isProblem(account)) return account
  const { value } = await openSession(record, account, { how: 'oidc', ...came.from })
  return { session: value }
}

/** Whoever links must still be the one who began, in the same browser. */
async function linkWith(record: RecordHandle, oidc: Oidc, came: Return): Promise<{ session: null } | OidcProblem> {
  const viewer = await viewerFromCookie(record, came.from.cookie)
  if (!viewer || viewer.accountId !== came.attempt.accountId)
    return { problem: 'elsewhere', because: 'whoever began it is no longer signed in' }
  const who = await whoCame(oidc, came)
  if (isProblem(who)) return who
  const done = await linkIdentity(record, viewer, who)
  return isProblem(done) ? done : { session: null }
}
