import { describe, expect, it } from 'vitest'
import { decide } from '../../pipelines/accept'
import type { ForgeEvent } from '../../pipelines/forges/forge'
import { badBranchName, branchKind } from '../../pipelines/gitflow'

const owner = { id: 1, name: 'hello', forgeProjectId: 7 }
const A = 'a'.repeat(40)
const B = 'b'.repeat(40)
const push = (over: Partial<Extract<ForgeEvent, { kind: 'push' }>> = {}): ForgeEvent => ({
  kind: 'push',
  forgeProjectId: 7,
  path: 'team/hello',
  branch: 'develop',
  before: A,
  after: B,
  title: 'x',
  pusherId: '3',
  pusherName: 'Mia',
  skip: false,
  ...over,
})

describe('the kinds of branches', () => {
  it.each([
    ['feature/login', 'feature'],
    ['feature/a/b', 'feature'],
    ['develop', 'develop'],
    ['release/1.0', 'release'],
    ['master', 'master'],
    ['main', 'master'],
    ['hotfix/1.0.1', 'hotfix'],
    ['feature/', null],
    ['feature', null],
    ['Develop', null],
    ['fix_stuff', null],
    ['developer', null],
    ['', null],
  ])('%s is of the kind %s', (branch, kind) => expect(branchKind(branch)).toBe(kind))
})

describe('names of branches', () => {
  it.each([
    "feature/it's",
    'feature/a"b',
    'feature/a\nb',
    'feature/a b',
    '--upload-pack=/bin/sh',
    'feature/../../etc',
    'feature/a..b',
    'feature/x.lock',
    '/feature',
    'feature//a',
    'feature/a;rm -rf',
    'feature/$(id)',
    'feature/a\u0000b',
    'feature/a\u202eb',
    'feature/🚀',
    `feature/${'a'.repeat(250)}`,
    'feature/a@{1}',
    'feature/a~1',
    'feature/a\\b',
    '',
  ])('%j is refused, with what is wrong', (branch) => expect(badBranchName(branch)).toMatch(/./))
  it.each(['feature/log-in_2', 'feature/登录', 'feature/JIRA-12', 'feature/#12', 'release/1.0', 'feature/größe'])(
    '%s is taken',
    (branch) => expect(badBranchName(branch)).toBeNull(),
  )
})

describe('what is made of a delivery', () => {
  it('a push to a branch of the flow is accepted', () =>
    expect(decide(push(), owner)).toMatchObject({ decision: 'accepted', kind: 'develop' }))
  it('a new branch without new commits is accepted: its head is what counts', () =>
    expect(decide(push({ branch: 'feature/a', before: '0'.repeat(40) }), owner)).toMatchObject({
      decision: 'accepted',
    }))
  it('a deleted branch is ignored, and what runs for it is canceled', () =>
    expect(decide(push({ after: '0'.repeat(40) }), owner)).toMatchObject({
      decision: 'ignored',
      cancelBranch: 'develop',
    }))
  it('a deleted branch of 64-digit hashes is ignored too', () =>
    expect(decide(push({ before: 'a'.repeat(64), after: '0'.repeat(64) }), owner)).toMatchObject({
      decision: 'ignored',
    }))
  it('a branch outside the flow is refused, with the flow in words', () =>
    expect(decide(push({ branch: 'fix_stuff' }), owner)).toMatchObject({
      decision: 'refused',
      because: expect.stringContaining('feature/*'),
    }))
  it('a hostile branch name is refused', () =>
    expect(decide(push({ branch: '--upload-pack=x' }), owner)).toMatchObject({ decision: 'refused' }))
  it('a kind that this version does not carry is ignored, and says so', () =>
    expect(decide(push({ branch: 'release/1.0' }), owner)).toMatchObject({
      decision: 'ignored',
      because: expect.stringContaining('not carried'),
    }))
  it('the payload of another project is ignored', () =>
    expect(decide(push({ forgeProjectId: 8 }), owner)).toMatchObject({ decision: 'ignored' }))
  it('ci.skip is honoured', () =>
    expect(decide(push({ skip: true }), owner)).toMatchObject({
      decision: 'ignored',
      because: expect.stringContaining('ci.skip'),
    }))
  it('a payload without a commit is ignored', () =>
    expect(decide(push({ after: 'HEAD' }), owner)).toMatchObject({ decision: 'ignored' }))
})
