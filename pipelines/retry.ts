// What becomes of work that threw: tried again later, or not at all. Pure.
import { canRetry, faultOf, isFault } from './fault'

/** How often a stage or a promotion is tried before it stays errored: the first attempt and four more. */
export const MAX_ATTEMPTS = 5
/** Planning only asks the forge: it is tried for longer, about twenty minutes. */
export const MAX_PLAN_ATTEMPTS = 24

const WAITS_MS = [2_000, 5_000, 15_000, 60_000]
const LAST_WAIT_MS = 60_000

export interface Retry {
  again: boolean
  /** What the row counts from now on: all of them where it is not tried again. */
  attempts: number
  waitMs: number
  /** For the page and the trail, word for word. */
  because: string
  /** For the trail: a fault's code, or a bug's stack. */
  data: Record<string, string>
}

/** A Fault that may pass is tried again, a limited number of times; anything else is a bug, and is never retried in silence. */
export function retryAfter(thrown: unknown, attempts: number, most = MAX_ATTEMPTS): Retry {
  const error = faultOf(thrown)
  // What the database or a full disk did to it is not the work's own doing: it is tried for as long as it takes.
  const lost = isFault(error) && (error.code.startsWith('database.') || error.code === 'storage.full')
  const again = canRetry(error) && (lost || attempts < most)
  const waitMs = (isFault(error) ? error.retryAfterMs : undefined) ?? WAITS_MS[attempts - 1] ?? LAST_WAIT_MS
  const message = error instanceof Error ? error.message : String(error)
  const because = isFault(error) ? message : `a fault of Shiplock itself: ${message}`
  const next = `; tried again in ${Math.ceil(waitMs / 1000)} s (attempt ${attempts} of ${most})`
  const stack = error instanceof Error ? String(error.stack).slice(0, 4000) : message
  return {
    again,
    attempts: again ? attempts - Number(lost) : most,
    waitMs,
    because: again ? because + next : because,
    data: isFault(error) ? { code: error.code } : { stack },
  }
}
