import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dockerEngine } from '../../pipelines/engines/docker'
import { BUSYBOX, eventually, SERVICE, Shiplock, serviceFile } from '../given'

// What is in an image, and who may have decided it: by pushes, as developers see it.

const docker = new Docker()
const engine = dockerEngine()
const base = `shiplock-test-${process.pid}/base:1`
let shiplock: Shiplock

beforeAll(async () => {
  shiplock = await Shiplock.start()
  await shiplock.project()
})
afterAll(async () => {
  await shiplock?.close()
  await docker
    .getImage(base)
    .remove({ force: true })
    .catch(() => {}) // a test that failed early has made none
})

/** An image under the base's name, with a file that says which it is. @returns its id */
async function named(content: string): Promise<string> {
  const container = await docker.createContainer({ Image: BUSYBOX, Cmd: ['sh', '-c', `echo ${content} >/which`] })
  await container.start()
  await container.wait()
  const { Id } = await container.commit({})
  await container.remove()
  await engine.tag(Id, base)
  return Id as string
}

const fileOf = (from: string, more = '') =>
  `FROM ${from}\n${more}COPY www /www\nCMD ["httpd","-f","-p","8085","-h","/www"]\n`

const stageOf = (run: Awaited<ReturnType<Shiplock['endedRun']>>, name: string) =>
  run.stages.find((stage) => stage.name === name)

describe('a build', () => {
  it('C5: the release names what it was built from, though the base moved meanwhile', async () => {
    const first = await named('first')
    const slow = `RUN sleep 4; : ${Date.now()}\nRUN cp /which /seen\n`
    const unit = serviceFile({ unit: 'grep -x first /seen' })
    const commit = await shiplock.push('develop', { Dockerfile: fileOf(base, slow), '.shiplock.yaml': unit })
    const begun = await eventually('the build runs', async () => {
      const run = await shiplock.runOf(commit)
      return stageOf(run, 'build')?.status === 'running' && run
    })
    await eventually('it sleeps', async () => (await shiplock.log(begun.id, 'build')).includes('RUN sleep'))
    await named('second')
    const run = await shiplock.endedRun(commit)
    expect([run.because, stageOf(run, 'unit')?.status]).toEqual(['', 'succeeded'])
    const { running } = await shiplock.deployed(commit)
    const release = await shiplock.client.ask<{ bases: object[] }>('GET', `/releases/${running.release.id}`)
    expect(release.bases).toEqual([{ image: base, digest: first }])
  })

  it('C3: and a stage take nothing of another project, by whatever name', async () => {
    const own = await shiplock.push('develop', { Dockerfile: fileOf(BUSYBOX), '.shiplock.yaml': serviceFile() })
    const digest = stageOf(await shiplock.endedRun(own), 'build')?.digest ?? ''
    const image = (await docker.getImage(digest).inspect()).RepoTags[0] ?? ''
    await shiplock.project(SERVICE, 'team/other')
    const taking = { Dockerfile: fileOf(BUSYBOX, `COPY --from=${image} /www /loot\n`) }
    const built = await shiplock.endedRun(await shiplock.push('develop', taking, 'develop', 'team/other'))
    expect(stageOf(built, 'build')).toMatchObject({
      status: 'failed',
      because: expect.stringContaining('built for another project'),
    })
    const file = serviceFile().replace(`static: { image: "${BUSYBOX}"`, `static: { image: "${digest}"`)
    const stage = await shiplock.endedRun(
      await shiplock.push('develop', { ...SERVICE, '.shiplock.yaml': file }, 'develop', 'team/other'),
    )
    expect(stageOf(stage, 'static')).toMatchObject({
      status: 'failed',
      because: expect.stringContaining('built for another project'),
    })
  })

  it('F1: automatic arguments in FROM are no error', async () => {
    const text = `ARG NONE\n${fileOf(`${BUSYBOX.replace('busybox', 'busy$' + '{NONE}box')}`, 'ARG TARGETOS\nRUN test "$TARGETOS" = linux\n')}`
    const run = await shiplock.endedRun(
      await shiplock.push('develop', { Dockerfile: text, '.shiplock.yaml': serviceFile() }),
    )
    expect(stageOf(run, 'build')).toMatchObject({ status: 'succeeded' })
  })

  it('C6: an ADD of an address fails with its line and what to write', async () => {
    const text = fileOf(BUSYBOX, 'ADD http://127.0.0.1:1/x /x\n')
    const run = await shiplock.endedRun(await shiplock.push('develop', { Dockerfile: text }))
    expect(stageOf(run, 'build')).toMatchObject({
      status: 'failed',
      because: expect.stringMatching(/Dockerfile, line 2: ADD of http.*in a RUN/),
    })
  })
})
