import { NOW, record, type Tx, transaction } from '../prisma/record'
import { admitNext, settleRun } from './advance'
import { touchBackMerges } from './back-merges'
import { asWorker, type Context } from './context'
import { FLOW } from './gitflow'
import { owe } from './owe'
import type { Answer, KnownRelease, PlanningRun } from './planned'
import { RUN, STAGE } from './run'
import type { StagePlan } from './stage-plan'
import { touchMergeRequests } from './touch-merge-requests'

/** Writes what planning came to, under the claim's epoch: the stages, or the status that says why there are none. */
export async function writeAnswer(context: Context, run: PlanningRun, answer: Answer) {
  const by = asWorker(context)
  const at = { id: run.id, from: 'planning', epoch: run.epoch, by } as const
  const ended = { leaseUntil: null, finishedAt: NOW }
  await transaction(context.record, async (tx) => {
    if (answer.kind === 'plan') return writePlan(tx, context, run, answer)
    const { because } = answer
    if (answer.kind === 'superseded') await record(tx, 'run', RUN, { ...at, event: 'supersede', because, set: ended })
    else if (answer.kind === 'canceled') await record(tx, 'run', RUN, { ...at, event: 'cancel', because, set: ended })
    else if (answer.kind === 'refused') {
      const done = await record(tx, 'run', RUN, { ...at, event: 'refuse', because, set: ended })
      if (done !== null) await oweFailure(tx, run, because)
    } else {
      const done = await record(tx, 'run', RUN, {
        ...at,
        event: 'fail',
        because,
        set: { ...ended, plan: { json: { problems: answer.problems ?? [] } } },
      })
      if (done !== null) await oweFailure(tx, run, because)
    }
  })
}

async function writePlan(tx: Tx, context: Context, run: PlanningRun, answer: Extract<Answer, { kind: 'plan' }>) {
  const by = asWorker(context)
  const { commit, plan, stages, release } = answer
  const done = await record(tx, 'run', RUN, {
    id: run.id,
    from: 'planning',
    event: 'plan',
    epoch: run.epoch,
    by,
    set: {
      leaseUntil: null,
      tree: commit.tree,
      title: commit.title,
      service: plan.service.service,
      plan: { json: plan },
      goesTo: run.branchKind === 'fork' || run.branchKind === 'other' ? null : FLOW[run.branchKind].goesTo,
      releaseId: release?.id ?? null,
    },
    data: { stages: stages.map((s) => s.name), templated: plan.templated },
  })
  if (done === null) return
  await supersedeQueued(tx, run, by)
  for (const [position, stage] of stages.entries()) await writeStage(tx, run, stage, position, release, by)
  await admitNext(tx, { runId: run.id, promotionId: null, round: 0 }, by)
  await settleRun(tx, run.id, by)
  await touchMergeRequests(tx, run.projectId, run.commit)
  if (run.branchKind === 'develop') await touchBackMerges(tx, run.projectId)
}

async function writeStage(
  tx: Tx,
  run: PlanningRun,
  stage: StagePlan,
  position: number,
  release: KnownRelease | null,
  by: ReturnType<typeof asWorker>,
) {
  const { rows } = await tx.query<{ id: number }>(
    `INSERT INTO "Stage" ("runId", name, position, definition, priority, digest, trust) VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7) RETURNING id`,
    [
      run.id,
      stage.name,
      position,
      JSON.stringify(stage.definition),
      run.priority,
      stage.skip === undefined ? null : (release?.digest ?? null),
      run.trust,
    ],
  )
  const id = rows[0]?.id
  if (id === undefined) throw new Error('a stage was not written')
  if (stage.skip !== undefined)
    await record(tx, 'stage', STAGE, { id, from: 'pending', event: 'skip', because: stage.skip, by })
  await owe(tx, {
    projectId: run.projectId,
    runId: run.id,
    name: stage.name,
    wanted: stage.skip === undefined ? 'pending' : 'skipped',
    description: stage.skip ?? '',
  })
}

/** Older runs of the branch that nobody has begun are not worth beginning. */
async function supersedeQueued(tx: Tx, run: PlanningRun, by: ReturnType<typeof asWorker>) {
  const { rows } = await tx.query<{ id: number }>(
    `SELECT id FROM "Run" WHERE "projectId" = $1 AND branch = $2 AND id < $3 AND status = 'queued' ORDER BY id LIMIT 100`,
    [run.projectId, run.branch, run.id],
  )
  for (const { id } of rows) {
    await record(tx, 'run', RUN, {
      id,
      from: 'queued',
      event: 'supersede',
      because: `run #${run.id} is of a newer commit`,
      set: { finishedAt: NOW },
      by,
    })
  }
}

/** The commit says that the run has no stages, and why. */
export const oweFailure = (tx: Tx, run: PlanningRun, because: string) =>
  owe(tx, { projectId: run.projectId, runId: run.id, name: 'shiplock', wanted: 'failed', description: because })
