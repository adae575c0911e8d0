// The emergency stop: one switch, at once. What is being deployed is put back, and nothing moves until somebody lets it.
import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { type Actor, inMs, ring, type Tx, tell, transaction } from '../prisma/record'
import { movePromotion } from './move-promotion'
import { ringEnvironment } from './place'

interface Stopped {
  projectId: number
  name: string
  stoppedAt: Date | null
}

/** @throws Fault not.found, also where it was removed */
async function take(tx: Tx, id: number): Promise<Stopped> {
  const { rows } = await tx.query<Stopped>(
    'SELECT "projectId", name, "stoppedAt" FROM "Environment" WHERE id = $1 AND "removedAt" IS NULL FOR UPDATE',
    [id],
  )
  if (rows[0] === undefined) throw new Fault('not.found', `there is no environment #${id}`)
  return rows[0]
}

function reasoned(because: string, what: string): string {
  const reason = because.trim().slice(0, 2000)
  if (reason === '')
    throw new Fault('input.invalid', `because: ${what} needs a reason, however short; whoever waits reads it`)
  return reason
}

/**
 * Nothing is deployed there from now on, on no path: what is being deployed goes back to waiting, what ran before still
 * runs, and what is being verified may end.
 * @throws Fault input.invalid without a reason; not.found; conflict where it is stopped already
 */
export async function stopEnvironment(handle: RecordHandle, id: number, because: string, by: Actor): Promise<void> {
  const reason = reasoned(because, 'an emergency stop')
  await transaction(handle, async (tx) => {
    const place = await take(tx, id)
    if (place.stoppedAt !== null) throw new Fault('conflict', `${place.name} is stopped already`)
    await tx.query(
      `UPDATE "Environment" SET "stoppedAt" = clock_timestamp(), "stoppedBy" = $2, "stoppedBecause" = $3 WHERE id = $1`,
      [id, by.actorName, reason],
    )
    const held = await putBackToWaiting(tx, [id], `${place.name} was stopped by ${by.actorName}: ${reason}`, by)
    await tellPlace(tx, 'environment.stop', { id, ...place }, reason, by, { held })
    await ring(tx, `environment:${id}:stopped`)
  })
}

/**
 * Lets a stopped environment go on: what waits there is judged again at once.
 * @throws Fault input.invalid without a reason; not.found; conflict where it is not stopped
 */
export async function goEnvironment(handle: RecordHandle, id: number, because: string, by: Actor): Promise<void> {
  const reason = reasoned(because, 'letting it go on')
  await transaction(handle, async (tx) => {
    const place = await take(tx, id)
    if (place.stoppedAt === null) throw new Fault('conflict', `${place.name} is not stopped`)
    await tx.query(
      `UPDATE "Environment" SET "stoppedAt" = NULL, "stoppedBy" = '', "stoppedBecause" = '' WHERE id = $1`,
      [id],
    )
    await tellPlace(tx, 'environment.go', { id, ...place }, reason, by, {})
    await ring(tx, `environment:${id}:going`)
    await ringEnvironment(tx, id)
  })
}

/**
 * The same for every environment of this installation, those that are made later included.
 * @throws Fault input.invalid without a reason; conflict where everything is stopped already
 */
export async function stopAll(handle: RecordHandle, because: string, by: Actor): Promise<void> {
  const reason = reasoned(because, 'an emergency stop')
  await transaction(handle, async (tx) => {
    const { rowCount } = await tx.query(
      `UPDATE "Installation" SET "stoppedAt" = clock_timestamp(), "stoppedBy" = $1, "stoppedBecause" = $2 WHERE id = 1 AND "stoppedAt" IS NULL`,
      [by.actorName, reason],
    )
    if (rowCount === 0) throw new Fault('conflict', 'everything is stopped already')
    // Whoever has an environment's row now has judged without the stop: what they began is seen once they are done.
    const { rows } = await tx.query<{ id: number }>('SELECT id FROM "Environment" ORDER BY id FOR UPDATE')
    const places = rows.map((row) => row.id)
    const held = await putBackToWaiting(tx, places, `everything was stopped by ${by.actorName}: ${reason}`, by)
    await tellAll(tx, 'installation.stop', reason, by, { held })
    await ring(tx, 'installation:1:stopped')
  })
}

/** @throws Fault input.invalid without a reason; conflict where it is not everything that is stopped */
export async function goAll(handle: RecordHandle, because: string, by: Actor): Promise<void> {
  const reason = reasoned(because, 'letting everything go on')
  await transaction(handle, async (tx) => {
    const { rowCount } = await tx.query(
      `UPDATE "Installation" SET "stoppedAt" = NULL, "stoppedBy" = '', "stoppedBecause" = '' WHERE id = 1 AND "stoppedAt" IS NOT NULL`,
    )
    if (rowCount === 0) throw new Fault('conflict', 'not everything is stopped')
    await tellAll(tx, 'installation.go', reason, by, {})
    await ring(tx, 'installation:1:going')
    const { rows } = await tx.query<{ id: number }>(
      `UPDATE "Promotion" SET "dueAt" = clock_timestamp() WHERE status = 'waiting' RETURNING id`,
    )
    for (const { id } of rows.slice(0, MOST_RUNG)) await ring(tx, `promotion:${id}:waiting`)
  })
}

/** The rest is swept up within seconds. */
const MOST_RUNG = 500

interface Moving {
  id: number
  status: 'queued' | 'deploying'
  attempts: number
}

/** The worker that is at it hears of this at once, and takes away what is half-made. @returns the promotions' ids */
async function putBackToWaiting(tx: Tx, places: number[], because: string, by: Actor): Promise<number[]> {
  const { rows } = await tx.query<Moving>(
    `SELECT id, status, attempts FROM "Promotion" WHERE "environmentId" = ANY($1::int[]) AND status IN ('queued', 'deploying') ORDER BY id FOR UPDATE`,
    [places],
  )
  for (const { id, status, attempts } of rows) {
    // The attempt was ended from outside, and does not count.
    const begun = { leaseUntil: null, attempts: Math.max(0, attempts - 1), forgeDueAt: inMs(0) }
    const change = { id, event: 'hold', because, by } as const
    if (status === 'deploying')
      await movePromotion(tx, { ...change, from: 'deploying', set: { ...begun, dueAt: inMs(0) } })
    else await movePromotion(tx, { ...change, from: 'queued', set: { dueAt: inMs(0) } })
  }
  return rows.map((row) => row.id)
}

function tellPlace(
  tx: Tx,
  kind: 'environment.stop' | 'environment.go',
  place: { id: number; projectId: number; name: string },
  because: string,
  by: Actor,
  data: Record<string, unknown>,
) {
  const { id, projectId, name } = place
  return tell(tx, { kind, subject: 'environment', subjectId: id, projectId, by, because, data: { name, ...data } })
}

const tellAll = (
  tx: Tx,
  kind: 'installation.stop' | 'installation.go',
  because: string,
  by: Actor,
  data: Record<string, unknown>,
) => tell(tx, { kind, subject: 'installation', subjectId: 1, by, because, data })
