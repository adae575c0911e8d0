// What is said of a rollback on the hold that it sets: what has happened, and no more.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Hold, holdOf, holdsAfter, type Moved } from '../../environments/holds'
import { PROMOTION, type PromotionStatus } from '../../environments/promotion'

const root = path.resolve(import.meta.dirname, '../..')
const at = new Date('2026-11-29T09:00:00Z')
const own: Hold = { at: at.toISOString(), by: 'olga', because: 'the audit', heldFor: null }
const hold = holdOf({ promotion: 7, tag: 'V1.0', reason: 'orders fail' }, 'omar', at)
const moved = (status: PromotionStatus, over: Partial<Moved> = {}): Moved => ({
  id: 7,
  kind: 'rollback',
  status,
  insteadOf: 6,
  isThere: false,
  ...over,
})
const said = (holds: readonly Hold[]) => holds.map((h) => h.because)

describe('A5: the hold of a rollback', () => {
  it('says that it was requested', () => expect(hold.because).toBe('rollback to V1.0 requested: orders fail'))

  it.each([
    ['waiting', 'rollback to V1.0 requested: orders fail'],
    ['queued', 'rollback to V1.0 requested: orders fail'],
    ['deploying', 'rollback to V1.0 requested: orders fail'],
    ['deployed', 'rolled back to V1.0: orders fail'],
    ['verifying', 'rolled back to V1.0: orders fail'],
    ['verified', 'rolled back to V1.0: orders fail'],
    ['failed', 'rollback to V1.0 failed: orders fail'],
    ['errored', 'rollback to V1.0 failed: orders fail'],
    ['refused', null],
    ['superseded', null],
    ['canceled', null],
  ] as const)('of one that is %s: %s', (status, words) => {
    expect(said(holdsAfter([hold], moved(status)))).toEqual(words === null ? [] : [words])
  })

  it('every status of a promotion has its words, or ends it', () => {
    for (const status of Object.keys(PROMOTION) as PromotionStatus[])
      for (const isThere of [false, true])
        expect(holdsAfter([hold], moved(status, { isThere })).length).toBeLessThanOrEqual(1)
  })

  it.each(['failed', 'errored', 'canceled'] as const)('stays where it is there, and %s afterwards', (status) =>
    expect(said(holdsAfter([hold], moved(status, { isThere: true })))).toEqual([
      'rolled back to V1.0, which was not verified: orders fail',
    ]),
  )

  it('says that something else was put back in its place, once that is there and not before', () => {
    const there = holdsAfter([hold], moved('failed', { isThere: true }))
    const back = (status: PromotionStatus) => moved(status, { id: 8, kind: 'put-back', insteadOf: 7, isThere: true })
    expect(holdsAfter(there, back('waiting'))).toBe(there)
    expect(holdsAfter(there, back('refused'))).toBe(there)
    expect(said(holdsAfter(there, back('deployed')))[0]).toContain('not verified and was replaced')
  })

  it('leaves alone what a person held before, which counts again once it ends', () => {
    expect(holdsAfter([own, hold], moved('refused'))).toEqual([own])
    expect(said(holdsAfter([own, hold], moved('deployed')))).toEqual(['the audit', 'rolled back to V1.0: orders fail'])
  })

  it('knows its own promotion: another ends nothing', () => {
    const holds = [own, hold]
    expect(holdsAfter(holds, moved('refused', { id: 9 }))).toBe(holds)
    expect(holdsAfter([own], moved('refused'))).toEqual([own])
    expect(holdsAfter([], moved('deployed'))).toEqual([])
  })

  it('of two, the one that is there makes the other untrue; the one that ends leaves the other', () => {
    const later = holdOf({ promotion: 9, tag: 'V0.9', reason: 'further back' }, 'omar', at)
    const first = holdsAfter([own, hold], moved('verified'))
    const both = [...first, later]
    expect(said(holdsAfter(both, moved('refused', { id: 9 })))).toEqual(said(first))
    expect(said(holdsAfter(both, moved('deployed', { id: 9 })))).toEqual([
      'the audit',
      'rolled back to V0.9: further back',
    ])
    // The one below ends while the other still waits.
    expect(said(holdsAfter([hold, later], moved('canceled')))).toEqual([later.because])
  })
})

describe('A5: every path', () => {
  it('moves a promotion by the one function that looks after its hold', () => {
    const files = spawnSync(
      'git',
      ['ls-files', '-z', '--', 'app', 'environments', 'pipelines', 'worker', 'cli', 'prisma'],
      {
        cwd: root,
        encoding: 'utf8',
      },
    ).stdout.split('\0')
    const past = files
      .filter((file) => file.endsWith('.ts') && !file.startsWith('prisma/generated/'))
      .filter((file) => /\brecord\(\s*tx,\s*'promotion'/.test(readFileSync(path.join(root, file), 'utf8')))
    expect(past).toEqual(['environments/move-promotion.ts'])
  })
})
