import { describe, expect, it } from 'vitest'
import { whyPromotionWaits, whyRunWaits } from '../../app/runs/waiting'

const now = new Date('2026-11-21T12:00:00Z')
const ago = (s: number) => new Date(now.getTime() - s * 1000)
const row = (status: string, more: object = {}) => ({
  status,
  because: '',
  attempts: 1,
  dueAt: ago(60),
  createdAt: ago(60),
  startedAt: null,
  finishedAt: null,
  name: 'unit',
  environment: 'test',
  ...more,
})
const alive = { workerAlive: true, now }
const nobody = { workerAlive: false, now }

describe('why is it waiting?', () => {
  it('what has ended, or is being worked on, does not wait', () => {
    for (const status of ['succeeded', 'failed', 'canceled', 'refused', 'superseded', 'planning'])
      expect(whyRunWaits(row(status), [], alive)).toBeNull()
    expect(whyRunWaits(row('running'), [row('succeeded'), row('running')], alive)).toBeNull()
    for (const status of ['deploying', 'deployed', 'verified', 'failed'])
      expect(whyPromotionWaits(row(status), [], alive)).toBeNull()
  })

  it('without a worker, whoever operates Shiplock is asked to start one', () => {
    expect(whyRunWaits(row('queued'), [], nobody)).toMatchObject({
      what: 'no worker is running',
      who: expect.stringContaining('npm run worker'),
      since: ago(60).toISOString(),
    })
    expect(whyRunWaits(row('running'), [row('running')], nobody)?.what).toContain('the worker that had it is gone')
  })

  it('a busy forge is waited for until a time, in its own words', () => {
    const dueAt = new Date(now.getTime() + 30_000)
    expect(whyRunWaits(row('queued', { dueAt, because: 'the forge answered 429' }), [], alive)).toEqual({
      what: 'the forge answered 429',
      who: 'nobody: it goes on by itself',
      since: ago(60).toISOString(),
      until: dueAt.toISOString(),
    })
  })

  it('a stage that errored is tried again by itself, until a person has to ask', () => {
    const stage = (attempts: number) =>
      row('errored', { attempts, because: 'the engine is away', dueAt: new Date(now.getTime() + 5000) })
    expect(whyRunWaits(row('errored'), [stage(2)], alive)).toMatchObject({
      what: 'the engine is away',
      who: 'nobody: it goes on by itself',
    })
    expect(whyRunWaits(row('errored'), [stage(5)], alive)).toMatchObject({
      what: 'unit errored: the engine is away',
      who: expect.stringContaining('try it again'),
      until: null,
    })
  })

  it('behind others it waits for a free lane', () => {
    expect(whyRunWaits(row('queued'), [], alive)?.what).toBe('a free lane')
    expect(whyRunWaits(row('running'), [row('succeeded'), row('queued')], alive)?.what).toBe('a free lane for unit')
  })

  it("a promotion's gates are told word for word", () => {
    const verdicts = [
      { gate: 'start', state: 'open' as const, because: 'it starts by itself' },
      { gate: 'environment free', state: 'waiting' as const, because: 'promotion #9 is being deployed to test' },
    ]
    expect(whyPromotionWaits(row('waiting'), verdicts, alive)?.what).toBe('promotion #9 is being deployed to test')
  })

  it('whose turn it is counts before what passes by itself', () => {
    const verdicts = [
      {
        gate: 'freeze',
        state: 'waiting' as const,
        because: 'it is frozen',
        who: 'nobody: it goes on by itself',
        until: '2026-11-23T08:00:00.000Z',
      },
      {
        gate: 'approvals',
        state: 'waiting' as const,
        because: '1 of 1 from ops',
        who: 'operations',
        since: '2026-11-21T11:00:00.000Z',
      },
    ]
    expect(whyPromotionWaits(row('waiting'), verdicts, alive)).toEqual({
      what: '1 of 1 from ops (and 1 more gate)',
      who: 'operations',
      since: '2026-11-21T11:00:00.000Z',
      until: null,
    })
  })

  it('a freeze says when it ends', () => {
    const frozen = {
      gate: 'freeze',
      state: 'waiting' as const,
      because: 'it is frozen',
      who: 'nobody: it goes on by itself',
      until: '2026-11-23T08:00:00.000Z',
    }
    expect(whyPromotionWaits(row('waiting'), [frozen], alive)?.until).toBe('2026-11-23T08:00:00.000Z')
  })

  it('what is shut is told first', () => {
    const verdicts = [
      { gate: 'approvals', state: 'waiting' as const, because: '1 of 1 from ops', who: 'operations' },
      { gate: 'refused', state: 'shut' as const, because: 'refused by olga' },
    ]
    expect(whyPromotionWaits(row('waiting'), verdicts, alive)?.what).toBe('refused by olga (and 1 more gate)')
  })

  it('a promotion that failed waits for nothing; one that errored for an owner or operations', () => {
    expect(whyPromotionWaits(row('failed'), [], alive)).toBeNull()
    expect(whyPromotionWaits(row('errored', { attempts: 5 }), [], alive)?.who).toContain('operations')
  })
})
