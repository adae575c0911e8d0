import { type Actor, NOW, type Tx } from '../prisma/record'
import { movePromotion } from './move-promotion'

/**
 * A newer candidate takes the place of older ones of its branch that have not begun and that nobody has approved. What
 * somebody approved is never dropped: the newer one waits for it. Nor is what goes back.
 */
export async function supersedeOlder(
  tx: Tx,
  newer: { id: number; runId: number; branch: string; environmentId: number },
  by: Actor,
) {
  const { rows } = await tx.query<{ id: number; status: 'waiting' | 'queued' | 'errored' }>(
    `SELECT p.id, p.status FROM "Promotion" p JOIN "Run" r ON r.id = p."runId"
     WHERE p."environmentId" = $1 AND p.id <> $4 AND p."runId" <= $2 AND r.branch = $3 AND p.status IN ('waiting', 'queued', 'errored')
       AND p.kind IN ('onward', 'by-hand') AND NOT EXISTS (SELECT 1 FROM "Approval" a WHERE a."promotionId" = p.id)
     ORDER BY p.id FOR UPDATE OF p`,
    [newer.environmentId, newer.runId, newer.branch, newer.id],
  )
  for (const old of rows) {
    await movePromotion(tx, {
      id: old.id,
      from: old.status,
      event: 'supersede',
      because: `promotion #${newer.id} of run #${newer.runId} is newer`,
      set: { finishedAt: NOW },
      by,
    })
  }
}
