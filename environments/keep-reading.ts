import { type Actor, ring, type Tx, tell } from '../prisma/record'
import type { EnvironmentPolicy } from './environment'
import { NEXT_LOOK_MS, SOON_MS } from './observed'
import type { Kept, Steadied } from './steady'
import type { MadeBy, Observation } from './targets/target'

/** The row of one service in one environment, as it was read before the target was asked. */
export interface Reading {
  id: number
  environmentId: number
  environment: string
  projectId: number
  service: string
  policy: EnvironmentPolicy
  epoch: number
  digest: string | null
  health: string
  url: string | null
  replicas: Kept[]
  unknownSince: Date | null
}

/** Makes sure that there is a row, and that it is looked at soon: a deployment begins, which may end in many ways. */
export async function expectReading(tx: Tx, at: { environmentId: number; service: string }) {
  await tx.query(
    `INSERT INTO "Observed" ("environmentId", service, "dueAt") VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
     ON CONFLICT ("environmentId", service) DO UPDATE SET "dueAt" = clock_timestamp() + $3 * interval '1 millisecond'`,
    [at.environmentId, at.service, SOON_MS],
  )
}

/** The row, for the length of a transaction. Null: nothing was ever deployed there. */
export async function takeReading(tx: Tx, at: { environmentId: number; service: string }): Promise<Reading | null> {
  const { rows } = await tx.query<Reading>(
    `SELECT o.id, o."environmentId", e.name AS environment, e."projectId", o.service, e.policy, o.epoch, o.digest, o.health, o.url, o.replicas, o."unknownSince"
     FROM "Observed" o JOIN "Environment" e ON e.id = o."environmentId" WHERE o."environmentId" = $1 AND o.service = $2 FOR UPDATE OF o`,
    [at.environmentId, at.service],
  )
  return rows[0] ?? null
}

/** A set is being withdrawn there: a deployment that begins now would find it half gone. */
export async function isWithdrawing(tx: Tx, environmentId: number): Promise<boolean> {
  const { rows } = await tx.query(
    'SELECT 1 FROM "Observed" WHERE "environmentId" = $1 AND "leaseUntil" > clock_timestamp()',
    [environmentId],
  )
  return rows.length > 0
}

/**
 * Writes what was seen. The trail has an entry where the digest or the health is another one than before.
 * @param recorded the set that serves by the record; with a promotion, it is recorded by this very change
 */
export async function keepReading(
  tx: Tx,
  row: Reading,
  seen: Observation | Steadied,
  recorded: { set: MadeBy | null; promotion?: number },
  by: Actor,
) {
  const isSame = row.digest === seen.digest && row.health === seen.health
  const isDeployment = recorded.promotion !== undefined
  const isOpen = isDeployment || seen.left > 0 || seen.health === 'progressing'
  const againMs = ('againMs' in seen ? seen.againMs : null) ?? NEXT_LOOK_MS
  await tx.query(
    `UPDATE "Observed" SET digest = $2, health = $3, because = $4, url = $5, inside = $6::jsonb, replicas = $7::jsonb,
       "setPromotion" = $8, "setEpoch" = $9, "promotionId" = COALESCE($10, "promotionId"), epoch = epoch + $11,
       since = CASE WHEN $12 THEN since ELSE clock_timestamp() END, "observedAt" = clock_timestamp(), "unknownSince" = NULL, "unknownBecause" = '',
       "leaseUntil" = NULL, "dueAt" = clock_timestamp() + $13 * interval '1 millisecond' WHERE id = $1`,
    [
      row.id,
      seen.digest,
      seen.health,
      seen.because.slice(0, 2000),
      seen.url,
      JSON.stringify(seen.inside),
      JSON.stringify(seen.replicas.map(({ id: _, ...replica }) => replica)),
      recorded.set?.promotion ?? null,
      recorded.set?.epoch ?? null,
      recorded.promotion ?? null,
      isDeployment ? 1 : 0,
      isSame,
      isOpen ? SOON_MS : againMs,
    ],
  )
  if (!isSame)
    await tell(tx, {
      kind: 'environment.observe',
      subject: 'environment',
      subjectId: row.environmentId,
      projectId: row.projectId,
      by,
      before: row.health,
      after: seen.health,
      because: seen.because,
      data: { name: row.environment, service: row.service, before: row.digest, digest: seen.digest },
    })
  // A restart that a person asked for changes the address and nothing else.
  if (!isSame || row.unknownSince !== null || row.url !== seen.url)
    await ring(tx, `environment:${row.environmentId}:observed`)
}
