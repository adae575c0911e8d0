import type { Context } from '../pipelines/context'
import { clockOff, databaseClock, MOST_OFF_MS, whyClockOff } from '../prisma/clock'

/** A worker's sign of life, and with it how far its clock is from the database's: said once when it is too far, and once when it is not any more. */
export function heartbeat(context: Pick<Context, 'record' | 'worker'>, say: (line: string) => void = console.warn) {
  let isOff = false
  // What an earlier process of this name claimed, this one did not.
  let begins = true
  return async () => {
    const { pool } = context.record
    const [asked, began] = [Date.now(), performance.now()]
    const database = await databaseClock(pool)
    const offMs = clockOff({ asked, tookMs: performance.now() - began, database })
    await pool.query(
      `INSERT INTO "Worker" (id, "clockOffMs") VALUES ($1, $2)
       ON CONFLICT (id) DO UPDATE SET "seenAt" = clock_timestamp(), "clockOffMs" = EXCLUDED."clockOffMs"
         ${begins ? ', "startedAt" = clock_timestamp()' : ''}`,
      [context.worker, storable(offMs)],
    )
    begins = false
    const because = whyClockOff(`worker ${context.worker}`, offMs)
    if (because !== null && !isOff) say(because)
    if (because === null && isOff)
      say(`the clock of worker ${context.worker} is right again, to ${MOST_OFF_MS / 1000} s`)
    isOff = because !== null
  }
}

const MOST_STORED = 2 ** 31 - 1
/** A clock that stands in 1970 is off by more than the column holds. */
const storable = (ms: number) => Math.max(-MOST_STORED, Math.min(MOST_STORED, ms))
