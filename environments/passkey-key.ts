import { isCertified, passkeyClaim } from '../audit/certificate'
import type { Trust } from '../audit/trust'
import type { Tx } from '../prisma/record'

/** The roles that a passkey may be admitted for: those that sign, and `admin`, which vouches for others. */
export const SIGNING_ROLES = ['admin', 'owner', 'ops', 'developer'] as const
export type SigningRole = (typeof SIGNING_ROLES)[number]

/** A passkey that a worker has admitted, by its certificate: whatever else stands in the database. */
export interface AdmittedKey {
  accountId: number
  passkeyId: number
  /** SubjectPublicKeyInfo, DER. */
  spki: Buffer
  /** COSE number. Not certified: a key fits one algorithm only. */
  alg: number
  /** As what it may sign. Whether the account still has the role is another question. */
  roles: string[]
}

interface KeyRow {
  id: number
  accountId: number
  spki: Buffer
  alg: number
  status: string
  roles: unknown
  certificate: string | null
  disabled: boolean
  taken: boolean
}

/** What a worker said of the key, if it said so of exactly this; null: no worker did. */
export function certifiedRoles(
  row: { accountId: number; credentialId: string; spki: Uint8Array; roles: unknown; certificate: string | null },
  trust: Pick<Trust, 'keys'>,
): string[] | null {
  if (!Array.isArray(row.roles) || row.roles.some((role) => typeof role !== 'string')) return null
  const roles = row.roles as string[]
  return isCertified(trust.keys, passkeyClaim({ ...row, roles }), row.certificate) ? roles : null
}

/**
 * The key that a sign-off may be checked with. A worker asks this each time before it acts.
 * @returns why not, as half a sentence, where it does not count
 */
export async function admittedKey(tx: Tx, credentialId: string, trust: Trust): Promise<AdmittedKey | string> {
  const { rows } = await tx.query(
    `SELECT k.id, k."accountId", k.spki, k.alg, k.status, k.roles, k.certificate, a."disabledAt" IS NOT NULL AS disabled,
       EXISTS (SELECT 1 FROM "AuditEntry" e WHERE e.kind = 'passkey.remove' AND e.data->>'credential' = k."credentialId") AS taken
     FROM "Passkey" k JOIN "Account" a ON a.id = k."accountId" WHERE k."credentialId" = $1`,
    [credentialId],
  )
  const row = rows[0] as KeyRow | undefined
  if (row === undefined) return 'no account has this passkey'
  // The row may have been put back: the trail and the worker's own memory know better.
  if (row.status === 'removed' || row.taken || trust.removed(credentialId)) return 'this passkey was removed'
  if (row.status !== 'admitted') return 'this passkey is not admitted for signing off'
  if (row.disabled) return 'the account of this passkey is disabled'
  const roles = certifiedRoles({ ...row, credentialId }, trust)
  if (roles === null) return 'no worker has certified this passkey for this account and these roles'
  const { id: passkeyId, accountId, spki, alg } = row
  return { accountId, passkeyId, spki, alg, roles }
}

/** What the account signs as, anywhere, sorted. A disabled one signs nothing. */
export async function signingRoles(tx: Tx, accountId: number): Promise<string[]> {
  const { rows } = await tx.query(
    `SELECT DISTINCT r.role FROM (
       SELECT a.role FROM "Account" a WHERE a.id = $1 AND a."disabledAt" IS NULL
       UNION ALL
       SELECT m.role FROM "Membership" m JOIN "Account" a ON a.id = m."accountId" AND a."disabledAt" IS NULL WHERE m."accountId" = $1
     ) r WHERE r.role = ANY($2) ORDER BY r.role`,
    [accountId, SIGNING_ROLES],
  )
  return (rows as { role: string }[]).map((r) => r.role)
}
