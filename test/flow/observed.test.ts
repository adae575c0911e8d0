// What runs, and what is said to run: through the outermost door, over a real engine.
import Docker from 'dockerode'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { EnvironmentShape } from '../../app/shapes'
import { BUSYBOX, endOf, eventually, Shiplock, serviceFile } from '../given'

const docker = new Docker()
let shiplock: Shiplock
let worker: Awaited<ReturnType<Shiplock['startWorker']>>
let project = 0

// Each pushes, builds and watches through a window.
vi.setConfig({ testTimeout: 120_000 })

beforeAll(async () => {
  shiplock = await Shiplock.start({ worker: 'none' })
  shiplock.useWorkersApart()
  worker = await shiplock.startWorker()
  project = await shiplock.project()
}, 120_000)
afterAll(() => shiplock?.close())

/** A page at /, and a health that a script decides: `$n` is how often it was asked before. */
const service = (page: string, script: string, monitor = '1s') => ({
  Dockerfile: `FROM ${BUSYBOX}\nCOPY www /www\nRUN chmod +x /www/cgi-bin/healthz\nCMD ["sh","/www/start"]\n`,
  'www/index.html': `${page}\n`,
  'www/start':
    'rm -f /tmp/end\nhttpd -p 8085 -h /www\nwhile ! test -f /tmp/end; do sleep 0.1; done\nsleep 1.5; exit 1\n',
  'www/cgi-bin/healthz': `#!/bin/sh
n=$(cat /tmp/n 2>/dev/null || echo 0); echo $((n + 1)) > /tmp/n
${script}
`,
  '.shiplock.yaml': serviceFile({ healthz: '/cgi-bin/healthz', monitor }),
})
const GOOD = 'printf "HTTP/1.0 200 OK\\r\\n\\r\\nok"'
const BAD = 'printf "HTTP/1.0 503 No\\r\\n\\r\\nno"'
const FLAPS = `if [ $((n % 2)) = 0 ]; then ${GOOD}; else ${BAD}; fi`
const LEAVES = `touch /tmp/end; ${GOOD}`
/** Slow enough for something to happen between the take-over and the record. */
const SLOW = `sleep 0.4; ${GOOD}`

async function test(): Promise<EnvironmentShape> {
  const { items } = await shiplock.client.environments('test')
  if (items[0] === undefined) throw new Error('there is no test environment')
  return items[0]
}
const until = (what: string, is: (place: EnvironmentShape) => boolean) =>
  eventually(what, async () => {
    const place = await test()
    return is(place) && place
  })
/** A look that is under way may put off the one that is asked for: it is asked for again until it shows. */
const untilLooked = (what: string, is: (place: EnvironmentShape) => boolean) =>
  eventually(
    what,
    async () => {
      await lookNow()
      const place = await test()
      return is(place) && place
    },
    60_000,
    700,
  )
const pageAt = async (url: string | null | undefined) => (await (await fetch(String(url))).text()).trim()
const containers = () =>
  docker.listContainers({
    all: true,
    filters: { label: [`shiplock.instance=${shiplock.instance}`, 'shiplock.kind=deployment'] },
  })
const failed = (commit: string) => shiplock.promotion(commit, 'test', (p) => p.status === 'failed')
const lookNow = () => shiplock.record.pool.query('UPDATE "Observed" SET "dueAt" = clock_timestamp()')
const inside = async (id: string, Cmd: string[]) => {
  const exec = await docker.getContainer(id).exec({ Cmd })
  await exec.start({ Detach: true })
}
const killed = async () => {
  await endOf(worker.process as NonNullable<typeof worker.process>, 'SIGKILL')
}

