// The one way in which a promotion takes an arrow: what is said of it elsewhere changes in the same transaction.
import { type Actor, type Change, type Row, record, type Tx } from '../prisma/record'
import { followRollback } from './hold'
import { isDeclaredReturn, PROMOTION, type PromotionKind, type PromotionStatus } from './promotion'

interface Moved extends Row {
  kind: PromotionKind
  environmentId: number
  insteadOf: number | null
  startedAt: Date | null
  deployedAt: Date | null
}

/** As `record()`, for a promotion. A hold that is about it says what has become of it, or ends with it. */
export async function movePromotion<F extends PromotionStatus>(
  tx: Tx,
  change: Change<typeof PROMOTION, F>,
): Promise<Row | null> {
  const row = (await record(tx, 'promotion', PROMOTION, change)) as Moved | null
  if (row !== null && isDeclaredReturn(row.kind)) await follow(tx, row, change.because ?? '', change.by)
  return row
}

const follow = (tx: Tx, row: Moved, because: string, by: Actor) =>
  followRollback(
    tx,
    row.environmentId,
    {
      id: row.id,
      kind: row.kind,
      status: row.status as PromotionStatus,
      insteadOf: row.insteadOf,
      isThere: row.deployedAt !== null && row.startedAt !== null && row.deployedAt >= row.startedAt,
    },
    because,
    by,
  )
