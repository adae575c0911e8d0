import type { RecordHandle } from '../../prisma/client'

/** A worker says so every few seconds; one that was not seen for this long is taken for dead. */
export const SEEN_WITHIN_MS = 10_000

export interface Alive {
  workerAlive: boolean
  /** The database's clock: the one that all processes share. */
  now: Date
}

export async function whoIsAlive(record: RecordHandle): Promise<Alive> {
  const { rows } = await record.pool.query<Alive>(
    `SELECT clock_timestamp() AS now,
            EXISTS (SELECT 1 FROM "Worker" WHERE "seenAt" > clock_timestamp() - $1 * interval '1 millisecond') AS "workerAlive"`,
    [SEEN_WITHIN_MS],
  )
  const [alive] = rows
  if (alive === undefined) throw new Error('the database did not say what time it is')
  return alive
}