/** Pushes, and does something to the new replica while the record of its deployment is written, which takes three seconds here. */
async function whileRecorded(files: ReturnType<typeof service>, act: (id: string) => Promise<unknown>) {
  const sql = (text: string) => shiplock.record.pool.query(text)
  await sql(`CREATE FUNCTION slow_record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.status = 'deployed' AND OLD.status = 'deploying' THEN PERFORM pg_sleep(3); END IF; RETURN NEW; END $$`)
  await sql('CREATE TRIGGER slow_record BEFORE UPDATE ON "Promotion" FOR EACH ROW EXECUTE FUNCTION slow_record()')
  await sql('ALTER TABLE "Promotion" ENABLE ALWAYS TRIGGER slow_record')
  const commit = await shiplock.push('develop', files)
  const sleeps = async () => {
    const { rows } = await sql(
      `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`,
    )
    return rows.length > 0
  }
  await eventually('it is being recorded', sleeps, 60_000, 20)
  const { id } = await shiplock.promotion(commit, 'test')
  const [fresh] = (await containers()).filter((c) => c.Labels['shiplock.promotion'] === String(id))
  await act(fresh?.Id ?? '')
  await sql('DROP TRIGGER slow_record ON "Promotion"')
  await sql('DROP FUNCTION slow_record')
  return commit
}

it('A1: a first release that flaps leaves nothing, and the board says that nothing runs', async () => {
  const commit = await shiplock.push('develop', service('first', FLAPS))
  expect((await failed(commit)).because).toMatch(/did not hold: .*Nothing else runs here/s)
  const place = await until('it was looked at', (p) => p.observed?.observedAt != null)
  expect(place).toMatchObject({
    running: null,
    observed: { health: 'absent', digest: null, url: null, deployed: null },
  })
  expect(await containers()).toEqual([])
})

it('A1: a release that is healthy once and badly afterwards does not replace the good one, and nothing says that it did', async () => {
  const good = await shiplock.push('develop', service('one', GOOD))
  const before = await shiplock.deployed(good)
  const bad = await shiplock.push('develop', service('two', FLAPS))
  const promotion = await failed(bad)
  expect(promotion.because).toMatch(
    /every answer must be good for 1 s, at least 3 in a row; of \d+ answers \d+ were good and \d+ bad/,
  )
  expect(promotion).toMatchObject({ deployedAt: null, observed: null, url: null })

  const after = await untilLooked('it was looked at', (p) => p.observed?.observedAt !== before.observed?.observedAt)
  expect(after.running).toMatchObject({ release: { commit: good }, url: before.running.url })
  expect(after.observed).toMatchObject({ health: 'healthy', digest: before.running.release.digest, unknown: null })
  expect(after.lastFailed).toMatchObject({ id: promotion.id })
  expect(await pageAt(after.running?.url)).toBe('one')
  const { items } = await shiplock.client.ask<{
    items: { commit: string; places: { environment: string; running: boolean }[] }[]
  }>('GET', '/releases')
  const runs = items.filter((r) => r.places.some((p) => p.environment === 'test' && p.running))
  expect(runs.map((r) => r.commit)).toEqual([good])
  expect(await containers()).toHaveLength(1)
})

it('A2: a release that exits after its first good answer does not replace it either', async () => {
  const before = await test()
  const bad = await shiplock.push('develop', service('three', LEAVES, '3s'))
  expect((await failed(bad)).because).toMatch(/does not run \(exit code 1\)/)
  const after = await test()
  expect(after.running?.id).toBe(before.running?.id)
  expect(await pageAt(after.running?.url)).toBe('one')
})

