import { createHash, randomBytes } from 'node:crypto'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { databaseClock } from '../../prisma/clock'
import { type Actor, type Tx, tell, transaction } from '../../prisma/record'
import { actorOf, GRANTS_OF } from './accounts'
import { asGrants, asRole, SCOPES, type Scope, type Viewer } from './permit'

export const TOKEN_DAYS = 90
/** What a token may do whose maker did not choose: look, and ask for things. Not sign, not administer. */
export const DEFAULT_SCOPES: readonly Scope[] = ['read', 'change']
const MAX_TOKENS = 50
const TOKEN = /^Bearer +(slk_[A-Za-z0-9_-]{43})$/i

const hashOf = (token: string) => createHash('sha256').update(token).digest('hex')

/** Who `Authorization: Bearer slk_…` belongs to, or null. One query, and at most one write a minute. */
export async function viewerFromToken(record: RecordHandle, header: string | undefined | null): Promise<Viewer | null> {
  const token = TOKEN.exec(header ?? '')?.[1]
  if (!token) return null
  const { rows } = await record.pool.query<{
    id: number
    name: string
    role: string
    accountId: number
    account: string
    stale: boolean
    scopes: string[]
    grants: Parameters<typeof asGrants>[0]
  }>(
    `SELECT t.id, t.name, a.role, a.id AS "accountId", a.name AS account, t.scopes, ${GRANTS_OF} AS grants,
            t."lastUsedAt" IS NULL OR t."lastUsedAt" < clock_timestamp() - interval '1 minute' AS stale
     FROM "ApiToken" t JOIN "Account" a ON a.id = t."accountId"
     WHERE t.hash = $1 AND t."expiresAt" > clock_timestamp() AND a."disabledAt" IS NULL`,
    [hashOf(token)],
  )
  const row = rows[0]
  if (!row) return null
  if (row.stale) {
    await record.pool.query(
      `UPDATE "ApiToken" SET "lastUsedAt" = clock_timestamp()
       WHERE id = $1 AND ("lastUsedAt" IS NULL OR "lastUsedAt" < clock_timestamp() - interval '1 minute')`,
      [row.id],
    )
  }
  return {
    kind: 'token',
    id: row.id,
    accountId: row.accountId,
    name: `${row.account} (token ${row.name})`,
    role: asRole(row.role),
    grants: asGrants(row.grants),
    scopes: SCOPES.filter((scope) => row.scopes.includes(scope)),
  }
}

export interface TokenMade {
  id: number
  token: string
  expiresAt: Date
  scopes: Scope[]
}

/** Makes a token for the viewer's own account. Its text is given once and never kept. Throws conflict where there are too many. */
export async function createToken(
  record: RecordHandle,
  viewer: Viewer,
  wanted: { name: string; days?: number | undefined; scopes?: readonly Scope[] | undefined },
): Promise<TokenMade> {
  const token = `slk_${randomBytes(32).toString('base64url')}`
  const days = wanted.days ?? TOKEN_DAYS
  const scopes = SCOPES.filter((scope) => (wanted.scopes ?? DEFAULT_SCOPES).includes(scope))
  return transaction(record, async (tx) => {
    // The account's row is the lock that makes the count below hold.
    await tx.query('SELECT 1 FROM "Account" WHERE id = $1 FOR UPDATE', [viewer.accountId])
    await tx.query('DELETE FROM "ApiToken" WHERE "accountId" = $1 AND "expiresAt" <= clock_timestamp()', [
      viewer.accountId,
    ])
    const { rows } = await tx.query<{ id: number; expiresAt: Date }>(
      `INSERT INTO "ApiToken" ("accountId", name, hash, "expiresAt", scopes)
       SELECT $1, $2, $3, clock_timestamp() + $4 * interval '1 day', $6::text[]
       WHERE (SELECT count(*) FROM "ApiToken" WHERE "accountId" = $1) < $5
       RETURNING id, "expiresAt"`,
      [viewer.accountId, wanted.name, hashOf(token), days, MAX_TOKENS, scopes],
    )
    const row = rows[0]
    if (!row) throw new Fault('conflict', `this account has ${MAX_TOKENS} tokens already: revoke one first`)
    await tell(tx, {
      kind: 'token.create',
      subject: 'token',
      subjectId: row.id,
      by: actorOf(viewer),
      data: { days, scopes },
    })
    return { id: row.id, token, expiresAt: row.expiresAt, scopes }
  })
}

/** An account's own tokens, newest first, without their secrets. */
export async function listTokens(record: RecordHandle, accountId: number) {
  const rows = await record.db.apiToken.findMany({
    where: { accountId, expiresAt: { gt: await databaseClock(record.pool) } },
    select: { id: true, name: true, scopes: true, createdAt: true, expiresAt: true, lastUsedAt: true },
    orderBy: { id: 'desc' },
    take: MAX_TOKENS,
  })
  return rows.map((row) => ({
    ...row,
    scopes: SCOPES.filter((scope) => row.scopes.includes(scope)),
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  }))
}

/** Ends one of the viewer's own tokens. Throws not.found for any other. */
export async function revokeToken(record: RecordHandle, viewer: Viewer, id: number): Promise<void> {
  await transaction(record, async (tx) => {
    const { rowCount } = await tx.query('DELETE FROM "ApiToken" WHERE id = $1 AND "accountId" = $2', [
      id,
      viewer.accountId,
    ])
    if (!rowCount) throw new Fault('not.found', `you have no token ${id}`)
    await tell(tx, { kind: 'token.revoke', subject: 'token', subjectId: id, by: actorOf(viewer) })
  })
}

/** Ends all tokens of an account, in the caller's transaction. @returns how many */
export async function revokeTokens(tx: Tx, accountId: number, by: Actor, because: string): Promise<number> {
  const { rows } = await tx.query('DELETE FROM "ApiToken" WHERE "accountId" = $1 RETURNING id', [accountId])
  for (const { id } of rows as { id: number }[])
    await tell(tx, { kind: 'token.revoke', subject: 'token', subjectId: id, by, because })
  return rows.length
}
