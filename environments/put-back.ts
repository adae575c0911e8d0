import { certify, putBackClaim, type Signer } from '../audit/certificate'
import { type Actor, type Tx, tell } from '../prisma/record'
import { FIRST, writePromotion } from './request'

interface Earlier {
  id: number
  releaseId: number
  runId: number
  tag: string
  digest: string
}

/** What an environment ran last before a promotion, and had verified. Null: nothing. */
export async function lastVerified(tx: Tx, environmentId: number, before: number): Promise<Earlier | null> {
  const { rows } = await tx.query<Earlier>(
    `SELECT p.id, p."releaseId", p."runId", l.tag, l.digest FROM "Promotion" p JOIN "Release" l ON l.id = p."releaseId"
     WHERE p."environmentId" = $1 AND p.id < $2 AND p.status = 'verified' AND p.observed = l.digest
       AND p."releaseId" <> (SELECT "releaseId" FROM "Promotion" WHERE id = $2)
     ORDER BY p.id DESC LIMIT 1`,
    [environmentId, before],
  )
  return rows[0] ?? null
}

/** Puts the release before back by itself, because verification failed. It is a promotion like any other, and is judged. */
export async function putBack(
  tx: Tx,
  failed: { id: number; environmentId: number; environment: string; projectId: number; runId: number },
  because: string,
  by: Actor,
  signer: Signer,
) {
  const earlier = await lastVerified(tx, failed.environmentId, failed.id)
  if (earlier === null) {
    await tell(tx, {
      kind: 'promotion.impossible',
      subject: 'promotion',
      subjectId: failed.id,
      projectId: failed.projectId,
      runId: failed.runId,
      by,
      because: `there is no earlier verified release to put back into ${failed.environment}: what failed stays`,
    })
    return
  }
  const reason = `promotion #${failed.id} was not verified (${because}); putting ${earlier.tag} back is requested`
  await writePromotion(
    tx,
    {
      environmentId: failed.environmentId,
      releaseId: earlier.releaseId,
      runId: earlier.runId,
      kind: 'put-back',
      requestedBy: 'Shiplock',
      reason: reason.slice(0, 2000),
      insteadOf: failed.id,
      priority: FIRST,
      certificate: certify(
        signer,
        putBackClaim({
          environmentId: failed.environmentId,
          releaseId: earlier.releaseId,
          digest: earlier.digest,
          insteadOf: failed.id,
        }),
      ),
    },
    by,
    reason,
  )
}
