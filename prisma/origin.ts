import type { RecordHandle } from './client'

/** The name of this database's trail: in every entry and every checkpoint. */
export async function readOrigin(record: RecordHandle): Promise<string> {
  const { rows } = await record.pool.query<{ origin: string }>('SELECT origin FROM "Installation" WHERE id = 1')
  if (rows[0] === undefined)
    throw new Error('the database has no row in "Installation": its migrations are not complete')
  return rows[0].origin
}
