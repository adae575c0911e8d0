import { createHash, randomBytes } from 'node:crypto'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { tell, transaction } from '../../prisma/record'
import { actorOf, GRANTS_OF } from './accounts'
import { Attempts } from './attempts'
import { decoyHash, passwordMatches } from './password'
import { asGrants, asRole, type Viewer } from './permit'
import { viewerFromToken } from './tokens'

export const COOKIE = 'shiplock_session'
/** A session ends 12 hours after it began, used or not. */
export const SESSION_MS = 12 * 3_600_000
/** Sessions one account may hold at once; the oldest ends when one more begins. */
const MAX_SESSIONS = 20

const WINDOW_MS = 15 * 60_000
/** Per name and address: a wrong password here locks out whoever guesses, not the owner of the name elsewhere. */
const perPair = new Attempts({ tries: 10, windowMs: WINDOW_MS, keys: 10_000 })
const perName = new Attempts({ tries: 50, windowMs: WINDOW_MS, keys: 10_000 })
const perAddress = new Attempts({ tries: 100, windowMs: WINDOW_MS, keys: 10_000 })

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** The value of our cookie in a Cookie header; null where it is absent, sent twice, or no value that we ever made. */
export function sessionValue(cookieHeader: string | undefined): string | null {
  if (!cookieHeader || cookieHeader.length > 8192) return null
  const ours = cookieHeader
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${COOKIE}=`))
  const value = ours[0]?.slice(COOKIE.length + 1)
  return ours.length === 1 && value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value) ? value : null
}

/** Who the Cookie header (the whole header) belongs to, or null. One query. */
export async function viewerFromCookie(
  record: RecordHandle,
  cookieHeader: string | undefined | null,
): Promise<Viewer | null> {
  const value = sessionValue(cookieHeader ?? undefined)
  if (!value) return null
  const { rows } = await record.pool.query<{
    id: number
    name: string
    role: string
    grants: Parameters<typeof asGrants>[0]
  }>(
    `SELECT a.id, a.name, a.role, ${GRANTS_OF} AS grants FROM "Session" s JOIN "Account" a ON a.id = s."accountId"
     WHERE s.hash = $1 AND s."expiresAt" > clock_timestamp()`,
    [sha256(value)],
  )
  const row = rows[0]
  if (!row) return null
  const { id, name, role, grants } = row
  return { kind: 'account', id, accountId: id, name, role: asRole(role), grants: asGrants(grants) }
}

/** Who an Authorization header (`Bearer slk_…`) belongs to, or null. */
export const viewerFromBearer = (record: RecordHandle, header: string | undefined | null): Promise<Viewer | null> =>
  viewerFromToken(record, header)

function refuseWhenTooMany(name: string, address: string, now: number) {
  const ms = Math.max(
    perPair.blockedFor(`${name} ${address}`, now),
    perName.blockedFor(name, now),
    perAddress.blockedFor(address, now),
  )
  if (ms > 0)
    throw new Fault('too.many', `too many wrong passwords: try again in ${Math.ceil(ms / 60_000)} minutes`, {
      retryAfterMs: ms,
    })
}

/**
 * Opens a session. An unknown name costs the same work, and gives the same answer, as a wrong password.
 * @returns the value of the cookie, of which only the hash is kept, and whose session it is
 * Throws not.signed.in, or too.many.
 */
export async function signIn(
  record: RecordHandle,
  who: { name: string; password: string; address: string },
  now = Date.now(),
): Promise<{ value: string; viewer: Viewer }> {
  refuseWhenTooMany(who.name, who.address, now)
  // Counted before the password is looked at: a hundred guesses sent at the same moment are a hundred guesses.
  perPair.count(`${who.name} ${who.address}`, now)
  perName.count(who.name, now)
  perAddress.count(who.address, now)
  const account = await record.db.account.findUnique({
    where: { name: who.name },
    select: { id: true, name: true, role: true, passwordHash: true },
  })
  const right = await passwordMatches(who.password, account?.passwordHash ?? (await decoyHash()))
  if (!account || !right) throw new Fault('not.signed.in', 'the name or the password is wrong')
  perPair.forget(`${who.name} ${who.address}`)
  perName.uncount(who.name)
  perAddress.uncount(who.address)
  const viewer: Viewer = {
    kind: 'account',
    id: account.id,
    accountId: account.id,
    name: account.name,
    role: asRole(account.role),
    grants: [],
  }
  const value = randomBytes(32).toString('base64url')
  await transaction(record, async (tx) => {
    // What has ended goes on the way, and so does the oldest of too many: the table stays as small as its accounts are few.
    await tx.query(
      `DELETE FROM "Session" WHERE "accountId" = $1 AND ("expiresAt" <= clock_timestamp() OR hash IN (
         SELECT hash FROM "Session" WHERE "accountId" = $1 ORDER BY "createdAt" DESC OFFSET $2))`,
      [viewer.id, MAX_SESSIONS - 1],
    )
    await tx.query(
      `INSERT INTO "Session" (hash, "accountId", "expiresAt") VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')`,
      [sha256(value), viewer.id, SESSION_MS],
    )
    await tell(tx, {
      kind: 'session.open',
      subject: 'account',
      subjectId: viewer.id,
      by: actorOf(viewer),
      data: { address: who.address },
    })
  })
  return { value, viewer }
}

/** Ends the session of this Cookie header; one that is not there is no error. */
export async function signOut(record: RecordHandle, viewer: Viewer, cookieHeader: string | undefined): Promise<void> {
  const value = sessionValue(cookieHeader)
  if (!value) return
  await transaction(record, async (tx) => {
    const { rowCount } = await tx.query('DELETE FROM "Session" WHERE hash = $1', [sha256(value)])
    if (rowCount)
      await tell(tx, { kind: 'session.end', subject: 'account', subjectId: viewer.accountId, by: actorOf(viewer) })
  })
}
