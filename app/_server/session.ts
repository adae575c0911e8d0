import { createHash, randomBytes } from 'node:crypto'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { type Actor, ring, type Tx, tell, transaction } from '../../prisma/record'
import { actorOf, GRANTS_OF } from './accounts'
import { asGrants, asRole, type Viewer } from './permit'
import { viewerFromToken } from './tokens'

export const COOKIE = 'shiplock_session'
/** A session ends 12 hours after it began, used or not: nobody's shift is longer. */
export const SESSION_MS = 12 * 3_600_000
/** It ends earlier where nobody has asked for anything this long. An open page asks by itself every ten minutes. */
export const IDLE_MS = 2 * 3_600_000
/** Sessions one account may hold at once; the oldest ends when one more begins. */
const MAX_SESSIONS = 20
const MAX_AGENT = 300

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** The value of one cookie in a Cookie header; null where it is absent, sent twice, or no value that we ever made. */
export function cookieValue(cookieHeader: string | undefined, name: string): string | null {
  if (!cookieHeader || cookieHeader.length > 8192) return null
  const ours = cookieHeader
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`))
  const value = ours[0]?.slice(name.length + 1)
  return ours.length === 1 && value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value) ? value : null
}

export const sessionValue = (cookieHeader: string | undefined) => cookieValue(cookieHeader, COOKIE)

/** What makes a session `s` count. */
const ALIVE = `s."expiresAt" > clock_timestamp() AND s."lastSeenAt" > clock_timestamp() - ${IDLE_MS} * interval '1 millisecond'`

/** Who the Cookie header (the whole header) belongs to, or null. One query, and at most one write a minute. */
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
    session: number
    stale: boolean
    grants: Parameters<typeof asGrants>[0]
  }>(
    `SELECT a.id, a.name, a.role, s.id AS session, ${GRANTS_OF} AS grants,
            s."lastSeenAt" < clock_timestamp() - interval '1 minute' AS stale
     FROM "Session" s JOIN "Account" a ON a.id = s."accountId"
     WHERE s.hash = $1 AND ${ALIVE} AND a."disabledAt" IS NULL`,
    [sha256(value)],
  )
  const row = rows[0]
  if (!row) return null
  if (row.stale)
    await record.pool.query(
      `UPDATE "Session" SET "lastSeenAt" = clock_timestamp()
       WHERE id = $1 AND "lastSeenAt" < clock_timestamp() - interval '1 minute'`,
      [row.session],
    )
  const { id, name, role, grants } = row
  return { kind: 'account', id, accountId: id, name, role: asRole(role), grants: asGrants(grants) }
}

/** Who an Authorization header (`Bearer slk_…`) belongs to, or null. */
export const viewerFromBearer = (record: RecordHandle, header: string | undefined | null): Promise<Viewer | null> =>
  viewerFromToken(record, header)

/** Where somebody signs in from, and how they proved who they are. */
export interface Entrance {
  how: 'password' | 'oidc' | 'passkey'
  address: string
  agent: string
  /** The browser's Cookie header: the session that it had ends. */
  cookie?: string | undefined
}

/**
 * Opens a session for somebody who has proved who they are. Its value is made here and always new: what a browser brought
 * along, from whomever it has it, is never taken up, and the session that it names ends.
 * @returns the value of the cookie, of which only the hash is kept, and whose session it is
 * Throws not.permitted where the account is disabled.
 */
export async function openSession(
  record: RecordHandle,
  account: { id: number },
  from: Entrance,
): Promise<{ value: string; viewer: Viewer; expiresAt: Date }> {
  const value = randomBytes(32).toString('base64url')
  const opened = await transaction(record, async (tx) => {
    const who = await enabledAccount(tx, account.id)
    await makeRoom(tx, who, from.cookie)
    const { rows } = await tx.query(
      `INSERT INTO "Session" (hash, "accountId", how, address, agent, "expiresAt")
       VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond') RETURNING id, "expiresAt"`,
      [sha256(value), who.id, from.how, from.address, from.agent.slice(0, MAX_AGENT), SESSION_MS],
    )
    const session = rows[0] as { id: number; expiresAt: Date }
    await tell(tx, {
      kind: 'session.open',
      subject: 'account',
      subjectId: who.id,
      by: actorOf(who),
      data: { session: session.id, how: from.how, address: from.address },
    })
    return { viewer: who, expiresAt: session.expiresAt }
  })
  return { value, ...opened }
}

/** The row is locked: whoever disables the account at this moment ends this session too, or it is not opened. */
async function enabledAccount(tx: Tx, id: number): Promise<Viewer> {
  const { rows } = await tx.query(
    `SELECT a.id, a.name, a.role, ${GRANTS_OF} AS grants FROM "Account" a WHERE a.id = $1 AND a."disabledAt" IS NULL FOR UPDATE OF a`,
    [id],
  )
  const row = rows[0] as { id: number; name: string; role: string; grants: Parameters<typeof asGrants>[0] } | undefined
  if (!row) throw new Fault('not.permitted', 'this account is disabled: ask an administrator')
  const { name, role, grants } = row
  return { kind: 'account', id: row.id, accountId: row.id, name, role: asRole(role), grants: asGrants(grants) }
}

