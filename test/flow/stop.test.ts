import Docker from 'dockerode'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { goAll, goEnvironment, stopAll, stopEnvironment } from '../../environments/stop'
import type { Actor } from '../../prisma/record'
import { eventually, Shiplock, serviceFile } from '../given'

let shiplock: Shiplock
beforeAll(async () => {
  shiplock = await Shiplock.start()
  await shiplock.project()
})
afterAll(() => shiplock?.close())

const OMAR: Actor = { actor: 'account:3', actorName: 'omar' }
/** As the record has it now: claims are counted by the epoch. */
const rowOf = (id: number) =>
  shiplock.record.db.promotion.findUniqueOrThrow({
    where: { id },
    select: { status: true, epoch: true, attempts: true },
  })
const whyStopped = (p: { verdicts: { gate: string; because: string }[] }) =>
  p.verdicts.find((v) => v.gate === 'stop')?.because
const running = async (environment: string) => (await shiplock.client.environments(environment)).items[0]?.running
const statusOf = async (id: number) => (await shiplock.client.promotion(id)).status
const containersOf = (digest: string) =>
  new Docker()
    .listContainers({
      all: true,
      filters: { label: [`shiplock.instance=${shiplock.instance}`, 'shiplock.kind=deployment'] },
    })
    .then((all) => all.filter((c) => c.ImageID === digest))
const served = async (environment: string) => (await fetch(String((await running(environment))?.url))).text()
/** A service that stays unhealthy for long: its deployment is still going on when the stop comes. */
const slow = (seconds: number) =>
  serviceFile({ healthz: '/never' }).replace('start_period: 2s', `start_period: ${seconds}s`)
const told = async (kind: string) =>
  (
    await shiplock.record.pool.query<{ because: string; data: { held?: number[] } }>(
      'SELECT because, data FROM "AuditEntry" WHERE kind = $1 ORDER BY id',
      [kind],
    )
  ).rows

it('a stop while something is being deployed leaves the old one running, and nothing follows until somebody lets it', async () => {
  const first = await shiplock.push('release/1.0', { 'www/index.html': 'one\n' })
  await shiplock.verified(first, 'prerelease')
  const place = await shiplock.environment('prerelease')
  const before = await containersOf(String(place.running?.release.digest))
  expect(before).toHaveLength(1)

  const second = await shiplock.push(
    'release/1.0',
    { '.shiplock.yaml': slow(60), 'www/index.html': 'two\n' },
    'release/1.0',
  )
  const deploying = await shiplock.promotion(second, 'prerelease', (p) => p.status === 'deploying')
  await eventually('a container of it is there', async () => (await containersOf(deploying.release.digest)).length > 0)
  await stopEnvironment(shiplock.record, place.id, 'something is wrong', OMAR)
  expect(await statusOf(deploying.id)).toBe('waiting')
  await eventually(
    'what was half-made is gone',
    async () => (await containersOf(deploying.release.digest)).length === 0,
  )
  expect(await served('prerelease')).toBe('one\n')
  expect((await containersOf(String(place.running?.release.digest))).map((c) => c.Id)).toEqual(before.map((c) => c.Id))
  const waiting = await shiplock.waitsFor(second, 'prerelease', 'stop')
  expect(whyStopped(waiting)).toBe('prerelease is stopped by omar: something is wrong')
  expect(await told('environment.stop')).toMatchObject([
    { because: 'something is wrong', data: { held: [deploying.id] } },
  ])
  await expect(stopEnvironment(shiplock.record, place.id, 'again', OMAR)).rejects.toThrow(/is stopped already/)

  // What is newer waits as well, and so does going back.
  const third = await shiplock.push(
    'release/1.0',
    {
      '.shiplock.yaml': serviceFile(),
      'www/index.html': 'three\n',
    },
    'release/1.0',
  )
  await shiplock.waitsFor(third, 'prerelease', 'stop')
  expect(await served('prerelease')).toBe('one\n')
  await expect(goEnvironment(shiplock.record, place.id, ' ', OMAR)).rejects.toThrow(/needs a reason/)
  await goEnvironment(shiplock.record, place.id, 'it was nothing', OMAR)
  await shiplock.verified(third, 'prerelease')
  expect(await served('prerelease')).toBe('three\n')
  expect(await statusOf(deploying.id)).toBe('superseded')
  await expect(goEnvironment(shiplock.record, place.id, 'again', OMAR)).rejects.toThrow(/is not stopped/)
})

