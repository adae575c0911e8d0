import { describe, expect, it } from 'vitest'
import { type Facts, type GateName, judge, tally, type Vote } from '../../environments/gate'
import { releaseTag } from '../../environments/release'
import { TRUST_CLASSES, type TrustClass, trustOf, usableBy } from '../../pipelines/trust'

const now = new Date('2026-11-21T13:04:00Z')
const earlier = new Date('2026-11-21T12:00:00Z')

/** An approval that stands. */
const vote = (account: string, role: string, over: Partial<Vote> = {}): Vote => ({
  id: 1,
  accountId: 1,
  account,
  person: `account:${account}`,
  role,
  decision: 'approve',
  comment: '',
  at: now,
  until: now,
  signed: false,
  ...over,
})

/** A release that nothing stops, on its way to test. */
const facts = (over: Partial<Facts> = {}): Facts => ({
  promotion: { id: 9, kind: 'onward', requestedBy: 'push by mia', since: earlier, startedByHand: null },
  environment: environment(),
  release: { id: 3, tag: 'V1.0_202611211304', digest: 'sha256:1', trust: 'release', refused: null },
  image: { lacking: null },
  unexplained: null,
  run: { branch: 'develop', branchKind: 'develop', templated: false },
  ceiling: 0,
  serviceFile: 'required',
  missingConfig: [],
  verified: null,
  upstream: null,
  wasHere: false,
  debts: [],
  tagAwaited: null,
  votes: [],
  unsound: [],
  handsKnown: true,
  now,
  busy: null,
  newer: null,
  olderApproved: null,
  unaccepted: null,
  noRoom: null,
  ...over,
})

const environment = (over: Partial<Facts['environment']> = {}): Facts['environment'] => ({
  name: 'test',
  position: 0,
  start: 'automatic',
  after: null,
  soakMs: 0,
  approvals: [],
  remindMs: null,
  freeze: [],
  hold: null,
  removed: null,
  stopped: null,
  policyDisputed: null,
  unreviewed: null,
  unreachable: null,
  ...over,
})

/** The same on its way to production: verified, and signed by operations. */
const forProduction = (over: Partial<Facts> = {}): Facts =>
  facts({
    environment: environment({
      name: 'production',
      position: 2,
      start: 'on-signoff',
      after: 'prerelease',
      approvals: [{ role: 'ops', count: 1 }],
    }),
    run: { branch: 'master', branchKind: 'master', templated: false },
    ceiling: 2,
    verified: { promotion: 4, at: earlier },
    votes: [vote('omar', 'ops')],
    ...over,
  })
const production = (over: Partial<Facts['environment']>) => ({ ...forProduction().environment, ...over })
const as = (kind: Facts['promotion']['kind']): Facts['promotion'] => ({ ...facts().promotion, kind })
const verdict = (gate: GateName, of: Facts) => judge(of).verdicts.find((v) => v.gate === gate)

describe('the gates', () => {
  it('let a release of develop into test', () => expect(judge(facts()).state).toBe('open'))
  it('let a verified and signed release of master into production', () =>
    expect(judge(forProduction()).verdicts.filter((v) => v.state !== 'open')).toEqual([]))
  it('give a reason each', () => {
    for (const v of judge(forProduction()).verdicts) expect(v.because).toMatch(/./)
  })
  it('say whose turn it is and since when, wherever one waits', () => {
    const all = forProduction({
      votes: [],
      verified: null,
      debts: [{ id: 1, source: 'hotfix/1', since: earlier, url: '' }],
    })
    for (const v of judge(all).verdicts.filter((x) => x.state === 'waiting'))
      expect(v).toMatchObject({ who: expect.stringMatching(/./), since: expect.stringMatching(/Z$/) })
  })
  it('shut comes before waiting', () =>
    expect(judge(forProduction({ votes: [], missingConfig: ['A'] })).state).toBe('shut'))
})

