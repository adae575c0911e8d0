import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dockerEngine } from '../../pipelines/engines/docker'
import { BUSYBOX, eventually, SERVICE, Shiplock, serviceFile } from '../given'

let shiplock: Shiplock
beforeAll(async () => {
  shiplock = await Shiplock.start()
})
afterAll(() => shiplock?.close())

/** Without a static stage: what these tests are about comes after it. */
const quick = (over: Record<string, string> = {}) => ({ ...SERVICE, ...over })

describe('a push does what the flow says of its branch', () => {
  const path = 'team/rows'
  beforeAll(() => shiplock.project(quick(), path))

  it.each([
    ['feature/login', ['static'], null],
    ['develop', ['static', 'build', 'unit'], 'test'],
    ['release/2.0', ['static', 'build', 'unit'], 'prerelease'],
    ['hotfix/2.0.1', ['static', 'build', 'unit'], 'prerelease'],
    ['master', ['static', 'build', 'unit'], 'production'],
  ])('%s runs %j and goes to %s', async (branch, stages, goesTo) => {
    const commit = await shiplock.push(branch, { 'www/index.html': `${branch}\n` }, 'develop', path)
    const run = await shiplock.endedRun(commit)
    expect(run).toMatchObject({ status: 'succeeded', goesTo })
    expect(run.stages.map((s) => s.name)).toEqual(stages)
    if (goesTo !== null && branch !== 'master') await shiplock.verified(commit, goesTo)
  })

  it.each(['fix_stuff', 'feature-x', 'Release/1.0'])(
    '%s is refused, on the commit and in the inbox',
    async (branch) => {
      const commit = await shiplock.push(branch, { 'www/index.html': `${branch}\n` }, 'develop', path)
      const run = await shiplock.endedRun(commit)
      expect(run).toMatchObject({ status: 'refused', because: expect.stringContaining('no place in the flow') })
      const { items } = await shiplock.client.deliveries({ decision: 'refused' })
      expect(items.find((d) => d.run === run.id)?.because).toContain('no place in the flow')
      await shiplock.told(commit, { shiplock: 'failed' }, path)
    },
  )

  it.each([
    ['feature/pair', 'develop', true],
    ['feature/pair', 'master', false],
    ['feature/pair', 'release/2.0', false],
    ['release/2.0', 'master', true],
    ['release/2.0', 'develop', true],
    ['hotfix/2.0.1', 'develop', true],
    ['develop', 'master', false],
  ])('a merge request of %s into %s: allowed is %s, and its status says so', async (source, target, ok) => {
    if (source === 'feature/pair' && target === 'develop')
      await shiplock.push(source, { 'www/pair.html': 'x\n' }, 'develop', path)
    const { iid, sha } = await shiplock.openRequest(source, target, path)
    const found = await eventually('it is read', async () =>
      (await shiplock.client.mergeRequests({ limit: '100' })).items.find(
        (m) => m.project.path === path && m.iid === iid && m.syncedAt !== null,
      ),
    )
    expect(found.pair.ok).toBe(ok)
    expect(found.pair.because).toMatch(/merged into/)
    // One head may stand in several requests; its status is that of the last one read.
    if (source !== 'release/2.0') await shiplock.told(sha, {}, path)
  })
})

describe.each([
  ['a merge commit', 'merge', false],
  ['a squash', 'merge', true],
  ['a fast-forward', 'ff', false],
] as const)('release to master by %s', (how, mergeMethod, squash) => {
  const path = `team/by-${how.split(' ')[1]}`
  it('adopts the release that prerelease verified', async () => {
    await shiplock.project(quick(), path, { mergeMethod })
    const release = await shiplock.push('release/1.0', { 'www/index.html': `${how}\n` }, 'develop', path)
    const verified = await shiplock.verified(release, 'prerelease')
    const master = await shiplock.merge('release/1.0', 'master', { squash, path })
    const asked = await shiplock.waitsFor(master, 'production', 'approvals')
    expect(asked.release.digest).toBe(verified.observed)
    expect(asked.release.id).toBe(verified.release.id)
    expect(master === release).toBe(how === 'a fast-forward')
  })
})