it('a rollback does not get past a stop either', async () => {
  const place = await shiplock.environment('prerelease')
  const { rows } = await shiplock.record.pool.query<{ id: number }>(
    `SELECT "releaseId" AS id FROM "Promotion" WHERE "environmentId" = $1 AND status = 'verified' ORDER BY id LIMIT 1`,
    [place.id],
  )
  await stopEnvironment(shiplock.record, place.id, 'hands off', OMAR)
  const back = await shiplock.people.omar.rollback(place.id, Number(rows[0]?.id), 'it is broken')
  await eventually('it waits for the stop', async () => {
    const now = await shiplock.client.promotion(back.id)
    return now.status === 'waiting' && now.because.includes('is stopped by omar')
  })
  expect(await served('prerelease')).toBe('three\n')
  await goEnvironment(shiplock.record, place.id, 'go on', OMAR)
  await eventually('it went back', async () => (await statusOf(back.id)) === 'verified')
  await shiplock.people.omar.releaseHold(place.id)
  expect(await served('prerelease')).toBe('one\n')
})

it('one switch stops everything: what is being deployed anywhere goes back to waiting, and every place waits', async () => {
  const second = await shiplock.push('develop', { '.shiplock.yaml': slow(60), 'www/index.html': 'slow\n' })
  const deploying = await shiplock.promotion(second, 'test', (p) => p.status === 'deploying')
  await stopAll(shiplock.record, 'fire drill', OMAR)
  expect(await statusOf(deploying.id)).toBe('waiting')
  await eventually(
    'what was half-made is gone',
    async () => (await containersOf(deploying.release.digest)).length === 0,
  )
  await shiplock.waitsFor(second, 'test', 'stop')
  await expect(stopAll(shiplock.record, 'again', OMAR)).rejects.toThrow(/stopped already/)
  const hotfix = await shiplock.push('hotfix/1.1', { '.shiplock.yaml': serviceFile(), 'www/index.html': 'fixed\n' })
  const waits = await shiplock.waitsFor(hotfix, 'prerelease', 'stop')
  expect(whyStopped(waits)).toBe('prerelease is stopped by omar: fire drill')
  await goAll(shiplock.record, 'the drill is over', OMAR)
  await expect(goAll(shiplock.record, 'again', OMAR)).rejects.toThrow(/not everything is stopped/)
  await shiplock.promotion(second, 'test', (p) => p.status === 'deploying' && p.startedAt !== deploying.startedAt)
  expect(await told('installation.stop')).toMatchObject([{ because: 'fire drill', data: { held: [deploying.id] } }])
  expect(await told('installation.go')).toHaveLength(1)
})

it('a stop that comes at any moment of a deployment lets nothing begin behind it, and leaves nothing half-made', async () => {
  const place = await shiplock.environment('prerelease')
  await stopEnvironment(shiplock.record, place.id, 'first', OMAR)
  const commit = await shiplock.push(
    'hotfix/1.1',
    { '.shiplock.yaml': slow(60), 'www/index.html': 'never\n' },
    'hotfix/1.1',
  )
  const waits = await shiplock.waitsFor(commit, 'prerelease', 'stop')
  const before = await served('prerelease')
  let begun = 0
  for (let round = 0; round < 12; round++) {
    await goEnvironment(shiplock.record, place.id, 'go', OMAR)
    if (round % 3 === 0) await shiplock.promotion(commit, 'prerelease', (p) => p.status === 'deploying', 20_000)
    await new Promise((resolve) => setTimeout(resolve, (round * 7) % 50))
    await stopEnvironment(shiplock.record, place.id, `stop ${round}`, OMAR)
    const stopped = await rowOf(waits.id)
    // Judged before the stop it may still be queued after it; whoever takes it up judges again.
    expect(stopped.status).not.toBe('deploying')
    await eventually('it waits', async () => (await rowOf(waits.id)).status === 'waiting')
    expect((await rowOf(waits.id)).epoch).toBe(stopped.epoch)
    begun = stopped.epoch
  }
  expect(begun).toBeGreaterThanOrEqual(4)
  await eventually('nothing half-made is left', async () => (await containersOf(waits.release.digest)).length === 0)
  expect(await rowOf(waits.id)).toEqual({ status: 'waiting', epoch: begun, attempts: 0 })
  expect(await served('prerelease')).toBe(before)
  await shiplock.people.omar.cancelPromotion(waits.id, 'the test is over')
  await goEnvironment(shiplock.record, place.id, 'done', OMAR)
})
