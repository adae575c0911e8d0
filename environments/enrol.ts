// A person's own passkeys: made, named, offered for signing off, removed. What the web process may do with them, and no more:
// only a worker admits one (admit-passkey.ts).
import { createHash } from 'node:crypto'
import type { RegistrationResponseJSON } from '@simplewebauthn/server'
import { ALGORITHMS } from '../audit/assertion'
import { sha256 } from '../audit/canonical'
import type { Trust } from '../audit/trust'
import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { NOW, type Person, record, ring, type Tx, tell, transaction } from '../prisma/record'
import { spkiOf } from './cose-key'
import { PASSKEY, type PasskeyStatus } from './passkey'
import { CHALLENGE_MS, challengeIn, issueChallenge, randomChallenge, takeChallenge } from './passkey-challenge'

/** Passkeys of one account that are not removed. */
const MOST_PASSKEYS = 20
const MOST_NAME = 60
/** How long a browser waits for the person, ms. */
const PROMPT_MS = 120_000

/** The account, as authenticators know it: no name, and the same in every session. */
export const userHandle = (trust: Pick<Trust, 'origin'>, accountId: number) =>
  createHash('sha256').update(`${trust.origin}\naccount:${accountId}`).digest('base64url')

/** What `navigator.credentials.create` is asked with; base64url where it takes bytes. Throws conflict: there are enough. */
export async function beginEnrolment(handle: RecordHandle, by: Person, trust: Trust) {
  const { rows } = await handle.pool.query<{ credentialId: string; transports: string[] }>(
    `SELECT "credentialId", transports FROM "Passkey" WHERE "accountId" = $1 AND status <> 'removed' ORDER BY id`,
    [by.accountId],
  )
  if (rows.length >= MOST_PASSKEYS)
    throw new Fault('conflict', `you have ${MOST_PASSKEYS} passkeys: remove one that you no longer use first`)
  const challenge = randomChallenge()
  await issueChallenge(handle, { challenge, purpose: 'enrol', accountId: by.accountId })
  return {
    challenge,
    rp: { id: trust.rpId, name: 'Shiplock' },
    user: { id: userHandle(trust, by.accountId), name: by.actorName, displayName: by.actorName },
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key' as const, alg })),
    timeout: PROMPT_MS,
    attestation: 'none' as const,
    authenticatorSelection: { residentKey: 'required' as const, userVerification: 'required' as const },
    excludeCredentials: rows.map((r) => ({
      type: 'public-key' as const,
      id: r.credentialId,
      transports: r.transports,
    })),
    expiresInMs: CHALLENGE_MS,
  }
}

export interface Enrolment {
  name: string
  response: RegistrationResponseJSON
  /** HMAC with an enrolment code, hex: see enrolment-code.ts. */
  proof?: string | undefined
}

/**
 * Keeps a passkey that a browser has just made. It opens sessions from now on; with a proof, a worker looks at it at once.
 * @returns its id. Throws input.invalid, or conflict where the passkey is known already
 */
export async function finishEnrolment(
  handle: RecordHandle,
  { name, response, proof }: Enrolment,
  by: Person,
  trust: Trust,
): Promise<number> {
  const called = nameOf(name)
  const challenge = challengeIn(response.response.clientDataJSON)
  const open = await takeChallenge(handle, { challenge, purpose: 'enrol', accountId: by.accountId })
  if (open === null)
    throw new Fault(
      'input.invalid',
      'this passkey answers no open question: begin again, and answer within five minutes',
    )
  const made = await verified(response, challenge, trust)
  return transaction(handle, async (tx) => {
    await roomFor(tx, by.accountId)
    const { rows } = await tx.query(
      `INSERT INTO "Passkey" ("accountId", name, "credentialId", "publicKey", spki, alg, aaguid, "backupEligible", "backedUp",
         transports, "signCount", proof, "dueAt")
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, CASE WHEN $12::text IS NULL THEN NULL ELSE clock_timestamp() END)
       ON CONFLICT ("credentialId") DO NOTHING RETURNING id`,
      [
        by.accountId,
        called,
        made.credentialId,
        made.cose,
        made.spki,
        made.alg,
        made.aaguid,
        made.backupEligible,
        made.backedUp,
        JSON.stringify(made.transports),
        made.signCount,
        proof ?? null,
      ],
    )
    const row = rows[0] as { id: number } | undefined
    if (row === undefined) throw new Fault('conflict', 'this passkey is known here already')
    const { credentialId, alg, spki, backupEligible } = made
    await tell(tx, {
      kind: 'passkey.propose',
      subject: 'passkey',
      subjectId: row.id,
      by,
      after: 'proposed',
      data: {
        account: by.accountId,
        name: called,
        credential: credentialId,
        alg,
        spki_sha256: sha256(spki),
        backupEligible,
      },
    })
    if (proof !== undefined) await ring(tx, `passkey:${row.id}:due`)
    return row.id
  })
}

