import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dockerEngine } from '../../pipelines/engines/docker'
import { BUSYBOX, SERVICE, Shiplock, serviceFile } from '../given'

/** Its static stage runs in the image just built: so a feature builds as well. */
const BUILDS_ON_FEATURES = {
  ...SERVICE,
  '.shiplock.yaml': serviceFile({ static: 'grep . /www/index.html' }).replace(`image: "${BUSYBOX}", `, ''),
}

let shiplock: Shiplock
beforeAll(async () => {
  shiplock = await Shiplock.start()
})
afterAll(() => shiplock?.close())

const buildOf = async (commit: string) => {
  const { stages } = await shiplock.endedRun(commit)
  const build = stages.find((s) => s.name === 'build')
  if (build === undefined) throw new Error(`the run of ${commit} has no build`)
  return build
}
const releasesOf = async (path: string) =>
  (await shiplock.client.releases({ limit: '100' })).items.filter((r) => r.project.path === path)

describe('C2: what a branch made is used by branches of its own or a lower trust class alone', () => {
  const path = 'team/classes'
  let feature: string
  let release: string
  beforeAll(() => shiplock.project(BUILDS_ON_FEATURES, path))

  it('C2: features that build cut no release', async () => {
    feature = await shiplock.push('feature/one', { 'www/index.html': 'one\n' }, 'develop', path)
    const built = await buildOf(feature)
    expect(built).toMatchObject({ status: 'succeeded', digest: expect.stringMatching(/^sha256:/) })
    // What comes later in the same queue is through: a release of the feature would be there by now.
    const other = await shiplock.push('develop', { 'www/index.html': 'two\n' }, 'develop', path)
    await shiplock.verified(other, 'test')
    expect((await releasesOf(path)).map((r) => r.branch)).toEqual(['develop'])
  })

  it('C2: release/* of the very commit of a feature builds again, and says why', async () => {
    release = await shiplock.branch('release/9.1', 'feature/one', path)
    expect(release).toBe(feature)
    const verified = await shiplock.verified(release, 'prerelease')
    const run = await shiplock.runOf(release, 'release/9.1')
    const built = run.stages.find((s) => s.name === 'build')
    expect(built).toMatchObject({ status: 'succeeded', digest: verified.observed })
    const featureRun = await shiplock.runOf(feature, 'feature/one')
    expect(built?.digest).not.toBe(featureRun.stages.find((s) => s.name === 'build')?.digest)
    expect(await shiplock.log(run.id, 'build')).toContain(`run #${featureRun.id} built the same tree`)
    expect(run).toMatchObject({ trust: 'release' })
    expect(featureRun).toMatchObject({ trust: 'feature' })
    expect((await shiplock.client.release(verified.release.id)).trust).toBe('release')
  })

  it('C2: master adopts what prerelease verified, as before', async () => {
    const [prerelease] = (await releasesOf(path)).filter((r) => r.branch === 'release/9.1')
    const master = await shiplock.merge('release/9.1', 'master', { path })
    const asked = await shiplock.waitsFor(master, 'production', 'approvals')
    expect(asked.release).toMatchObject({ id: prerelease?.id, digest: prerelease?.digest })
  })

  it('C2: release/* of a tree that develop built builds again; develop takes what release/* built', async () => {
    const develop = await shiplock.push('develop', { 'www/index.html': 'three\n' }, 'develop', path)
    const inTest = await shiplock.verified(develop, 'test')
    await shiplock.branch('release/9.2', 'develop', path)
    const again = await shiplock.verified(develop, 'prerelease')
    expect(again.release.id).not.toBe(inTest.release.id)
    expect(again.release.digest).not.toBe(inTest.release.digest)
    const run = await shiplock.runOf(develop, 'release/9.2')
    expect(run.stages.find((s) => s.name === 'build')?.because).toMatch(
      /^built sha256:\w+; run #\d+ built the same tree, but its trust class is develop: a run of the class release builds its own image$/,
    )

    const fix = await shiplock.push('hotfix/9.2.1', { 'www/index.html': 'four\n' }, 'develop', path)
    const fixed = await shiplock.verified(fix, 'prerelease')
    await shiplock.branch('develop', 'hotfix/9.2.1', path)
    const taken = await shiplock.verified(fix, 'test')
    expect(taken.release).toMatchObject({ id: fixed.release.id, digest: fixed.release.digest })
  })
})

describe('C4: the names of images hold the installation and the project', () => {
  it('C4: two projects with one service name, called like a public image, move no name of the other or of the image', async () => {
    const engine = dockerEngine()
    const service = `base-${randomBytes(4).toString('hex')}`
    const busybox = await engine.image(BUSYBOX)
    // A public image of that name is on the engine.
    await engine.tag(busybox?.digest ?? '', `${service}:1.0`)
    const files = { ...SERVICE, '.shiplock.yaml': serviceFile().replace('service: hello', `service: ${service}`) }
    const made = []
    for (const path of ['team/first', 'team/second']) {
      const project = await shiplock.project(files, path)
      const commit = await shiplock.push('develop', { 'www/index.html': `${path}\n` }, 'develop', path)
      const { release } = await shiplock.verified(commit, 'test')
      const { image, tag, digest } = await shiplock.client.release(release.id)
      made.push({ project, digest, image, named: `${image.replace(/:[^:]*$/, '')}:${tag}` })
    }
    for (const { project, image, named, digest } of made) {
      expect(image).toMatch(new RegExp(`^shiplock-${shiplock.instance}/p${project}/${service}:run-\\d+$`))
      expect((await engine.image(image))?.digest).toBe(digest)
      expect((await engine.image(named))?.digest).toBe(digest)
    }
    expect((await engine.image(`${service}:1.0`))?.digest).toBe(busybox?.digest)
    expect(await engine.image(`${service}:latest`)).toBeNull()
    const [first, second] = made
    await expect(engine.tag(second?.digest ?? '', first?.named ?? '')).rejects.toMatchObject({ code: 'engine.refused' })
    await expect(engine.tag(second?.digest ?? '', BUSYBOX)).rejects.toMatchObject({ code: 'engine.refused' })
    expect((await engine.image(first?.named ?? ''))?.digest).toBe(first?.digest)
  })
})
