import type { Context } from '../pipelines/context'

/**
 * Removes what was made for steps, services and their networks included, and no claim stands behind: the stage has ended,
 * was canceled, or was taken up anew. A stage that verifies a promotion is labelled with it: runs have one of that name too.
 */
export async function sweepOrphans(context: Context): Promise<number> {
  await context.engine.sweepBuilds?.(context.instance)
  const found = await context.engine.list(context.instance)
  if (found.length === 0) return 0
  const { rows } = await context.record.pool.query<{ run: number; stage: string; epoch: number }>(
    `SELECT "runId" AS run, CASE WHEN "promotionId" IS NULL THEN name ELSE 'p' || "promotionId" || '.' || round || '-' || name END AS stage, epoch
     FROM "Stage" WHERE status = 'running' AND "runId" = ANY($1::int[])`,
    [found.map((f) => f.run)],
  )
  const orphans = found.filter((f) => !rows.some((r) => r.run === f.run && r.stage === f.stage && r.epoch === f.epoch))
  for (const orphan of orphans) await context.engine.remove(orphan.id)
  return orphans.length
}
