import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BUSYBOX, endOf, eventually, Shiplock, serviceFile } from '../given'

const docker = new Docker()

describe('a worker that is killed', () => {
  let shiplock: Shiplock
  let worker: Awaited<ReturnType<Shiplock['startWorker']>>

  beforeAll(async () => {
    shiplock = await Shiplock.start({ worker: 'none' })
    shiplock.useWorkersApart()
    worker = await shiplock.startWorker()
    await shiplock.project()
  })
  afterAll(() => shiplock?.close())

  const holds = async (sql: string) => (await shiplock.record.pool.query(sql)).rows.length > 0
  const MOMENTS: [string, string][] = [
    ['while it plans', `SELECT 1 FROM "Run" WHERE status = 'planning'`],
    ['while the static stage runs', `SELECT 1 FROM "Stage" WHERE name = 'static' AND status = 'running'`],
    ['while it builds', `SELECT 1 FROM "Stage" WHERE name = 'build' AND status = 'running'`],
    ['between stages', `SELECT 1 FROM "Stage" WHERE name = 'unit' AND status IN ('queued', 'running')`],
    [
      'before the release is cut',
      `SELECT 1 FROM "Run" WHERE status = 'succeeded' AND "movedOnAt" IS NULL AND "goesTo" IS NOT NULL`,
    ],
    ['while it deploys', `SELECT 1 FROM "Promotion" WHERE status = 'deploying'`],
  ]
  let number = 0

  it.each(MOMENTS)('%s: another takes it up, and there is one image, one deployment, no orphan', async (_when, sql) => {
    const commit = await shiplock.push('develop', {
      'www/index.html': `crash ${++number}\n`,
      Dockerfile: `FROM shiplock-demo/busybox:latest\nRUN echo ${number} && sleep 0.5\nCOPY www /www\nCMD ["httpd","-f","-p","8085","-h","/www"]\n`,
      '.shiplock.yaml': serviceFile({ static: 'sleep 0.3' }),
    })
    await eventually('the moment comes', () => holds(sql), 30_000, 2)
    await endOf(worker.process as NonNullable<typeof worker.process>, 'SIGKILL')
    await shiplock.letLeasesLapse()
    worker = await shiplock.startWorker()

    const run = await shiplock.endedRun(commit)
    expect(run.stages.map((s) => [s.name, s.status])).toEqual([
      ['static', 'succeeded'],
      ['build', 'succeeded'],
      ['unit', 'succeeded'],
    ])
    const place = await shiplock.deployed(commit)
    expect(await (await fetch(String(place.running.url))).text()).toBe(`crash ${number}\n`)
    const mine = { label: [`shiplock.instance=${shiplock.instance}`] }
    await eventually(
      'nothing else is left',
      async () => (await docker.listContainers({ all: true, filters: mine })).length === 1,
    )
    const images = await docker.listImages({
      filters: { label: [`shiplock.instance=${shiplock.instance}`, `shiplock.run=${run.id}`] },
    })
    expect(images.map((i) => i.Id)).toEqual([run.stages.find((s) => s.name === 'build')?.digest])
    const { rows } = await shiplock.record.pool.query('SELECT count(*)::int AS n FROM "Promotion" WHERE "runId" = $1', [
      run.id,
    ])
    expect(rows[0].n).toBe(1)
  })

  it('a worker that is told to stop gives back what it cannot finish, and the next one takes it up at once', async () => {
    const commit = await shiplock.push('feature/slow', { '.shiplock.yaml': serviceFile({ static: 'sleep 4' }) })
    await eventually('it runs', () =>
      holds(
        `SELECT 1 FROM "Stage" s JOIN "Run" r ON r.id = s."runId" WHERE r."commit" = '${commit}' AND s.status = 'running'`,
      ),
    )
    await worker.stop()
    expect((await shiplock.runOf(commit)).stages[0]).toMatchObject({
      status: 'queued',
      because: 'its worker was stopped',
    })
    worker = await shiplock.startWorker()
    expect((await shiplock.endedRun(commit)).status).toBe('succeeded')
  })
})

describe('what nobody stands behind', () => {
  it('a container, labelled as a step of ours, is gone within a minute; a stranger is left alone', async () => {
    // No worker yet: it would take the orphan away before it runs.
    const shiplock = await Shiplock.start({ worker: 'none' })
    const plant = (labels: Record<string, string>) =>
      docker.createContainer({ Image: BUSYBOX, Cmd: ['sleep', '600'], Labels: labels })
    const step = {
      'shiplock.kind': 'step',
      'shiplock.run': '4711',
      'shiplock.stage': 'unit',
      'shiplock.epoch': '1',
      'shiplock.project': '1',
    }
    const orphan = await plant({ ...step, 'shiplock.instance': shiplock.instance })
    const strangers = [await plant({}), await plant({ ...step, 'shiplock.instance': 'somebody-else' })]
    try {
      await orphan.start()
      await shiplock.startWorker()
      const there = async (id: string) => (await docker.listContainers({ all: true })).some((c) => c.Id === id)
      await eventually('the orphan is gone', async () => !(await there(orphan.id)), 50_000)
      for (const stranger of strangers) expect(await there(stranger.id)).toBe(true)
    } finally {
      for (const stranger of strangers) await stranger.remove({ force: true })
      await shiplock.close()
    }
  })
})

describe('the queue', () => {
  it('losing all of it loses nothing: the sweep rings again', async () => {
    const shiplock = await Shiplock.start({ worker: 'none' })
    try {
      const id = await shiplock.project()
      await shiplock.record.pool.query(`UPDATE "Project" SET "forgeProjectId" = 1, "cloneUrl" = $2 WHERE id = $1`, [
        id,
        `${shiplock.forge.url}/team/hello.git`,
      ])
      await shiplock.startWorker()
      await eventually('it is connected', async () => (await shiplock.client.project(id)).status === 'connected')
      const commit = await shiplock.push('feature/queue', { '.shiplock.yaml': serviceFile({ static: 'sleep 1' }) })
      await eventually('it runs', async () => (await shiplock.runOf(commit)).stages.some((s) => s.status === 'running'))
      await shiplock.record.pool.query('TRUNCATE bullmq.bullmq_jobs CASCADE').catch(async () => {
        const { rows } = await shiplock.record.pool.query<{ name: string }>(
          `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'bullmq' AND table_name LIKE '%job%'`,
        )
        expect(rows.length).toBeGreaterThan(0)
        for (const { name } of rows) await shiplock.record.pool.query(`TRUNCATE bullmq."${name}" CASCADE`)
      })
      const next = await shiplock.push('develop', { 'www/index.html': 'after the flood\n' })
      expect((await shiplock.endedRun(commit)).status).toBe('succeeded')
      await shiplock.deployed(next)
    } finally {
      await shiplock.close()
    }
  })
})
