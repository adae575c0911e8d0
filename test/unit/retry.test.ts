import { describe, expect, it } from 'vitest'
import { canRetry, FAULTS, Fault } from '../../pipelines/fault'
import { MAX_ATTEMPTS, retryAfter } from '../../pipelines/retry'

describe('work that threw', () => {
  it('a fault that may pass comes back later, each time later, and says when', () => {
    const waits = [1, 2, 3, 4].map((n) => retryAfter(new Fault('engine.unreachable', 'no answer'), n))
    expect(waits.map((r) => [r.again, r.waitMs])).toEqual([
      [true, 2_000],
      [true, 5_000],
      [true, 15_000],
      [true, 60_000],
    ])
    expect(waits[0]?.because).toBe('no answer; tried again in 2 s (attempt 1 of 5)')
  })
  it('the last attempt is the last', () =>
    expect(retryAfter(new Fault('git.failed', 'x'), MAX_ATTEMPTS)).toMatchObject({ again: false, because: 'x' }))
  it("the other side's own time is kept", () =>
    expect(retryAfter(new Fault('forge.busy', 'later', { retryAfterMs: 7_000 }), 1).waitMs).toBe(7_000))
  it('a fault that cannot pass is not tried again', () =>
    expect(retryAfter(new Fault('forge.denied', 'no right'), 1).again).toBe(false))
  it('a bug is recorded with its stack, and never tried again in silence', () => {
    const bug = retryAfter(new TypeError('x is not a function'), 1)
    expect(bug).toMatchObject({ again: false, because: 'a fault of Shiplock itself: x is not a function' })
    expect(bug.data.stack).toContain('retry.test')
  })
  it('every fault says what it answers with, and whether trying again can help', () => {
    for (const code of Object.keys(FAULTS) as (keyof typeof FAULTS)[]) {
      expect(FAULTS[code].http).toBeGreaterThanOrEqual(400)
      expect(canRetry(new Fault(code, 'x'))).toBe(FAULTS[code].retry)
    }
  })
})
