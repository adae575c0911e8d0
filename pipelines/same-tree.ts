import { setTimeout as pause } from 'node:timers/promises'
import type { Context } from './context'
import type { Base } from './engines/engine'
import { type TrustClass, usableBy } from './trust'

const LOOK_EVERY_MS = 500

interface Sibling {
  status: string
  digest: string | null
  run: number
  /** What it was built from. */
  bases: Base[]
}

/** A build that asks for another's image, and the class that its run has. */
export interface Asking {
  stageId: number
  trust: TrustClass
}

/**
 * Another run's image of the same tree, built the same way, of a class that may be used here. Where such a build is under way
 * at this moment it is waited for: two branches of one commit are pushed within a second, and one image is what both mean.
 * @param signal ends the waiting
 */
export async function builtElsewhere(
  context: Context,
  asking: Asking,
  signal: AbortSignal,
): Promise<{ digest: string; run: number; bases: Base[] } | null> {
  for (;;) {
    const sibling = await look(context, asking)
    if (sibling === null) return null
    if (sibling.digest !== null && sibling.status === 'succeeded')
      return (await context.engine.image(sibling.digest)) === null ? null : { ...sibling, digest: sibling.digest }
    if (signal.aborted) return null
    await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => {}) // looked at in the next turn
  }
}

/** Only a build that was begun earlier is waited for; this rules out deadlock. */
async function look(context: Context, { stageId, trust }: Asking): Promise<Sibling | null> {
  const { rows } = await context.record.pool.query<Sibling>(
    `SELECT o.status, o.digest, o."runId" AS run, COALESCE(t.plan->'bases', '[]') AS bases
     ${SAME_TREE} AND o.trust = ANY($2) AND ((o.status = 'succeeded' AND o.digest IS NOT NULL)
       OR (o.status = 'running' AND (o."startedAt", o.id) < (s."startedAt", s.id)))
     ORDER BY o.status = 'succeeded' DESC, o.trust = $3 DESC, o.id DESC LIMIT 1`,
    [stageId, usableBy(trust), trust],
  )
  return rows[0] ?? null
}

/** Builds of the same project and tree, made the same way, beside the one that asks. */
const SAME_TREE = `FROM "Stage" s JOIN "Run" r ON r.id = s."runId"
     JOIN "Run" t ON t."projectId" = r."projectId" AND t.tree = r.tree AND t.id <> r.id AND t.plan->>'buildKey' = r.plan->>'buildKey'
     JOIN "Stage" o ON o."runId" = t.id AND o.name = 'build' AND o."promotionId" IS NULL
     WHERE s.id = $1`

/** Why this tree is built again although there is an image of it: the newest that a lower class made. Null: there is none. */
export async function whyBuiltAgain(context: Context, { stageId, trust }: Asking): Promise<string | null> {
  const { rows } = await context.record.pool.query<{ run: number; trust: TrustClass }>(
    `SELECT o."runId" AS run, o.trust ${SAME_TREE} AND o.status = 'succeeded' AND o.digest IS NOT NULL AND NOT o.trust = ANY($2)
     ORDER BY o.id DESC LIMIT 1`,
    [stageId, usableBy(trust)],
  )
  const [lower] = rows
  return lower === undefined
    ? null
    : `run #${lower.run} built the same tree, but its trust class is ${lower.trust}: a run of the class ${trust} builds its own image`
}