describe('what nobody verified does not reach production', () => {
  const path = 'team/unverified'
  beforeAll(() => shiplock.project(quick(), path))

  it('a merge to master of a tree nobody verified is built, and waits until prerelease has verified it', async () => {
    const commit = await shiplock.push('master', { 'www/index.html': 'straight\n' }, 'develop', path)
    const waits = await shiplock.waitsFor(commit, 'production', 'verified')
    expect(waits.waiting?.what).toContain('prerelease has not verified')
    expect((await shiplock.endedRun(commit)).stages.find((s) => s.name === 'build')?.status).toBe('succeeded')
    const [prerelease] = (await shiplock.client.environments('prerelease')).items.filter((e) => e.project.path === path)
    await shiplock.people.noor.promote(waits.release.id, prerelease?.id ?? 0, 'it came straight to master')
    await shiplock.sign(commit)
  })

  it('a release branch behind a hotfix makes another tree on master, which waits', async () => {
    const behind = await shiplock.push('release/3.0', { 'www/other.html': 'three\n' }, 'master', path)
    const verified = await shiplock.verified(behind, 'prerelease')
    const fix = await shiplock.push('hotfix/2.9.1', { 'www/fix.html': 'fix\n' }, 'master', path)
    await shiplock.verified(fix, 'prerelease')
    await shiplock.sign(await shiplock.merge('hotfix/2.9.1', 'master', { path }))
    const merged = await shiplock.merge('release/3.0', 'master', { path })
    const waits = await shiplock.waitsFor(merged, 'production', 'verified')
    expect(waits.release.id).not.toBe(verified.release.id)
  })

  it('another image under the name of the base is another build, never a silent reuse', async () => {
    const engine = dockerEngine()
    const base = 'shiplock-flow/base:latest'
    const [busybox, node] = await Promise.all([engine.image(BUSYBOX), engine.image('shiplock-demo/node:local')])
    await engine.tag(busybox?.digest ?? '', base)
    const files = { Dockerfile: SERVICE.Dockerfile?.replace(BUSYBOX, base) ?? '' }
    const first = await shiplock.push('develop', files, 'develop', path)
    await shiplock.verified(first, 'test')
    await engine.tag(node?.digest ?? busybox?.digest ?? '', base)
    const second = await shiplock.push('develop', {}, 'develop', path)
    const run = await shiplock.endedRun(second)
    await engine.tag(busybox?.digest ?? '', base)
    expect(run.tree).toBe((await shiplock.endedRun(first)).tree)
    expect(run.stages.find((s) => s.name === 'build')?.status).not.toBe('skipped')
  })
})

describe('verification decides', () => {
  const path = 'team/verified'
  const tried = (run: string) => ({
    '.shiplock.yaml': serviceFile({ stages: `  functional: { image: "${BUSYBOX}", run: [${JSON.stringify(run)}] }\n` }),
  })
  beforeAll(() => shiplock.project(quick(tried('wget -q -O- $SHIPLOCK_URL/index.html | grep -q good')), path))

  it('a failed verification puts the release before back by itself, and says so', async () => {
    const good = await shiplock.push('release/1.0', { 'www/index.html': 'good\n' }, 'develop', path)
    const before = await shiplock.verified(good, 'prerelease')
    const bad = await shiplock.push('release/1.0', { 'www/index.html': 'bad\n' }, 'release/1.0', path)
    const failed = await shiplock.promotion(bad, 'prerelease', (p) => p.status === 'failed')
    expect(failed.because).toContain('functional')
    const back = await eventually('it is put back', async () => {
      const { items } = await shiplock.client.promotions({ environment: 'prerelease', limit: '100' })
      return items.find((p) => p.kind === 'put-back' && p.status === 'verified' && p.project.path === path)
    })
    expect(back.release.id).toBe(before.release.id)
    expect(back.reason).toContain(`promotion #${failed.id} was not verified`)
    const master = await shiplock.merge('release/1.0', 'master', { path })
    const waits = await shiplock.waitsFor(master, 'production', 'verified')
    expect(waits.waiting?.what).toContain('failed')
    await shiplock.told(bad, { 'shiplock/prerelease/functional': 'failed' }, path)
  })
})

