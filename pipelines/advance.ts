import { type Actor, type Change, NOW, type Row, record, ring, type Tx } from '../prisma/record'
import type { CommitState } from './forges/forge'
import { owe, STATE_OF } from './owe'
import { foldStages, RUN, STAGE, type StageStatus } from './run'
import { touchMergeRequests } from './touch-merge-requests'

type StageRow = Row & {
  runId: number
  promotionId: number | null
  round: number
  name: string
  position: number
  because: string
}

/** The stages that go together: those of a run, or of one round of a promotion's verification. */
export interface Together {
  runId: number
  promotionId: number | null
  round: number
}
const TOGETHER = `"runId" = $1 AND "promotionId" IS NOT DISTINCT FROM $2 AND round = $3`
const together = ({ runId, promotionId, round }: Together) => [runId, promotionId, round]

/**
 * Takes an arrow of a stage and everything that follows from it, in the caller's transaction: the report that is owed, the
 * stages that come next or are skipped, and the run's status. A promotion's verification is settled by whoever carries it.
 * @returns the stage's row, or null where the arrow could not be taken (another status or epoch): then nothing is written
 */
export async function advanceStage<F extends keyof typeof STAGE & string>(
  tx: Tx,
  change: Change<typeof STAGE, F>,
): Promise<StageRow | null> {
  // Every change of a run's stages takes the run's row first: two of them at once cannot both believe to be the last.
  const { rows } = await tx.query<RunOfStage>(
    `SELECT r.id, r.status, r."projectId", r."commit", (SELECT e.name FROM "Stage" s JOIN "Promotion" p ON p.id = s."promotionId"
       JOIN "Environment" e ON e.id = p."environmentId" WHERE s.id = $1) AS environment
     FROM "Run" r WHERE r.id = (SELECT "runId" FROM "Stage" WHERE id = $1) FOR UPDATE`,
    [change.id],
  )
  const run = rows[0]
  if (run === undefined) return null
  const stage = (await record(tx, 'stage', STAGE, change)) as StageRow | null
  if (stage === null) return null
  await oweStage(tx, run, stage.name, STATE_OF[stage.status] ?? 'pending', stage.because)
  if (stage.status === 'succeeded' || stage.status === 'skipped') await admitNext(tx, stage, change.by)
  if (stage.status === 'failed' || stage.status === 'canceled') await skipRest(tx, run, stage, change.by)
  if (stage.promotionId === null) {
    const ended = await settleRun(tx, run.id, change.by, stage)
    if (ended) await touchMergeRequests(tx, run.projectId, run.commit)
  } else await ring(tx, `promotion:${stage.promotionId}:verifying`)
  return stage
}

interface RunOfStage {
  id: number
  status: string
  projectId: number
  commit: string
  /** Of a promotion's stage. */
  environment: string | null
}

const oweStage = (tx: Tx, run: RunOfStage, name: string, wanted: CommitState, description: string) =>
  owe(tx, {
    projectId: run.projectId,
    runId: run.id,
    name: run.environment === null ? name : `${run.environment}/${name}`,
    wanted,
    description,
  })

/** Admits the first pending stage; those before it have all succeeded or were skipped. */
export async function admitNext(tx: Tx, of: Together, by: Actor) {
  const { rows } = await tx.query<{ id: number }>(
    `SELECT id FROM "Stage" s WHERE ${TOGETHER} AND status = 'pending'
       AND NOT EXISTS (SELECT 1 FROM "Stage" o WHERE o."runId" = $1 AND o."promotionId" IS NOT DISTINCT FROM $2 AND o.round = $3
         AND o.position < s.position AND o.status NOT IN ('succeeded', 'skipped'))
     ORDER BY position LIMIT 1`,
    together(of),
  )
  if (rows[0])
    await record(tx, 'stage', STAGE, { id: rows[0].id, from: 'pending', event: 'admit', set: { dueAt: NOW }, by })
}

async function skipRest(tx: Tx, run: RunOfStage, stage: StageRow, by: Actor) {
  const { rows } = await tx.query<{ id: number; name: string }>(
    `SELECT id, name FROM "Stage" WHERE ${TOGETHER} AND status = 'pending' ORDER BY position`,
    together(stage),
  )
  const because = `${stage.name} ${stage.status === 'failed' ? 'failed' : 'was canceled'}`
  for (const rest of rows) {
    await record(tx, 'stage', STAGE, { id: rest.id, from: 'pending', event: 'skip', because, by })
    await oweStage(tx, run, rest.name, 'skipped', because)
  }
}

const EVENT = { succeeded: 'pass', failed: 'fail', errored: 'err', canceled: 'cancel' } as const

/** The run's status follows its stages. `last`: the one that changed, for the reason. @returns whether the status changed */
export async function settleRun(
  tx: Tx,
  runId: number,
  by: Actor,
  last?: Pick<StageRow, 'name' | 'because'>,
): Promise<boolean> {
  const { rows } = await tx.query<{ status: StageStatus; run: string }>(
    `SELECT s.status, r.status AS run FROM "Stage" s JOIN "Run" r ON r.id = s."runId" WHERE s."runId" = $1 AND s."promotionId" IS NULL`,
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
    return true
  }
  if (now === 'errored' && folded === 'running') {
    await record(tx, 'run', RUN, { id: runId, from: 'errored', event: 'resume', set: { finishedAt: null }, by })
    return true
  }
  return false
}
