// A good answer says little of a replica that ends and is started again all the time: each look compares with the one before. Pure.
import { NEXT_LOOK_MS, SOON_MS } from './observed'
import type { Observation } from './targets/target'

type Replica = Observation['replicas'][number]

/** A replica as the last look kept it; one that an earlier version wrote has no restarts. */
export interface Kept {
  name: string
  startedAt: string
  restarts?: number
  crashes?: Crashes | null
}

/** By the database's clock: a look's time, not the engine's. */
interface Crashes {
  count: number
  since: string
  last: string
}

export interface Steadied extends Observation {
  replicas: (Replica & { crashes: Crashes | null })[]
  /** When to look again for the sake of what crashed (ms). Null: nothing did. */
  againMs: number | null
}

/** So long (ms) a replica must run on, after its engine had to start it again, before it counts as healthy. */
export const HOLDS_AFTER_MS = 60_000

/**
 * The observation, in which a replica that its engine has lately started again is not healthy. The engine's count begins at
 * none when a person (or the engine's own start) starts it: that is no crash, though the start and the address are others.
 */
export function steadied(seen: Observation, kept: readonly Kept[], now: Date): Steadied {
  const before = new Map(kept.map((k) => [k.name, k]))
  let isNew = false
  const replicas = seen.replicas.map((r) => {
    const was = before.get(r.name)
    const crashes = crashesOf(r, was, now)
    isNew ||= crashes !== null && crashes.last === now.toISOString()
    return { ...r, crashes }
  })
  const lately = replicas.flatMap(({ name, crashes }) => (crashes === null ? [] : [{ name, ...crashes }]))
  if (lately.length === 0) return { ...seen, replicas, againMs: null }
  const words = lately.map(
    ({ name, count, since }) =>
      `${name} ended and was started again by its engine ${count === 1 ? 'once' : `${count} times`} since ${since}`,
  )
  const rule = `it counts as healthy once it has run for ${HOLDS_AFTER_MS / 1000} s`
  const because = [...(seen.health === 'healthy' ? [] : [seen.because]), ...words, rule].join('; ')
  const last = Math.max(...lately.map((c) => Date.parse(c.last)))
  const left = last + HOLDS_AFTER_MS - now.getTime()
  const againMs = isNew ? SOON_MS : Math.min(NEXT_LOOK_MS, Math.max(SOON_MS, left))
  return { ...seen, replicas, health: 'unhealthy', because, againMs }
}

function crashesOf({ startedAt, restarts }: Replica, was: Kept | undefined, now: Date): Crashes | null {
  if (was === undefined || restarts === 0) return null
  const earlier = was.crashes ?? null
  const counted = was.restarts ?? 0
  if (startedAt !== was.startedAt) {
    // Below the count that was kept: it began anew meanwhile.
    const count = restarts < counted ? restarts : Math.max(1, restarts - counted)
    const at = now.toISOString()
    return { count: (earlier?.count ?? 0) + count, since: earlier?.since ?? at, last: at }
  }
  return earlier !== null && now.getTime() - Date.parse(earlier.last) < HOLDS_AFTER_MS ? earlier : null
}
