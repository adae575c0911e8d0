// The contract of the Forge interface, for every driver, against a forge on real git: tokens, projects, branches, statuses
// and bad weather. The rest of it: forges-events, forges-merge-requests and forges-reports.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { CommitState, Forge } from '../../pipelines/forges/forge'
import { FORGES } from '../../pipelines/forges/index'
import { INTAKES } from '../../pipelines/forges/intake'
import { fetchCommit } from '../../pipelines/git'
import { describeForges, faultOf, SECRETS } from './forge-contract'
import { GIVEN_FORGES } from './given-forges'

const STATES: CommitState[] = ['pending', 'running', 'success', 'failed', 'canceled', 'skipped']

it('every forge has its intake, and is held to the contract', () => {
  expect(Object.keys(INTAKES)).toEqual(Object.keys(FORGES))
  expect(GIVEN_FORGES.map(({ name }) => name).sort()).toEqual(Object.keys(FORGES).sort())
})

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'shiplock-cache-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

describeForges((there) => {
  const bot = () => there.as(there.forge.maintainer)
  const id = () => there.forge.projectId

  describe('a token', () => {
    it('tells who it is', async () => {
      const { maintainer } = there.forge
      expect(await bot().whoAmI()).toEqual({ id: Number(maintainer.id), username: maintainer.username })
    })

    it('that is not known is denied', async () => {
      const fault = await faultOf(there.as({ token: 'glpat-nobody-has-this-one' }).whoAmI(), 'nobody-has-this-one')
      expect(fault.code).toBe('forge.denied')
    })

    it('opens git', async () => {
      const commit = await there.forge.push('develop', 'Open the gate', { files: { 'README.md': 'hello\n' } })
      const { cloneUrl: url } = await bot().project(there.forge.path)
      const order = { dir: scratch(), url, commit, deadlineMs: 10_000, signal: new AbortController().signal }
      const fetched = await fetchCommit({ ...order, credentials: bot().gitCredentials() })
      expect(fetched.title).toBe('Open the gate')
      expect((await fetched.readFile('README.md', 100))?.toString()).toBe('hello\n')
      const nobody = there.as({ token: 'glpat-wrong' }).gitCredentials()
      const denied = fetchCommit({ ...order, commit: 'f'.repeat(40), credentials: nobody })
      expect((await faultOf(denied, 'glpat-wrong')).code).toBe('forge.denied')
    })
  })

  describe('a project', () => {
    it('is found by its path', async () => {
      const { url, path, projectId, defaultBranch } = there.forge
      const cloneUrl = `${url}/${path}.git`
      expect(await bot().project(path)).toMatchObject({ id: projectId, path, name: 'hello', cloneUrl, defaultBranch })
    })

    it('says what the token may do there', async () => {
      const { path, maintainer, developer } = there.forge
      expect((await there.as(maintainer).project(path)).role).toBe('maintainer')
      expect((await there.as(developer).project(path)).role).toBe('developer')
    })

    it.each(['team/nothing', 'hello', 'team', '../../user', 'team/hello/'])('%j is missing', async (path) => {
      expect((await faultOf(bot().project(path))).code).toBe('forge.missing')
    })

    it('is missing for who may not see it', async () => {
      const { path, stranger } = there.forge
      expect((await faultOf(there.as(stranger).project(path))).code).toBe('forge.missing')
    })
  })

  describe('a branch', () => {
    it('stands where it was pushed to last', async () => {
      const first = await there.forge.push('feature/näme#1', 'One')
      expect(await bot().head(id(), 'feature/näme#1')).toEqual({ commit: first, title: 'One' })
      const second = await there.forge.push('feature/näme#1', 'Two\n\nand why')
      expect(await bot().head(id(), 'feature/näme#1')).toEqual({ commit: second, title: 'Two' })
    })

    it('that is not there has no head', async () => {
      expect(await bot().head(id(), 'feature/nothing')).toBeNull()
      expect(await bot().head(id(), '-x --all')).toBeNull()
    })

    it('is listed with all the others', async () => {
      const commit = await there.forge.push('release/1.0', 'Cut it')
      await there.forge.push('feature/gone', 'Not for long')
      await there.forge.deleteBranch('feature/gone')
      const { branches, isComplete } = await bot().branches(id())
      expect(isComplete).toBe(true)
      // GitHub's list has no titles.
      const title = expect.stringMatching(/^(Cut it)?$/)
      expect(branches).toContainEqual({ name: 'release/1.0', commit, title, protected: false })
      expect(branches.map(({ name }) => name)).not.toContain('feature/gone')
    })

    it('of a project that is not there is missing', async () => {
      const elsewhere = there.forge.forge(there.forge.maintainer.token, { path: 'team/nothing' })
      expect((await faultOf(elsewhere.head(4711, 'develop'))).code).toBe('forge.missing')
      expect((await faultOf(elsewhere.branches(4711))).code).toBe('forge.missing')
    })
  })

  describe('a commit status', () => {
    let commit = ''
    const status = (state: CommitState, name = 'shiplock/build') => ({
      commit,
      ref: 'develop',
      name,
      state,
      description: `it is ${state}`,
      url: 'https://shiplock.test/runs/1',
    })
    beforeEach(async () => {
      commit = await there.forge.push('develop', 'Judge me')
    })

    it('of every state is taken, and taken again', async () => {
      for (const state of STATES) {
        await bot().setStatus(id(), status(state, state))
        await bot().setStatus(id(), status(state, state))
      }
      const rows = await there.forge.statuses(commit)
      expect(STATES.map((state) => rows[state]?.state)).toEqual(STATES.map((state) => there.traits.shows[state]))
      expect(rows.pending?.description).toBe('it is pending')
    })

    it('goes from pending to its end, and begins anew with a new attempt', async () => {
      for (const state of ['pending', 'running', 'failed', 'pending', 'running', 'success'] as const) {
        await bot().setStatus(id(), status(state))
        expect((await there.forge.statuses(commit))['shiplock/build']?.state).toBe(there.traits.shows[state])
      }
    })

    it('of a commit that is not there is missing', async () => {
      const absent = { ...status('running'), commit: 'f'.repeat(40) }
      expect((await faultOf(bot().setStatus(id(), absent))).code).toMatch(/^forge\.(missing|refused)$/)
    })
  })

  describe('in bad weather', () => {
    const calls = (forge: Forge): [string, () => Promise<unknown>][] => {
      const head = 'f'.repeat(40)
      const status = { commit: head, ref: 'develop', name: 'weather', state: 'running' as const, description: '' }
      const told = { id: null, environment: 'test', tier: 'testing' as const, url: '', logUrl: '', commit: head }
      const request = { source: 'develop', target: 'master', title: 'Weather', description: '' }
      return [
        ['whoAmI', () => forge.whoAmI()],
        ['project', () => forge.project(there.forge.path)],
        ['head', () => forge.head(id(), 'develop')],
        ['branches', () => forge.branches(id())],
        ['ensureHook', () => forge.ensureHook(id(), there.forge.hookUrl, SECRETS)],
        ['hookState', () => forge.hookState(id(), 1)],
        ['setStatus', () => forge.setStatus(id(), { ...status, url: 'https://shiplock.test/' })],
        ['tag', () => forge.tag(id(), 'V1.0')],
        ['createTag', () => forge.createTag(id(), { name: 'weather', commit: head, message: 'weather' })],
        ['mergeRequest', () => forge.mergeRequest(id(), 1)],
        ['openMergeRequests', () => forge.openMergeRequests(id())],
        ['openMergeRequest', () => forge.openMergeRequest(id(), request)],
        ['approve', () => forge.approve(id(), 1, head)],
        ['merge', () => forge.merge(id(), 1, head, '')],
        ['writeNote', () => forge.writeNote(id(), 1, { id: null, body: 'weather' })],
        [
          'tellDeployment',
          () => forge.tellDeployment(id(), { ...told, ref: 'develop', state: 'running', description: '' }),
        ],
      ].filter(([name]) => there.traits.approvals || name !== 'approve') as [string, () => Promise<unknown>][]
    }
    const token = () => there.forge.maintainer.token

    it('a busy forge says when to come back, and is not asked twice', async () => {
      for (const [name, call] of calls(bot())) {
        there.forge.fallIll({ answer: 429, retryAfterS: 17 })
        const fault = await faultOf(call(), token())
        expect(fault, name).toMatchObject({ code: 'forge.busy', retryAfterMs: 17_000 })
      }
    })

    it.each([500, 502] as const)('a %i means that we could not find out, and is not tried again here', async (code) => {
      for (const [name, call] of calls(bot())) {
        there.forge.fallIll({ answer: code })
        const fault = await faultOf(call(), token())
        expect(fault, name).toMatchObject({ code: 'forge.unreachable', message: expect.stringContaining(String(code)) })
      }
    })

    it('a forge that is down is unreachable', async () => {
      there.forge.fallIll({ down: true })
      for (const [name, call] of calls(bot())) {
        expect((await faultOf(call(), token())).code, name).toBe('forge.unreachable')
      }
      const { url, path } = there.forge
      const order = {
        dir: scratch(),
        url: `${url}/${path}.git`,
        credentials: bot().gitCredentials(),
        commit: 'f'.repeat(40),
        deadlineMs: 10_000,
        signal: new AbortController().signal,
      }
      expect((await faultOf(fetchCommit(order), token())).code).toBe('forge.unreachable')
    })

    it('a slow forge is left at the deadline, and waited for within it', async () => {
      there.forge.fallIll({ slowMs: 400 })
      for (const [name, call] of calls(there.as(there.forge.maintainer, 100))) {
        const fault = await faultOf(call(), token())
        expect(fault, name).toMatchObject({ code: 'forge.unreachable', message: expect.stringContaining('0.1 s') })
      }
      expect(await bot().whoAmI()).toMatchObject({ username: there.forge.maintainer.username })
    })

    it('after the storm everything is as before', async () => {
      expect(await bot().whoAmI()).toMatchObject({ username: there.forge.maintainer.username })
    })
  })
})
