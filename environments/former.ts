// A service that was renamed: what the environment ran under the name before. A project has one service; see decision 0077.
import type { Tx } from '../prisma/record'

interface Of {
  id: number
  environmentId: number
  service: string
  promotionId: number | null
}

const DEPLOYED = `(SELECT "deployedAt" FROM "Promotion" WHERE id = $3)`
/** An address that was read just before the record changed still answers for a second; and the look must be one after the record. */
const SETTLED = `interval '1 second'`

/** Other services that were deployed here before this one, and were last seen running. What they run is due to go. */
export async function formerServices(tx: Tx, { id, environmentId, promotionId }: Of): Promise<string[]> {
  const { rows } = await tx.query<{ service: string }>(
    `UPDATE "Observed" o SET "dueAt" = LEAST(o."dueAt", clock_timestamp()) FROM "Promotion" q
     WHERE o."environmentId" = $1 AND o.id <> $2 AND o.health NOT IN ('absent', 'unknown') AND q.id = o."promotionId" AND q."deployedAt" < ${DEPLOYED}
     RETURNING o.service`,
    [environmentId, id, promotionId],
  )
  return rows.map((r) => r.service)
}

/**
 * The service that was deployed in the place of this one, and that a look since found healthy. Null: none; or this one is being
 * deployed again.
 */
export async function replacedBy(tx: Tx, { id, environmentId, promotionId, service }: Of): Promise<string | null> {
  const { rows } = await tx.query<{ service: string }>(
    `SELECT o.service FROM "Observed" o JOIN "Promotion" q ON q.id = o."promotionId"
     WHERE o."environmentId" = $1 AND o.id <> $2 AND o.health = 'healthy' AND o."unknownSince" IS NULL
       AND q."deployedAt" > ${DEPLOYED} AND o."observedAt" > q."deployedAt" + ${SETTLED}
       AND NOT EXISTS (SELECT 1 FROM "Promotion" p JOIN "Release" l ON l.id = p."releaseId"
         WHERE p."environmentId" = $1 AND p.status = 'deploying' AND l.service = $4)
     ORDER BY q."deployedAt" DESC LIMIT 1`,
    [environmentId, id, promotionId, service],
  )
  return rows[0]?.service ?? null
}