describe('how far a branch goes', () => {
  it('develop goes no further than test', () =>
    expect(judge(facts({ environment: environment({ name: 'prerelease', position: 1 }) }))).toMatchObject({
      state: 'shut',
      because: 'a develop branch goes to test and no further, not to prerelease',
    }))
  it.each(['feature', 'fork', 'other'] as const)('%s goes nowhere', (branchKind) =>
    expect(judge(facts({ run: { branch: 'x', branchKind, templated: false } })).state).toBe('shut'),
  )
  it('what may go to production may go to prerelease by hand', () =>
    expect(
      verdict('ceiling', forProduction({ environment: production({ name: 'prerelease', position: 1 }) }))?.state,
    ).toBe('open'))
  describe('C2: a release of a lower trust class than the branch goes nowhere for it', () => {
    const kinds = ['develop', 'release', 'hotfix', 'master'] as const
    const pairs = kinds.flatMap((branchKind) => TRUST_CLASSES.map((trust) => [branchKind, trust] as const))
    const ceiling = (branchKind: (typeof kinds)[number], trust: TrustClass, over: Partial<Facts> = {}) => {
      const release = { id: 3, tag: 'V1.0_202611211304', digest: 'sha256:1', trust, refused: null }
      return verdict('ceiling', forProduction({ run: { branch: 'x', branchKind, templated: false }, release, ...over }))
    }
    it.each(pairs)('of a %s branch, made by %s', (branchKind, trust) =>
      expect(ceiling(branchKind, trust)?.state).toBe(usableBy(trustOf(branchKind)).includes(trust) ? 'open' : 'shut'),
    )
    it('and says what to do', () =>
      expect(ceiling('master', 'develop')?.because).toBe(
        'the trust class of V1.0_202611211304 is develop, and a master branch uses release: the next push to x builds it again',
      ))
    it('but back to where it ran before', () => {
      expect(ceiling('master', 'develop', { promotion: as('rollback'), wasHere: true })?.state).toBe('open')
      expect(ceiling('master', 'develop', { promotion: as('rollback') })?.state).toBe('shut')
      expect(ceiling('master', 'develop', { wasHere: true })?.state).toBe('shut')
    })
  })
  it('without a service file it goes to test, and no further', () => {
    const run = { branch: 'develop', branchKind: 'develop', templated: true } as const
    expect(verdict('service file', facts({ run }))?.state).toBe('open')
    const beyond = forProduction({ run: { ...run, branchKind: 'master' } })
    expect(verdict('service file', beyond)).toMatchObject({
      state: 'shut',
      because: expect.stringContaining('.shiplock.yaml'),
    })
    expect(verdict('service file', { ...beyond, serviceFile: 'optional' })?.state).toBe('open')
  })
  it('a missing required value shuts it, by name', () =>
    expect(judge(facts({ missingConfig: ['DATABASE_URL'] })).because).toContain('DATABASE_URL'))
  it('an environment that was removed takes nothing', () =>
    expect(judge(facts({ environment: environment({ removed: { at: now, because: 'moved' } }) })).state).toBe('shut'))
})

describe('what came before', () => {
  it('production waits until prerelease has verified this very digest', () =>
    expect(
      verdict(
        'verified',
        forProduction({ verified: null, upstream: { promotion: 5, status: 'failed', because: 'x' } }),
      ),
    ).toMatchObject({
      state: 'waiting',
      because: 'prerelease has not verified V1.0_202611211304: there it is failed (promotion #5)',
      who: expect.stringContaining('promote it to prerelease'),
    }))
  it('while prerelease is at it nobody has to act', () =>
    expect(
      verdict(
        'verified',
        forProduction({ verified: null, upstream: { promotion: 5, status: 'verifying', because: '' } }),
      )?.who,
    ).toContain('nobody'))
  it('a time of proof opens by itself, and says when', () => {
    const soaking = forProduction({ environment: production({ soakMs: 7_200_000 }) })
    expect(verdict('soak', soaking)).toMatchObject({ state: 'waiting', until: '2026-11-21T14:00:00.000Z' })
    expect(judge({ ...soaking, now: new Date('2026-11-21T14:00:00Z') }).state).toBe('open')
  })
  it('a hotfix that has not come back keeps the next one, unless the project only shows it', () => {
    const debts = [{ id: 1, source: 'hotfix/1.0.1', since: earlier, url: 'http://forge/!7' }]
    expect(verdict('debt', forProduction({ debts }))).toMatchObject({
      state: 'waiting',
      because: expect.stringContaining('http://forge/!7'),
    })
    expect(verdict('debt', forProduction({ debts: null }))?.state).toBe('open')
    expect(verdict('debt', facts({ debts }))?.state).toBe('open')
  })
  it('a tag that a person makes is waited for', () =>
    expect(verdict('tag', forProduction({ tagAwaited: { since: earlier } }))?.state).toBe('waiting'))
})

