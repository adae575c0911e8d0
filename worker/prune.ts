import type { RecordHandle } from '../prisma/client'

/** How long a delivery's body is kept to be looked at, and to be known when it comes again. */
export const DELIVERY_DAYS = 30
const AT_ONCE = 1_000

/** Forgets what has had its time: bodies of old deliveries, ended sessions, workers that are gone. The trail keeps all. */
export async function prune(record: RecordHandle): Promise<void> {
  await record.pool.query(
    `UPDATE "Delivery" SET body = '' WHERE id IN (
       SELECT id FROM "Delivery" WHERE "receivedAt" < clock_timestamp() - $1 * interval '1 day' AND body <> '' LIMIT $2)`,
    [DELIVERY_DAYS, AT_ONCE],
  )
  await record.pool.query('DELETE FROM "Session" WHERE "expiresAt" < clock_timestamp()')
  await record.pool.query(`DELETE FROM "Worker" WHERE "seenAt" < clock_timestamp() - interval '1 day'`)
}
