import { describe, expect, it } from 'vitest'
import type { Role } from '../../app/_server/permit'
import { type Facts, mayAllow, mayApprove, mayMerge, whyItWaits } from '../../app/merge-requests/can'

const now = new Date('2026-11-21T12:00:00Z')
const HEAD = 'a1b2c3d4'.repeat(5)
const facts = (more: Partial<Facts> = {}): Facts => ({
  projectId: 1,
  status: 'opened',
  target: 'develop',
  head: HEAD,
  draft: false,
  pair: { ok: true, because: 'a feature branch may be merged into develop' },
  mergeable: 'mergeable',
  author: 'Maya',
  authorId: '7',
  createdAt: now,
  notMergeable: null,
  run: { id: 9, status: 'succeeded', because: '', since: now, waiting: null },
  approvals: [],
  underWay: [],
  ...more,
})
const who = (role: Role = 'owner', forgeUserId: string | null = null) => ({
  viewer: { kind: 'account' as const, role, grants: [], accountId: 3 },
  forgeUserId,
})
const pair = { ok: false, because: 'a feature branch is merged into develop, not into master' }
const merging = { kind: 'merge', by: 'owen', accountId: 4, since: now }

describe('may this be approved?', () => {
  it('by an owner and an admin; by nobody else', () => {
    const may = (['admin', 'owner', 'ops', 'developer', 'viewer'] as const).filter(
      (r) => mayApprove(facts(), who(r)).may,
    )
    expect(may).toEqual(['admin', 'owner'])
  })

  it.each<[string, Partial<Facts>, string | null, string]>([
    ['merged already', { status: 'merged' }, null, 'it is merged'],
    ['a pair that the flow has not', { pair }, null, pair.because],
    ["one's own change", {}, '7', 'it is your own change'],
    ['the same head again', { approvals: [{ forgeUserId: null, accountId: 3 }] }, null, 'you have approved a1b2c3d4'],
    ['asked for a moment ago', { underWay: [{ ...merging, kind: 'approve', accountId: 3 }] }, null, 'under way'],
    ['no commits', { head: '' }, null, 'no commits'],
  ])('not %s', (_, more, forgeUserId, because) => {
    const answer = mayApprove(facts(more), who('owner', forgeUserId))
    expect(answer.may).toBe(false)
    expect(answer.because).toContain(because)
  })

  it('also while another owner approves, and while its run still goes', () => {
    expect(mayApprove(facts({ underWay: [{ ...merging, kind: 'approve' }] }), who()).may).toBe(true)
    expect(mayApprove(facts({ notMergeable: 'run #9 is running' }), who()).may).toBe(true)
  })
})

describe('may this be merged?', () => {
  it.each<[string, Partial<Facts>, string]>([
    ['closed', { status: 'closed' }, 'it is closed'],
    ['a pair that the flow has not', { pair }, pair.because],
    ['in conflict', { mergeable: 'conflict: cannot be merged' }, 'it conflicts with develop'],
    ['whose run has not succeeded', { notMergeable: 'run #9 of the head is failed' }, 'run #9 of the head is failed'],
    ['being merged', { underWay: [merging] }, 'owen asked for this'],
  ])('not one that is %s', (_, more, because) => {
    const answer = mayMerge(facts(more), who())
    expect(answer.may).toBe(false)
    expect(answer.because).toContain(because)
  })

  it("one's own change only once somebody else has approved it", () => {
    const own = who('owner', '7')
    expect(mayMerge(facts(), own).because).toContain('another owner approves it first')
    expect(mayMerge(facts({ approvals: [{ forgeUserId: '7', accountId: null }] }), own).may).toBe(false)
    expect(mayMerge(facts({ approvals: [{ forgeUserId: '8', accountId: null }] }), own).may).toBe(true)
    expect(mayMerge(facts({ approvals: [{ forgeUserId: null, accountId: 4 }] }), own).may).toBe(true)
  })

  it('what the forge says to be blocked may be tried, and the reader is warned', () => {
    const answer = mayMerge(facts({ mergeable: 'blocked: not_approved' }), who())
    expect(answer).toMatchObject({ may: true, because: expect.stringContaining('the forge may refuse') })
  })
})

describe('whose turn is it?', () => {
  const turn = (more: Partial<Facts>) => whyItWaits(facts(more))?.who

  it('nobody once it has ended', () => {
    for (const status of ['merged', 'closed', 'locked']) expect(turn({ status })).toBeUndefined()
  })

  it("the author's where it has to be mended, an owner's where it is ready", () => {
    expect(turn({ pair })).toContain('its author, Maya')
    expect(turn({ draft: true })).toContain('mark it as ready')
    expect(turn({ mergeable: 'conflict' })).toContain('bring develop into the branch')
    const failed = { id: 9, status: 'failed', because: '', since: now, waiting: null }
    expect(turn({ notMergeable: 'run #9 is failed', run: failed })).toContain('push what mends it')
    expect(turn({})).toBe('an owner: approve and merge it')
    expect(turn({ approvals: [{ forgeUserId: '8', accountId: null }] })).toBe('an owner: merge it')
  })

  it('nobody’s while it goes on by itself', () => {
    expect(turn({ underWay: [merging] })).toBe('nobody: it goes on by itself')
    expect(turn({ run: null, notMergeable: 'no run yet' })).toBe('nobody: it goes on by itself')
  })
})

describe("the go for a fork's checks", () => {
  const held = { run: { id: 9, status: 'held', because: '', since: now, waiting: null } }

  it('is asked for where its run is held, and given by owners', () => {
    expect(mayAllow(facts(), who())).toBeNull()
    expect(mayAllow(facts(held), who())?.may).toBe(true)
    expect(mayAllow(facts(held), who('developer'))?.may).toBe(false)
  })
})
