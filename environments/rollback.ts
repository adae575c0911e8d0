import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { type Person, type Tx, transaction } from '../prisma/record'
import { holdForRollback } from './hold'
import { takePlace } from './place'
import { FIRST, type Request, refuseTwice, writePromotion } from './request'

interface Return {
  id: number
  runId: number
  tag: string
  digest: string
}

/**
 * Puts an earlier release back, and says so: a promotion of what was verified there before, with a hold, so that nothing
 * newer follows by itself. It needs a sign-off of its own, which whoever asks for it may give.
 * @returns the promotion's id
 * @throws Fault input.invalid without a reason; not.found; conflict where that release was never verified there, is what
 *   runs, or is on its way
 */
export async function requestRollback(handle: RecordHandle, asked: Request, by: Person): Promise<number> {
  const reason = asked.reason.trim().slice(0, 2000)
  if (reason === '')
    throw new Fault('input.invalid', 'reason: a rollback needs one; it stands in the trail and on the hold')
  return transaction(handle, async (tx) => {
    const place = await takePlace(tx, asked.environmentId)
    const earlier = await verifiedHere(tx, asked)
    if (earlier === null)
      throw new Fault(
        'conflict',
        `release #${asked.releaseId} was never verified in ${place.name}: there is nothing to go back to`,
      )
    const now = await runningHere(tx, place.id)
    if (now?.runs && now.releaseId === asked.releaseId)
      throw new Fault('conflict', `${earlier.tag} is what runs in ${place.name} now`)
    await refuseTwice(tx, asked, `${earlier.tag} is on its way to ${place.name} already`)
    const wanted = {
      environmentId: place.id,
      releaseId: asked.releaseId,
      runId: earlier.runId,
      kind: 'rollback',
      requestedBy: by.actorName,
      requesterId: by.accountId,
      reason,
      insteadOf: now?.id ?? null,
      priority: FIRST,
    } as const
    const id = await writePromotion(tx, wanted, by, reason)
    if (id === null) throw new Fault('conflict', `${earlier.tag} is on its way to ${place.name} already`)
    await holdForRollback(tx, place.id, { promotion: id, tag: earlier.tag, reason }, by)
    return id
  })
}

async function verifiedHere(tx: Tx, { environmentId, releaseId }: Request): Promise<Return | null> {
  const { rows } = await tx.query<Return>(
    `SELECT p.id, p."runId", l.tag, l.digest FROM "Promotion" p JOIN "Release" l ON l.id = p."releaseId"
     WHERE p."environmentId" = $1 AND p."releaseId" = $2 AND p.status = 'verified' AND p.observed = l.digest ORDER BY p.id DESC LIMIT 1`,
    [environmentId, releaseId],
  )
  return rows[0] ?? null
}

/** The deployment that the record says serves there, and whether that is what was last seen running. */
async function runningHere(tx: Tx, environmentId: number) {
  const { rows } = await tx.query<{ id: number; releaseId: number; runs: boolean }>(
    `SELECT p.id, p."releaseId", COALESCE(o.digest = l.digest, false) AS runs FROM "Observed" o
     JOIN "Promotion" p ON p.id = o."promotionId" JOIN "Release" l ON l.id = p."releaseId"
     WHERE o."environmentId" = $1 ORDER BY p."deployedAt" DESC LIMIT 1`,
    [environmentId],
  )
  return rows[0] ?? null
}
