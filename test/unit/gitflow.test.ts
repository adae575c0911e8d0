import { describe, expect, it } from 'vitest'
import { decide } from '../../pipelines/accept'
import type { ForgeEvent } from '../../pipelines/forges/forge'
import {
  badBranchName,
  branchKind,
  FLOW,
  FlowSettings,
  flowInWords,
  KINDS,
  mayMerge,
  placeOf,
  STANDARD_FLOW,
} from '../../pipelines/gitflow'

const owner = { id: 1, name: 'hello', forgeProjectId: 7, flow: STANDARD_FLOW }
const A = 'a'.repeat(40)
const B = 'b'.repeat(40)
type Push = Extract<ForgeEvent, { kind: 'push' }>
const push = (over: Partial<Push> = {}): Push => ({
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
  it.each(['release/1.0', 'hotfix/1.0.1', 'master', 'main'])('a push to %s is accepted', (branch) =>
    expect(decide(push({ branch }), owner).decision).toBe('accepted'),
  )
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

describe('what a branch may be merged into', () => {
  it.each([
    ['feature/login', 'develop', true],
    ['feature/login', 'master', false],
    ['feature/login', 'release/1.0', false],
    ['release/1.0', 'master', true],
    ['release/1.0', 'develop', true],
    ['release/1.0', 'release/1.1', false],
    ['hotfix/1.0.1', 'master', true],
    ['hotfix/1.0.1', 'develop', true],
    ['develop', 'master', false],
    ['master', 'develop', true],
    ['fix_stuff', 'develop', false],
    ['feature/login', 'trunk', false],
  ])('%s into %s: %s', (source, target, ok) => {
    const verdict = mayMerge(source, target)
    expect(verdict.ok).toBe(ok)
    expect(verdict.because).toMatch(/./)
  })
})

describe('a project that names things otherwise', () => {
  const flow = FlowSettings.parse({
    branches: { develop: 'dev', master: 'main', feature: 'feat/' },
    tickets: ['SHOP-#', 'SHOP-#-*'],
  })
  it.each([
    ['dev', 'develop'],
    ['develop', null],
    ['main', 'master'],
    ['master', null],
    ['release/1.0', 'release'],
  ])('%s is of the kind %s', (branch, kind) => expect(branchKind(branch, flow)).toBe(kind))
  it.each(['feat/SHOP-1', 'feat/SHOP-1203-log-in'])('%s has a ticket', (branch) =>
    expect(placeOf(branch, flow)).toEqual({ kind: 'feature' }),
  )
  it.each(['feat/SHOP-', 'feat/SHOP-x1', 'feat/login', 'feat/xSHOP-1', 'feat/SHOP-1x'])(
    '%s has none, and is told how',
    (branch) =>
      expect(placeOf(branch, flow)).toEqual({
        because: 'a feature branch of this project is called feat/SHOP-# or feat/SHOP-#-*',
      }),
  )
  it('a pattern takes no more time than its length', () => {
    const hostile = FlowSettings.parse({ tickets: ['*#*#*#*#*#*#*#*#*#*#*'] })
    expect(placeOf(`feature/${'1'.repeat(230)}x`, hostile)).toEqual({ kind: 'feature' })
  })
  it('the flow in words has its names', () =>
    expect(flowInWords(flow)).toBe('Git-flow knows feat/*, dev, release/*, main, hotfix/* here'))
  it.each([
    [{ branches: { develop: 'main', master: 'main' } }, 'is also'],
    [{ branches: { feature: 'release/' } }, 'is also'],
    [{ branches: { feature: 'feature' } }, 'slash'],
    [{ branches: { develop: '--x' } }, 'git allows'],
    [{ tickets: ['(a+)+$'] }, 'for a number'],
    [{ tag: 'never' }, 'made or awaited'],
    [{ unknown: 1 }, 'unknown'],
  ])('%j is refused', (settings, words) => {
    const parsed = FlowSettings.safeParse(settings)
    expect(parsed.success).toBe(false)
    expect(parsed.error?.message).toContain(words)
  })
})

describe('the table of the flow', () => {
  it('merges into kinds that there are, and nothing that adopts builds for nobody', () => {
    for (const kind of KINDS) {
      for (const into of FLOW[kind].mergesInto) expect(KINDS).toContain(into)
      if (FLOW[kind].goesTo !== null) expect(FLOW[kind].stages).toContain('build')
    }
  })
  it('a hotfix is first in every queue', () =>
    expect(Math.min(...KINDS.map((k) => FLOW[k].priority))).toBe(FLOW.hotfix.priority))
})
