// One sample for each gate, so that README tells in the gate's own words what it says when it stops something.
import type { Facts, GateName } from '../environments/gate'

export const THEN = new Date('2026-11-21T13:04:00Z')
const PLACE: Facts['environment'] = {
  name: 'production',
  position: 2,
  start: 'on-signoff',
  after: 'prerelease',
  soakMs: 0,
  approvals: [{ role: 'ops', count: 1 }],
  remindMs: null,
  freeze: [],
  hold: null,
  removed: null,
  stopped: null,
  policyDisputed: null,
  unreviewed: null,
  unreachable: null,
}
const ASKED: Facts['promotion'] = { id: 9, kind: 'onward', requestedBy: 'mia', since: THEN, startedByHand: null }
const RELEASE: NonNullable<Facts['release']> = {
  id: 7,
  tag: 'V1.0_202611211304',
  digest: 'sha256:…',
  trust: 'release',
  refused: null,
}
const SAID = { by: 'omar', at: THEN, because: 'no test report' }
/** A release that may go to production; each sample below changes one thing, so that the gate answers in its own words. */
export const PASSES: Facts = {
  promotion: ASKED,
  environment: PLACE,
  release: RELEASE,
  image: { lacking: null },
  unexplained: null,
  run: { branch: 'master', branchKind: 'master', templated: false },
  ceiling: 2,
  serviceFile: 'required',
  missingConfig: [],
  verified: { promotion: 8, at: THEN },
  upstream: null,
  wasHere: false,
  debts: [],
  tagAwaited: null,
  votes: [
    {
      id: 1,
      accountId: 2,
      account: 'omar',
      person: 'account:2',
      role: 'ops',
      decision: 'approve',
      comment: '',
      at: THEN,
      until: THEN,
      signed: true,
    },
  ],
  unsound: [],
  handsKnown: true,
  now: THEN,
  busy: null,
  newer: null,
  olderApproved: null,
}
export const STOPS: Record<GateName, Partial<Facts>> = {
  environment: { environment: { ...PLACE, removed: { at: THEN, because: 'moved to another cluster' } } },
  record: { unexplained: 'no entry of a worker says that its run passed' },
  stop: { environment: { ...PLACE, stopped: { by: 'omar', at: THEN, because: 'orders fail' } } },
  policy: { environment: { ...PLACE, policyDisputed: 'it is not what was agreed to as version 3' } },
  review: { environment: { ...PLACE, unreviewed: { approval: 5, by: 'omar', since: THEN } } },
  ceiling: { run: { branch: 'develop', branchKind: 'develop', templated: false }, ceiling: 0 },
  'service file': { run: { branch: 'master', branchKind: 'master', templated: true } },
  refused: { release: { ...RELEASE, refused: SAID } },
  configuration: { missingConfig: ['DATABASE_URL'] },
  order: { newer: { id: 12, run: 41, status: 'verified' } },
  verified: { verified: null, upstream: { promotion: 8, status: 'failed', because: '' } },
  debt: { debts: [{ id: 1, source: 'hotfix/1.0.1', since: THEN, url: '' }] },
  tag: { tagAwaited: { since: THEN } },
  hold: { environment: { ...PLACE, hold: { ...SAID, because: 'rolled back to V1.0_202611211304: orders fail' } } },
  freeze: {
    environment: { ...PLACE, freeze: [{ from: '2026-11-20 18:00', to: '2026-11-23 08:00', reason: 'weekend' }] },
  },
  soak: { environment: { ...PLACE, soakMs: 3_600_000 } },
  start: { environment: { ...PLACE, start: 'by-hand' } },
  hands: { handsKnown: false },
  approvals: { votes: [] },
  'environment free': { busy: { id: 11, status: 'deploying', since: THEN } },
  image: { image: { lacking: "its engine's store does not hold it: it was removed, or built on another engine" } },
  target: { environment: { ...PLACE, unreachable: { since: THEN, because: 'Docker does not answer' } } },
}
