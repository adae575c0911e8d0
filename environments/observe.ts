// The one reading of what runs: everything that asks what an environment runs reads the row that is written here.
import { setTimeout as sleep } from 'node:timers/promises'
import { asWorker, type Context } from '../pipelines/context'
import { isFault } from '../pipelines/fault'
import { MAX_ATTEMPTS } from '../pipelines/retry'
import { ring, type Tx, transaction } from '../prisma/record'
import { fallBack } from './fall-back'
import { formerServices, replacedBy } from './former'
import { keepReading, type Reading } from './keep-reading'
import { isRecorded, NEXT_LOOK_MS, nextStep, type Recorded, SOON_MS, type Step } from './observed'
import type { PromotionStatus } from './promotion'
import { type Steadied, steadied } from './steady'
import { targetOf } from './target-of'
import type { Healthcheck, MadeBy, Target, Where } from './targets/target'

interface Row extends Reading {
  promotionId: number | null
  setPromotion: number | null
  setEpoch: number | null
  plan: { deploy?: { ports?: number[]; healthcheck?: Healthcheck | null } } | null
  /** By the database, as the row was read. */
  now: Date
}

/** No question of a look takes longer than this (ms), whatever the service file allows. */
const LONGEST_QUESTION_MS = 10_000
/** Withdrawing takes the time that a replica gets to end, and a few requests to the engine (ms). */
const WITHDRAW_MS = 60_000
/** An address that was read just before the record changed still answers for this long (ms). */
const LINGER_MS = 1_000
/** What one look does at most; what is left is the next look's. */
const MOST_STEPS = 5

/** Looks at what is due. Nothing where it is due no more, or the environment was removed. */
export async function observeDue(context: Context, id: number): Promise<void> {
  const { rows } = await context.record.pool.query<{ removed: boolean }>(
    `UPDATE "Observed" o SET "dueAt" = CASE WHEN e."removedAt" IS NULL THEN clock_timestamp() + $2 * interval '1 millisecond' END
     FROM "Environment" e WHERE o.id = $1 AND e.id = o."environmentId" AND o."dueAt" <= clock_timestamp()
     RETURNING e."removedAt" IS NOT NULL AS removed`,
    [id, NEXT_LOOK_MS],
  )
  if (rows[0]?.removed === false) await look(context, id)
}

/** Looks at what a service runs in an environment: at the end of each deployment, however it ended. */
export async function observeNow(context: Context, at: { environmentId: number; service: string }): Promise<void> {
  const { rows } = await context.record.pool.query<{ id: number }>(
    'SELECT id FROM "Observed" WHERE "environmentId" = $1 AND service = $2',
    [at.environmentId, at.service],
  )
  if (rows[0] !== undefined) await look(context, rows[0].id)
}

/** Observes, keeps what was seen, and does what follows from it, until nothing does. */
async function look(context: Context, id: number): Promise<void> {
  for (let steps = 0; steps < MOST_STEPS && !context.stopping.aborted; steps++) {
    const row = await readRow(context, id)
    if (row === null) return
    try {
      const where = {
        instance: context.instance,
        project: row.projectId,
        environment: row.environment,
        service: row.service,
      }
      const target = targetOf(row)
      const observe = async () => steadied(await target.observe({ ...where, ...askedOf(row) }), row.replicas, row.now)
      await target.ensureReady()
      const seen = await observe()
      const step = await decide(context, row, seen)
      if (step.do === 'retire' || step.do === 'fall back') {
        // An address that was read just before the record changed still answers; and one look alone ends no set.
        const later = (await lingered(context)) ? await observe() : null
        if (later === null) return // the worker is stopping: the next one does it, once this row is due
        if (!isStill(seen, later)) continue
        if (step.do === 'fall back') await fallBack(context, row, later)
        else
          await target.retire(
            where,
            later.replicas.map((r) => r.id),
          )
      } else if (step.do === 'withdraw') await withdraw(context, row, target, where, step.made)
      else return
    } catch (error) {
      if (!isFault(error)) throw error
      return keepUnknown(context, row, error.message)
    }
  }
}

async function readRow(context: Context, id: number): Promise<Row | null> {
  const { rows } = await context.record.pool.query<Row>(
    `SELECT o.id, o."environmentId", e.name AS environment, e."projectId", o.service, e.policy, o.epoch, o."setPromotion", o."setEpoch",
       o."promotionId", o.digest, o.health, o.url, o.replicas, o."unknownSince", l.plan, clock_timestamp() AS now
     FROM "Observed" o JOIN "Environment" e ON e.id = o."environmentId"
     LEFT JOIN "Promotion" p ON p.id = o."promotionId" LEFT JOIN "Release" l ON l.id = p."releaseId" WHERE o.id = $1`,
    [id],
  )
  return rows[0] ?? null
}

function askedOf({ plan }: Row) {
  const healthcheck = plan?.deploy?.healthcheck ?? null
  const timeout = Math.min(healthcheck?.timeout ?? 0, LONGEST_QUESTION_MS)
  return { ports: plan?.deploy?.ports ?? [], healthcheck: healthcheck && { ...healthcheck, timeout } }
}

