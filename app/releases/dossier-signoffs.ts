// Who signed a release off, what they agreed to, and whether their signatures hold.
import type pg from 'pg'
import { checkAssertion } from '../../audit/assertion'
import type { Proven } from '../../audit/bundle'
import { sha256 } from '../../audit/canonical'
import { readBody } from '../../audit/entry'
import type { Trust } from '../../audit/trust'
import { certifiedRoles } from '../../environments/passkey-key'
import { challengeOf, statementHash } from '../../environments/statement'
import { wordsOf } from '../../environments/words'
import type { DossierSignoff } from './dossier-shapes'

interface Row {
  promotion: number
  environment: string
  decision: string
  account: string
  accountId: number
  role: string
  reason: string
  status: string
  because: string
  at: Date
  expiresAt: Date
  hash: string
  statement: Buffer
  clientData: Buffer | null
  authenticatorData: Buffer | null
  signature: Buffer | null
  credential: string | null
  alg: number
  spki: Buffer
  roles: unknown
  certificate: string | null
  reviewDueAt: Date | null
  reviewedAt: Date | null
  reviewerName: string
  review: string
}

const SIGNOFFS = `SELECT a."promotionId" AS promotion, e.name AS environment, a.decision, a."accountName" AS account, a."accountId", a.role,
  a.comment AS reason, a.status, a.because, a.at, a."expiresAt", a.hash, a.statement, a."clientData", a."authenticatorData", a.signature,
  k."credentialId" AS credential, k.alg, k.spki, k.roles, k.certificate, a."reviewDueAt", a."reviewedAt", a."reviewerName", a.review
FROM "Approval" a JOIN "Promotion" p ON p.id = a."promotionId" JOIN "Environment" e ON e.id = p."environmentId"
LEFT JOIN "Passkey" k ON k.id = a."passkeyId" WHERE p."releaseId" = $1 ORDER BY a.id LIMIT $2`

const NAMES: Record<number, string> = { [-7]: 'ES256', [-8]: 'EdDSA', [-257]: 'RS256' }

/** @param entries of the trail that are proven: where in it each answer stands */
export async function readSignoffs(
  db: Pick<pg.PoolClient, 'query'>,
  releaseId: number,
  trust: Trust,
  entries: readonly Proven[],
  most: number,
): Promise<DossierSignoff[]> {
  const { rows } = await db.query<Row>(SIGNOFFS, [releaseId, most])
  const told = entries.map(({ seq, body }) => ({ seq, ...readBody(body) }))
  const find = (kind: string, key: string, value: string | null) =>
    told.findLast((e) => e.kind === kind && (e.data as Record<string, unknown>)[key] === value)?.seq ?? null
  return rows.map((row) => {
    const wrong = whyNot(row, trust)
    return {
      promotion: row.promotion,
      environment: row.environment,
      decision: row.decision,
      account: row.account,
      role: row.role,
      reason: row.reason,
      status: row.status,
      because: row.because,
      at: row.at.toISOString(),
      expiresAt: row.expiresAt.toISOString(),
      hash: row.hash,
      statement: row.statement.toString('utf8'),
      words: wordsOf(challengeOf(row.statement)),
      key: keyOf(row, trust),
      holds: row.signature === null ? null : wrong === null,
      wrong: wrong ?? '',
      given: find('approval.give', 'hash', row.hash),
      used: find('approval.use', 'hash', row.hash),
      admitted: row.credential === null ? null : find('passkey.admit', 'credential', row.credential),
      review:
        row.reviewDueAt === null
          ? null
          : {
              dueAt: row.reviewDueAt.toISOString(),
              at: row.reviewedAt?.toISOString() ?? null,
              by: row.reviewerName,
              found: row.review,
            },
    }
  })
}

function keyOf(row: Row, trust: Trust): DossierSignoff['key'] {
  if (row.credential === null) return null
  return {
    credential: row.credential,
    alg: NAMES[row.alg] ?? String(row.alg),
    spki: row.spki.toString('base64'),
    fingerprint: sha256(row.spki),
    roles: certifiedRoles({ ...row, credentialId: row.credential }, trust) ?? [],
  }
}

/** Null: it holds, or there is nothing that could. */
function whyNot(row: Row, trust: Trust): string | null {
  const { clientData, authenticatorData, signature, credential } = row
  if (statementHash(row.statement) !== row.hash) return 'the statement is not the one that was agreed to'
  if (signature === null || clientData === null || authenticatorData === null) return null
  if (credential === null) return 'the passkey is not known'
  if (certifiedRoles({ ...row, credentialId: credential }, trust) === null)
    return 'no worker has certified this passkey for this account and these roles'
  return checkAssertion({
    challenge: challengeOf(row.statement),
    clientDataJSON: clientData,
    authenticatorData,
    signature,
    spki: row.spki,
    alg: row.alg,
    rpId: trust.rpId,
    origin: trust.webOrigin,
  })
}
