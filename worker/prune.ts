import { ARTIFACT_DAYS } from '../pipelines/stage-results'
import type { RecordHandle } from '../prisma/client'

/** How long a delivery's body is kept to be looked at, and to be known when it comes again. */
export const DELIVERY_DAYS = 30
const AT_ONCE = 1_000
/** Files are large: so many of them go at once, and so many times. */
const FILES_AT_ONCE = 200
const BITES = 50

/**
 * Forgets what has had its time: bodies of old deliveries, files that stages left, ended sessions, workers that are gone. The
 * trail keeps all. One call takes a bounded bite; it is called again and again.
 */
export async function prune(record: RecordHandle): Promise<void> {
  await record.pool.query(
    `UPDATE "Delivery" SET body = '' WHERE id IN (
       SELECT id FROM "Delivery" WHERE "receivedAt" < clock_timestamp() - $1 * interval '1 day' AND body <> '' LIMIT $2)`,
    [DELIVERY_DAYS, AT_ONCE],
  )
  await pruneArtifacts(record)
  await record.pool.query('DELETE FROM "Session" WHERE "expiresAt" < clock_timestamp()')
  await record.pool.query(
    `DELETE FROM "Part" WHERE "seenAt" < clock_timestamp() - interval '1 day' AND code <> 'trail.other'`,
  )
  await record.pool.query(`DELETE FROM "Worker" WHERE "seenAt" < clock_timestamp() - interval '1 day'`)
}

async function pruneArtifacts(record: RecordHandle): Promise<void> {
  for (let bites = 0; bites < BITES; bites++) {
    const { rowCount } = await record.pool.query(
      `DELETE FROM "Artifact" WHERE id IN (
         SELECT id FROM "Artifact" WHERE "createdAt" < clock_timestamp() - $1 * interval '1 day' ORDER BY "createdAt" LIMIT $2)`,
      [ARTIFACT_DAYS, FILES_AT_ONCE],
    )
    if ((rowCount ?? 0) < FILES_AT_ONCE) return
  }
}
