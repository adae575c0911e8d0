// What a promotion waits for may have come: it is judged again at once.
import { ring, type Tx } from '../prisma/record'

const MOST = 200

/** All that wait in a project; with `runId`, only that run's. */
export async function ringWaiting(tx: Tx, projectId: number, runId: number | null = null): Promise<void> {
  const { rows } = await tx.query<{ id: number }>(
    `UPDATE "Promotion" SET "dueAt" = clock_timestamp() WHERE status = 'waiting' AND id IN (
       SELECT p.id FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId"
       WHERE e."projectId" = $1 AND p.status = 'waiting' AND ($2::int IS NULL OR p."runId" = $2) ORDER BY p.id LIMIT ${MOST})
     RETURNING id`,
    [projectId, runId],
  )
  for (const { id } of rows) await ring(tx, `promotion:${id}:waiting`)
}
