import { describe, expect, it } from 'vitest'
import { isRecorded, nextStep, type Recorded } from '../../environments/observed'
import { PROMOTION, type PromotionStatus } from '../../environments/promotion'

const OLD = { promotion: 7, epoch: 1 }
const NEW = { promotion: 9, epoch: 2 }

function recorded(
  status: PromotionStatus,
  over: { serving?: Recorded['serving']; again?: boolean; deployedEpoch?: number | null } = {},
): Recorded {
  return {
    serving: over.serving === undefined ? OLD : over.serving,
    deployed: over.serving === undefined ? OLD.promotion : (over.serving?.promotion ?? null),
    replacedBy: null,
    promotions: new Map([
      [7, { status: 'verified' as const, willBeTriedAgain: false, deployedEpoch: 1 }],
      [9, { status, willBeTriedAgain: over.again ?? false, deployedEpoch: over.deployedEpoch ?? null }],
    ]),
  }
}
type Seen = Parameters<typeof nextStep>[0]
const seen = (
  set: typeof OLD | null,
  left = 0,
  starting: (typeof OLD)[] = [],
  health: Seen['health'] = 'healthy',
  runs = true,
): Seen => ({ set, left, starting, health, earlier: left ? { made: OLD, digest: 'd', running: runs } : null })

describe('A1: what served before goes', () => {
  it('once the record says that the new set serves, and not before', () => {
    expect(nextStep(seen(NEW, 1), recorded('verified', { serving: NEW, deployedEpoch: 2 }))).toEqual({ do: 'retire' })
    expect(nextStep(seen(NEW, 1), recorded('deploying'))).toEqual({ do: 'wait' })
    expect(nextStep(seen(OLD), recorded('failed'))).toEqual({ do: 'nothing' })
    expect(nextStep(seen(null), recorded('failed'))).toEqual({ do: 'nothing' })
  })

  it('never where the set that serves is not the one that was recorded last', () => {
    expect(nextStep(seen(OLD, 1), recorded('verified', { serving: NEW, deployedEpoch: 2 }))).toEqual({ do: 'nothing' })
    expect(nextStep(seen(OLD, 1), recorded('failed', { serving: null }))).toEqual({ do: 'nothing' })
  })
})

describe('A1: the set that was just recorded is not healthy, and the earlier one is there', () => {
  const now = (status: PromotionStatus) => recorded(status, { serving: NEW, deployedEpoch: 2 })

  it.each(['deployed', 'verifying'] as const)('falls back to it where the promotion is %s', (status) => {
    expect(nextStep(seen(NEW, 1, [], 'unhealthy'), now(status))).toEqual({ do: 'fall back' })
  })

  it('keeps both while the new one may still come, and where the deployment was decided', () => {
    expect(nextStep(seen(NEW, 1, [], 'progressing'), now('deployed'))).toEqual({ do: 'nothing' })
    for (const status of ['verified', 'failed', 'canceled'] as const)
      expect(nextStep(seen(NEW, 1, [], 'unhealthy'), now(status))).toEqual({ do: 'nothing' })
  })

  it('keeps both where the earlier one does not run either, and where the set is of an older deployment', () => {
    expect(nextStep(seen(NEW, 1, [], 'unhealthy', false), now('deployed'))).toEqual({ do: 'nothing' })
    const kept = { ...now('deployed'), deployed: 12 }
    expect(nextStep(seen(NEW, 1, [], 'unhealthy'), kept)).toEqual({ do: 'nothing' })
  })
})

it('A2: what a former service runs goes, set by set; what is of another record, or under way, does not', () => {
  const former = { ...recorded('verified'), replacedBy: 'hallo' }
  expect(nextStep(seen(OLD), former)).toEqual({ do: 'withdraw', made: OLD })
  expect(nextStep(seen(OLD, 1), former)).toEqual({ do: 'withdraw', made: OLD })
  expect(nextStep(seen(null), former)).toEqual({ do: 'nothing' })
  expect(nextStep(seen({ promotion: 99, epoch: 1 }), former)).toEqual({ do: 'nothing' })
  expect(nextStep(seen(OLD, 0, [NEW]), { ...recorded('deploying'), replacedBy: 'hallo' })).toEqual({ do: 'wait' })
})

describe('A2: a set that was never recorded', () => {
  const ended = Object.keys(PROMOTION).filter((s) => !['queued', 'deploying', 'errored'].includes(s))

  it.each(ended as PromotionStatus[])('is withdrawn where its promotion is %s', (status) => {
    const step = { do: 'withdraw', made: NEW }
    expect(nextStep(seen(NEW, 1), recorded(status))).toEqual(step)
    expect(nextStep(seen(OLD, 0, [NEW]), recorded(status))).toEqual(step)
    // Nothing to fall back to is no reason to let it serve.
    expect(nextStep(seen(NEW), recorded(status, { serving: null }))).toEqual(step)
  })

  it.each(['queued', 'deploying'] as const)('is its successor’s to find where the promotion is %s', (status) => {
    expect(nextStep(seen(NEW, 1), recorded(status))).toEqual({ do: 'wait' })
    expect(nextStep(seen(OLD, 1, [NEW]), recorded(status))).toEqual({ do: 'wait' })
  })

  it('waits while it is tried again by itself, and is withdrawn once it is not', () => {
    expect(nextStep(seen(NEW, 1), recorded('errored', { again: true }))).toEqual({ do: 'wait' })
    expect(nextStep(seen(NEW, 1), recorded('errored'))).toMatchObject({ do: 'withdraw' })
  })

  it('of another record is left alone', () => {
    const foreign = { promotion: 99, epoch: 1 }
    expect(nextStep(seen(foreign, 1), recorded('failed'))).toEqual({ do: 'nothing' })
    expect(nextStep(seen(OLD, 0, [foreign]), recorded('failed'))).toEqual({ do: 'nothing' })
  })

  it('is not one that a later attempt kept and recorded, nor one that served before', () => {
    const later = recorded('failed', { serving: OLD, deployedEpoch: 3 })
    expect(isRecorded(NEW, later)).toBe(true)
    expect(nextStep(seen(NEW, 1), later)).toEqual({ do: 'nothing' })
    expect(isRecorded({ promotion: 9, epoch: 4 }, later)).toBe(false)
  })
})