describe('a project may name things otherwise', () => {
  const path = 'team/named'
  let project: number

  it('its branches and its tickets', async () => {
    project = await shiplock.project(quick(), path, { master: 'main', develop: 'develop' })
    await shiplock.people.noor.changeFlow(project, {
      branches: { develop: 'dev', feature: 'feat/', hotfix: 'urgent/' },
      tickets: ['SHOP-#-*'],
      tag: 'awaited',
    })
    const dev = await shiplock.push('dev', { 'www/index.html': 'dev\n' }, 'develop', path)
    await shiplock.verified(dev, 'test')
    const good = await shiplock.push('feat/SHOP-12-login', { 'www/a.html': 'a\n' }, 'dev', path)
    expect((await shiplock.endedRun(good)).status).toBe('succeeded')
    const bad = await shiplock.push('feat/login', { 'www/a.html': 'b\n' }, 'dev', path)
    expect(await shiplock.endedRun(bad)).toMatchObject({
      status: 'refused',
      because: expect.stringContaining('feat/SHOP-#-*'),
    })
    const old = await shiplock.push('develop', { 'www/a.html': 'c\n' }, 'dev', path)
    expect((await shiplock.endedRun(old)).status).toBe('refused')
  })

  it('settings that contradict themselves are refused, each with its reason', async () => {
    await expect(
      shiplock.people.noor.changeFlow(project, { branches: { feature: 'release/', develop: '-x' }, tag: 'never' }),
    ).rejects.toThrow(/422.*branches/s)
  })

  it('production waits for the tag that a person pushes, and takes it; a tag elsewhere names nothing', async () => {
    const release = await shiplock.push('release/1.0', { 'www/index.html': 'tagged\n' }, 'dev', path)
    await shiplock.verified(release, 'prerelease')
    const main = await shiplock.merge('release/1.0', 'main', { path })
    await shiplock.waitsFor(main, 'production', 'tag')
    const clone = await shiplock.clone(path)
    await clone.command('push', '--quiet', 'origin', 'refs/remotes/origin/dev:refs/tags/v0.9')
    await eventually('the stray tag is in the inbox', async () =>
      (await shiplock.client.deliveries({ limit: '50' })).items.find(
        (d) => d.project.path === path && d.decision === 'ignored' && /v0\.9|production branch/.test(d.because),
      ),
    )
    await clone.command('fetch', '--quiet', 'origin')
    await clone.command('push', '--quiet', 'origin', 'refs/remotes/origin/main:refs/tags/v1.0')
    const asked = await shiplock.waitsFor(main, 'production', 'approvals')
    expect((await shiplock.client.release(asked.release.id)).tags).toContainEqual(
      expect.objectContaining({ name: 'v1.0', status: 'taken' }),
    )
    await clone.command('push', '--quiet', '--force', 'origin', 'refs/remotes/origin/dev:refs/tags/v1.0')
    await eventually('the move is seen', async () =>
      (await shiplock.client.release(asked.release.id)).tags.find((t) => t.name === 'v1.0' && t.status === 'moved'),
    )
    const signed = await shiplock.sign(main)
    expect(signed.observed).toBe(asked.release.digest)
  })

  it('an environment that is removed takes what waits for it along, with the reason', async () => {
    const release = await shiplock.push('release/1.1', { 'www/index.html': 'last\n' }, 'main', path)
    await shiplock.verified(release, 'prerelease')
    const main = await shiplock.merge('release/1.1', 'main', { path })
    const clone = await shiplock.clone(path)
    await clone.command('fetch', '--quiet', 'origin')
    await clone.command('push', '--quiet', 'origin', 'refs/remotes/origin/main:refs/tags/v1.1')
    const waits = await shiplock.waitsFor(main, 'production', 'approvals')
    const { removeEnvironment } = await import('../../environments/remove')
    await removeEnvironment(shiplock.record, waits.environmentId, 'moved to another cluster', {
      actor: 'account:1',
      actorName: 'admin',
    })
    const canceled = await shiplock.promotion(main, 'production', (p) => p.status === 'canceled')
    expect(canceled.because).toBe('production was removed: moved to another cluster')
    await expect(shiplock.people.omar.approve(waits.id)).rejects.toThrow(/409/)
  })
})
