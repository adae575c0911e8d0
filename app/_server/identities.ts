// Who somebody is elsewhere, and the account that they have here. Found by issuer and subject, and by nothing else: an e-mail
// address or a name there says nothing about who somebody is here.
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { type Actor, type Tx, tell, transaction } from '../../prisma/record'
import { actorOf, asAccountName, insertAccount } from './accounts'
import type { Identified } from './oidc'
import type { OidcProblem } from './oidc-problem'
import type { Role, Viewer } from './permit'

const FORGE_USER = /^[1-9]\d{0,18}$/

/** Two sign-ins of the same person at the same moment go one after the other. */
const inLine = (tx: Tx, who: Identified) =>
  tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`identity ${who.issuer} ${who.subject}`])

/**
 * The number that a connected forge calls this person by, so that who pushed a change does not sign it; null: this is no
 * provider whose subjects are such numbers.
 */
async function forgeNumber(tx: Tx, who: Identified): Promise<string | null> {
  if (!FORGE_USER.test(who.subject)) return null
  if (who.gitlab) return who.subject
  const { rows } = await tx.query(`SELECT 1 FROM "Project" WHERE forge = 'gitlab' AND "forgeUrl" = $1 LIMIT 1`, [
    who.issuer,
  ])
  return rows.length > 0 ? who.subject : null
}

async function hasNumber(tx: Tx, number: string, besides: number | null): Promise<boolean> {
  const { rows } = await tx.query('SELECT 1 FROM "Account" WHERE "forgeUserId" = $1 AND id <> $2 LIMIT 1', [
    number,
    besides ?? 0,
  ])
  return rows.length > 0
}

interface Known {
  id: number
  accountId: number
  accountName: string
  forgeUserId: string | null
  disabled: boolean
}

async function findIdentity(tx: Tx, who: Identified): Promise<Known | undefined> {
  const { rows } = await tx.query(
    `SELECT i.id, i."accountId", a.name AS "accountName", a."forgeUserId", a."disabledAt" IS NOT NULL AS disabled
     FROM "Identity" i JOIN "Account" a ON a.id = i."accountId" WHERE i.issuer = $1 AND i.subject = $2`,
    [who.issuer, who.subject],
  )
  return rows[0] as Known | undefined
}

const use = (tx: Tx, id: number, who: Identified) =>
  tx.query('UPDATE "Identity" SET name = $2, "lastUsedAt" = clock_timestamp() WHERE id = $1', [id, who.name])

/** The number is proved by the forge itself, so it may be set where there was none; never changed. */
async function setNumber(tx: Tx, accountId: number, number: string, by: Actor) {
  const { rowCount } = await tx.query(
    'UPDATE "Account" SET "forgeUserId" = $2 WHERE id = $1 AND "forgeUserId" IS NULL',
    [accountId, number],
  )
  if (rowCount)
    await tell(tx, { kind: 'account.forge-user', subject: 'account', subjectId: accountId, by, after: number })
}

async function insertIdentity(tx: Tx, accountId: number, who: Identified, by: Actor) {
  const { rows } = await tx.query(
    `INSERT INTO "Identity" ("accountId", issuer, subject, name, "lastUsedAt") VALUES ($1, $2, $3, $4, clock_timestamp()) RETURNING id`,
    [accountId, who.issuer, who.subject, who.name],
  )
  const { id } = rows[0] as { id: number }
  await tell(tx, {
    kind: 'identity.link',
    subject: 'account',
    subjectId: accountId,
    by,
    data: { identity: id, issuer: who.issuer, subject: who.subject },
  })
}

/** Names are people's own and may be taken: `mia`, `mia-2`, `mia-3`. */
async function insertNamed(tx: Tx, wanted: string, role: Role, forgeUserId: string | null) {
  for (let n = 1; n <= 50; n++) {
    const name = n === 1 ? wanted : `${wanted}-${n}`
    const made = await insertAccount(tx, { name, passwordHash: null, role, forgeUserId }, null)
    if (made) return { id: made.id, name }
  }
  throw new Fault('conflict', 'fifty accounts have this name already: an administrator makes one with another name')
}

/**
 * The account of somebody who has proved at the provider who they are. A first sign-in makes one.
 * @param role of a new account
 */
