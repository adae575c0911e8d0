import { describe, expect, it } from 'vitest'
import type { Role } from '../../app/_server/permit'
import { canDo, type Standing, YES } from '../../app/promotions/can'
import { differences, type Side } from '../../app/promotions/differences'

const viewer = (role: Role) => ({ kind: 'account' as const, id: 1, accountId: 1, name: 'olga', role, grants: [] })
const standing = (over: Partial<Standing> = {}): Standing => ({
  status: 'waiting',
  kind: 'onward',
  environment: 'production',
  start: 'on-signoff',
  startedByHand: null,
  projectId: 1,
  answers: { approve: YES, reject: YES, override: YES, breakGlass: YES },
  isRunning: false,
  refused: false,
  ...over,
})

describe('what may be done with a promotion', () => {
  it('operations sign what waits; a viewer is told who may', () => {
    expect(canDo(viewer('ops'), standing()).approve).toEqual({ may: true, because: '' })
    expect(canDo(viewer('viewer'), standing()).approve).toEqual({
      may: false,
      because: expect.stringContaining('viewer'),
    })
  })

  it('nobody signs their own change: the verb says why', () => {
    const own = { may: false, because: 'you pushed this change' }
    const answers = { approve: own, reject: own, override: own, breakGlass: own }
    expect(canDo(viewer('ops'), standing({ answers })).approve).toEqual(own)
  })

  it('only what waits to be started by hand is started, once', () => {
    const byHand = { start: 'by-hand' }
    expect(canDo(viewer('owner'), standing(byHand)).start.may).toBe(true)
    expect(canDo(viewer('owner'), standing({ ...byHand, startedByHand: 'owen' })).start.because).toContain('owen')
    expect(canDo(viewer('owner'), standing()).start.may).toBe(false)
  })

  it.each([
    ['waiting', true, false],
    ['deploying', true, false],
    ['verifying', true, false],
    ['errored', true, true],
    ['failed', false, true],
    ['verified', false, false],
    ['superseded', false, false],
  ])('%s: cancel %s, retry %s', (status, cancel, retry) => {
    const can = canDo(viewer('owner'), standing({ status }))
    expect([can.cancel.may, can.retry.may]).toEqual([cancel, retry])
  })

  it('one goes back to what was verified there, is not there now, and is not refused', () => {
    const rollback = (over: Partial<Standing>) =>
      canDo(viewer('ops'), standing({ status: 'verified', ...over })).rollback
    expect(rollback({}).may).toBe(true)
    expect(rollback({ isRunning: true }).because).toContain('runs now')
    expect(rollback({ refused: true }).because).toContain('refused')
    expect(rollback({ status: 'failed' }).may).toBe(false)
    expect(canDo(viewer('owner'), standing({ status: 'verified' })).rollback.may).toBe(false)
  })
})

describe('what changes', () => {
  const side = (over: Partial<Side> = {}): Side => ({
    commit: 'a',
    digest: 'sha256:1',
    version: '1.0',
    plan: { deploy: { replicas: 2, ports: ['8085'] }, config: { LEVEL: { default: 'info' } } },
    ...over,
  })
  const changed = (rows: ReturnType<typeof differences>) => rows.filter((r) => r.changed).map((r) => r.what)

  it('nothing, where the same comes again', () => {
    expect(changed(differences(side(), side(), undefined))).toEqual([])
  })

  it('everything, where nothing runs yet', () => {
    const rows = differences(null, side(), undefined)
    expect(rows.every((r) => r.changed && r.current === null)).toBe(true)
  })

  it('replicas, unless the environment says how many there are', () => {
    const more = side({ plan: { deploy: { replicas: 5, ports: ['8085'] }, config: { LEVEL: { default: 'info' } } } })
    expect(changed(differences(side(), more, undefined))).toEqual(['replicas'])
    expect(changed(differences(side(), more, 3))).toEqual([])
  })

  it('keys of the configuration that differ, and never the value of a secret', () => {
    const next = side({
      plan: {
        deploy: { replicas: 2, ports: ['8085'] },
        config: { LEVEL: { default: 'debug' }, KEY: { secret: true, default: 'hunter2' } },
      },
    })
    const rows = differences(side(), next, undefined).filter((r) => r.what === 'configuration')
    expect(rows).toEqual([
      { what: 'configuration', name: 'KEY', current: null, incoming: '(secret)', changed: true },
      { what: 'configuration', name: 'LEVEL', current: 'info', incoming: 'debug', changed: true },
    ])
  })

  it('is said of a plan that another version wrote, as far as it can be read', () => {
    expect(() => differences(side({ plan: null }), side({ plan: { deploy: 7, config: [] } }), undefined)).not.toThrow()
  })
})
