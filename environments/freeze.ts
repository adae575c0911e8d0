// Times in which nothing is deployed. Pure; the clock comes from outside.
import { z } from 'zod'
import { nearest } from '../pipelines/nearest'
import { isZone, momentsOf, type WallTime, wallTime } from './zone'

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const DAY = 86_400_000
const WEEK = 7 * DAY

/** One end of a freeze: every week (ms after Sunday 00:00), or once. */
type Edge = { weekly: number } | { dated: WallTime }

/** The edge, or why it is none. */
function readEdge(text: string): Edge | string {
  const [day = '', time = '', ...more] = text.trim().split(/\s+/)
  const clock = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(time)
  const date = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day)
  if (!date && !/^[a-z]+$/i.test(day))
    return 'must be a day and a time, as in "Fri 18:00", or a date and a time, as in "2026-12-24 18:00"'
  const ms = clock && (Number(clock[1]) * 60 + Number(clock[2])) * 60_000
  if (!date) {
    const number = DAYS.findIndex((name) => name.toLowerCase() === day.toLowerCase())
    if (number === -1) return unknownDay(day)
    return ms === null || more.length > 0 ? noTime(text) : { weekly: number * DAY + ms }
  }
  const midnight = Date.UTC(Number(date[1]), Number(date[2]) - 1, Number(date[3]))
  if (Number(date[1]) < 2000 || new Date(midnight).toISOString().slice(0, 10) !== day)
    return `${day} is no day of the calendar`
  return ms === null || more.length > 0 ? noTime(text) : { dated: midnight + ms }
}

function unknownDay(day: string): string {
  const name = nearest(day.slice(0, 3), DAYS)
  return `${JSON.stringify(day.slice(0, 20))} is no day: write ${name ?? `one of ${[...DAYS.slice(1), DAYS[0]].join(', ')}`}`
}

const noTime = (text: string) =>
  `${JSON.stringify(text.slice(0, 40))} needs a time from 00:00 to 23:59, as in "Fri 18:00"`

/** `from` and `to`: "Fri 18:00" (every week) or "2026-12-24 18:00" (once), both alike, in `zone` (IANA; UTC where absent). */
export const Freeze = z
  .strictObject({
    from: z.string().min(1).max(64),
    to: z.string().min(1).max(64),
    zone: z.string().min(1).max(64).optional(),
    reason: z.string().min(1).max(500),
  })
  .superRefine(({ from, to, zone }, context) => {
    const problem = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    const [begin, end] = [readEdge(from), readEdge(to)]
    if (typeof begin === 'string') problem('from', begin)
    if (typeof end === 'string') problem('to', end)
    if (zone !== undefined && !isZone(zone)) problem('zone', unknownZone(zone))
    if (typeof begin === 'string' || typeof end === 'string') return
    if ('weekly' in begin !== 'weekly' in end)
      problem('to', `must be a ${'weekly' in begin ? 'day of the week' : 'date'} like \`from\`, found "${to}"`)
    else if (edge(begin) === edge(end)) problem('to', 'is when the freeze begins: it would never hold')
    else if ('dated' in begin && edge(end) < edge(begin)) problem('to', `lies before \`from\`, ${from}`)
  })
export type Freeze = z.infer<typeof Freeze>

const edge = (e: Edge) => ('weekly' in e ? e.weekly : e.dated)

function unknownZone(zone: string): string {
  const city = nearest(zone, Intl.supportedValuesOf('timeZone'))
  return `is no zone that is known here${city ? `; did you mean ${city}?` : ', such as Europe/Berlin or Asia/Shanghai'}`
}

export interface Span {
  reason: string
  since: Date
  until: Date
}

/** What holds again and again without a break is looked at no further than this many spans. */
const MOST_SPANS = 12

/**
 * The freeze that holds at this moment, and the end of it. Of several: the reason of the one that ends last, since the first
 * began, until no other follows without a break. Null: none. Throws for a freeze that `Freeze` would refuse.
 */
export function frozenAt(freezes: readonly Freeze[], now: Date): Span | null {
  const holding = spansAt(freezes, now)
  const last = latest(holding)
  if (last === null) return null
  let { until } = last
  for (let spans = 1; spans < MOST_SPANS; spans++) {
    const next = latest(spansAt(freezes, until))
    if (next === null) break
    until = next.until
  }
  return { reason: last.reason, since: new Date(Math.min(...holding.map((s) => s.since.getTime()))), until }
}

/**
 * The freeze that begins next, within so many ms, and when it ends; one that holds now is not it, nor what prolongs that.
 * Null: none. Throws for a freeze that `Freeze` would refuse.
 */
export function nextFreeze(freezes: readonly Freeze[], now: Date, withinMs = WEEK): Span | null {
  const free = frozenAt(freezes, now)?.until ?? now
  const next = freezes
    .flatMap((freeze) => beginningsOf(freeze, free))
    .filter((since) => since > free && since.getTime() <= now.getTime() + withinMs)
    .sort((a, b) => a.getTime() - b.getTime())[0]
  return next === undefined ? null : frozenAt(freezes, next)
}

/** When a freeze begins, as far as that may be the next time after a moment. */
function beginningsOf({ from, to, zone = 'UTC' }: Freeze, after: Date): Date[] {
  const begin = readEdge(from)
  if (typeof begin === 'string') throw new Error(`a freeze from ${from} to ${to} was let in, and cannot be kept`)
  if ('dated' in begin) return [momentsOf(zone, begin.dated).first]
  const sunday = sundayBefore(wallTime(zone, after))
  // Around a change of the clock, what the wall shows may be a week ahead of what is to come.
  return [-1, 0, 1, 2].map((weeks) => momentsOf(zone, sunday + begin.weekly + weeks * WEEK).first)
}

const sundayBefore = (shown: WallTime) => shown - ((Math.floor(shown / DAY) + 4) % 7) * DAY - (shown % DAY)

const latest = (spans: readonly Span[]) => spans.toSorted((a, b) => b.until.getTime() - a.until.getTime())[0] ?? null
const spansAt = (freezes: readonly Freeze[], at: Date) => freezes.flatMap((freeze) => spanAt(freeze, at) ?? [])

/** The one span of a freeze that holds at a moment; its end is not part of it. */
function spanAt({ from, to, zone = 'UTC', reason }: Freeze, at: Date): Span | null {
  const [begin, end] = [readEdge(from), readEdge(to)]
  if (typeof begin === 'string' || typeof end === 'string' || 'weekly' in begin !== 'weekly' in end)
    throw new Error(`a freeze from ${from} to ${to} was let in, and cannot be kept`)
  const shown = wallTime(zone, at)
  const holds = (wall: WallTime, ms: number): Span | null => {
    // Asking for moments is slow, and no clock is changed by more than a day.
    if (shown < wall - DAY || shown > wall + ms + DAY) return null
    // A time that comes twice freezes from the first and until the last: it never opens in between.
    const [since, until] = [momentsOf(zone, wall).first, momentsOf(zone, wall + ms).last]
    return since <= at && at < until ? { reason, since, until } : null
  }
  if ('dated' in begin) return holds(begin.dated, edge(end) - begin.dated)
  const length = (edge(end) - begin.weekly + WEEK) % WEEK
  const sunday = sundayBefore(shown)
  const lastBegan = sunday + begin.weekly - (sunday + begin.weekly > shown ? WEEK : 0)
  // Around a change of the clock the one before, or the one to come, may be the one that holds.
  return holds(lastBegan, length) ?? holds(lastBegan - WEEK, length) ?? holds(lastBegan + WEEK, length)
}
