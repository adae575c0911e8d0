// Webhooks get lost: every few minutes, when a worker starts, and when one could not be stored, the forge is asked what there is.
import type { RecordHandle } from '../prisma/client'
import { type Outage, outageOf } from '../prisma/outage'
import { transaction } from '../prisma/record'
import type { Context } from './context'
import { isFault } from './fault'
import { connectedForge } from './forge-of'
import { mendHook } from './mend-hook'
import { touchBackMerges } from './owed-back-merges'
import { type Reconciled, reconcileBranches } from './reconcile-branches'
import { reconcileMergeRequests } from './reconcile-merge-requests'

const EVERY = `interval '3 minutes'`
const SOON = `GREATEST(clock_timestamp() + interval '3 seconds', "reconciledAt" + interval '10 seconds')`

/**
 * Compares a project's branches, merge requests and webhook with what is known, and takes up what was missed. What the forge
 * does not answer now is asked again in its next turn.
 */
export async function reconcileProject(context: Context, projectId: number): Promise<void> {
  const { rows } = await context.record.pool.query<{ at: Date; isFirst: boolean }>(
    `UPDATE "Project" SET "reconcileAt" = clock_timestamp() + ${EVERY}
     WHERE id = $1 AND status = 'connected' AND "reconcileAt" <= clock_timestamp()
     RETURNING clock_timestamp() AS at, "reconciledAt" IS NULL AS "isFirst"`,
    [projectId],
  )
  const turn = rows[0]
  if (turn === undefined) return
  const comparing = outageOf(`The comparison of project ${projectId} with its forge`)
  await quietly(comparing, async () => {
    const { forge, project } = await connectedForge(context, projectId)
    const { id, name, path, flow, forgeProjectId } = project
    const reconciled: Reconciled = { id, name, path, flow, forge, forgeProjectId, ...turn }
    // Each by itself: a right that the token lacks for the one is no reason to leave the others.
    const ofForge = outageOf(`The forge ${project.forgeUrl}`)
    for (const look of [reconcileBranches, reconcileMergeRequests, mendHook])
      await quietly(ofForge, () => look(context, reconciled))
    await transaction(context.record, (tx) => touchBackMerges(tx, id))
  })
}

async function quietly(outage: Outage, work: () => Promise<void>) {
  try {
    await work()
    outage.back()
  } catch (error) {
    if (!isFault(error)) throw error
    outage.lost(error)
  }
}

/**
 * Webhooks may have been missed, of one project or of all: the forge is asked in three seconds, for those on their way come first,
 * and no sooner than ten seconds after it last answered, however often this is called.
 */
export async function reconcileSoon(handle: RecordHandle, projectId?: number): Promise<void> {
  await handle.pool.query(
    `UPDATE "Project" SET "reconcileAt" = ${SOON}
     WHERE status = 'connected' AND ($1::int IS NULL OR id = $1) AND "reconcileAt" > ${SOON}`,
    [projectId ?? null],
  )
}
