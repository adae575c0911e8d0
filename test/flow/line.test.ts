import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Shiplock, serviceFile } from '../given'
import { aRedis, type Redis } from '../redis'

let redis: Redis
beforeAll(async () => {
  redis = await aRedis()
})
afterAll(() => redis.stop())

const WITHIN = { timeout: 20_000 }

describe.each(['PostgreSQL', 'Redis'])('the line, with the queue on %s', (backend) => {
  let shiplock: Shiplock
  beforeAll(async () => {
    shiplock = await Shiplock.start(backend === 'Redis' ? { redisUrl: redis.url } : {})
    await shiplock.project()
  })
  afterAll(() => shiplock?.close())

  it('a feature branch is checked, told about on the commit, and goes nowhere', async () => {
    const commit = await shiplock.push('feature/welcome', { 'www/index.html': 'two\n' })
    const run = await shiplock.endedRun(commit)
    expect(run).toMatchObject({ status: 'succeeded', branchKind: 'feature', goesTo: null, pusher: 'mia' })
    expect(run.stages.map((s) => [s.name, s.status])).toEqual([['static', 'succeeded']])
    expect(run.promotions).toEqual([])
    expect(await shiplock.log(run.id, 'static')).toContain('$ test -f Dockerfile')
    await shiplock.told(commit, { 'shiplock/static': 'success' })
  })

  it('a push to develop becomes a container that runs exactly the digest that was built', async () => {
    const commit = await shiplock.push('develop', { 'www/index.html': `${backend}\n` })
    const run = await shiplock.endedRun(commit)
    expect(run.because).toBe('')
    expect(run.stages.map((s) => [s.name, s.status])).toEqual([
      ['static', 'succeeded'],
      ['build', 'succeeded'],
      ['unit', 'succeeded'],
    ])
    const built = run.stages.find((s) => s.name === 'build')?.digest
    const place = await shiplock.deployed(commit)
    expect(place.running).toMatchObject({ observed: built, release: { digest: built } })
    const containers = await new Docker().listContainers({
      filters: { label: [`shiplock.instance=${shiplock.instance}`, 'shiplock.kind=deployment'] },
    })
    expect(containers.map((c) => c.ImageID)).toEqual([built])
    expect(await (await fetch(String(place.running.url))).text()).toBe(`${backend}\n`)
    await shiplock.told(commit, {
      'shiplock/static': 'success',
      'shiplock/build': 'success',
      'shiplock/unit': 'success',
    })
  })

  it('the next push takes its place, and the old container goes', async () => {
    const commit = await shiplock.push('develop', {
      'www/index.html': 'next\n',
      '.shiplock.yaml': serviceFile({ replicas: 2 }),
    })
    const place = await shiplock.deployed(commit)
    expect(await (await fetch(String(place.running.url))).text()).toBe('next\n')
    // What served before goes once the record says where the new set is.
    const filters = { label: [`shiplock.instance=${shiplock.instance}`, 'shiplock.kind=deployment'] }
    await expect.poll(async () => (await new Docker().listContainers({ all: true, filters })).length, WITHIN).toBe(2)
  })

  it('the same tree again is not built again: its release is adopted', async () => {
    const before = await shiplock.environment()
    const commit = await shiplock.push('develop', {})
    const run = await shiplock.endedRun(commit)
    expect(run.stages.find((s) => s.name === 'build')).toMatchObject({
      status: 'skipped',
      because: expect.stringContaining('same tree'),
    })
    const promoted = await shiplock.promotionOf(run.id)
    expect(promoted.release.digest).toBe(before.running?.release.digest)
  })

  it('every status is explained by the trail', async () => {
    const { rows } = await shiplock.record.pool.query(
      `SELECT s.id FROM "Stage" s WHERE s.status <> 'pending' AND NOT EXISTS (
         SELECT 1 FROM "AuditEntry" a WHERE a.subject = 'stage' AND a."subjectId" = s.id AND a.after = s.status)
       UNION ALL SELECT r.id FROM "Run" r WHERE NOT EXISTS (
         SELECT 1 FROM "AuditEntry" a WHERE a.subject = 'run' AND a."subjectId" = r.id AND a.after = r.status)
       UNION ALL SELECT p.id FROM "Promotion" p WHERE p.status <> 'waiting' AND NOT EXISTS (
         SELECT 1 FROM "AuditEntry" a WHERE a.subject = 'promotion' AND a."subjectId" = p.id AND a.after = p.status)`,
    )
    expect(rows).toEqual([])
  })

  it('an entry of the trail can be neither changed nor deleted', async () => {
    await expect(shiplock.record.pool.query(`UPDATE "AuditEntry" SET because = 'x'`)).rejects.toThrow('append-only')
    await expect(shiplock.record.pool.query(`DELETE FROM "AuditEntry"`)).rejects.toThrow('append-only')
    await expect(shiplock.record.pool.query(`TRUNCATE "AuditEntry" CASCADE`)).rejects.toThrow('append-only')
  })

  it('nothing of a step is left: no container, and no secret in any row', async () => {
    const steps = await new Docker().listContainers({
      all: true,
      filters: { label: [`shiplock.instance=${shiplock.instance}`, 'shiplock.kind=step'] },
    })
    expect(steps).toEqual([])
    expect(await shiplock.rowsThatHold(shiplock.botToken)).toEqual([])
  })
})
