import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { type Actor, NOW, ring, type Tx, tell, transaction } from '../prisma/record'
import { movePromotion } from './move-promotion'

interface Known {
  id: number
  projectId: number
  tag: string
  refusedAt: Date | null
}

async function take(tx: Tx, id: number): Promise<Known> {
  const { rows } = await tx.query<Known>(
    'SELECT id, "projectId", tag, "refusedAt" FROM "Release" WHERE id = $1 FOR UPDATE',
    [id],
  )
  if (rows[0] === undefined) throw new Fault('not.found', `there is no release #${id}`)
  return rows[0]
}

/**
 * Nobody promotes this release anywhere beyond where it is until that is lifted. What waits is refused with the reason;
 * what is being deployed at this moment is not stopped by this: cancel it.
 * @throws Fault input.invalid without a reason; not.found; conflict where it is refused already
 */
export async function refuseRelease(handle: RecordHandle, id: number, because: string, by: Actor): Promise<void> {
  const reason = because.trim().slice(0, 2000)
  if (reason === '') throw new Fault('input.invalid', 'because: refusing a release needs a reason; its people read it')
  await transaction(handle, async (tx) => {
    const { rows } = await tx.query<{ id: number; status: 'waiting' | 'queued' }>(
      `SELECT p.id, p.status FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId"
       WHERE p."releaseId" = $1 AND p.status IN ('waiting', 'queued') ORDER BY e.id, p.id FOR UPDATE OF e, p`,
      [id],
    )
    const release = await take(tx, id)
    if (release.refusedAt !== null) throw new Fault('conflict', `${release.tag} is refused already`)
    await tx.query(
      `UPDATE "Release" SET "refusedAt" = clock_timestamp(), "refusedBy" = $2, "refusedBecause" = $3 WHERE id = $1`,
      [id, by.actorName, reason],
    )
    await told(tx, 'release.refuse', release, by, reason)
    for (const open of rows)
      await movePromotion(tx, {
        id: open.id,
        from: open.status,
        event: 'refuse',
        because: `refused by ${by.actorName}: ${reason}`,
        set: { finishedAt: NOW },
        by,
      })
  })
}

/** It may be promoted again; what was refused meanwhile has to be asked for again. @throws Fault not.found; conflict */
export async function liftRefusal(handle: RecordHandle, id: number, by: Actor): Promise<void> {
  await transaction(handle, async (tx) => {
    const release = await take(tx, id)
    if (release.refusedAt === null) throw new Fault('conflict', `${release.tag} is not refused`)
    await tx.query(`UPDATE "Release" SET "refusedAt" = NULL, "refusedBy" = '', "refusedBecause" = '' WHERE id = $1`, [
      id,
    ])
    await told(tx, 'release.lift', release, by, '')
  })
}

async function told(tx: Tx, kind: string, release: Known, by: Actor, because: string) {
  await tell(tx, {
    kind,
    subject: 'release',
    subjectId: release.id,
    projectId: release.projectId,
    by,
    because,
    data: { name: release.tag },
  })
  await ring(tx, `release:${release.id}:${kind}`)
}
