import { LIVES_MS } from '../../pipelines/part'
import type { RecordHandle } from '../../prisma/client'

export interface Alive {
  workerAlive: boolean
  /** Why no living worker has the room to begin; null: one has. */
  noRoom: string | null
  /** The database's clock: the one that all processes share. */
  now: Date
}

export async function whoIsAlive(record: RecordHandle): Promise<Alive> {
  const { rows } = await record.pool.query<Alive>(
    `SELECT clock_timestamp() AS now,
            EXISTS (SELECT 1 FROM "Worker" WHERE "seenAt" > clock_timestamp() - $1 * interval '1 millisecond') AS "workerAlive",
            (SELECT min(d.params->>'because') FROM "Part" d WHERE d.name = 'disk' AND d."seenAt" > clock_timestamp() - $1 * interval '1 millisecond'
             HAVING bool_and(d.state <> 'ok')) AS "noRoom"`,
    [LIVES_MS],
  )
  const [alive] = rows
  if (alive === undefined) throw new Error('the database did not say what time it is')
  return alive
}
