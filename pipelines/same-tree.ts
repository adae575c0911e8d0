import { setTimeout as pause } from 'node:timers/promises'
import type { Context } from './context'

const LOOK_EVERY_MS = 500

interface Sibling {
  status: string
  digest: string | null
  run: number
}

/**
 * Another run's image of the same tree, built the same way. Where such a build is under way at this moment it is waited
 * for: a push to develop and a release branch cut from it come within a second, and one image is what both mean.
 * @param signal ends the waiting
 */
export async function builtElsewhere(
  context: Context,
  stageId: number,
  signal: AbortSignal,
): Promise<{ digest: string; run: number } | null> {
  for (;;) {
    const sibling = await look(context, stageId)
    if (sibling === null) return null
    if (sibling.digest !== null && sibling.status === 'succeeded')
      return (await context.engine.image(sibling.digest)) === null ? null : { digest: sibling.digest, run: sibling.run }
    if (signal.aborted) return null
    await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => {}) // looked at in the next turn
  }
}

/** What was begun earlier goes first, so that no two ever wait for one another. */
async function look(context: Context, stageId: number): Promise<Sibling | null> {
  const { rows } = await context.record.pool.query<Sibling>(
    `SELECT o.status, o.digest, o."runId" AS run
     FROM "Stage" s JOIN "Run" r ON r.id = s."runId"
     JOIN "Run" t ON t."projectId" = r."projectId" AND t.tree = r.tree AND t.id <> r.id AND t.plan->>'buildKey' = r.plan->>'buildKey'
     JOIN "Stage" o ON o."runId" = t.id AND o.name = 'build' AND o."promotionId" IS NULL
     WHERE s.id = $1 AND ((o.status = 'succeeded' AND o.digest IS NOT NULL)
       OR (o.status = 'running' AND (o."startedAt", o.id) < (s."startedAt", s.id)))
     ORDER BY o.status = 'succeeded' DESC, o.id DESC LIMIT 1`,
    [stageId],
  )
  return rows[0] ?? null
}
