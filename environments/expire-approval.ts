import { asWorker, type Context } from '../pipelines/context'
import { record, transaction } from '../prisma/record'
import { APPROVAL } from './approval'
import { ringPromotion } from './place'

/** An answer whose time is over counts no longer, and what it had opened waits again. */
export async function expireApproval(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<{ promotionId: number | null }>(
      `SELECT "promotionId" FROM "Approval" WHERE id = $1 AND status = 'given' AND "expiresAt" <= clock_timestamp() FOR UPDATE`,
      [id],
    )
    if (rows[0] === undefined) return
    const because = 'its time is over: sign again'
    await record(tx, 'approval', APPROVAL, { id, from: 'given', event: 'expire', because, by: asWorker(context) })
    if (rows[0].promotionId !== null) await ringPromotion(tx, rows[0].promotionId)
  })
}
