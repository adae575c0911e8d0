// A run and the head of its branch: which commit is carried, and by which run.

import { createHash } from 'node:crypto'
import { transaction } from '../prisma/record'
import { asWorker, type Context } from './context'
import type { PlanningRun } from './planned'

/** A newer, unseen head is carried by a run of its own; its webhook, when it comes, finds the commit taken. */
export async function takeUpHead(context: Context, run: PlanningRun, head: { commit: string; title: string }) {
  await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<{ id: number }>(
      `INSERT INTO "Run" ("projectId", "contentKey", origin, service, branch, "branchKind", "commit", before, title, "pusherName", priority)
       SELECT "projectId", $2, 'head', service, branch, "branchKind", $3, "commit", $4, 'seen on the forge', priority FROM "Run" o
       WHERE o.id = $1 AND NOT EXISTS (SELECT 1 FROM "Run" n WHERE n."projectId" = o."projectId" AND n.branch = o.branch AND n."commit" = $3)
       ON CONFLICT ("projectId", "contentKey") DO NOTHING RETURNING id`,
      [
        run.id,
        `head:${createHash('sha256').update(`${run.branch}\0${head.commit}`).digest('hex')}`,
        head.commit,
        head.title,
      ],
    )
    const id = rows[0]?.id
    if (id === undefined) return
    await tx.query(
      `SELECT audit_append('run.accept', $1, $2, $3::int, 'run', $4::int, $4::int, NULL, 'queued', 'the head of the branch, read from the forge', '{}')`,
      [asWorker(context).actor, asWorker(context).actorName, run.projectId, id],
    )
    await tx.query(`SELECT pg_notify('shiplock', 'run:' || $1::text || ':queued')`, [id])
  })
}

/** The latest other run of this branch that counts, when it already carries this very commit. */
export async function twinOf(context: Context, run: PlanningRun): Promise<number | null> {
  const { rows } = await context.record.pool.query<{ id: number; commit: string; status: string }>(
    `SELECT id, "commit", status FROM "Run" WHERE "projectId" = $1 AND branch = $2 AND id <> $3
       AND status NOT IN ('superseded', 'refused', 'canceled', 'queued') ORDER BY id DESC LIMIT 1`,
    [run.projectId, run.branch, run.id],
  )
  const last = rows[0]
  return last !== undefined && last.commit === run.commit && ['planning', 'running', 'succeeded'].includes(last.status)
    ? last.id
    : null
}