/** What has ended goes, and so does the oldest of too many: the table stays as small as its accounts are few. */
async function makeRoom(tx: Tx, who: Viewer, cookie: string | undefined) {
  await tx.query(`DELETE FROM "Session" s WHERE s."accountId" = $1 AND NOT (${ALIVE})`, [who.id])
  const brought = sessionValue(cookie)
  const { rows } = await tx.query(
    `DELETE FROM "Session" WHERE hash = $3 OR hash IN (
       SELECT hash FROM "Session" WHERE "accountId" = $1 AND hash <> $3 ORDER BY "createdAt" DESC, id DESC OFFSET $2)
     RETURNING id, "accountId", hash = $3 AS brought`,
    [who.id, MAX_SESSIONS - 1, brought === null ? '' : sha256(brought)],
  )
  for (const ended of rows as { id: number; accountId: number; brought: boolean }[])
    await tell(tx, {
      kind: 'session.end',
      subject: 'account',
      subjectId: ended.accountId,
      by: actorOf(who),
      because: ended.brought ? 'somebody signed in anew in the same browser' : `more than ${MAX_SESSIONS} sessions`,
      data: { session: ended.id },
    })
}

/** Ends the session of this Cookie header; one that is not there is no error. */
export async function signOut(record: RecordHandle, viewer: Viewer, cookieHeader: string | undefined): Promise<void> {
  const value = sessionValue(cookieHeader)
  if (!value) return
  await transaction(record, async (tx) => {
    const { rows } = await tx.query('DELETE FROM "Session" WHERE hash = $1 RETURNING id', [sha256(value)])
    const ended = rows[0] as { id: number } | undefined
    if (ended)
      await tell(tx, {
        kind: 'session.end',
        subject: 'account',
        subjectId: viewer.accountId,
        by: actorOf(viewer),
        data: { session: ended.id },
      })
  })
}

/** The open sessions of an account, newest first; at most twenty. `current`: the one of this Cookie header. */
export async function listSessions(record: RecordHandle, accountId: number, cookieHeader?: string) {
  const value = sessionValue(cookieHeader)
  const { rows } = await record.pool.query<{
    id: number
    how: string
    address: string
    agent: string
    createdAt: Date
    lastSeenAt: Date
    expiresAt: Date
    current: boolean
  }>(
    `SELECT s.id, s.how, s.address, s.agent, s."createdAt", s."lastSeenAt", s."expiresAt", s.hash = $2 AS current
     FROM "Session" s WHERE s."accountId" = $1 AND ${ALIVE} ORDER BY s."createdAt" DESC, s.id DESC LIMIT $3`,
    [accountId, value === null ? '' : sha256(value), MAX_SESSIONS],
  )
  return rows.map((s) => ({
    ...s,
    createdAt: s.createdAt.toISOString(),
    lastSeenAt: s.lastSeenAt.toISOString(),
    expiresAt: s.expiresAt.toISOString(),
  }))
}

/** Ends one session of an account. Throws not.found where it has none of this number. */
export async function endSession(record: RecordHandle, accountId: number, session: number, by: Actor): Promise<void> {
  await transaction(record, async (tx) => {
    const { rowCount } = await tx.query('DELETE FROM "Session" WHERE id = $1 AND "accountId" = $2', [
      session,
      accountId,
    ])
    if (!rowCount) throw new Fault('not.found', `this account has no session ${session}`)
    await tell(tx, { kind: 'session.end', subject: 'account', subjectId: accountId, by, data: { session } })
    await ringEnded(tx, accountId)
  })
}

/**
 * Ends the sessions of an account, in the caller's transaction.
 * @param keep the Cookie header whose session stays
 * @returns how many ended
 */
export async function endSessions(
  tx: Tx,
  accountId: number,
  by: Actor,
  { keep, because = '' }: { keep?: string | undefined; because?: string } = {},
): Promise<number> {
  const value = sessionValue(keep)
  const { rows } = await tx.query('DELETE FROM "Session" WHERE "accountId" = $1 AND hash <> $2 RETURNING id', [
    accountId,
    value === null ? '' : sha256(value),
  ])
  const sessions = (rows as { id: number }[]).map((row) => row.id)
  for (const session of sessions)
    await tell(tx, { kind: 'session.end', subject: 'account', subjectId: accountId, by, because, data: { session } })
  await ringEnded(tx, accountId)
  return sessions.length
}

/** Whoever holds a stream open for this account asks again whether it may. */
export const ringEnded = (tx: Tx, accountId: number) => ring(tx, `account:${accountId}:ended`)
