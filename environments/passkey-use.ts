import { authenticatorState } from '../audit/assertion'
import type { Trust } from '../audit/trust'
import type { RecordHandle } from '../prisma/client'
import { type Actor, type Tx, tell, transaction } from '../prisma/record'
import { type Assertion, assertionProblem } from './assertion'
import { userHandle } from './enrol'
import { challengeIn, issueChallenge, randomChallenge, takeChallenge } from './passkey-challenge'

/**
 * Notes that a passkey was used. A count that does not rise may mean that somebody has a copy of the key, or an authenticator
 * that counts badly: an alarm for people, and no proof.
 * @param authenticatorData base64url, of an assertion that was checked
 */
export async function notePasskeyUse(tx: Tx, passkeyId: number, authenticatorData: string, by: Actor): Promise<void> {
  const state = authenticatorState(Buffer.from(authenticatorData, 'base64url'))
  if (state === null) return
  const { rows } = await tx.query(
    `UPDATE "Passkey" k SET "lastUsedAt" = clock_timestamp(), "signCount" = GREATEST(k."signCount", $2), "backedUp" = $3
     FROM (SELECT id, "signCount" FROM "Passkey" WHERE id = $1 FOR NO KEY UPDATE) was WHERE k.id = was.id RETURNING was."signCount" AS was`,
    [passkeyId, state.signCount, state.backedUp],
  )
  const was = Number((rows[0] as { was: string } | undefined)?.was ?? 0)
  // Many authenticators do not count at all: then both are zero.
  if (was === 0 || state.signCount > was) return
  await tell(tx, {
    kind: 'passkey.alarm',
    subject: 'passkey',
    subjectId: passkeyId,
    by,
    because: `it counted ${state.signCount} uses, after ${was} before: somebody may have a copy of it`,
    data: { was, now: state.signCount },
  })
}

/** What `navigator.credentials.get` is asked with to sign in: any passkey of this site. Throws too.many. */
export async function beginSignIn(handle: RecordHandle, trust: Trust): Promise<{ challenge: string; rpId: string }> {
  const challenge = randomChallenge()
  await issueChallenge(handle, { challenge, purpose: 'sign-in', accountId: null })
  return { challenge, rpId: trust.rpId }
}

/** Whose passkey it is; or why it opens nothing, for the trail: whoever tries is told less. */
export async function whoSignsIn(
  handle: RecordHandle,
  assertion: Assertion & { userHandle?: string | null | undefined },
  trust: Trust,
): Promise<{ accountId: number } | { why: string; accountId: number | null }> {
  const challenge = challengeIn(assertion.clientDataJSON)
  if ((await takeChallenge(handle, { challenge, purpose: 'sign-in', accountId: null })) === null)
    return { why: 'no open challenge', accountId: null }
  const { rows } = await handle.pool.query<{ id: number; accountId: number; spki: Buffer; alg: number; name: string }>(
    `SELECT k.id, k."accountId", k.spki, k.alg, a.name FROM "Passkey" k JOIN "Account" a ON a.id = k."accountId"
     WHERE k."credentialId" = $1 AND k.status <> 'removed'`,
    [assertion.credentialId],
  )
  const key = rows[0]
  if (key === undefined) return { why: 'a passkey that is not known, or removed', accountId: null }
  const { accountId } = key
  if (assertion.userHandle && assertion.userHandle !== userHandle(trust, accountId))
    return { why: 'a passkey that was made for another account', accountId }
  const why = assertionProblem(assertion, key, challenge, trust)
  if (why !== null) return { why, accountId }
  await transaction(handle, (tx) =>
    notePasskeyUse(tx, key.id, assertion.authenticatorData, { actor: `account:${accountId}`, actorName: key.name }),
  )
  return { accountId }
}