export const accountOf = (record: RecordHandle, who: Identified, role: Role): Promise<{ id: number } | OidcProblem> =>
  transaction(record, async (tx): Promise<{ id: number } | OidcProblem> => {
    await inLine(tx, who)
    const known = await findIdentity(tx, who)
    const number = await forgeNumber(tx, who)
    if (known) {
      if (known.disabled) return { problem: 'disabled', because: 'the account is disabled' }
      await use(tx, known.id, who)
      if (number !== null && known.forgeUserId === null && !(await hasNumber(tx, number, known.accountId)))
        await setNumber(tx, known.accountId, number, {
          actor: `account:${known.accountId}`,
          actorName: known.accountName,
        })
      return { id: known.accountId }
    }
    // A second account of one person would count as a second person. Which of the two is theirs is theirs to show.
    if (number !== null && (await hasNumber(tx, number, null)))
      return { problem: 'taken', because: 'another account has this number on the forge' }
    const made = await insertNamed(tx, asAccountName(who.name), role, number)
    await insertIdentity(tx, made.id, who, { actor: `account:${made.id}`, actorName: made.name })
    return { id: made.id }
  })

/** Links an identity to the account of somebody who is signed in here and has just proved who they are there. */
export const linkIdentity = (
  record: RecordHandle,
  viewer: Viewer,
  who: Identified,
): Promise<{ id: number } | OidcProblem> =>
  transaction(record, async (tx): Promise<{ id: number } | OidcProblem> => {
    await inLine(tx, who)
    const known = await findIdentity(tx, who)
    if (known && known.accountId !== viewer.accountId)
      return { problem: 'linked', because: 'the identity is linked to another account' }
    if (known) {
      await use(tx, known.id, who)
      return { id: viewer.accountId }
    }
    const { rows } = await tx.query(
      `SELECT "forgeUserId", EXISTS (SELECT 1 FROM "Identity" WHERE "accountId" = $1 AND issuer = $2) AS second
       FROM "Account" WHERE id = $1 FOR UPDATE`,
      [viewer.accountId, who.issuer],
    )
    const account = rows[0] as { forgeUserId: string | null; second: boolean }
    if (account.second) return { problem: 'second', because: 'the account has an identity of this provider already' }
    const number = await forgeNumber(tx, who)
    if (number !== null && account.forgeUserId !== null && account.forgeUserId !== number)
      return { problem: 'another', because: 'the account has another number on the forge' }
    if (number !== null && (await hasNumber(tx, number, viewer.accountId)))
      return { problem: 'taken', because: 'another account has this number on the forge' }
    await insertIdentity(tx, viewer.accountId, who, actorOf(viewer))
    if (number !== null) await setNumber(tx, viewer.accountId, number, actorOf(viewer))
    return { id: viewer.accountId }
  })

/** Who somebody is elsewhere; a handful at most. */
export async function listIdentities(record: RecordHandle, accountId: number) {
  const rows = await record.db.identity.findMany({
    where: { accountId },
    select: { id: true, issuer: true, subject: true, name: true, createdAt: true, lastUsedAt: true },
    orderBy: { id: 'asc' },
    take: 50,
  })
  return rows.map((row) => ({
    ...row,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  }))
}

/** Throws not.found; conflict where it is the only way in. The number on the forge stays: it says who pushed. */
export async function unlinkIdentity(record: RecordHandle, viewer: Viewer, id: number): Promise<void> {
  await transaction(record, async (tx) => {
    const { rows } = await tx.query(
      `SELECT "passwordHash" IS NOT NULL
           OR EXISTS (SELECT 1 FROM "Identity" WHERE "accountId" = $1 AND id <> $2)
           OR EXISTS (SELECT 1 FROM "Passkey" WHERE "accountId" = $1 AND "removedAt" IS NULL AND status IN ('proposed', 'admitted')) AS "otherWay"
       FROM "Account" WHERE id = $1 FOR UPDATE`,
      [viewer.accountId, id],
    )
    const ended = await tx.query(
      'DELETE FROM "Identity" WHERE id = $2 AND "accountId" = $1 RETURNING issuer, subject',
      [viewer.accountId, id],
    )
    const identity = ended.rows[0] as { issuer: string; subject: string } | undefined
    if (!identity) throw new Fault('not.found', `you have no identity ${id}`)
    if (!(rows[0] as { otherWay: boolean }).otherWay)
      throw new Fault(
        'conflict',
        'this is the only way into your account: enrol a passkey, or have an administrator give it a password, first',
      )
    await tell(tx, {
      kind: 'identity.unlink',
      subject: 'account',
      subjectId: viewer.accountId,
      by: actorOf(viewer),
      data: { identity: id, ...identity },
    })
  })
}
