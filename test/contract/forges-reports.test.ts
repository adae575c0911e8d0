// The contract of what Shiplock leaves on a forge for its releases: tags and deployments.
import { beforeEach, describe, expect, it } from 'vitest'
import { withStandingRef } from '../../pipelines/standing-ref'
import { describeForges } from './forge-contract'

describeForges((there) => {
  const bot = () => there.as(there.forge.maintainer)
  const id = () => there.forge.projectId
  let commit = ''
  beforeEach(async () => {
    commit = await there.forge.push('master', 'Release it')
  })

  describe('a tag', () => {
    it('is made annotated on its commit, and twice is quiet', async () => {
      const wanted = { name: 'V1.0_202611211304', commit, message: 'Release 1.0' }
      expect(await bot().createTag(id(), wanted)).toMatchObject({ ok: true })
      expect(await bot().createTag(id(), wanted)).toMatchObject({ ok: true })
      expect(await bot().tag(id(), wanted.name)).toEqual({ commit })
      // The tag's own object, not the commit.
      const named = await there.forge.ref(`refs/tags/${wanted.name}`)
      expect(named).toMatch(/^[0-9a-f]{40}$/)
      expect(named).not.toBe(commit)
    })

    it('that a person made on the same commit is as good', async () => {
      await there.forge.pushTag('v2.0', commit)
      expect(await bot().createTag(id(), { name: 'v2.0', commit, message: 'Release 2.0' })).toMatchObject({ ok: true })
      expect(await there.forge.ref('refs/tags/v2.0')).toBe(commit)
    })

    it('that is on another commit stays there, and the answer says where', async () => {
      await there.forge.pushTag('v3.0', commit, 'by hand')
      const next = await there.forge.push('master', 'Another')
      const answer = await bot().createTag(id(), { name: 'v3.0', commit: next, message: 'Release 3.0' })
      expect(answer).toEqual({ ok: false, because: expect.stringContaining(commit) })
      expect(await bot().tag(id(), 'v3.0')).toEqual({ commit })
    })

    it('on a commit that is not there is not made', async () => {
      const answer = await bot().createTag(id(), { name: 'v4.0', commit: 'f'.repeat(40), message: 'Release 4.0' })
      expect(answer).toMatchObject({ ok: false })
      expect(await bot().tag(id(), 'v4.0')).toBeNull()
    })
  })

  describe('a deployment', () => {
    const told = (change: Partial<Parameters<ReturnType<typeof bot>['tellDeployment']>[1]>) => ({
      id: null,
      environment: 'production',
      tier: 'production' as const,
      url: 'https://hello.test',
      logUrl: 'https://shiplock.test/promotions/1',
      commit,
      ref: 'master',
      state: 'running' as const,
      description: 'V1.0',
      ...change,
    })
    const shown = async (environment: string) =>
      (await there.forge.deployments()).filter((deployment) => deployment.environment === environment)

    it('is told of from its beginning to its end, and a repeated state is quiet', async () => {
      const { id: first } = await bot().tellDeployment(id(), told({}))
      expect(await bot().tellDeployment(id(), told({ id: first }))).toEqual({ id: first })
      expect(await shown('production')).toEqual([
        { id: String(first), environment: 'production', commit, state: 'running' },
      ])
      for (const _ of [1, 2]) await bot().tellDeployment(id(), told({ id: first, state: 'success' }))
      expect(await shown('production')).toMatchObject([{ id: String(first), state: 'success' }])
      expect(await there.forge.environmentUrl('production')).toBe('https://hello.test')
    })

    it('that failed or was canceled says so, and the next one is another', async () => {
      for (const state of ['failed', 'canceled'] as const) {
        const one = await bot().tellDeployment(id(), told({ environment: `staging-${state}`, tier: 'staging' }))
        await bot().tellDeployment(id(), told({ id: one.id, environment: `staging-${state}`, state }))
        const two = await bot().tellDeployment(id(), told({ environment: `staging-${state}` }))
        expect(two.id).not.toBe(one.id)
        expect(await shown(`staging-${state}`)).toMatchObject([{ state }, { state: 'running' }])
      }
    })

    it('whose beginning was told of twice is one', async () => {
      const one = await bot().tellDeployment(id(), told({ environment: 'test', tier: 'testing', url: '' }))
      expect(await bot().tellDeployment(id(), told({ environment: 'test', url: '' }))).toEqual(one)
      expect(await shown('test')).toHaveLength(1)
    })

    it('A8: of a branch that is gone is told with its tag, or else with the default branch', async () => {
      const gone = await there.forge.push('release/8.0', 'Of a branch that is deleted')
      const known = { forge: bot(), project: { forgeProjectId: id(), path: there.forge.path } }
      await there.forge.deleteBranch('release/8.0')
      for (const [tags, environment] of [
        [['V8.0'], 'of-default'],
        [['V8.1', 'V8.0'], 'of-tag'],
      ] as const) {
        if (environment === 'of-tag') await there.forge.pushTag('V8.0', gone)
        const about = { branch: 'release/8.0', tags }
        const { id: made } = await withStandingRef(known, about, (ref) =>
          bot().tellDeployment(id(), told({ environment, tier: 'other', commit: gone, ref })),
        )
        expect(await shown(environment)).toEqual([{ id: String(made), environment, commit: gone, state: 'running' }])
        await withStandingRef(known, about, (ref) =>
          bot().tellDeployment(
            id(),
            told({ id: made, environment, tier: 'other', commit: gone, ref, state: 'success' }),
          ),
        )
        expect(await shown(environment)).toMatchObject([{ state: 'success' }])
      }
      const status = {
        commit: gone,
        name: 'shiplock/late',
        state: 'success' as const,
        description: '',
        url: 'https://shiplock.test',
      }
      await withStandingRef(known, { branch: 'release/8.0', tags: ['V8.0'] }, (ref) =>
        bot().setStatus(id(), { ...status, ref }),
      )
      expect(Object.keys(await there.forge.statuses(gone))).toContain('shiplock/late')
    })

    it('A8: that is refused for something else, while its branch is there, stays refused', async () => {
      const known = { forge: bot(), project: { forgeProjectId: id(), path: there.forge.path } }
      await expect(
        withStandingRef(known, { branch: 'master', tags: [] }, (ref) =>
          bot().tellDeployment(id(), told({ commit: 'f'.repeat(40), ref })),
        ),
      ).rejects.toMatchObject({ code: expect.stringMatching(/^forge\.(refused|missing)$/) })
    })

    it('follows a service that moved', async () => {
      await bot().tellDeployment(id(), told({ environment: 'moving', url: 'https://one.test', state: 'success' }))
      const next = await there.forge.push('master', 'Move')
      const moved = { environment: 'moving', url: 'https://two.test', commit: next }
      const { id: second } = await bot().tellDeployment(id(), told(moved))
      await bot().tellDeployment(id(), told({ ...moved, id: second, state: 'success' }))
      expect(await there.forge.environmentUrl('moving')).toBe('https://two.test')
    })
  })
})
