import { STAGE } from '../pipelines/run'
import { type Actor, NOW, record, type Tx } from '../prisma/record'

/** Ends the open stages of a promotion's verification, with their promotion. */
export async function cancelVerification(tx: Tx, promotionId: number, by: Actor, because: string) {
  const { rows } = await tx.query<{ id: number; status: 'pending' | 'queued' | 'running' | 'errored' }>(
    `SELECT id, status FROM "Stage" WHERE "promotionId" = $1 AND status IN ('pending', 'queued', 'running', 'errored') ORDER BY position FOR UPDATE`,
    [promotionId],
  )
  for (const { id, status } of rows)
    await record(tx, 'stage', STAGE, {
      id,
      from: status,
      event: 'cancel',
      because,
      set: { finishedAt: NOW, leaseUntil: null },
      by,
    })
}
