import type { RecordHandle } from '../prisma/client'
import { type Actor, NOW, record, transaction } from '../prisma/record'
import { Fault } from './fault'
import { RUN } from './run'
import { touchMergeRequests } from './touch-merge-requests'

/**
 * An owner says go: the static checks of a fork's merge request run, for exactly the commit that is its head now.
 * @throws Fault not.found; conflict where the run is not held, or its request has moved on or is closed
 */
export async function allowForkRun(handle: RecordHandle, runId: number, by: Actor): Promise<void> {
  await transaction(handle, async (tx) => {
    const { rows } = await tx.query<{
      status: string
      commit: string
      projectId: number
      iid: number
      head: string
      request: string
    }>(
      `SELECT r.status, r."commit", r."projectId", m.iid, m.head, m.status AS request
       FROM "Run" r LEFT JOIN "MergeRequest" m ON m.id = r."mergeRequestId" WHERE r.id = $1 FOR UPDATE OF r`,
      [runId],
    )
    const run = rows[0]
    if (run === undefined) throw new Fault('not.found', `there is no run #${runId}`)
    if (run.status !== 'held')
      throw new Fault('conflict', `run #${runId} is ${run.status}: only one that is held waits for an owner`)
    if (run.request !== 'opened' || run.head !== run.commit)
      throw new Fault(
        'conflict',
        run.request === 'opened'
          ? `!${run.iid} has moved on to ${run.head.slice(0, 12)}: look at what it holds now, and let that run`
          : `!${run.iid} is ${run.request}: there is nothing to check any more`,
      )
    const because = `allowed by ${by.actorName}`
    await record(tx, 'run', RUN, { id: runId, from: 'held', event: 'allow', because, set: { dueAt: NOW }, by })
    await touchMergeRequests(tx, run.projectId, run.commit)
  })
}
