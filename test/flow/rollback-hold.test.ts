// The hold that a rollback sets: it says what has happened, and ends with a rollback that comes to nothing, whichever way it ends.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { losePromotion } from '../../environments/deploy'
import { cancelPromotion, retryByHand } from '../../environments/end-promotion'
import { holdEnvironment, releaseHold } from '../../environments/hold'
import { refuseRelease } from '../../environments/refuse'
import { reviewPromotion } from '../../environments/review'
import { requestRollback } from '../../environments/rollback'
import { beginVerification } from '../../environments/verify'
import { Fault } from '../../pipelines/fault'
import { MAX_ATTEMPTS } from '../../pipelines/retry'
import type { Person } from '../../prisma/record'
import { Signing, type Waiting } from './given-signing'

let world: Signing
let ops: Person
let owner: Person
let place: { project: number; environment: number }
/** What the target makes of the next deployment. */
let outcome: 'runs' | 'refuses' | 'is away'

vi.mock('../../environments/targets/index', async () => {
  const { modelTarget } = await import('./model-target')
  const target = modelTarget(async () => {
    if (outcome === 'is away') throw new Fault('target.unreachable', 'the model is away')
    return { ok: outcome === 'runs', because: 'the model says so' }
  })
  return { TARGETS: { docker: () => target } }
})

beforeAll(async () => {
  world = await Signing.start()
  ops = await world.person('ops')
  owner = await world.person('owner')
})
afterAll(() => world?.close())

let first: Waiting
let newer: Waiting
let back: number
/** Production ran the first release, runs the second, and a third waits; then a rollback to the first is asked for. */
beforeEach(async () => {
  outcome = 'runs'
  place = await world.production()
  const [a, b] = [await world.waiting(place), await world.waiting(place)]
  for (const { promotion } of [a, b])
    await world.sql(
      `UPDATE "Promotion" p SET status = 'verified', observed = l.digest, "startedAt" = clock_timestamp(), "deployedAt" = clock_timestamp(),
         "verifiedAt" = clock_timestamp() FROM "Release" l WHERE l.id = p."releaseId" AND p.id = $1`,
      [promotion],
    )
  first = a
  newer = await world.waiting(place)
})
const askBack = async (release = first.release) => {
  back = await requestRollback(
    world.record,
    { environmentId: place.environment, releaseId: release, reason: 'orders fail' },
    ops,
  )
  // A worker has asked the target for the image: before that nobody is offered a statement.
  await reviewPromotion(world.context, back)
}

const held = async () =>
  await world.one<{ because: string; heldFor: { phase: string } | null; isHeld: boolean }>(
    `SELECT "heldBecause" AS because, "heldFor", "heldAt" IS NOT NULL AS "isHeld" FROM "Environment" WHERE id = $1`,
    [place.environment],
  )
const told = () =>
  world.sql<{ kind: string; because: string; actor: string }>(
    `SELECT kind, because, actor FROM "AuditEntry" WHERE "environmentId" = $1 AND kind IN ('environment.hold', 'environment.release') ORDER BY id`,
    [place.environment],
  )
const FREE = { because: '', heldFor: null, isHeld: false }

async function nothingHolds(words: RegExp, by = ops.actor) {
  expect(await held()).toEqual(FREE)
  expect((await told()).at(-1)).toMatchObject({
    kind: 'environment.release',
    because: expect.stringMatching(words),
    actor: by,
  })
  // What waits there is judged again, and waits for its own signature.
  await world.sql(`UPDATE "Promotion" SET "dueAt" = clock_timestamp() + interval '1 hour' WHERE status = 'deployed'`)
  const { due } = await world.one<{ due: boolean }>(
    'SELECT "dueAt" <= clock_timestamp() AS due FROM "Promotion" WHERE id = $1',
    [newer.promotion],
  )
  expect(due).toBe(true)
  await reviewPromotion(world.context, newer.promotion)
  expect(
    (await world.one<{ because: string }>('SELECT because FROM "Promotion" WHERE id = $1', [newer.promotion])).because,
  ).toMatch(/1 of 1 from ops/)
}
/** As it is when nothing has rung: what waits is looked at in an hour. */
const letTheRestSleep = () =>
  world.sql(`UPDATE "Promotion" SET "dueAt" = clock_timestamp() + interval '1 hour' WHERE id = $1`, [newer.promotion])

describe('A5: a hold that begins', () => {
  const said = async () => {
    const row = await world.one<{ due: boolean }>(
      'SELECT "dueAt" <= clock_timestamp() AS due FROM "Promotion" WHERE id = $1',
      [newer.promotion],
    )
    expect(row.due).toBe(true)
    await reviewPromotion(world.context, newer.promotion)
    return (await world.one<{ because: string }>('SELECT because FROM "Promotion" WHERE id = $1', [newer.promotion]))
      .because
  }
  beforeEach(letTheRestSleep)

  it('A5: for a rollback, rings what waits there: it names the hold, and not what it waited for before', async () => {
    await askBack()
    expect(await said()).toMatch(/held by .*: rollback to .* requested: orders fail/)
  })

  it('A5: by hand, too', async () => {
    await holdEnvironment(world.record, place.environment, 'an audit', ops)
    expect(await said()).toMatch(/held by .*: an audit/)
  })
})

