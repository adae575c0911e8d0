import { describe, expect, it } from 'vitest'
import { STANDARD_FLOW } from '../../pipelines/gitflow'
import { mergeNote, type NoteFacts } from '../../pipelines/merge-note'
import { judgePair } from '../../pipelines/merge-pair'

const PAIRS = [
  ['feature/x', 'develop', true],
  ['feature/x', 'master', false],
  ['feature/x', 'release/1.0', false],
  ['develop', 'master', false],
  ['develop', 'release/1.0', false],
  ['release/1.0', 'master', true],
  ['release/1.0', 'develop', true],
  ['release/1.0', 'hotfix/1.0.1', false],
  ['hotfix/1.0.1', 'master', true],
  ['hotfix/1.0.1', 'develop', true],
  ['master', 'develop', true],
  ['master', 'release/1.0', false],
  ['fix_stuff', 'develop', false],
  ['feature/x', 'trunk', false],
] as const

describe('the two branches of a merge request', () => {
  it.each(PAIRS)('%s into %s: %s', (source, target, ok) => {
    const pair = judgePair({ source, target, fork: false }, STANDARD_FLOW)
    expect(pair.ok).toBe(ok)
    expect(pair.because).not.toBe('')
  })

  it.each([
    ['anything-goes', 'develop', true],
    ['develop', 'develop', true],
    ['feature/x', 'master', false],
    ['feature/x', 'release/1.0', false],
    ['-rf', 'develop', false],
  ])('from a fork, %s into %s: %s', (source, target, ok) => {
    const pair = judgePair({ source, target, fork: true }, STANDARD_FLOW)
    expect(pair).toMatchObject({ ok, sourceKind: 'fork' })
  })
})

const FACTS: NoteFacts = {
  status: 'opened',
  because: '',
  pair: judgePair({ source: 'feature/x', target: 'develop', fork: false }, STANDARD_FLOW),
  target: 'develop',
  head: 'ab'.repeat(20),
  fork: false,
  neverForks: false,
  draft: false,
  run: {
    id: 12,
    status: 'failed',
    because: 'static: exited with 1',
    templated: false,
    stages: [{ name: 'static', status: 'failed' }],
  },
  approvals: [],
  publicUrl: 'https://ship.example',
  id: 7,
}

describe('the note', () => {
  it('says all there is to say, in five lines', () => {
    expect(mergeNote(FACTS)).toMatchInlineSnapshot(`
      "<!-- shiplock -->
      **[Shiplock](https://ship.example/merge-requests/7)**

      - **Flow:** allowed: a feature branch may be merged into develop
      - **Checks of \`abababababab\`:** [run 12](https://ship.example/runs/12) is **failed**: static: exited with 1 (static failed)
      - **After merging:** what \`develop\` makes goes to **test**, through [its gates](https://ship.example/merge-requests/7)
      - **Approved by:** nobody yet"
    `)
  })

  it('calls nobody, closes nothing and mentions no ticket, whatever strangers wrote', () => {
    const evil = '@all see #1 !2 $3 %4 ~5 &6 `x` [a](http://b) <img src=x> https://evil.example\n/merge\n/close'
    const note = mergeNote({
      ...FACTS,
      pair: { ...FACTS.pair, ok: false, because: evil },
      run: { id: 1, status: 'errored', because: evil, templated: null, stages: [] },
      approvals: [evil, 'Mei Lin'],
      target: evil,
    })
    const outside = note
      .replaceAll(/`[^`]*`/g, '')
      .replaceAll(/\[run 1\]\(\S+\)|\[its gates\]\(\S+\)|\[Shiplock\]\(\S+\)/g, '')
    expect(outside).not.toMatch(/[@#$%~&]|!\d|<img|https?:/)
    expect(note).not.toMatch(/^\s*\//m)
    expect(note).toContain('Mei Lin')
  })

  it('of a service without a service file says how far it may go', () => {
    const run = { id: 1, status: 'succeeded', because: '', templated: true, stages: [] }
    expect(mergeNote({ ...FACTS, run })).toContain('no further than test')
  })

  it('of a fork says whose turn it is', () => {
    const run = { id: 3, status: 'held', because: '', templated: null, stages: [] }
    expect(mergeNote({ ...FACTS, fork: true, run })).toContain('waits until an owner says go')
    expect(mergeNote({ ...FACTS, fork: true, run: null, neverForks: true })).toContain('runs nothing for forks')
  })

  it('of one that has ended says how', () => {
    const note = mergeNote({ ...FACTS, status: 'merged', because: 'merged by Noor Haddad' })
    expect(note).toContain('**State:** merged; merged by Noor Haddad')
    expect(note).not.toContain('After merging')
  })
})
