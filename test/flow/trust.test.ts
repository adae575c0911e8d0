import { randomBytes } from 'node:crypto'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { dockerEngine } from '../../pipelines/engines/docker'
import { SHIPLOCK, tell, transaction } from '../../prisma/record'
import { BUSYBOX, eventually, SERVICE, Shiplock, serviceFile } from '../given'

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

  it('C2: release/* of a tree that develop built builds again, and says why', async () => {
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
  })

  it('C2: develop takes what a hotfix of the same tree built', async () => {
    const fix = await shiplock.push('hotfix/9.2.1', { 'www/index.html': 'four\n' }, 'develop', path)
    const fixed = await shiplock.verified(fix, 'prerelease')
    await shiplock.branch('develop', 'hotfix/9.2.1', path)
    const taken = await shiplock.verified(fix, 'test')
    expect(taken.release).toMatchObject({ id: fixed.release.id, digest: fixed.release.digest })
  })
})

describe('C2: the kind of a branch is what the flow says when the run is planned', () => {
  const path = 'team/kinds'
  let project: number
  beforeAll(async () => {
    project = await shiplock.project(BUILDS_ON_FEATURES, path)
  })

  /** A queued run with its entry in the trail, whose row says that it is of a release branch. */
  async function claimed(branch: string, commit: string): Promise<number> {
    return transaction(shiplock.record, async (tx) => {
      const { rows } = await tx.query<{ id: number }>(
        `INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", trust, "goesTo", "commit", before)
         VALUES ($1, 'claimed ' || $2, 'hello', $2, 'release', 'release', 'prerelease', $3, '') RETURNING id`,
        [project, branch, commit],
      )
      const id = rows[0]?.id ?? 0
      await tell(tx, { kind: 'run.accept', subject: 'run', subjectId: id, runId: id, projectId: project, by: SHIPLOCK })
      return id
    })
  }

  it('C2: a branch that a change of the flow makes a release branch builds again', async () => {
    const commit = await shiplock.push('feature/one', { 'www/index.html': 'feature\n' }, 'develop', path)
    const before = await buildOf(commit)
    await shiplock.client.changeFlow(project, { branches: { feature: 'topic/', release: 'feature/' } })
    await shiplock.branch('feature/two', 'feature/one', path)
    const verified = await shiplock.verified(commit, 'prerelease')
    const run = await shiplock.runOf(commit, 'feature/two')
    expect(run).toMatchObject({ branchKind: 'release', trust: 'release' })
    expect(run.stages.find((s) => s.name === 'build')).toMatchObject({ status: 'succeeded', digest: verified.observed })
    expect(verified.observed).not.toBe(before.digest)
    await shiplock.client.changeFlow(project, {})
  })

  it('C2: what a row says of its kind and class counts for nothing', async () => {
    const commit = await shiplock.push('feature/three', { 'www/index.html': 'three\n' }, 'develop', path)
    expect((await shiplock.endedRun(commit)).status).toBe('succeeded')
    // The run before it counts no more, so that this one is planned to its end.
    await shiplock.record.pool.query(`UPDATE "Run" SET status = 'canceled' WHERE "commit" = $1`, [commit])
    const id = await claimed('feature/three', commit)
    const run = await eventually('it has ended', async () => {
      const now = await shiplock.client.run(id)
      return now.finishedAt !== null && now
    })
    expect(run).toMatchObject({ status: 'succeeded', branchKind: 'feature', trust: 'feature', goesTo: null })
    const later = await shiplock.push('develop', { 'www/index.html': 'later\n' }, 'develop', path)
    await shiplock.verified(later, 'test')
    expect((await releasesOf(path)).filter((r) => r.branch === 'feature/three')).toEqual([])
  })

  it('C2: a run of a branch that the flow does not know any more is refused, with the reason', async () => {
    const commit = await shiplock.push('topic/one', {}, 'develop', path)
    await shiplock.endedRun(commit)
    const id = await claimed('topic/one', commit)
    const run = await eventually('it is refused', async () => {
      const now = await shiplock.client.run(id)
      return now.status === 'refused' && now
    })
    expect(run).toMatchObject({ trust: 'fork', because: 'topic/one has no place in the flow any more' })
    await shiplock.told(commit, { shiplock: 'failed' }, path)
  })

  it('C2: a release of develop is sent to prerelease by nobody, and a feature has nothing to send', async () => {
    const [release] = (await releasesOf(path)).filter((r) => r.branch === 'develop')
    const [prerelease] = (await shiplock.client.environments('prerelease')).items.filter((e) => e.project.path === path)
    const asked = await shiplock.people.noor.promote(release?.id ?? 0, prerelease?.id ?? 0, 'it is good')
    const ended = await eventually('it is refused', async () => {
      const now = await shiplock.client.promotion(asked.id)
      return now.status === 'refused' && now
    })
    expect(ended.because).toBe('a develop branch goes to test and no further, not to prerelease')
    // As a record of before trust classes may hold it: a run of a release branch that took what develop built.
    await shiplock.record.pool.query(
      `UPDATE "Run" SET "releaseId" = $2 WHERE "projectId" = $1 AND branch = 'feature/two'`,
      [project, release?.id],
    )
    const again = await shiplock.people.noor.promote(release?.id ?? 0, prerelease?.id ?? 0, 'it is good')
    const refused = await eventually('it is refused', async () => {
      const now = await shiplock.client.promotion(again.id)
      return now.status === 'refused' && now
    })
    expect(refused.because).toContain(
      `the trust class of ${release?.tag} is develop, and a release branch uses release`,
    )
  })
})

describe('C4: the names of images hold the installation and the project', () => {
  it('C4: two projects with one service name, called like a public image, move no name of the other or of the image', async () => {
    const engine = dockerEngine()
    const service = `base-${randomBytes(4).toString('hex')}`
    const busybox = await engine.image(BUSYBOX)
    // A public image of that name is on the engine.
    await engine.tag(busybox?.digest ?? '', `${service}:1.0`)
    onTestFinished(async () => void (await new Docker().getImage(`${service}:1.0`).remove()))
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
