// The parts of an installation, and what health says of each. Pure.

export const PARTS = [
  'database',
  'queue',
  'workers',
  'engine',
  'targets',
  'forges',
  'trail',
  'disk',
  'clock',
  'state',
] as const
export type PartName = (typeof PARTS)[number]

/** A worker writes its sign of life, and what it sees, every two seconds; one that was not seen for this long counts as gone. */
export const LIVES_MS = 8_000

/** down: what needs this part does not happen at all. degraded: some of it does not, or it is not known. */
export type PartState = 'ok' | 'degraded' | 'down'
const RANK: Record<PartState, number> = { ok: 0, degraded: 1, down: 2 }

/** Whose turn it is when a part does not work. */
export type Who = 'operator' | 'forgeAdmin' | 'admin'

/** Why a part does not work, and who can act. The words stand in app/_messages, under `health.because`. */
export const CODES = {
  'database.away': 'operator',
  'database.busy': 'operator',
  'database.full': 'operator',
  'queue.silent': 'operator',
  'queue.paused': 'operator',
  'queue.stuck': 'operator',
  'workers.none': 'operator',
  'workers.silent': 'operator',
  'workers.strange': 'operator',
  'engine.silent': 'operator',
  'targets.silent': 'operator',
  'forges.silent': 'forgeAdmin',
  'forges.failing': 'forgeAdmin',
  'trail.other': 'admin',
  'trail.unsigned': 'operator',
  'disk.low': 'operator',
  'disk.inodes': 'operator',
  'clock.off': 'operator',
  'state.keys': 'operator',
  'state.closed': 'operator',
  'state.schema': 'operator',
  unknown: 'operator',
} as const satisfies Record<string, Who>
export type Code = keyof typeof CODES

/** Text and numbers for the words of a code; `trail.other` carries the difference as well. */
export type Params = Readonly<Record<string, unknown>>

/** What was seen of a part just now. */
export interface Seen {
  state: PartState
  /** Null: it works. */
  code: Code | null
  params: Params
}
export const WORKS: Seen = { state: 'ok', code: null, params: {} }
export const fails = (state: 'degraded' | 'down', code: Code, params: Params = {}): Seen => ({ state, code, params })

/** The same, and since when: by the database's clock. Null: not known. */
export interface Part extends Seen {
  since: Date | null
}

export const asCode = (code: string): Code | null => (Object.hasOwn(CODES, code) ? (code as Code) : null)
export const asState = (state: string): PartState => (Object.hasOwn(RANK, state) ? (state as PartState) : 'degraded')

const earlier = (a: Date | null, b: Date | null) => (a === null || b === null ? (a ?? b) : a < b ? a : b)

/**
 * One answer of what several workers see. Where some can go on the part is degraded; one that sees another trail than was signed
 * speaks for all, since any of them could deploy.
 */
export function together(name: PartName, seen: readonly Part[]): Part {
  const bad = seen.filter((part) => part.state !== 'ok').toSorted((a, b) => RANK[b.state] - RANK[a.state])
  const [worst] = bad
  if (worst === undefined) {
    const times = seen.flatMap(({ since }) => (since === null ? [] : [since.getTime()]))
    return { ...WORKS, since: times.length === 0 ? null : new Date(Math.max(...times)) }
  }
  const all = bad.length === seen.length || name === 'trail'
  return {
    ...worst,
    state: all ? worst.state : 'degraded',
    since: bad.map(({ since }) => since).reduce(earlier),
  }
}

/** One answer for the whole installation: down where nothing can be stored or read, ok where work can move. */
export function overall(parts: Readonly<Record<PartName, Seen>>): PartState {
  if (parts.database.state === 'down') return 'down'
  return PARTS.every((name) => parts[name].state === 'ok') ? 'ok' : 'degraded'
}
