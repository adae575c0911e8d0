import { asWorker, type Context } from '../pipelines/context'
import { NOW, record, ring, type Tx, tell, transaction } from '../prisma/record'
import { readFacts } from './facts'
import { judge } from './gate'
import { PROMOTION } from './promotion'

/** A promotion that waits is looked at again after this, and at once when its environment changes. */
const REVIEW_MS = 5_000

/** Requests the environment that a succeeded run's branch goes to by itself; once per run. */
export async function promoteOnward(context: Context, runId: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<{
      projectId: number
      releaseId: number
      goesTo: string
      environmentId: number | null
      pusherName: string
    }>(
      `SELECT r."projectId", r."releaseId", r."goesTo", r."pusherName", e.id AS "environmentId" FROM "Run" r
       LEFT JOIN "Environment" e ON e."projectId" = r."projectId" AND e.name = r."goesTo"
       WHERE r.id = $1 AND r.status = 'succeeded' AND r."releaseId" IS NOT NULL AND r."goesTo" IS NOT NULL AND r."movedOnAt" IS NULL
       FOR UPDATE OF r`,
      [runId],
    )
    const run = rows[0]
    if (run === undefined) return
    await tx.query('UPDATE "Run" SET "movedOnAt" = clock_timestamp() WHERE id = $1', [runId])
    if (run.environmentId === null) {
      await tell(tx, {
        kind: 'promotion.impossible',
        subject: 'run',
        subjectId: runId,
        runId,
        projectId: run.projectId,
        by: asWorker(context),
        because: `the project has no environment called ${run.goesTo}`,
      })
      return
    }
    const made = await tx.query<{ id: number }>(
      `INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", "requestedBy") VALUES ($1, $2, $3, $4)
       ON CONFLICT ("runId", "environmentId") DO NOTHING RETURNING id`,
      [run.environmentId, run.releaseId, runId, `push by ${run.pusherName}`],
    )
    const id = made.rows[0]?.id
    if (id === undefined) return
    await tell(tx, {
      kind: 'promotion.request',
      subject: 'promotion',
      subjectId: id,
      runId,
      projectId: run.projectId,
      by: asWorker(context),
      because: `${run.goesTo} follows by itself`,
    })
    await supersedeOlder(tx, context, { id, runId, environmentId: run.environmentId })
    await ring(tx, `promotion:${id}:waiting`)
  })
}

/** A newer candidate takes the place of older ones that have not begun. */
async function supersedeOlder(tx: Tx, context: Context, newer: { id: number; runId: number; environmentId: number }) {
  const { rows } = await tx.query<{ id: number; status: 'waiting' | 'queued' | 'errored' }>(
    `SELECT id, status FROM "Promotion" WHERE "environmentId" = $1 AND "runId" < $2 AND status IN ('waiting', 'queued', 'errored') FOR UPDATE`,
    [newer.environmentId, newer.runId],
  )
  for (const old of rows) {
    await record(tx, 'promotion', PROMOTION, {
      id: old.id,
      from: old.status,
      event: 'supersede',
      because: `promotion #${newer.id} of run #${newer.runId} is newer`,
      set: { finishedAt: NOW },
      by: asWorker(context),
    })
  }
}

/** Judges every gate of a waiting promotion: queues it, ends it where it can never pass, or says why it waits. */
export async function reviewPromotion(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const facts = await readFacts(tx, id)
    if (facts === null) return
    const { state, because, verdicts } = judge(facts, new Date())
    const by = asWorker(context)
    const set = { verdicts: { json: verdicts } }
    if (state === 'open')
      await record(tx, 'promotion', PROMOTION, { id, from: 'waiting', event: 'admit', set: { ...set, dueAt: NOW }, by })
    else if (state === 'shut') await endShut(tx, id, because, set, by, facts.newer !== null)
    else {
      await tx.query(
        `UPDATE "Promotion" SET verdicts = $2::jsonb, because = $3, "dueAt" = clock_timestamp() + $4 * interval '1 millisecond' WHERE id = $1 AND status = 'waiting'`,
        [id, JSON.stringify(verdicts), because, REVIEW_MS],
      )
    }
  })
}

function endShut(
  tx: Tx,
  id: number,
  because: string,
  set: { verdicts: { json: unknown } },
  by: ReturnType<typeof asWorker>,
  isOlder: boolean,
) {
  const change = { id, from: 'waiting', because, set: { ...set, finishedAt: NOW }, by } as const
  return isOlder
    ? record(tx, 'promotion', PROMOTION, { ...change, event: 'supersede' })
    : record(tx, 'promotion', PROMOTION, { ...change, event: 'refuse' })
}

/** Something changed in an environment: what waits for it is looked at again at once. */
export async function ringEnvironment(tx: Tx, environmentId: number) {
  const { rows } = await tx.query<{ id: number }>(
    `UPDATE "Promotion" SET "dueAt" = clock_timestamp() WHERE "environmentId" = $1 AND status = 'waiting' RETURNING id`,
    [environmentId],
  )
  for (const { id } of rows) await ring(tx, `promotion:${id}:waiting`)
}