it('A2: a worker that is killed after the take-over, and a cancellation then: what ran before serves, and the record says so', async () => {
  const before = await test()
  const commit = await shiplock.push('develop', service('four', SLOW))
  await eventually(
    'it has taken over',
    async () => {
      const names = (await containers()).map((c) => c.Names[0] ?? '')
      return names.length === 2 && names.every((name) => !name.endsWith('-starting'))
    },
    60_000,
    5,
  )
  await killed()
  const { id, status } = await shiplock.promotion(commit, 'test')
  expect(status).toBe('deploying')
  await shiplock.client.cancelPromotion(id, 'not this one')
  worker = await shiplock.startWorker()
  await eventually('it was withdrawn', async () => (await containers()).length === 1)
  const after = await untilLooked('it was looked at', (p) => p.observed?.observedAt !== before.observed?.observedAt)
  expect(after.running).toMatchObject({ id: before.running?.id, release: { commit: before.running?.release.commit } })
  expect(after.observed).toMatchObject({ health: 'healthy', deployed: { promotion: before.running?.id } })
  expect(await pageAt(after.running?.url)).toBe('one')
  expect(await shiplock.client.promotion(id)).toMatchObject({ status: 'canceled', deployedAt: null })
})

it('A1: a worker that is killed after the record and before the old set went: the next look retires it', async () => {
  const commit = await shiplock.push('develop', service('five', GOOD))
  await shiplock.promotion(commit, 'test', (p) => p.deployedAt !== null)
  await killed()
  const place = await until('it is what runs', (p) => p.running?.release.commit === commit)
  expect(await pageAt(place.running?.url)).toBe('five')
  worker = await shiplock.startWorker()
  await eventually('the old one is gone', async () => (await containers()).length === 1)
  expect(await pageAt((await test()).running?.url)).toBe('five')
})

it('A1: the new set is killed while it is recorded: the old one is kept and serves again, and the deployment failed', async () => {
  const before = await test()
  const commit = await whileRecorded(service('dies', GOOD), (id) => docker.getContainer(id).kill())
  expect((await failed(commit)).because).toMatch(/which serves again: .*does not run \(exit code 137\)/)
  const after = await untilLooked('the old one serves', (p) => p.observed?.health === 'healthy')
  expect(after.running).toMatchObject({ id: before.running?.id, url: before.running?.url })
  expect(await pageAt(after.running?.url)).toBe('five')
  expect(await containers()).toHaveLength(1)
})

it('A1: a release that ends and is started again all the time is not healthy, and has the address that it has now', async () => {
  const commit = await shiplock.push('develop', service('loops', GOOD))
  const before = await shiplock.deployed(commit)
  await eventually('the old one is gone', async () => (await containers()).length === 1)
  const [{ Id } = { Id: '' }] = await containers()
  const restartsOf = async () => (await docker.getContainer(Id).inspect()).RestartCount
  const end = async () => {
    const restarts = await restartsOf()
    await inside(Id, ['touch', '/tmp/end'])
    await eventually('its engine started it again', async () => (await restartsOf()) > restarts, 30_000, 100)
  }
  await end()
  const sick = await untilLooked('it is known', (p) =>
    /started again by its engine once/.test(p.observed?.because ?? ''),
  )
  expect(sick.observed?.health).toBe('unhealthy')
  expect(sick.running?.url).not.toBe(before.running.url)
  expect(await pageAt(sick.running?.url)).toBe('loops')
  await end()
  await untilLooked('it is counted on', (p) => /started again by its engine 2 times/.test(p.observed?.because ?? ''))
  const trail = await shiplock.client.ask<{ items: { kind: string; before: string; after: string }[] }>(
    'GET',
    '/trail?kind=environment.observe&limit=1',
  )
  expect(trail.items[0]).toMatchObject({ before: 'healthy', after: 'unhealthy' })
  // A person starts it: its engine counts from none, and the address is another one.
  await docker.getContainer(Id).restart({ t: 0 })
  const again = await untilLooked('it is healthy again', (p) => p.observed?.health === 'healthy')
  expect(again.running?.url).not.toBe(sick.running?.url)
  expect(await pageAt(again.running?.url)).toBe('loops')
})

