import { describe, expect, it } from 'vitest'
import { flowTable } from '../../app/projects/flow-table'
import { problemsByField } from '../../app/projects/problems'
import { whyRunWaits } from '../../app/runs/waiting'
import { FlowSettings, KINDS, STANDARD_FLOW } from '../../pipelines/gitflow'

describe('the table of the flow', () => {
  const row = (kind: string, settings: object = {}) =>
    flowTable(FlowSettings.parse(settings)).find((r) => r.kind === kind)

  it('has a row for each kind of branch', () => {
    expect(flowTable(STANDARD_FLOW).map((r) => r.kind)).toEqual(KINDS)
  })

  it('shows what a project calls its branches, also where they are merged into', () => {
    const settings = { branches: { master: 'main', develop: 'dev' }, tickets: ['SHOP-#-*'] }
    expect(row('master', settings)?.names).toEqual(['main'])
    expect(row('release', settings)?.mergesInto).toEqual([
      { kind: 'master', names: ['main'] },
      { kind: 'develop', names: ['dev'] },
    ])
    expect(row('feature', settings)?.looks).toEqual(['SHOP-#-*'])
  })

  it('shows each policy beside the branch that it is about', () => {
    expect(row('master')?.policies).toEqual(['tag-made', 'back-merge'])
    expect(row('master', { tag: 'awaited', back_merge: false })?.policies).toEqual(['tag-awaited'])
    expect(row('hotfix')?.policies).toEqual(['debt-blocks'])
    expect(row('hotfix', { hotfix_debt: 'shown' })?.policies).toEqual(['debt-shown'])
    expect(
      flowTable(STANDARD_FLOW)
        .filter((r) => r.first)
        .map((r) => r.kind),
    ).toEqual(['hotfix'])
  })
})

describe('problems beside their fields', () => {
  const FIELDS = ['branches.feature', 'branches', 'tickets', 'tag']

  it.each<[string, Record<string, string>]>([
    [
      'branches.feature: must end in a slash; tag: must be made or awaited',
      {
        'branches.feature': 'must end in a slash',
        tag: 'must be made or awaited',
      },
    ],
    ['tickets.0: may hold letters; or not; tickets.1: no', { tickets: 'may hold letters; or not; no' }],
    ['tickets[2]: may hold letters', { tickets: 'may hold letters' }],
    ['Shiplock did not answer', { '': 'Shiplock did not answer' }],
    ['body: unknown key; tag: must be made', { '': 'body: unknown key', tag: 'must be made' }],
  ])('%s', (message, found) => {
    expect(Object.fromEntries(problemsByField(message, FIELDS))).toEqual(found)
  })
})

describe('a run that is held', () => {
  it('waits for an owner, whether or not a worker is there', () => {
    const at = new Date('2026-11-21T12:00:00Z')
    const held = {
      status: 'held',
      attempts: 0,
      because: '',
      dueAt: at,
      createdAt: at,
      startedAt: null,
      finishedAt: null,
    }
    for (const workerAlive of [true, false])
      expect(whyRunWaits(held, [], { workerAlive, now: at })).toMatchObject({
        what: expect.stringContaining('an owner must say go'),
        who: expect.stringContaining('owner'),
      })
  })
})
