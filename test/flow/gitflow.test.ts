import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BUSYBOX, eventually, SERVICE, Shiplock, serviceFile } from '../given'

/** A service whose release is tried in its environment, at its address there. */
const TRIED = {
  ...SERVICE,
  '.shiplock.yaml': serviceFile({
    stages: `  functional: { image: "${BUSYBOX}", run: ["wget -q -O- $SHIPLOCK_URL/index.html | grep ."] }\n`,
  }),
}

let shiplock: Shiplock
beforeAll(async () => {
  shiplock = await Shiplock.start()
})
afterAll(() => shiplock?.close())

const running = async (environment: string, path = 'team/hello') =>
  (await shiplock.client.environments(environment)).items.find((e) => e.project.path === path)

describe('one image from prerelease to production, and one of a lower class in test', () => {
  let inTest: string | null
  let release: string
  let master: string

  beforeAll(async () => {
    await shiplock.project(TRIED)
  })

  it('develop is built once and goes to test', async () => {
    const commit = await shiplock.push('develop', { 'www/index.html': 'one point zero\n' })
    const promotion = await shiplock.verified(commit, 'test')
    expect(promotion.because).toContain('verifies nothing beyond the deployment')
    inTest = promotion.observed
  })

  it('C2: a release branch of the same tree builds its own image, and is tried in prerelease at its address', async () => {
    release = await shiplock.branch('release/1.0', 'develop')
    const promotion = await shiplock.verified(release, 'prerelease')
    const run = await shiplock.endedRun(release)
    expect(run.stages.find((s) => s.name === 'build')).toMatchObject({
      status: 'succeeded',
      digest: promotion.observed,
      because: expect.stringContaining('its trust class is develop'),
    })
    expect(promotion.observed).not.toBe(inTest)
    const { stages } = await shiplock.client.promotion(promotion.id)
    expect(stages.map((s) => [s.name, s.status])).toEqual([['functional', 'succeeded']])
    await shiplock.told(release, { 'shiplock/unit': 'success', 'shiplock/prerelease/functional': 'success' })
  })

  it('merged to master it is adopted, tagged, and waits for production with its reasons', async () => {
    // Merged before it was read, a request has no note: what is over is not commented on.
    master = await shiplock.merge('release/1.0', 'master', { onceRead: true })
    const asked = await shiplock.waitsFor(master, 'production', 'approvals')
    const run = await shiplock.endedRun(master)
    expect(run.stages.every((s) => s.status === 'skipped')).toBe(true)
    expect(asked.waiting).toMatchObject({
      what: expect.stringContaining('1 of 1 from ops'),
      who: expect.stringContaining('ops'),
    })
    expect(asked.verdicts.filter((v) => v.state !== 'open').map((v) => v.gate)).toEqual(['approvals'])
    const tag = await eventually(
      'the tag is made',
      async () => (await shiplock.client.release(asked.release.id)).tags[0],
    )
    await eventually('the tag is on the forge', async () => {
      const found = await shiplock.onForge<{ commit: { id: string } }[]>(
        'mia',
        'GET',
        '/projects/team%2Fhello/repository/tags',
      )
      return found.some((t) => t.commit.id === master)
    })
    expect(tag.name).toBe(asked.release.tag)
  })

  it('who pushed it may not sign it, a developer may not either, and the digest is what is signed', async () => {
    const asked = await shiplock.waitsFor(master, 'production', 'approvals')
    await expect(shiplock.people.mia.approve(asked.id)).rejects.toThrow(/403.*nobody signs their own change/)
    await expect(shiplock.people.noor.approve(asked.id)).rejects.toThrow(/403.*asks for the role ops/)
    await expect(shiplock.people.omar.ask('POST', '/approvals', { hash: '0'.repeat(64) })).rejects.toThrow(/404/)
  })

  it('the digest that was built is the one that was tested, promoted, signed and observed, whatever names are moved', async () => {
    const asked = await shiplock.waitsFor(master, 'production', 'approvals')
    const { digest, tag } = asked.release
    // Somebody moves every name that the image has, here and on the forge.
    const names = (await new Docker().getImage(digest).inspect()).RepoTags
    expect(names).toContain(`shiplock-${shiplock.instance}/p${asked.project.id}/hello:${tag}`)
    for (const name of names) {
      const [repo = '', moved = ''] = name.split(':')
      await new Docker().getImage(BUSYBOX).tag({ repo, tag: moved })
    }
    const clone = await shiplock.clone()
    await clone.command('push', '--quiet', '--force', 'origin', `refs/remotes/origin/develop~1:refs/tags/${tag}`)
    const signed = await shiplock.sign(master)
    expect(signed.observed).toBe(digest)
    expect(signed.approvals.map((a) => a.by)).toEqual([expect.stringMatching(/^omar/)])
    const all = await Promise.all(['test', 'prerelease', 'production'].map((name) => running(name)))
    expect(all.map((e) => e?.running?.observed)).toEqual([inTest, digest, digest])
    const containers = await new Docker().listContainers({
      filters: { label: [`shiplock.instance=${shiplock.instance}`, 'shiplock.kind=deployment'] },
    })
    expect(new Set(containers.map((c) => c.ImageID))).toEqual(new Set([inTest, digest]))
    expect(await (await fetch(String(all[2]?.running?.url))).text()).toBe('one point zero\n')
  })

  it('nothing is to be merged back where develop has it already', async () => {
    const asked = await shiplock.promotion(master, 'production')
    const back = await eventually('git was asked', async () =>
      (await shiplock.client.release(asked.release.id)).backMerges.find((b) => b.status === 'unneeded'),
    )
    expect(back.because).toMatch(/nothing/)
  })

  it('the forge shows the deployments, and one note on the merge request', async () => {
    await eventually('three deployments succeeded', async () => {
      const told = await shiplock.onForge<{ status: string; environment: { name: string } }[]>(
        'mia',
        'GET',
        '/projects/team%2Fhello/deployments?status=success',
      )
      return new Set(told.map((d) => d.environment.name)).size === 3
    })
    const [request] = (await shiplock.client.mergeRequests({ limit: '10' })).items.filter(
      (m) => m.source === 'release/1.0',
    )
    const notes = await eventually('there is a note', async () => {
      const all = await shiplock.onForge<{ body: string }[]>(
        'mia',
        'GET',
        `/projects/team%2Fhello/merge_requests/${request?.iid}/notes`,
      )
      return all.length > 0 && all
    })
    expect(notes.filter((n) => n.body.includes('<!-- shiplock'))).toHaveLength(1)
  })

  it('a hotfix owes its way back, and the next production waits until it is paid', async () => {
    const fix = await shiplock.push('hotfix/1.0.1', { 'www/index.html': 'mended\n' }, 'master')
    const run = await shiplock.runOf(fix)
    expect(run.branchKind).toBe('hotfix')
    await shiplock.verified(fix, 'prerelease')
    const merged = await shiplock.merge('hotfix/1.0.1', 'master')
    const signed = await shiplock.sign(merged)
    const debt = await eventually('the request back is open', async () =>
      (await shiplock.client.release(signed.release.id)).backMerges.find((b) => b.status === 'opened'),
    )
    expect(debt).toMatchObject({ hotfix: true, source: 'hotfix/1.0.1', target: 'develop' })

    const next = await shiplock.push('release/1.1', { 'www/more.html': 'more\n' }, 'master')
    await shiplock.verified(next, 'prerelease')
    const onMaster = await shiplock.merge('release/1.1', 'master')
    const waits = await shiplock.waitsFor(onMaster, 'production', 'debt')
    expect(waits.waiting?.what).toContain('hotfix/1.0.1 must come back to develop')

    const request = (await shiplock.client.mergeRequests({ limit: '50' })).items.find(
      (m) => m.source === 'hotfix/1.0.1' && m.target === 'develop',
    )
    await shiplock.onForge('noor', 'PUT', `/projects/team%2Fhello/merge_requests/${request?.iid}/merge`)
    await shiplock.waitsFor(onMaster, 'production', 'approvals')
    await shiplock.sign(onMaster)
  })

  it('a rollback puts the earlier release back and holds what is newer until the hold is released', async () => {
    const place = await running('production')
    const earlier = await shiplock.promotion(master, 'production')
    await expect(shiplock.people.omar.rollback(place?.id ?? 0, earlier.release.id, ' ')).rejects.toThrow(
      /422.*a reason is needed/,
    )
    await expect(shiplock.people.noor.rollback(place?.id ?? 0, earlier.release.id, 'slow')).rejects.toThrow(/403/)
    const back = await shiplock.people.omar.rollback(place?.id ?? 0, earlier.release.id, 'it is slow')
    // It changes production, so it is signed like everything that does.
    expect(back.status).toBe('waiting')
    await shiplock.people.omar.approve(back.id, 'going back')
    await eventually('it is back', async () => (await shiplock.client.promotion(back.id)).status === 'verified')
    expect((await running('production'))?.running?.release.tag).toBe(earlier.release.tag)

    const next = await shiplock.push('release/1.2', { 'www/more.html': 'faster\n' }, 'master')
    await shiplock.verified(next, 'prerelease')
    const merged = await shiplock.merge('release/1.2', 'master')
    const held = await shiplock.waitsFor(merged, 'production', 'hold')
    expect(held.waiting?.what).toContain('it is slow')
    await shiplock.people.omar.releaseHold(place?.id ?? 0)
    await shiplock.sign(merged)
  })

  it('what operations refuse goes no further until they lift it', async () => {
    const next = await shiplock.push('release/1.3', { 'www/more.html': 'bad\n' }, 'master')
    const there = await shiplock.verified(next, 'prerelease')
    const merged = await shiplock.merge('release/1.3', 'master')
    await shiplock.waitsFor(merged, 'production', 'approvals')
    await shiplock.people.omar.refuse(there.release.id, 'the report is missing')
    const refused = await shiplock.promotion(merged, 'production', (p) => p.status === 'refused')
    expect(refused.because).toMatch(/^refused by omar.*: the report is missing$/)
    const place = await running('production')
    const again = await shiplock.people.noor.promote(there.release.id, place?.id ?? 0)
    await eventually(
      'the next is refused too',
      async () => (await shiplock.client.promotion(again.id)).status === 'refused',
    )
    await shiplock.people.omar.lift(there.release.id)
    const last = await shiplock.people.noor.promote(there.release.id, place?.id ?? 0)
    await eventually('it waits for its signature', async () => {
      const { status, verdicts } = await shiplock.client.promotion(last.id)
      return status === 'waiting' && verdicts.some((v) => v.gate === 'approvals' && v.state === 'waiting')
    })
    await shiplock.people.omar.cancelPromotion(last.id, 'the test is over')
  })
})
