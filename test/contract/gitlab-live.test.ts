// What only GitLab does, on the demo forge: signing that older ones lack, states that do not go back, hooks that it switches off.
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { gitlabIntake } from '../../pipelines/forges/gitlab-webhook'
import { faultOf, SECRETS } from './forge-contract'
import type { StandingForge } from './given-forge'
import { startGitlab } from './given-gitlab'

let there: StandingForge
let old: StandingForge
beforeAll(async () => {
  there = await startGitlab()
  old = await startGitlab({ signing: false })
})
beforeEach(() => {
  there.deliveries.length = 0
  old.deliveries.length = 0
})
afterAll(() => Promise.all([there.close(), old.close()]))

const bot = (forge: StandingForge) => forge.forge(forge.maintainer.token)
async function delivery(forge: StandingForge) {
  await vi.waitFor(() => expect(forge.deliveries).toHaveLength(1), 10_000)
  return forge.deliveries[0] ?? expect.fail('nothing came')
}

it('a forge that does not sign says so, and its token counts', async () => {
  expect(await bot(old).ensureHook(old.projectId, old.hookUrl, SECRETS)).toMatchObject({ signed: false })
  await old.push('develop', 'Unsigned')
  const { headers, body } = await delivery(old)
  expect(headers['webhook-signature']).toBeUndefined()
  expect(gitlabIntake.verify(headers, body, { ...SECRETS, signed: false }, Date.now())).toBe(true)
  expect(gitlabIntake.verify(headers, body, { ...SECRETS, signed: true }, Date.now())).toBe(false)
  const another = { ...SECRETS, token: 'another', signed: false }
  expect(gitlabIntake.verify(headers, body, another, Date.now())).toBe(false)
})

it('a signature is good for five minutes', async () => {
  await bot(there).ensureHook(there.projectId, there.hookUrl, SECRETS)
  await there.push('develop', 'Signed')
  const { headers, body } = await delivery(there)
  const signed = { ...SECRETS, signed: true }
  expect(gitlabIntake.verify(headers, body, signed, Date.now())).toBe(true)
  expect(gitlabIntake.verify(headers, body, signed, Date.now() + 600_000)).toBe(false)
})

it('who may not make webhooks is told which role it takes', async () => {
  const { developer, hookUrl, projectId } = there
  const fault = await faultOf(there.forge(developer.token).ensureHook(projectId, hookUrl, SECRETS), developer.token)
  expect(fault).toMatchObject({ code: 'forge.denied', message: expect.stringContaining('role Maintainer') })
})

it('a status that cannot go back is refused, in the words of the forge', async () => {
  const commit = await there.push('develop', 'Judge me')
  const status = {
    commit,
    ref: 'develop',
    name: 'shiplock/build',
    description: '',
    url: 'https://shiplock.test/runs/1',
  }
  await bot(there).setStatus(there.projectId, { ...status, state: 'running' })
  const fault = await faultOf(bot(there).setStatus(there.projectId, { ...status, state: 'pending' }))
  expect(fault).toMatchObject({ code: 'forge.refused', message: expect.stringContaining('from :running') })
  expect((await there.statuses(commit))['shiplock/build']?.state).toBe('running')
})

it('a squash below a merge commit, and a fast-forward of a squash, are both found', async () => {
  await there.push('master', 'The beginning', { files: { 'README.md': 'hello\n' } })
  await there.mergeBy('squash')
  for (const name of ['one', 'two']) {
    await there.push(`feature/${name}`, 'First', { files: { [name]: '1' } })
    const head = await there.push(`feature/${name}`, 'Second', { files: { [`${name}-more`]: '2' } })
    const iid = await there.openMergeRequest({ source: `feature/${name}`, target: 'master', title: name })
    expect(await bot(there).merge(there.projectId, iid, head, `Merge ${name}`)).toMatchObject({ ok: true })
    const found = await bot(there).mergeRequest(there.projectId, iid)
    expect(found?.mergeCommit).toBe(await there.ref('refs/heads/master'))
    expect(found?.mergeCommit).not.toBe(head)
  }
})
