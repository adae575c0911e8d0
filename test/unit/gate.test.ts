import { describe, expect, it } from 'vitest'
import { type Facts, judge } from '../../environments/gate'
import { releaseTag } from '../../environments/release'

const now = new Date('2026-11-21T13:04:00Z')
const facts = (over: Partial<Facts> = {}): Facts => ({
  environment: { name: 'test', start: 'automatic' },
  release: { id: 3, tag: 'V1.0_202611211304' },
  run: { id: 12, branchKind: 'develop', templated: false },
  missingConfig: [],
  busy: null,
  newer: null,
  ...over,
})

describe('the gates', () => {
  it('develop may reach test', () => expect(judge(facts(), now).state).toBe('open'))
  it('develop may go no further', () =>
    expect(judge(facts({ environment: { name: 'production', start: 'automatic' } }), now)).toMatchObject({
      state: 'shut',
      because: 'a develop branch goes to test, not to production',
    }))
  it('a feature branch goes nowhere', () =>
    expect(judge(facts({ run: { id: 1, branchKind: 'feature', templated: false } }), now).state).toBe('shut'))
  it('what has no place in the flow goes nowhere', () =>
    expect(judge(facts({ run: { id: 1, branchKind: 'other', templated: false } }), now).state).toBe('shut'))
  it('without a service file it may be tested', () =>
    expect(judge(facts({ run: { id: 1, branchKind: 'develop', templated: true } }), now).state).toBe('open'))
  it('without a service file it may not go beyond the test environment', () => {
    const verdict = judge(
      facts({
        environment: { name: 'prerelease', start: 'automatic' },
        run: { id: 1, branchKind: 'release', templated: true },
      }),
      now,
    )
    expect(verdict).toMatchObject({ state: 'shut', because: expect.stringContaining('.shiplock.yaml') })
  })
  it('a missing required value shuts it, by name', () =>
    expect(judge(facts({ missingConfig: ['DATABASE_URL'] }), now).because).toContain('DATABASE_URL'))
  it('one deployment at a time: the next waits, and says for which', () =>
    expect(judge(facts({ busy: { id: 4, since: now } }), now)).toMatchObject({
      state: 'waiting',
      because: expect.stringContaining('#4'),
    }))
  it('an older release does not go over a newer one', () =>
    expect(judge(facts({ newer: { id: 5, run: 13 } }), now).state).toBe('shut'))
  it('shut comes before waiting', () =>
    expect(judge(facts({ busy: { id: 4, since: now }, newer: { id: 5, run: 13 } }), now).state).toBe('shut'))
  it('a start that this version does not carry is shut, not passed', () =>
    expect(judge(facts({ environment: { name: 'test', start: 'on-signoff' } }), now).state).toBe('shut'))
  it('every gate gives its reason', () => {
    for (const verdict of judge(facts(), now).verdicts) expect(verdict.because).toMatch(/./)
  })
})

describe('the tag of a release', () => {
  it('is the version and the minute, in UTC', () => expect(releaseTag('1.0', now)).toBe('V1.0_202611211304'))
  it('says that it is the second within the minute', () =>
    expect(releaseTag('1.0', now, 2)).toBe('V1.0_202611211304.2'))
})
