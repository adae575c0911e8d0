// The time that a clock on the wall shows in a zone, and the moment at which it shows it. Pure.

/** A date and time without a zone, as ms since 1970 if it were UTC. */
export type WallTime = number

const HOUR = 3_600_000
const DAY = 24 * HOUR
const clocks = new Map<string, Intl.DateTimeFormat>()

/** Making a formatter takes as long as some hundred uses of it. */
function clockOf(zone: string): Intl.DateTimeFormat {
  const known = clocks.get(zone)
  if (known) return known
  const clock = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  if (clocks.size >= 1000) clocks.clear()
  clocks.set(zone, clock)
  return clock
}

/** An IANA name, such as Asia/Shanghai; no offset, which would not follow the summer. */
export function isZone(name: string): boolean {
  if (!/^[A-Za-z][\w+-]*(?:\/[A-Za-z][\w+-]*)*$/.test(name)) return false
  try {
    clockOf(name)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false // this is how Intl says that it knows no such zone
    throw error
  }
}

/** What the clock shows at a moment, to the second. */
export function wallTime(zone: string, at: Date): WallTime {
  const shown: Record<string, number> = {}
  for (const { type, value } of clockOf(zone).formatToParts(at)) shown[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

const offsetAt = (zone: string, at: number) => wallTime(zone, new Date(at)) - Math.floor(at / 1000) * 1000

/**
 * When the clock shows this. A time that comes twice, as the clock is put back, is both: the first and the last. One that
 * is left out, as it is put forward, is the moment of the change.
 */
export function momentsOf(zone: string, wall: WallTime): { first: Date; last: Date } {
  const [before, after] = [offsetAt(zone, wall - DAY), offsetAt(zone, wall + DAY)]
  const shows = [wall - before, wall - after].filter((at) => at + offsetAt(zone, at) === wall)
  if (shows.length > 0) return { first: new Date(Math.min(...shows)), last: new Date(Math.max(...shows)) }
  const change = new Date(changeBetween(zone, wall - after, wall - before))
  return { first: change, last: change }
}

/** The moment between two at which the clock is changed, to the second. */
function changeBetween(zone: string, from: number, to: number): number {
  const offset = offsetAt(zone, from)
  let [low, high] = [from, to]
  while (high - low > 1000) {
    const middle = Math.floor((low + high) / 2000) * 1000
    if (offsetAt(zone, middle) === offset) low = middle
    else high = middle
  }
  return high
}
