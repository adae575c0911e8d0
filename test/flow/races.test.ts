import Docker from 'dockerode'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, Shiplock, serviceFile } from '../given'

let shiplock: Shiplock
beforeAll(async () => {
  shiplock = await Shiplock.start()
  await shiplock.project()
})
afterAll(() => shiplock?.close())

const running = async (environment: string) => (await shiplock.client.environments(environment)).items[0]?.running
const containersOf = () =>
  new Docker().listContainers({
    all: true,
    filters: { label: [`shiplock.instance=${shiplock.instance}`, 'shiplock.kind=deployment'] },
  })

it('two merges within a second: the later one is what runs, and the earlier never goes over it', async () => {
  const [first, second] = [
    await shiplock.push('develop', { 'www/index.html': 'first\n' }),
    await shiplock.push('develop', { 'www/index.html': 'second\n' }),
  ]
  await shiplock.verified(second, 'test')
  await shiplock.endedRun(first)
  expect((await running('test'))?.release.commit).toBe(second)
})

it('a force push while the image is being built: what was pushed away never goes over what is there now', async () => {
  const slow = { '.shiplock.yaml': serviceFile({ unit: 'sleep 3; grep . /www/index.html' }) }
  const gone = await shiplock.push('develop', { ...slow, 'www/index.html': 'pushed away\n' })
  await eventually('it is being worked on', async () =>
    (await shiplock.runOf(gone)).stages.some((s) => s.name === 'build' && s.status !== 'pending'),
  )
  const clone = await shiplock.clone()
  await clone.command('reset', '--quiet', '--hard', 'HEAD~1')
  await clone.command('commit', '--quiet', '--allow-empty', '--message=Instead')
  await clone.command('push', '--quiet', '--force', 'origin', 'develop')
  const now = (await clone.command('rev-parse', 'HEAD')).trim()
  await shiplock.verified(now, 'test')
  await shiplock.endedRun(gone)
  const promotions = (await shiplock.client.promotions({ environment: 'test', limit: '100' })).items
  const [older, newer] = [gone, now].map((c) => promotions.find((p) => p.release.commit === c))
  if (older?.deployedAt && newer?.deployedAt)
    expect(Date.parse(older.deployedAt)).toBeLessThan(Date.parse(newer.deployedAt))
  expect((await running('test'))?.run).toBe((await shiplock.runOf(now)).id)
})

it('a branch that is deleted while its release is being deployed: the release arrives, and nothing new is begun', async () => {
  const commit = await shiplock.push('release/1.0', { 'www/index.html': 'leaving\n' })
  await shiplock.promotion(commit, 'prerelease', (p) => p.status !== 'waiting')
  await (await shiplock.clone()).command('push', '--quiet', 'origin', ':refs/heads/release/1.0')
  await shiplock.verified(commit, 'prerelease')
})

it('canceling what is being deployed is final: what is half-made goes, what ran before still serves', async () => {
  const before = await running('prerelease')
  const never = serviceFile({ healthz: '/never', startPeriod: '60s' }).replace('start_period: 2s', 'start_period: 60s')
  const commit = await shiplock.push('release/1.1', { '.shiplock.yaml': never, 'www/index.html': 'never\n' })
  const deploying = await shiplock.promotion(commit, 'prerelease', (p) => p.status === 'deploying')
  await eventually('a container of it is there', async () => {
    const all = await containersOf()
    return all.some((c) => c.ImageID === deploying.release.digest)
  })
  await shiplock.people.omar.cancelPromotion(deploying.id, 'it was a mistake')
  expect((await shiplock.client.promotion(deploying.id)).status).toBe('canceled')
  await eventually(
    'what was half-made is gone',
    async () => !(await containersOf()).some((c) => c.ImageID === deploying.release.digest),
  )
  expect(await (await fetch(String(before?.url))).text()).toBe('leaving\n')
  await expect(shiplock.people.omar.retryPromotion(deploying.id)).rejects.toThrow(/409.*canceled/)
})

it('what failed may be tried again by hand: the same digest, and through the gates', async () => {
  const commit = await shiplock.push('release/1.2', {
    '.shiplock.yaml': serviceFile({ healthz: '/never' }),
    'www/index.html': 'again\n',
  })
  const failed = await shiplock.promotion(commit, 'prerelease', (p) => p.status === 'failed')
  await shiplock.people.omar.retryPromotion(failed.id)
  const again = await shiplock.promotion(
    commit,
    'prerelease',
    (p) => p.status === 'failed' && p.startedAt !== failed.startedAt,
  )
  expect(again.id).toBe(failed.id)
  expect(again.release.digest).toBe(failed.release.digest)
})

it('a person asks for nothing that is on its way, nor for more than the branch may have', async () => {
  const [release] = (await shiplock.client.releases({ limit: '1' })).items
  const [prerelease] = (await shiplock.client.environments('prerelease')).items
  const [production] = (await shiplock.client.environments('production')).items
  if (!release || !prerelease || !production) throw new Error('something is not there')
  await shiplock.people.omar.hold(prerelease.id, 'stocktaking')
  const asked = await shiplock.people.noor.promote(release.id, prerelease.id)
  await expect(shiplock.people.noor.promote(release.id, prerelease.id)).rejects.toThrow(/409.*on its way/)
  await shiplock.people.omar.cancelPromotion(asked.id, 'the test is over')
  const tooFar = await shiplock.people.noor.promote(release.id, production.id)
  const refused = await eventually('it is judged', async () => {
    const now = await shiplock.client.promotion(tooFar.id)
    return now.status === 'refused' && now
  })
  expect(refused.because).toContain('goes to prerelease and no further')
})
