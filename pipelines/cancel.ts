import type { RecordHandle } from '../prisma/client'
import { type Actor, NOW, record, transaction } from '../prisma/record'
import { advanceStage } from './advance'
import { Fault } from './fault'
import { owe } from './owe'
import { RUN, STAGE } from './run'

const OPEN = ['pending', 'queued', 'running', 'errored'] as const

/**
 * Cancels a run: final the moment this returns, whatever still has to be stopped. What runs hears of it by the doorbell,
 * and at the latest when its lease is renewed.
 * @throws Fault not.found; conflict where the run has ended already
 */
export async function cancelRun(handle: RecordHandle, runId: number, by: Actor, because: string): Promise<void> {
  await transaction(handle, async (tx) => {
    const { rows } = await tx.query<{ status: string; projectId: number }>(
      'SELECT status, "projectId" FROM "Run" WHERE id = $1 FOR UPDATE',
      [runId],
    )
    const run = rows[0]
    if (run === undefined) throw new Fault('not.found', `there is no run #${runId}`)
    const { status } = run
    if (
      status !== 'held' &&
      status !== 'queued' &&
      status !== 'planning' &&
      status !== 'running' &&
      status !== 'errored'
    ) {
      throw new Fault('conflict', `run #${runId} has ended already: it is ${status}`)
    }
    const stages = await tx.query<{ id: number; name: string; status: (typeof OPEN)[number] }>(
      'SELECT id, name, status FROM "Stage" WHERE "runId" = $1 AND "promotionId" IS NULL AND status = ANY($2) ORDER BY position',
      [runId, OPEN],
    )
    for (const stage of stages.rows) {
      await record(tx, 'stage', STAGE, {
        id: stage.id,
        from: stage.status,
        event: 'cancel',
        because,
        set: { finishedAt: NOW, leaseUntil: null },
        by,
      })
      await owe(tx, { projectId: run.projectId, runId, name: stage.name, wanted: 'canceled', description: because })
    }
    await record(tx, 'run', RUN, {
      id: runId,
      from: status,
      event: 'cancel',
      because,
      set: { finishedAt: NOW, leaseUntil: null },
      by,
    })
  })
}

/**
 * Has an errored stage tried again at once, with a fresh count of attempts.
 * @throws Fault not.found; conflict where the stage is in a status that nothing leaves
 */
export async function retryStage(handle: RecordHandle, runId: number, name: string, by: Actor): Promise<void> {
  await transaction(handle, async (tx) => {
    const { rows } = await tx.query<{ id: number; status: string }>(
      'SELECT id, status FROM "Stage" WHERE "runId" = $1 AND name = $2 AND "promotionId" IS NULL',
      [runId, name],
    )
    const stage = rows[0]
    if (stage === undefined) throw new Fault('not.found', `run #${runId} has no stage ${name}`)
    const done = await advanceStage(tx, {
      id: stage.id,
      from: 'errored',
      event: 'retry',
      because: `asked for by ${by.actorName}`,
      set: { attempts: 0, dueAt: NOW },
      by,
    })
    if (done === null) {
      throw new Fault(
        'conflict',
        `${name} of run #${runId} is ${stage.status}; only a stage that errored can be tried again: push again to run a failed one`,
      )
    }
  })
}