describe('who says no', () => {
  const refused = { by: 'omar', at: earlier, because: 'no test report' }
  it('a refused release goes nowhere, not even back', () => {
    const release = { ...forProduction().release, refused } as Facts['release']
    expect(judge(forProduction({ release }))).toMatchObject({
      state: 'shut',
      because: 'refused by omar: no test report',
    })
    expect(judge(forProduction({ release, promotion: as('rollback'), wasHere: true })).state).toBe('shut')
  })
  it('a hold keeps everything new, and lets what goes back through', () => {
    const held = production({ hold: refused })
    expect(verdict('hold', forProduction({ environment: held }))?.state).toBe('waiting')
    expect(verdict('hold', forProduction({ environment: held, promotion: as('by-hand') }))?.state).toBe('waiting')
    expect(verdict('hold', forProduction({ environment: held, promotion: as('rollback') }))?.state).toBe('open')
  })
  it('a freeze keeps even a rollback, and says until when; putting back what failed is not kept', () => {
    const frozen = production({ freeze: [{ from: '2026-11-21 12:00', to: '2026-11-21 18:00', reason: 'sale' }] })
    expect(verdict('freeze', forProduction({ environment: frozen, promotion: as('rollback') }))).toMatchObject({
      state: 'waiting',
      until: '2026-11-21T18:00:00.000Z',
    })
    expect(verdict('freeze', forProduction({ environment: frozen, promotion: as('put-back') }))?.state).toBe('open')
  })
})

describe('what stops everything', () => {
  const said = { by: 'omar', at: earlier, because: 'orders fail' }
  it('an emergency stop holds whatever the kind', () => {
    for (const kind of ['onward', 'by-hand', 'rollback', 'put-back'] as const)
      expect(judge(facts({ environment: environment({ stopped: said }), promotion: as(kind) })).worst?.gate).toBe(
        'stop',
      )
  })
  it('a policy that nobody agreed to lets nothing through', () =>
    expect(judge(facts({ environment: environment({ policyDisputed: 'edited' }) }))).toMatchObject({
      state: 'waiting',
      worst: { gate: 'policy' },
    }))
  it('a broken glass that nobody reviewed in time freezes the place', () => {
    const unreviewed = { approval: 4, by: 'omar', since: earlier }
    expect(judge(facts({ environment: environment({ unreviewed }) })).worst?.gate).toBe('review')
  })
  it('a freeze is overridden by two people, and not by one of them twice', () => {
    const freeze = [{ from: '2026-11-21 12:00', to: '2026-11-21 18:00', reason: 'sale' }]
    const place = production({ freeze })
    const [omar, noor] = [
      vote('omar', 'ops', { decision: 'override' }),
      vote('noor', 'owner', { decision: 'override' }),
    ]
    const state = (votes: Vote[]) => verdict('freeze', forProduction({ environment: place, votes }))?.state
    expect(state([omar])).toBe('waiting')
    expect(state([omar, { ...noor, person: omar.person }])).toBe('waiting')
    expect(state([omar, noor])).toBe('open')
    expect(state([{ ...omar, decision: 'break-glass' }])).toBe('open')
  })
})

