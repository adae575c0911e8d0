// The web's side of a vouch: what is signed, and that it was. A worker checks all of it again (admit-passkey.ts).
import { sha256 } from '../audit/canonical'
import type { Trust } from '../audit/trust'
import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { databaseClock } from '../prisma/clock'
import { type Person, record, ring, type Tx, tell, transaction } from '../prisma/record'
import { type Assertion, assertionProblem } from './assertion'
import { PASSKEY, type PasskeyStatus } from './passkey'
import { CHALLENGE_MS, issueChallenge, randomChallenge, takeChallenge } from './passkey-challenge'
import { admittedKey, certifiedRoles, signingRoles } from './passkey-key'
import { notePasskeyUse } from './passkey-use'
import { readVouch, VOUCH_MS, vouchChallenge, vouchText } from './vouch'

interface Subject {
  id: number
  accountId: number
  accountName: string
  credentialId: string
  spki: Buffer
  status: PasskeyStatus
}

/** Somebody else's passkey that may be vouched for. Throws not.found, not.permitted, or conflict. */
async function othersKey(tx: Tx, id: number, by: Person): Promise<Subject> {
  const { rows } = await tx.query(
    `SELECT k.id, k."accountId", a.name AS "accountName", k."credentialId", k.spki, k.status
     FROM "Passkey" k JOIN "Account" a ON a.id = k."accountId" WHERE k.id = $1 AND k.status <> 'removed' FOR UPDATE OF k`,
    [id],
  )
  const row = rows[0] as Subject | undefined
  if (row === undefined) throw new Fault('not.found', `there is no passkey #${id}`)
  if (row.accountId === by.accountId)
    throw new Fault('not.permitted', 'nobody vouches for themselves: use an enrolment code, or ask somebody else')
  return row
}

/** The passkeys that somebody may sign with: those a worker has admitted, by their certificates. */
export async function ownAdmittedKeys(
  handle: Pick<RecordHandle, 'pool'>,
  accountId: number,
  trust: Trust,
): Promise<{ id: string; transports: string[]; roles: string[] }[]> {
  const { rows } = await handle.pool.query<{
    credentialId: string
    transports: string[]
    spki: Buffer
    roles: unknown
    certificate: string | null
  }>(
    `SELECT "credentialId", transports, spki, roles, certificate FROM "Passkey" WHERE "accountId" = $1 AND status = 'admitted' ORDER BY id LIMIT 50`,
    [accountId],
  )
  return rows.flatMap((row) => {
    const roles = certifiedRoles({ ...row, accountId }, trust)
    return roles === null ? [] : [{ id: row.credentialId, transports: row.transports, roles }]
  })
}

/** The statement that says whose passkey this is. Throws not.found, not.permitted, conflict. */
export async function prepareVouch(handle: RecordHandle, id: number, by: Person, trust: Trust) {
  const credentials = await ownAdmittedKeys(handle, by.accountId, trust)
  if (credentials.length === 0)
    throw new Fault('conflict', 'you have no admitted passkey to sign this with: add one, and have it admitted first')
  const { text, now } = await transaction(handle, async (tx) => {
    const row = await othersKey(tx, id, by)
    const roles = await signingRoles(tx, row.accountId)
    if (roles.length === 0)
      throw new Fault(
        'conflict',
        `${row.accountName} has no role that signs anything off: there is nothing to vouch for`,
      )
    const now = await databaseClock(tx)
    const text = vouchText({
      v: 1,
      type: 'shiplock.enrolment',
      origin: trust.origin,
      passkey: id,
      account: row.accountId,
      account_name: row.accountName,
      credential: row.credentialId,
      spki_sha256: sha256(row.spki),
      roles: roles as Parameters<typeof vouchText>[0]['roles'],
      voucher: by.accountId,
      nonce: randomChallenge(),
      iat: now.toISOString(),
      exp: new Date(now.getTime() + VOUCH_MS).toISOString(),
    })
    return { text, now }
  })
  const challenge = vouchChallenge(text)
  await issueChallenge(handle, {
    challenge,
    purpose: 'vouch',
    accountId: by.accountId,
    data: { statement: text, passkey: id },
  })
  return {
    text,
    challenge,
    rpId: trust.rpId,
    expiresAt: new Date(now.getTime() + CHALLENGE_MS),
    credentials: credentials.map(({ id: credential, transports }) => ({ id: credential, transports })),
  }
}

/** Hands the signed statement to a worker. Throws input.invalid with the reason, not.found, not.permitted. */
export async function vouch(
  handle: RecordHandle,
  id: number,
  answer: { challenge: string; assertion: Assertion },
  by: Person,
  trust: Trust,
): Promise<void> {
  const { challenge, assertion } = answer
  const open = await takeChallenge(handle, { challenge, purpose: 'vouch', accountId: by.accountId })
  const statement = open === null ? '' : String(open.statement)
  const said = readVouch(statement)
  if (said === null || said.passkey !== id)
    throw new Fault(
      'input.invalid',
      'there is no such statement to sign any more: look at it again, and sign within five minutes',
    )
  await transaction(handle, async (tx) => {
    const row = await othersKey(tx, id, by)
    const passkeyId = await signed(tx, statement, assertion, by, trust)
    await notePasskeyUse(tx, passkeyId, assertion.authenticatorData, by)
    if (row.status === 'refused') await record(tx, 'passkey', PASSKEY, { id, from: 'refused', event: 'propose', by })
    await tx.query('UPDATE "Passkey" SET vouch = $2::jsonb, proof = NULL, "dueAt" = clock_timestamp() WHERE id = $1', [
      id,
      JSON.stringify({ statement, assertion }),
    ])
    await tell(tx, {
      kind: 'passkey.vouch',
      subject: 'passkey',
      subjectId: id,
      by,
      data: { account: row.accountId, credential: row.credentialId, roles: said.roles, hash: sha256(statement) },
    })
    await ring(tx, `passkey:${id}:due`)
  })
}

/** @returns the passkey it was signed with */
async function signed(tx: Tx, statement: string, assertion: Assertion, by: Person, trust: Trust): Promise<number> {
  const key = await admittedKey(tx, assertion.credentialId, trust)
  if (typeof key === 'string') throw new Fault('input.invalid', `the signature does not count: ${key}`)
  if (key.accountId !== by.accountId)
    throw new Fault('input.invalid', "the signature does not count: it was made with somebody else's passkey")
  const why = assertionProblem(assertion, key, vouchChallenge(statement), trust)
  if (why !== null) throw new Fault('input.invalid', `the signature does not count: ${why}`)
  return key.passkeyId
}