async function verified(response: RegistrationResponseJSON, expectedChallenge: string, trust: Trust) {
  // Loaded when it is needed: 25 MB that most days nobody asks for.
  const { verifyRegistrationResponse } = await import('@simplewebauthn/server')
  const verdict = await verifyRegistrationResponse({
    response,
    expectedChallenge,
    expectedOrigin: trust.webOrigin,
    expectedRPID: trust.rpId,
    requireUserVerification: true,
    supportedAlgorithmIDs: [...ALGORITHMS],
  }).catch((error: Error) => {
    throw new Fault('input.invalid', `the passkey was not taken: ${error.message.slice(0, 300)}`)
  })
  if (!verdict.verified) throw new Fault('input.invalid', 'the passkey was not taken: its attestation does not hold')
  const { credential, aaguid, credentialDeviceType, credentialBackedUp } = verdict.registrationInfo
  const key = await spkiOf(credential.publicKey)
  if (typeof key === 'string') throw new Fault('input.invalid', `the passkey was not taken: ${key}`)
  return {
    credentialId: credential.id,
    cose: Buffer.from(credential.publicKey),
    ...key,
    aaguid,
    backupEligible: credentialDeviceType === 'multiDevice',
    backedUp: credentialBackedUp,
    transports: (credential.transports ?? []).slice(0, 8),
    signCount: credential.counter,
  }
}

/** Two tabs at once do not make one too many. */
async function roomFor(tx: Tx, accountId: number) {
  await tx.query('SELECT 1 FROM "Account" WHERE id = $1 FOR UPDATE', [accountId])
  const { rows } = await tx.query(
    `SELECT count(*)::int AS many FROM "Passkey" WHERE "accountId" = $1 AND status <> 'removed'`,
    [accountId],
  )
  if ((rows[0] as { many: number }).many >= MOST_PASSKEYS)
    throw new Fault('conflict', `you have ${MOST_PASSKEYS} passkeys: remove one that you no longer use first`)
}

function nameOf(text: string): string {
  const name = text.trim()
  if (name === '' || name.length > MOST_NAME || /\p{C}/u.test(name))
    throw new Fault('input.invalid', `name: 1 to ${MOST_NAME} letters, such as "laptop"`)
  return name
}

/** Has a worker look at one's own passkey with an enrolment code. Throws not.found, or conflict where it is removed. */
export async function offerCode(handle: RecordHandle, id: number, proof: string, by: Person): Promise<void> {
  await transaction(handle, async (tx) => {
    const row = await takeOwn(tx, id, by.accountId)
    if (row.status === 'refused') await record(tx, 'passkey', PASSKEY, { id, from: 'refused', event: 'propose', by })
    await tx.query('UPDATE "Passkey" SET proof = $2, "dueAt" = clock_timestamp() WHERE id = $1', [id, proof])
    await tell(tx, { kind: 'passkey.offer', subject: 'passkey', subjectId: id, by })
    await ring(tx, `passkey:${id}:due`)
  })
}

export async function renamePasskey(handle: RecordHandle, id: number, name: string, by: Person): Promise<void> {
  const called = nameOf(name)
  await transaction(handle, async (tx) => {
    const row = await takeOwn(tx, id, by.accountId)
    await tx.query('UPDATE "Passkey" SET name = $2 WHERE id = $1', [id, called])
    await tell(tx, {
      kind: 'passkey.rename',
      subject: 'passkey',
      subjectId: id,
      by,
      data: { name: called, before: row.name },
    })
  })
}

/**
 * From now on it opens nothing and signs nothing, for ever. A worker remembers it outside the database.
 * @param anybodys may this be somebody else's? For administrators.
 */
export async function removePasskey(
  handle: RecordHandle,
  id: number,
  by: Person,
  { anybodys = false, because = '' }: { anybodys?: boolean; because?: string } = {},
): Promise<void> {
  await transaction(handle, async (tx) => {
    const { status } = await takeOwn(tx, id, anybodys ? null : by.accountId)
    await record(tx, 'passkey', PASSKEY, {
      id,
      from: status,
      event: 'remove',
      by,
      because,
      set: { removedAt: NOW, dueAt: NOW, proof: null },
    })
    await ring(tx, `passkey:${id}:due`)
  })
}

/** The row, locked. @param accountId null: whoever's it is */
async function takeOwn(tx: Tx, id: number, accountId: number | null) {
  const { rows } = await tx.query(
    `SELECT status, name FROM "Passkey" WHERE id = $1 AND ($2::int IS NULL OR "accountId" = $2) FOR UPDATE`,
    [id, accountId],
  )
  const row = rows[0] as { status: PasskeyStatus; name: string } | undefined
  if (row === undefined) throw new Fault('not.found', `there is no passkey #${id} of yours`)
  if (row.status === 'removed') throw new Fault('conflict', `passkey #${id} is removed`)
  return row as { status: Exclude<PasskeyStatus, 'removed'>; name: string }
}