describe('who says yes', () => {
  it('nothing is signed by the wrong role', () =>
    expect(verdict('approvals', forProduction({ votes: [vote('noor', 'owner')] }))?.state).toBe('waiting'))
  it('one person satisfies one rule', () => {
    const rules = [
      { role: 'ops', count: 1 },
      { role: 'ops', count: 1 },
    ]
    const omar = vote('omar', 'ops')
    expect(tally(rules, [omar]).map((r) => r.by.length)).toEqual([1, 0])
    expect(tally(rules, [omar, vote('olga', 'ops')]).map((r) => r.by)).toEqual([['omar'], ['olga']])
  })
  it('two accounts of one person are one voice', () => {
    const rules = [{ role: 'ops', count: 2 }]
    const twice = [vote('omar', 'ops', { person: 'forge:7' }), vote('omar-2', 'ops', { person: 'forge:7' })]
    expect(tally(rules, twice).map((r) => r.by)).toEqual([['omar']])
  })
  it('where a passkey is asked for, only what is signed counts, and the strict rule chooses first', () => {
    const rules = [
      { role: 'ops', count: 1 },
      { role: 'ops', count: 1, passkey: 'required' as const },
    ]
    expect(tally(rules, [vote('omar', 'ops')]).map((r) => r.by)).toEqual([['omar'], []])
    expect(tally(rules, [vote('omar', 'ops', { signed: true })]).map((r) => r.by)).toEqual([[], ['omar']])
  })
  it('nobody has approved before it is known who had a hand in it', () => {
    expect(verdict('hands', forProduction({ handsKnown: false }))?.state).toBe('waiting')
    const back = { handsKnown: false, promotion: as('rollback') }
    expect(verdict('hands', forProduction(back))?.state).toBe('open')
  })
  it('of what nobody has asked for yet, nobody waits for git', () =>
    expect(verdict('hands', forProduction({ handsKnown: 'later' }))).toMatchObject({
      state: 'open',
      because: 'git is asked who had a hand in it as soon as it is asked for',
    }))
  it('an answer that fell is named with the reason', () => {
    const fallen = { id: 3, account: 'olga', status: 'given', because: 'it was given for another image' }
    expect(verdict('approvals', forProduction({ votes: [], unsound: [fallen] }))?.because).toContain(
      'the answer of olga does not count: it was given for another image',
    )
  })
  it('a broken glass stands for the approvals and the freeze, a no and an override for neither', () => {
    const glass = vote('omar', 'ops', { decision: 'break-glass', comment: 'orders fail since noon' })
    expect(verdict('approvals', forProduction({ votes: [glass] }))?.state).toBe('open')
    for (const decision of ['reject', 'override'] as const)
      expect(verdict('approvals', forProduction({ votes: [vote('omar', 'ops', { decision })] }))?.state).toBe('waiting')
  })
  it('every rule must hold, and the reason says what is missing', () =>
    expect(
      verdict(
        'approvals',
        forProduction({
          environment: production({
            approvals: [
              { role: 'owner', count: 2 },
              { role: 'ops', count: 1 },
            ],
          }),
        }),
      )?.because,
    ).toBe('2 of 2 from owner still to approve; given: omar (ops)'))
  it('a place that is started by hand waits for whoever starts it', () => {
    const byHand = environment({ start: 'by-hand' })
    expect(verdict('start', facts({ environment: byHand }))?.state).toBe('waiting')
    expect(verdict('start', facts({ environment: byHand, promotion: as('by-hand') }))?.state).toBe('open')
    const started = { ...facts().promotion, startedByHand: 'noor' }
    expect(verdict('start', facts({ environment: byHand, promotion: started }))?.because).toBe('started by noor')
  })
})

describe('the order', () => {
  const newer = { id: 5, run: 13, status: 'verified' }
  it('an older release does not go over a newer one', () => expect(judge(facts({ newer })).state).toBe('shut'))
  it('but as a declared rollback', () =>
    expect(verdict('order', facts({ newer, promotion: as('rollback') }))?.state).toBe('open'))
  it('and nothing is put back over what came since', () =>
    expect(verdict('order', facts({ newer, promotion: as('put-back') }))?.state).toBe('shut'))
  it('an older one that somebody approved goes first', () =>
    expect(verdict('order', facts({ olderApproved: { id: 2, since: earlier } }))).toMatchObject({
      state: 'waiting',
      because: expect.stringContaining('#2'),
    }))
  it('one at a time: the next waits, and says for which', () =>
    expect(judge(facts({ busy: { id: 4, status: 'verifying', since: now } }))).toMatchObject({
      state: 'waiting',
      because: 'promotion #4 is being verified in test; one at a time',
    }))
  it('a target that does not answer is waited for', () =>
    expect(
      judge(facts({ environment: environment({ unreachable: { since: earlier, because: 'Docker is away' } }) })),
    ).toMatchObject({
      state: 'waiting',
      because: 'Docker is away',
    }))
})

describe('the tag of a release', () => {
  it('is the version and the minute, in UTC', () => expect(releaseTag('1.0', now)).toBe('V1.0_202611211304'))
  it('says that it is the second within the minute', () =>
    expect(releaseTag('1.0', now, 2)).toBe('V1.0_202611211304.2'))
})
