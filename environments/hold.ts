import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { databaseClock } from '../prisma/clock'
import { type Actor, ring, type Tx, tell, transaction } from '../prisma/record'
import { type HeldFor, type Hold, holdOf, holdsAfter, type Moved } from './holds'
import { ringEnvironment, takePlace } from './place'

interface Row {
  id: number
  projectId: number
  name: string
  heldAt: Date | null
  heldBy: string
  heldBecause: string
  heldFor: HeldFor | null
  heldBefore: Hold[]
}

/** What holds an environment, the one that counts last; the row is locked until the transaction ends. Null: it does not exist. */
async function takeHolds(tx: Tx, environmentId: number): Promise<{ row: Row; holds: Hold[] } | null> {
  const { rows } = await tx.query<Row>(
    `SELECT id, "projectId", name, "heldAt", "heldBy", "heldBecause", "heldFor", "heldBefore" FROM "Environment" WHERE id = $1 FOR UPDATE`,
    [environmentId],
  )
  const [row] = rows
  if (row === undefined) return null
  const { heldAt, heldBy: by, heldBecause: because, heldFor, heldBefore } = row
  return { row, holds: heldAt === null ? [] : [...heldBefore, { at: heldAt.toISOString(), by, because, heldFor }] }
}

/** In the environment's row, with its entry in the trail. */
async function writeHolds(tx: Tx, row: Row, holds: readonly Hold[], told: { because: string; by: Actor }) {
  const counts = holds.at(-1) ?? null
  await tx.query(
    `UPDATE "Environment" SET "heldAt" = $2, "heldBy" = $3, "heldBecause" = $4, "heldFor" = $5::jsonb, "heldBefore" = $6::jsonb WHERE id = $1`,
    [
      row.id,
      counts?.at ?? null,
      counts?.by ?? '',
      (counts?.because ?? '').slice(0, 2500),
      counts?.heldFor == null ? null : JSON.stringify(counts.heldFor),
      JSON.stringify(holds.slice(0, -1)),
    ],
  )
  await tell(tx, {
    kind: counts === null ? 'environment.release' : 'environment.hold',
    subject: 'environment',
    subjectId: row.id,
    projectId: row.projectId,
    by: told.by,
    because: told.because,
    data: { name: row.name, ...(counts?.heldFor == null ? {} : { promotion: counts.heldFor.promotion }) },
  })
  await ring(tx, `environment:${row.id}:${counts === null ? 'released' : 'held'}`)
  // What waits there says why, at once, and also where the hold is one more reason to wait.
  await ringEnvironment(tx, row.id)
}

async function holdsOf(tx: Tx, id: number) {
  await takePlace(tx, id)
  const taken = await takeHolds(tx, id)
  if (taken === null) throw new Fault('not.found', `there is no environment ${id}`)
  return taken
}

/** Nothing new goes there until the hold is released. @throws Fault input.invalid without a reason; not.found; conflict */
export async function holdEnvironment(handle: RecordHandle, id: number, because: string, by: Actor): Promise<void> {
  const reason = because.trim().slice(0, 2000)
  if (reason === '') throw new Fault('input.invalid', 'because: a hold needs a reason; whoever waits reads it')
  await transaction(handle, async (tx) => {
    const { row, holds } = await holdsOf(tx, id)
    if (holds.length > 0) throw new Fault('conflict', `${row.name} is held already`)
    const at = (await databaseClock(tx)).toISOString()
    await writeHolds(tx, row, [{ at, by: by.actorName, because: reason, heldFor: null }], { because: reason, by })
  })
}

/** The hold of a rollback that was just asked for; what held before is kept, and holds again where the rollback comes to nothing. */
export async function holdForRollback(tx: Tx, environmentId: number, rollback: Omit<HeldFor, 'phase'>, by: Actor) {
  const { row, holds } = await holdsOf(tx, environmentId)
  const hold = holdOf(rollback, by.actorName, await databaseClock(tx))
  await writeHolds(tx, row, [...holds, hold], { because: hold.because, by })
}

/** A rollback, or what was put back in its place, has moved: the hold about it says so, or ends with it. */
export async function followRollback(tx: Tx, environmentId: number, moved: Moved, because: string, by: Actor) {
  const taken = await takeHolds(tx, environmentId)
  if (taken === null) return
  const { row, holds } = taken
  const after = holdsAfter(holds, moved)
  if (after === holds) return
  const ended = holds.find(
    (h) => h.heldFor?.promotion === moved.id && after.every((a) => a.heldFor?.promotion !== moved.id),
  )
  const words =
    ended === undefined
      ? (after.find((h) => h.heldFor?.promotion === (moved.kind === 'put-back' ? moved.insteadOf : moved.id))
          ?.because ?? '')
      : `the rollback to ${ended.heldFor?.tag} was ${moved.status}${because === '' ? '' : `: ${because}`}${after.length === 0 ? '' : `; still held: ${after.at(-1)?.because}`}`
  await writeHolds(tx, row, after, { because: words, by })
}

/** What waits there is judged again at once. @throws Fault not.found; conflict where there is no hold */
export async function releaseHold(handle: RecordHandle, id: number, by: Actor): Promise<void> {
  await transaction(handle, async (tx) => {
    const { row, holds } = await holdsOf(tx, id)
    if (holds.length === 0) throw new Fault('conflict', `${row.name} is not held`)
    await writeHolds(tx, row, [], { because: '', by })
  })
}
