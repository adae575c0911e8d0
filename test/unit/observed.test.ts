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
    promotions: new Map([
      [7, { status: 'verified' as const, willBeTriedAgain: false, deployedEpoch: 1 }],
      [9, { status, willBeTriedAgain: over.again ?? false, deployedEpoch: over.deployedEpoch ?? null }],
    ]),
  }
}
const seen = (set: typeof OLD | null, left = 0, starting: (typeof OLD)[] = []) => ({ set, left, starting })

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