describe('A5: a rollback that only waits', () => {
  beforeEach(async () => {
    await askBack()
    await letTheRestSleep()
  })

  it('is a hold that says requested, not rolled back', async () => {
    expect(await held()).toMatchObject({
      because: expect.stringMatching(/^rollback to V1\.0_\d+ requested: orders fail$/),
    })
    await reviewPromotion(world.context, newer.promotion)
    const { because } = await world.one<{ because: string }>('SELECT because FROM "Promotion" WHERE id = $1', [
      newer.promotion,
    ])
    expect(because).toMatch(/held by .*: rollback to .* requested: orders fail/)
  })

  it('ends its hold when somebody rejects it', async () => {
    await world.sign(back, ops, 'reject', 'not now')
    await nothingHolds(/was refused: rejected by .*not now/)
  })

  it('ends its hold when it is canceled', async () => {
    await cancelPromotion(world.record, back, owner, 'it works again')
    await nothingHolds(/was canceled: it works again/, owner.actor)
  })

  it('ends its hold when its release is refused', async () => {
    await refuseRelease(world.record, first.release, 'it leaks', owner)
    await nothingHolds(/was refused: .*it leaks/, owner.actor)
  })

  it('ends its hold when a gate shuts, and the worker refuses it', async () => {
    await world.sql(
      `UPDATE "Release" SET "refusedAt" = clock_timestamp(), "refusedBy" = 'omar', "refusedBecause" = 'it leaks' WHERE id = $1`,
      [first.release],
    )
    await reviewPromotion(world.context, back)
    await nothingHolds(/was refused: .*it leaks/, 'worker:w1')
  })

  it('ends its hold when it was queued already, and is canceled', async () => {
    await world.sign(back, ops)
    await reviewPromotion(world.context, back)
    expect((await world.one<{ status: string }>('SELECT status FROM "Promotion" WHERE id = $1', [back])).status).toBe(
      'queued',
    )
    expect((await held()).heldFor?.phase).toBe('requested')
    await cancelPromotion(world.record, back, ops, 'no')
    await nothingHolds(/was canceled/)
  })

  it('whose hold was released by hand sets none again, whatever becomes of it', async () => {
    await releaseHold(world.record, place.environment, ops)
    await world.sign(back, ops)
    expect((await world.deploy(back)).status).toBe('deployed')
    expect(await held()).toEqual(FREE)
  })

  it('is not held a second time by hand, and a hold by hand afterwards is that of a person', async () => {
    await expect(holdEnvironment(world.record, place.environment, 'me too', ops)).rejects.toThrow(/held already/)
    await cancelPromotion(world.record, back, ops, 'no')
    await holdEnvironment(world.record, place.environment, 'the audit', ops)
    await askBack()
    await cancelPromotion(world.record, back, ops, 'no')
    expect(await held()).toMatchObject({ because: 'the audit', heldFor: null })
  })
})

describe('A5: what has become of a rollback', () => {
  it('was deployed: rolled back, said when it was observed and not before', async () => {
    await askBack()
    await world.sign(back, ops)
    expect((await held()).because).toContain('requested')
    expect((await world.deploy(back)).status).toBe('deployed')
    expect((await held()).because).toMatch(/^rolled back to V1\.0_\d+: orders fail$/)
    expect((await told()).at(-1)).toMatchObject({ kind: 'environment.hold', actor: 'worker:w1' })
    await beginVerification(world.context, back)
    expect((await held()).because).toMatch(/^rolled back to/)
  })

  it('failed: the hold stays, and says so; tried again it is requested again', async () => {
    outcome = 'refuses'
    await askBack()
    await world.sign(back, ops)
    expect((await world.deploy(back)).status).toBe('failed')
    expect((await held()).because).toMatch(/^rollback to V1\.0_\d+ failed: orders fail$/)
    await retryByHand(world.record, back, ops)
    expect((await held()).because).toContain('requested')
    await cancelPromotion(world.record, back, ops, 'enough')
    expect(await held()).toEqual(FREE)
  })

  it('errored, and its worker died too often: the hold stays, and says so', async () => {
    outcome = 'is away'
    await askBack()
    await world.sign(back, ops)
    expect((await world.deploy(back)).status).toBe('errored')
    expect((await held()).because).toMatch(/failed: orders fail$/)
    await world.sql(
      `UPDATE "Promotion" SET status = 'deploying', attempts = $2, "leaseUntil" = clock_timestamp() - interval '1 second' WHERE id = $1`,
      [back, MAX_ATTEMPTS],
    )
    await losePromotion(world.context, back)
    expect((await held()).because).toMatch(/failed: orders fail$/)
    await cancelPromotion(world.record, back, ops, 'enough')
    expect(await held()).toEqual(FREE)
  })

  it('was there, and canceled while it was verified: what runs there is still said', async () => {
    await askBack()
    await world.sign(back, ops)
    await world.deploy(back)
    await cancelPromotion(world.record, back, ops, 'good enough')
    expect((await held()).because).toMatch(/^rolled back to .*, which was not verified: orders fail$/)
  })
})

describe('A5: a hold that a person set before', () => {
  it('holds again when the rollback is rejected, and is not lost when it is deployed', async () => {
    await holdEnvironment(world.record, place.environment, 'the audit', owner)
    await askBack()
    expect((await held()).because).toContain('requested')
    await world.sign(back, ops, 'reject', 'not now')
    expect(
      await world.one('SELECT "heldBy", "heldBecause" FROM "Environment" WHERE id = $1', [place.environment]),
    ).toEqual({
      heldBy: owner.actorName,
      heldBecause: 'the audit',
    })
    expect((await told()).at(-1)).toMatchObject({
      kind: 'environment.hold',
      because: expect.stringContaining('still held: the audit'),
    })
    await askBack()
    await world.sign(back, ops)
    await world.deploy(back)
    await cancelPromotion(world.record, back, ops, 'good enough')
    await releaseHold(world.record, place.environment, ops)
    expect(await held()).toEqual(FREE)
  })
})
