// An environment's row, taken for the length of a transaction: whoever changes what may go there comes one after the other.
import { Fault } from '../pipelines/fault'
import { ring, type Tx } from '../prisma/record'

interface Place {
  id: number
  projectId: number
  name: string
  policy: unknown
  removedAt: Date | null
  heldAt: Date | null
}

/** @throws Fault not.found; conflict where it was removed */
export async function takePlace(tx: Tx, environmentId: number): Promise<Place> {
  const { rows } = await tx.query<Place>(
    'SELECT id, "projectId", name, policy, "removedAt", "heldAt" FROM "Environment" WHERE id = $1 FOR UPDATE',
    [environmentId],
  )
  const place = rows[0]
  if (place === undefined) throw new Fault('not.found', `there is no environment ${environmentId}`)
  if (place.removedAt !== null) throw new Fault('conflict', `${place.name} was removed; nothing goes there any more`)
  return place
}

/** The same, of the environment that a promotion goes to. Null: there is no such promotion. */
export async function takePlaceOf(tx: Tx, promotionId: number): Promise<number | null> {
  const { rows } = await tx.query<{ id: number }>(
    `SELECT id FROM "Environment" WHERE id = (SELECT "environmentId" FROM "Promotion" WHERE id = $1) FOR UPDATE`,
    [promotionId],
  )
  return rows[0]?.id ?? null
}

/** Something changed in an environment: what waits for it is looked at again at once. */
export async function ringEnvironment(tx: Tx, environmentId: number) {
  await ringWaiting(tx, `"environmentId" = $1`, environmentId)
}

/** The same, of the environment that a promotion goes to. */
export async function ringEnvironmentOf(tx: Tx, promotionId: number) {
  await ringWaiting(
    tx,
    `"environmentId" = (SELECT q."environmentId" FROM "Promotion" q WHERE q.id = $1) AND id <> $1`,
    promotionId,
  )
}

/** One promotion alone. */
export async function ringPromotion(tx: Tx, promotionId: number) {
  await ringWaiting(tx, 'id = $1', promotionId)
}

async function ringWaiting(tx: Tx, which: string, id: number) {
  const { rows } = await tx.query<{ id: number }>(
    `UPDATE "Promotion" SET "dueAt" = clock_timestamp() WHERE ${which} AND status = 'waiting' RETURNING id`,
    [id],
  )
  for (const { id: waiting } of rows) await ring(tx, `promotion:${waiting}:waiting`)
}
