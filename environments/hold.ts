import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { type Actor, ring, type Tx, tell, transaction } from '../prisma/record'
import { ringEnvironment, takePlace } from './place'

/** Sets or replaces a hold; the caller holds the environment's row. */
export async function setHold(
  tx: Tx,
  place: { id: number; projectId: number; name: string },
  because: string,
  by: Actor,
) {
  await tx.query(
    `UPDATE "Environment" SET "heldAt" = clock_timestamp(), "heldBy" = $2, "heldBecause" = $3 WHERE id = $1`,
    [place.id, by.actorName, because.slice(0, 2000)],
  )
  await tell(tx, {
    kind: 'environment.hold',
    subject: 'environment',
    subjectId: place.id,
    projectId: place.projectId,
    by,
    because,
    data: { name: place.name },
  })
  await ring(tx, `environment:${place.id}:held`)
}

/** Nothing new goes there until the hold is released. @throws Fault input.invalid without a reason; not.found; conflict */
export async function holdEnvironment(handle: RecordHandle, id: number, because: string, by: Actor): Promise<void> {
  const reason = because.trim()
  if (reason === '') throw new Fault('input.invalid', 'because: a hold needs a reason; whoever waits reads it')
  await transaction(handle, async (tx) => {
    const place = await takePlace(tx, id)
    if (place.heldAt !== null) throw new Fault('conflict', `${place.name} is held already`)
    await setHold(tx, place, reason, by)
  })
}

/** What waits there is judged again at once. @throws Fault not.found; conflict where there is no hold */
export async function releaseHold(handle: RecordHandle, id: number, by: Actor): Promise<void> {
  await transaction(handle, async (tx) => {
    const place = await takePlace(tx, id)
    if (place.heldAt === null) throw new Fault('conflict', `${place.name} is not held`)
    await tx.query(`UPDATE "Environment" SET "heldAt" = NULL, "heldBy" = '', "heldBecause" = '' WHERE id = $1`, [id])
    await tell(tx, {
      kind: 'environment.release',
      subject: 'environment',
      subjectId: id,
      projectId: place.projectId,
      by,
      data: { name: place.name },
    })
    await ring(tx, `environment:${id}:released`)
    await ringEnvironment(tx, id)
  })
}
