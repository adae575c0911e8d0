// Merge requests whose webhook never came: opened, changed, merged or closed unseen.
import { transaction } from '../prisma/record'
import type { Context } from './context'
import type { Reconciled } from './reconcile-branches'
import { dueMergeRequest } from './touch-merge-requests'

/** The forge's list ends here: what is not on a full one may be open all the same. */
const FULL_LIST = 500
/** Read again this often although nobody said anything. */
const STALE = `interval '30 minutes'`
/** Read in one turn; the rest has its own. */
const AT_ONCE = 50

/** Makes due what is unknown here, what has ended unseen, and what was not looked at for long. */
export async function reconcileMergeRequests(context: Context, project: Reconciled): Promise<void> {
  const open = await project.forge.openMergeRequests(project.forgeProjectId)
  const { rows } = await context.record.pool.query<{ iid: number }>(
    `SELECT i.iid FROM unnest($2::int[]) AS i(iid)
       LEFT JOIN "MergeRequest" m ON m."projectId" = $1 AND m.iid = i.iid
       WHERE m.id IS NULL OR (m."dueAt" IS NULL AND (m.status NOT IN ('opened', 'locked') OR m."syncedAt" < clock_timestamp() - ${STALE}))
     UNION
     SELECT iid FROM "MergeRequest" WHERE "projectId" = $1 AND status IN ('opened', 'locked') AND "dueAt" IS NULL
       AND $3 AND "createdAt" < $4 AND iid <> ALL($2::int[])
     ORDER BY 1 DESC LIMIT ${AT_ONCE}`,
    [project.id, open, open.length < FULL_LIST, project.at],
  )
  await transaction(context.record, async (tx) => {
    for (const { iid } of rows) await dueMergeRequest(tx, project.id, iid)
  })
}
