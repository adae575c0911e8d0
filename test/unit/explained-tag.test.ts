import { describe, expect, it } from 'vitest'
import { type ToldOfTag, whyNotOwed } from '../../pipelines/explained-tag'

const ROW = { name: 'V1.0', commit: 'c', runId: 3, releaseId: 4 }
const TOLD: ToldOfTag = {
  apart: true,
  owed: { name: 'V1.0', commit: 'c', run: 3, release: 4 },
  run: { commit: 'c', release: 4 },
}
const OWED = { name: 'V1.0', commit: 'c', run: 3, release: 4 }

describe('a version tag that is owed', () => {
  it('is explained by the entry of the worker that owed it, and by its run', () => {
    expect(whyNotOwed(ROW, TOLD)).toBeNull()
  })

  it('is explained by its run alone where an earlier version wrote no commit', () => {
    const earlier = { ...OWED, commit: null, release: null }
    expect(whyNotOwed(ROW, { ...TOLD, owed: earlier })).toBeNull()
    expect(whyNotOwed({ ...ROW, commit: 'evil' }, { ...TOLD, owed: earlier })).toContain('the commit that is owed is c')
  })

  it.each<[string, object, Partial<ToldOfTag>]>([
    ['name', { name: 'V9.9' }, {}],
    ['commit', { commit: 'evil' }, {}],
    ['run', { runId: 9 }, {}],
    ['release', { releaseId: 9 }, {}],
    ['commit', {}, { run: { commit: 'other', release: 4 } }],
    ['release', {}, { run: { commit: 'c', release: 9 } }],
  ])('D3: of another %s is not made', (what, row, told) => {
    expect(whyNotOwed({ ...ROW, ...row }, { ...TOLD, ...told })).toMatch(`the ${what} that is owed is`)
  })

  it('D3: that no worker owed, or of no run of the production branch, is not made', () => {
    expect(whyNotOwed(ROW, { ...TOLD, owed: null })).toContain('no entry of a worker')
    expect(whyNotOwed(ROW, { ...TOLD, run: null })).toContain('not one of the production branch')
  })

  it('is asked for nothing where web and worker share a role', () => {
    expect(whyNotOwed(ROW, { apart: false, owed: null, run: null })).toBeNull()
  })
})
