import { type Actor, type Tx, tell } from '../prisma/record'

/**
 * A row that the trail does not explain was stopped: loud for who reads the worker's log, once in the trail for who reads that,
 * and with the reason on the row itself, which its page shows.
 */
export async function alarm(
  tx: Tx,
  what: { subject: 'run' | 'promotion' | 'tag' | 'mergeAction'; id: number; because: string },
  by: Actor,
) {
  const { subject, id, because } = what
  console.error(
    `THE AUDIT TRAIL DOES NOT EXPLAIN ${subject} #${id}: ${because}. It was stopped. Check who else writes to the database: a web process ` +
      'that was taken over is one of the possible reasons.',
  )
  const { rows } = await tx.query<{ projectId: number; runId: number | null }>(PLACE[subject], [id])
  await tell(tx, { kind: `${subject}.unexplained`, subject, subjectId: id, by, because, ...rows[0] })
}

const PLACE = {
  run: 'SELECT "projectId", id AS "runId" FROM "Run" WHERE id = $1',
  promotion:
    'SELECT e."projectId", p."runId" FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" WHERE p.id = $1',
  mergeAction: 'SELECT "projectId", NULL::int AS "runId" FROM "MergeAction" WHERE id = $1',
  tag: 'SELECT "projectId", "runId" FROM "Tag" WHERE id = $1',
} as const
