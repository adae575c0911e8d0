// The database's clock is the one that all processes share: it alone decides whether something is due, frozen, over or too old.

interface Queryable {
  query<T extends object>(text: string): Promise<{ rows: T[] }>
}

/** What time it is, by the database. */
export async function databaseClock(db: Queryable): Promise<Date> {
  const { rows } = await db.query<{ now: Date }>('SELECT clock_timestamp() AS now')
  const [row] = rows
  if (row === undefined) throw new Error('the database did not say what time it is')
  return row.now
}

/** A process whose clock is further from the database's than this says so, in ms. */
export const MOST_OFF_MS = 5_000

/**
 * How far a process's clock is ahead of the database's, in ms; negative: behind. The answer was read somewhere between asking
 * and hearing, so half the way there and back is counted; what is less than that uncertainty is nothing.
 * @param asked the process's clock before it asked, in ms
 * @param tookMs until the answer was there, by a clock that is not set
 */
export function clockOff({ asked, tookMs, database }: { asked: number; tookMs: number; database: Date }): number {
  const off = asked + tookMs / 2 - database.getTime()
  return Math.abs(off) <= tookMs / 2 ? 0 : Math.round(off)
}

/** What is said of a clock that is too far off; null: it is near enough, or was not measured yet. */
export function whyClockOff(name: string, offMs: number | null): string | null {
  if (offMs === null || Math.abs(offMs) <= MOST_OFF_MS) return null
  const by = inWords(Math.abs(offMs))
  return `the clock of ${name} is ${by} ${offMs > 0 ? 'ahead of' : 'behind'} the database's: set it (NTP). Freezes, soak times and expiry follow the database's clock all the same`
}

function inWords(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 72 ? `${hours} h` : `${Math.round(hours / 24)} days`
}