/** Keeps what was seen, and says what follows. A reading from before a deployment was recorded counts no more. */
async function decide(context: Context, row: Row, seen: Steadied): Promise<Step> {
  return transaction(context.record, async (tx) => {
    // A claim of a deployment takes the same row: none begins between this and the end of the transaction.
    await tx.query('SELECT 1 FROM "Environment" WHERE id = $1 FOR UPDATE', [row.environmentId])
    const { rows } = await tx.query('SELECT 1 FROM "Observed" WHERE id = $1 AND epoch = $2', [row.id, row.epoch])
    if (rows.length === 0) return lookAgain(tx, row, 0)
    const recorded = { ...(await readRecorded(tx, row, seen)), replacedBy: await replacedBy(tx, row) }
    const step = nextStep(seen, recorded)
    // The set that serves by the record still runs, and is observed again once it is decided.
    if (step.do === 'wait') return lookAgain(tx, row, SOON_MS)
    if (step.do === 'withdraw') {
      await tx.query(
        `UPDATE "Observed" SET "leaseUntil" = clock_timestamp() + $2 * interval '1 millisecond' WHERE id = $1`,
        [row.id, WITHDRAW_MS],
      )
      return step
    }
    const set = seen.set !== null && isRecorded(seen.set, recorded) ? seen.set : null
    const told = withOthers(row.service, seen, recorded.replacedBy, await formerServices(tx, row))
    await keepReading(tx, row, told, { set: recorded.serving ?? set }, asWorker(context))
    return step
  })
}

/** The reading, with what it says of other services. What of them still runs is left: it is looked at again soon. */
function withOthers(service: string, seen: Steadied, successor: string | null, former: string[]): Steadied {
  if (successor !== null && seen.set === null)
    return {
      ...seen,
      because: `${seen.because}: ${successor} was deployed in the place of ${service}, which was ended`,
    }
  if (former.length === 0) return seen
  const because = `${seen.because}; ${former.join(' and ')} runs here as well, and is ended once ${service} is healthy`
  return { ...seen, because, left: seen.left + former.length }
}

async function readRecorded(tx: Tx, row: Row, { set, starting }: Steadied): Promise<Omit<Recorded, 'replacedBy'>> {
  const asked = [...starting, ...(set === null ? [] : [set])].map((made) => made.promotion)
  const { rows } = await tx.query<{
    id: number
    status: PromotionStatus
    again: boolean
    deployedEpoch: number | null
  }>(
    `SELECT id, status, attempts < $3 AS again, "deployedEpoch" FROM "Promotion" WHERE id = ANY($1::int[]) AND "environmentId" = $2`,
    [asked, row.environmentId, MAX_ATTEMPTS],
  )
  const { setPromotion: promotion, setEpoch: epoch } = row
  return {
    serving: promotion === null || epoch === null ? null : { promotion, epoch },
    deployed: row.promotionId,
    promotions: new Map(
      rows.map(({ id, status, again, deployedEpoch }) => [id, { status, willBeTriedAgain: again, deployedEpoch }]),
    ),
  }
}

async function lookAgain(tx: Tx, { id }: Row, ms: number): Promise<Step> {
  await tx.query(`UPDATE "Observed" SET "dueAt" = clock_timestamp() + $2 * interval '1 millisecond' WHERE id = $1`, [
    id,
    ms,
  ])
  return { do: 'wait' }
}

/** The target does not answer: the last reading stays, with the time since when it is not known to be true. */
async function keepUnknown(context: Context, row: Row, because: string) {
  await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<{ isNew: boolean }>(
      `UPDATE "Observed" SET "unknownSince" = COALESCE("unknownSince", clock_timestamp()), "unknownBecause" = $2, "leaseUntil" = NULL,
         "dueAt" = clock_timestamp() + $3 * interval '1 millisecond' WHERE id = $1 RETURNING $4::boolean AS "isNew"`,
      [row.id, because.slice(0, 2000), NEXT_LOOK_MS, row.unknownSince === null],
    )
    if (rows[0]?.isNew) await ring(tx, `environment:${row.environmentId}:observed`)
  })
}

/** False: the worker is stopping, which is the only way in which the pause rejects. */
const lingered = (context: Context) => sleep(LINGER_MS, true, { signal: context.stopping }).catch(() => false)

/** The same set, and as healthy or not: what follows from a look follows from two. */
const isStill = (seen: Steadied, later: Steadied) =>
  later.health === seen.health &&
  later.set?.promotion === seen.set?.promotion &&
  later.set?.epoch === seen.set?.epoch &&
  later.left > 0

async function withdraw(context: Context, row: Row, target: Target, where: Where, made: MadeBy) {
  console.warn(
    `what attempt ${made.epoch} of promotion ${made.promotion} made in ${row.environment} does not serve by the record: it is withdrawn`,
  )
  await target.withdraw(where, made)
  await context.record.pool.query('UPDATE "Observed" SET "leaseUntil" = NULL WHERE id = $1', [row.id])
}