it('A2: a service that is renamed is ended once the one in its place is healthy, and until then the board says that it runs', async () => {
  const before = await test()
  const renamed = service('renamed', GOOD)
  const yaml = renamed['.shiplock.yaml'].replace('service: hello', 'service: hallo')
  let hallo = ''
  const files = { ...renamed, '.shiplock.yaml': yaml }
  const commit = await whileRecorded(files, async (id) => {
    hallo = id
    await docker.getContainer(id).pause()
  })
  expect((await failed(commit)).because).toMatch(/^it was deployed, and the look after that found it unhealthy/)
  const both = await untilLooked('the board names both', (p) =>
    /hello runs here as well/.test(p.observed?.because ?? ''),
  )
  expect(both).toMatchObject({ service: 'hallo', observed: { health: 'unhealthy' } })
  expect(both.observed?.because).toMatch(/is paused: `docker unpause/)
  expect(await pageAt(before.running?.url)).toBe('loops')
  await docker.getContainer(hallo).unpause()
  await eventually('the former one is ended', async () => (await containers()).length === 1)
  expect(await pageAt((await test()).running?.url)).toBe('renamed')
  const trail = await shiplock.client.ask<{ items: { because: string; after: string }[] }>(
    'GET',
    '/trail?kind=environment.observe&limit=5',
  )
  expect(trail.items).toContainEqual(
    expect.objectContaining({
      after: 'absent',
      because: 'nothing runs here: hallo was deployed in the place of hello, which was ended',
    }),
  )
  // Named back: the same the other way round.
  const back = await shiplock.push('develop', service('named back', GOOD))
  await shiplock.deployed(back)
  await eventually('hallo is ended', async () => (await containers()).length === 1)
  expect(await pageAt((await test()).running?.url)).toBe('named back')
})

it('A2: what a person took away is not said to run, and a rollback to it is possible', async () => {
  const before = await test()
  const release = before.running?.release.id ?? 0
  await docker.getContainer((await containers())[0]?.Id ?? '').remove({ force: true })
  const gone = await untilLooked('it was looked at', (p) => p.observed?.health === 'absent')
  expect(gone).toMatchObject({
    running: null,
    observed: { digest: null, url: null, deployed: { promotion: before.running?.id, release } },
  })
  const trail = await shiplock.client.ask<{ items: { kind: string; before: string; after: string }[] }>(
    'GET',
    '/trail?kind=environment.observe&limit=1',
  )
  expect(trail.items[0]).toMatchObject({ before: 'healthy', after: 'absent' })

  await shiplock.client.rollback(gone.id, release, 'a person removed it')
  const back = await until('it runs again', (p) => p.running?.release.id === release)
  expect(await pageAt(back.running?.url)).toBe('named back')
  expect(back.observed?.health).toBe('healthy')
})

it('a target that does not answer keeps the last reading, and says since when it is not known', async () => {
  const before = await test()
  const setHost = (host: string | null) =>
    shiplock.record.pool.query(
      `UPDATE "Environment" SET policy = jsonb_set(policy, '{target}', CASE WHEN $2::text IS NULL THEN (policy->'target') - 'host' ELSE policy->'target' || jsonb_build_object('host', $2::text) END) WHERE "projectId" = $1 AND name = 'test'`,
      [project, host],
    )
  await setHost('unix:///tmp/nothing-answers-here.sock')
  const away = await untilLooked('it is not known', (p) => p.observed?.unknown != null)
  expect(away.observed).toMatchObject({
    digest: before.observed?.digest,
    health: 'healthy',
    unknown: { because: expect.stringContaining('Check that the engine runs') },
  })
  expect(away.running?.id).toBe(before.running?.id)
  expect(Date.parse(String(away.observed?.observedAt))).toBeLessThan(Date.parse(String(away.observed?.unknown?.since)))
  const since = away.observed?.unknown?.since
  await setHost(null)
  const back = await untilLooked('it is known again', (p) => p.observed?.unknown === null)
  expect(back.observed?.health).toBe('healthy')
  expect(since).toBeDefined()
})
