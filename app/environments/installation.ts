import type { RecordHandle } from '../../prisma/client'
import type { InstallationShape } from './stop-shapes'

/** This installation: its name in the trail, and the emergency stop of everything. */
export async function readInstallation(record: RecordHandle): Promise<InstallationShape> {
  const { rows } = await record.pool.query<{ origin: string; at: Date | null; by: string; because: string }>(
    `SELECT origin, "stoppedAt" AS at, "stoppedBy" AS by, "stoppedBecause" AS because FROM "Installation" WHERE id = 1`,
  )
  const row = rows[0]
  if (row === undefined) throw new Error('the row of the installation is gone: the database is not one of Shiplock')
  const { origin, at, by, because } = row
  return { origin, stopped: at === null ? null : { by, because, since: at.toISOString() } }
}
