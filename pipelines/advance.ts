import { type Actor, type Change, NOW, type Row, record, type Tx } from '../prisma/record'
import { owe, STATE_OF } from './owe'
import { foldStages, RUN, STAGE, type StageStatus } from './run'

type StageRow = Row & { runId: number; name: string; position: number; because: string }

/**
 * Takes an arrow of a stage and everything that follows from it, in the caller's transaction: the report that is owed, the
 * stages that come next or are skipped, and the run's status.
 * @returns the stage's row, or null where the arrow could not be taken (another status or epoch): then nothing is written
 */
export async function advanceStage<F extends keyof typeof STAGE & string>(
  tx: Tx,
  change: Change<typeof STAGE, F>,
): Promise<StageRow | null> {
  // Every change of a run's stages takes the run's row first: two of them at once cannot both believe to be the last.
  const { rows } = await tx.query<{ id: number; status: string; projectId: number }>(
    `SELECT r.id, r.status, r."projectId" FROM "Run" r WHERE r.id = (SELECT "runId" FROM "Stage" WHERE id = $1) FOR UPDATE`,
    [change.id],
  )
  const run = rows[0]
  if (run === undefined) return null
  const stage = (await record(tx, 'stage', STAGE, change)) as StageRow | null
  if (stage === null) return null
  await owe(tx, {
    projectId: run.projectId,
    runId: run.id,
    name: stage.name,
    wanted: STATE_OF[stage.status] ?? 'pending',
    description: stage.because,
  })
  if (stage.status === 'succeeded' || stage.status === 'skipped') await admitNext(tx, run.id, change.by)
  if (stage.status === 'failed' || stage.status === 'canceled') await skipRest(tx, run, stage, change.by)
  await settleRun(tx, run.id, change.by, stage)
  return stage
}

/** Admits the first pending stage; those before it have all succeeded or were skipped. */
export async function admitNext(tx: Tx, runId: number, by: Actor) {
  const { rows } = await tx.query<{ id: number }>(
    `SELECT id FROM "Stage" s WHERE "runId" = $1 AND status = 'pending'
       AND NOT EXISTS (SELECT 1 FROM "Stage" o WHERE o."runId" = $1 AND o.position < s.position AND o.status NOT IN ('succeeded', 'skipped'))
     ORDER BY position LIMIT 1`,
    [runId],
  )
  if (rows[0])
    await record(tx, 'stage', STAGE, { id: rows[0].id, from: 'pending', event: 'admit', set: { dueAt: NOW }, by })
}

async function skipRest(tx: Tx, run: { id: number; projectId: number }, stage: StageRow, by: Actor) {
  const { rows } = await tx.query<{ id: number; name: string }>(
    `SELECT id, name FROM "Stage" WHERE "runId" = $1 AND status = 'pending' ORDER BY position`,
    [run.id],
  )
  const because = `${stage.name} ${stage.status === 'failed' ? 'failed' : 'was canceled'}`
  for (const rest of rows) {
    await record(tx, 'stage', STAGE, { id: rest.id, from: 'pending', event: 'skip', because, by })
    await owe(tx, { projectId: run.projectId, runId: run.id, name: rest.name, wanted: 'skipped', description: because })
  }
}

const EVENT = { succeeded: 'pass', failed: 'fail', errored: 'err', canceled: 'cancel' } as const

/** The run's status follows its stages. `last`: the one that changed, for the reason. */
export async function settleRun(tx: Tx, runId: number, by: Actor, last?: Pick<StageRow, 'name' | 'because'>) {
  const { rows } = await tx.query<{ status: StageStatus; run: string }>(
    `SELECT s.status, r.status AS run FROM "Stage" s JOIN "Run" r ON r.id = s."runId" WHERE s."runId" = $1`,
    [runId],
  )
  const folded = foldStages(rows.map((r) => r.status))
  const now = rows[0]?.run
  if (now === 'running' && folded !== 'running') {
    const because = folded === 'succeeded' || last === undefined ? '' : `${last.name}: ${last.because}`
    await record(tx, 'run', RUN, {
      id: runId,
      from: 'running',
      event: EVENT[folded],
      because,
      set: { finishedAt: NOW },
      by,
    })
  }
  if (now === 'errored' && folded === 'running') {
    await record(tx, 'run', RUN, { id: runId, from: 'errored', event: 'resume', set: { finishedAt: null }, by })
  }
}
