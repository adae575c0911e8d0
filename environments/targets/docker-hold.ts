import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { lookAt } from './docker-find'
import { longestWait, seconds } from './docker-health'
import { judgeOwn } from './docker-judge'
import type { Container } from './docker-replica'
import type { Deployment, Healthcheck } from './target'

/** So many good answers in a row at least, however short the window is. */
const LEAST_ROUNDS = 3
/** Between two rounds of questions (ms). */
const PAUSE_LEAST = 50
const PAUSE_MOST = 250
/** A set that answers well and badly by turns gets this many windows (beyond the time that it may take to start). */
const MOST_WINDOWS = 4

/** No window lasts longer than this, however often it begins anew (ms). */
const longestHold = (of: Pick<Deployment, 'healthcheck' | 'monitor'>) =>
  longestWait(of.healthcheck) + MOST_WINDOWS * of.monitor

export type NotHeld = {
  /** The replica to be read for its last words, by its place in the set. */
  replica: number
  because: string
}

/**
 * Watches a whole set through its window: every replica is asked again and again. A bad answer of one begins the window anew
 * for all; a replica that ends, restarts, or loses its port ends it. Null: the set has held.
 */
export async function untilHeld(
  on: { docker: Docker; address: string },
  of: Pick<Deployment, 'healthcheck' | 'monitor'>,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<NotHeld | null> {
  const read = await Promise.all(ids.map((id) => lookAt(on.docker, id)))
  const gone = read.indexOf(null)
  if (gone >= 0) return { replica: gone, because: 'was removed before it had held' }
  const set = read.filter((c): c is Container => c !== null)
  const pause = Math.min(PAUSE_MOST, Math.max(PAUSE_LEAST, of.monitor / 10))
  const began = performance.now()
  const failing = countFailures(of.healthcheck)
  const answers = { good: 0, bad: 0 }
  let rounds = 0
  let since = began
  for (;;) {
    const asked = performance.now()
    const judged = await Promise.all(set.map((c) => judgeOwn(on, c, of.healthcheck, signal)))
    signal.throwIfAborted()
    const over = judged.findIndex((j) => j.over)
    if (over >= 0)
      return {
        replica: over,
        because: `${judged[over]?.problem} ${seconds(performance.now() - began)} after it was healthy`,
      }
    const bad = judged.findIndex((j) => j.problem !== null)
    const now = performance.now()
    answers.bad += judged.filter((j) => j.problem !== null).length
    answers.good += judged.filter((j) => j.problem === null).length
    if (bad < 0) {
      if (rounds++ === 0) since = asked
      failing.reset()
      if (rounds >= LEAST_ROUNDS && now - since >= of.monitor) return null
    } else {
      rounds = 0
      if (failing.tooMany(now) || now - began > longestHold(of))
        return { replica: bad, because: inWords(of, answers, judged[bad]?.problem ?? '') }
    }
    await sleep(pause, undefined, { signal })
  }
}

/** Compose's meaning: so many failures without a good answer between, an interval apart, are too many. */
function countFailures(health: Healthcheck | null) {
  let failures = 0
  let nextAt = 0
  return {
    reset() {
      failures = 0
    },
    tooMany(now: number) {
      if (health === null) return false
      if (failures > 0 && now < nextAt) return false
      nextAt = now + health.interval
      return ++failures > health.retries
    },
  }
}

function inWords(of: Pick<Deployment, 'monitor'>, { good, bad }: { good: number; bad: number }, last: string): string {
  const rule = `every answer must be good for ${seconds(of.monitor)}, at least ${LEAST_ROUNDS} in a row`
  return `did not hold: ${rule}; of ${good + bad} answers ${good} were good and ${bad} bad (last: ${last})`
}
