import { EDDSA, ES256 } from '../../../audit/assertion'
import { sha256 } from '../../../audit/canonical'
import type { Trust } from '../../../audit/trust'
import { certifiedRoles, SIGNING_ROLES } from '../../../environments/passkey-key'
import { wordsOf } from '../../../environments/words'
import type { RecordHandle } from '../../../prisma/client'
import { asPage, onePage, type PageAsk } from '../../paging'
import type { PageOf } from '../../shapes'
import type { PasskeyList, PasskeyShape, PasskeyWaiting } from './shapes'

/** How many names of those who may vouch are shown. */
const NAMED_VOUCHERS = 5

/** SQL: the roles that account `a` signs as, anywhere, sorted. */
const SIGNS_AS = `(SELECT COALESCE(array_agg(DISTINCT r.role ORDER BY r.role), '{}') FROM (
  SELECT a.role UNION ALL SELECT m.role FROM "Membership" m WHERE m."accountId" = a.id) r
  WHERE a."disabledAt" IS NULL AND r.role IN (${SIGNING_ROLES.map((role) => `'${role}'`).join(', ')}))`

interface Row {
  id: number
  name: string
  accountId: number
  accountName: string
  credentialId: string
  spki: Buffer
  alg: number
  backupEligible: boolean
  backedUp: boolean
  status: string
  because: string
  roles: unknown
  certificate: string | null
  due: boolean
  held: string[]
  createdAt: Date
  admittedAt: Date | null
  lastUsedAt: Date | null
}

const COLUMNS = `k.id, k.name, k."accountId", a.name AS "accountName", k."credentialId", k.spki, k.alg, k."backupEligible", k."backedUp",
  k.status, k.because, k.roles, k.certificate, k."dueAt" IS NOT NULL AS due, ${SIGNS_AS} AS held, k."createdAt", k."admittedAt", k."lastUsedAt"
  FROM "Passkey" k JOIN "Account" a ON a.id = k."accountId"`

/** One's own passkeys, oldest first, those that are removed left out. */
export async function listPasskeys(record: RecordHandle, accountId: number, trust: Trust): Promise<PasskeyList> {
  const { rows } = await record.pool.query<Row>(
    `SELECT ${COLUMNS} WHERE k."accountId" = $1 AND k.status <> 'removed' ORDER BY k.id LIMIT 100`,
    [accountId],
  )
  return { items: rows.map((row) => shapeOf(row, trust)), vouchers: await namesOfVouchers(record, accountId, trust) }
}

/** One of them; null where it is none, or somebody else's. */
export async function readPasskey(
  record: RecordHandle,
  id: number,
  accountId: number,
  trust: Trust,
): Promise<PasskeyShape | null> {
  const { rows } = await record.pool.query<Row>(
    `SELECT ${COLUMNS} WHERE k.id = $1 AND k."accountId" = $2 AND k.status <> 'removed'`,
    [id, accountId],
  )
  return rows[0] ? shapeOf(rows[0], trust) : null
}

const wordsOfKey = (spki: Buffer) => wordsOf(Buffer.from(sha256(spki), 'hex').toString('base64url'))

/** As what it signs: what its certificate says, while it is admitted. */
const signsAs = (row: Row, trust: Trust) => (row.status === 'admitted' ? (certifiedRoles(row, trust) ?? []) : [])

function stateOf(row: Row, roles: readonly string[]): PasskeyShape['state'] {
  if (row.due) return 'checking'
  if (row.status === 'admitted') return roles.length > 0 ? 'admitted' : 'uncertified'
  if (row.held.length === 0) return 'no-role'
  return row.status === 'refused' ? 'refused' : 'proposed'
}

function shapeOf(row: Row, trust: Trust): PasskeyShape {
  const roles = signsAs(row, trust)
  const { id, name, accountId, credentialId, backupEligible, backedUp, because } = row
  return {
    id,
    name,
    accountId,
    credentialId,
    spki: row.spki.toString('base64'),
    words: wordsOfKey(row.spki),
    algorithm: row.alg === ES256 ? 'ES256' : row.alg === EDDSA ? 'EdDSA' : 'RS256',
    backupEligible,
    backedUp,
    state: stateOf(row, roles),
    because,
    roles,
    lacks: row.held.filter((role) => !roles.includes(role)),
    createdAt: row.createdAt.toISOString(),
    admittedAt: row.admittedAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  }
}

/** Whose turn it is: a few others who have an admitted passkey and a role that vouches. */
async function namesOfVouchers(record: RecordHandle, accountId: number, trust: Trust): Promise<string[]> {
  const { rows } = await record.pool.query<Row>(
    `SELECT ${COLUMNS} WHERE k.status = 'admitted' AND k."accountId" <> $1 AND a."disabledAt" IS NULL
       AND a.role IN ('admin', 'owner', 'ops') ORDER BY a.name, k.id LIMIT 50`,
    [accountId],
  )
  const names = rows.filter((row) => signsAs(row, trust).includes(row.held[0] ?? '')).map((row) => row.accountName)
  return [...new Set(names)].slice(0, NAMED_VOUCHERS)
}

/**
 * Passkeys of others that sign as less than the roles of their accounts: what can be vouched for, newest first.
 * Throws input.invalid for a cursor that is none.
 */
export async function listWaiting(
  record: RecordHandle,
  accountId: number,
  trust: Trust,
  ask: PageAsk = {},
): Promise<PageOf<PasskeyWaiting>> {
  const page = onePage(ask)
  const { rows } = await record.pool.query<Row>(
    `SELECT * FROM (SELECT ${COLUMNS} WHERE k."accountId" <> $1 AND k.status <> 'removed' AND k."dueAt" IS NULL AND a."disabledAt" IS NULL) w
     WHERE w.held <> '{}' AND (w.status <> 'admitted' OR NOT (w.roles @> to_jsonb(w.held))) AND ($2::int IS NULL OR w.id < $2)
     ORDER BY w.id DESC LIMIT $3`,
    [accountId, page.before.id?.lt ?? null, page.take],
  )
  return asPage(rows, page.limit, (row) => ({
    id: row.id,
    name: row.name,
    account: { id: row.accountId, name: row.accountName },
    credentialId: row.credentialId,
    spki: row.spki.toString('base64'),
    words: wordsOfKey(row.spki),
    roles: row.held,
    admitted: signsAs(row, trust),
    because: row.status === 'refused' ? row.because : '',
    createdAt: row.createdAt.toISOString(),
  }))
}
