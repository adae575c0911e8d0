import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { type Actor, ring, tell, transaction } from '../prisma/record'
import { cancelOne } from './end-promotion'
import { takePlace } from './place'

/**
 * Takes an environment out of use. What waits for it is canceled with the reason; what runs there is left running, for
 * whoever owns the target.
 * @throws Fault input.invalid without a reason; not.found; conflict while something is being deployed or verified there
 */
export async function removeEnvironment(handle: RecordHandle, id: number, because: string, by: Actor): Promise<void> {
  const reason = because.trim().slice(0, 2000)
  if (reason === '') throw new Fault('input.invalid', 'because: removing an environment needs a reason')
  await transaction(handle, async (tx) => {
    const place = await takePlace(tx, id)
    const { rows } = await tx.query<{ id: number; status: string }>(
      `SELECT id, status FROM "Promotion" WHERE "environmentId" = $1
         AND status IN ('waiting', 'queued', 'deploying', 'deployed', 'verifying', 'errored') ORDER BY id FOR UPDATE`,
      [id],
    )
    const busy = rows.find((p) => ['deploying', 'deployed', 'verifying'].includes(p.status))
    if (busy)
      throw new Fault('conflict', `promotion #${busy.id} is ${busy.status} in ${place.name}: cancel it, or wait for it`)
    for (const open of rows) {
      const status = open.status as 'waiting' | 'queued' | 'errored'
      await cancelOne(tx, { id: open.id, status }, by, `${place.name} was removed: ${reason}`)
    }
    await tx.query(`UPDATE "Environment" SET "removedAt" = clock_timestamp(), "removedBecause" = $2 WHERE id = $1`, [
      id,
      reason,
    ])
    await tell(tx, {
      kind: 'environment.remove',
      subject: 'environment',
      subjectId: id,
      projectId: place.projectId,
      by,
      because: reason,
      data: { name: place.name, canceled: rows.map((p) => p.id) },
    })
    await ring(tx, `environment:${id}:removed`)
  })
}
