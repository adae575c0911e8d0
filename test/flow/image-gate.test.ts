// The gate that looks whether the target holds the image: before anybody signs, on every path that could deploy.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { retryByHand } from '../../environments/end-promotion'
import { putBack } from '../../environments/put-back'
import { requestPromotion } from '../../environments/request'
import { reviewPromotion } from '../../environments/review'
import { requestRollback } from '../../environments/rollback'
import { Fault } from '../../pipelines/fault'
import { type Person, transaction } from '../../prisma/record'
import { Signing, type Waiting } from './given-signing'

let world: Signing
let ops: Person
/** Who asked for nothing, and may sign everything. */
let other: Person
let place: { project: number; environment: number }
/** What the engine does not hold. */
const lacking = new Set<string>()
let isAway = false
const applied: string[] = []

vi.mock('../../environments/targets/index', async () => {
  const { modelTarget } = await import('./model-target')
  const target = modelTarget(
    async ({ digest }) => void applied.push(digest),
    async (digest) => {
      if (isAway) throw new Fault('target.unreachable', 'the model is away')
      return lacking.has(digest) ? 'the model does not hold it' : null
    },
  )
  return { TARGETS: { docker: () => target } }
})

beforeAll(async () => {
  world = await Signing.start()
  ops = await world.person('ops')
  other = await world.person('ops')
})
afterAll(() => world?.close())

let first: Waiting
let second: Waiting
/** Production ran the first release, and runs the second. */
beforeEach(async () => {
  isAway = false
  lacking.clear()
  place = await world.production()
  first = await world.waiting(place)
  second = await world.waiting(place)
  for (const { promotion } of [first, second])
    await world.sql(
      `UPDATE "Promotion" p SET status = 'verified', observed = l.digest, "startedAt" = clock_timestamp(), "deployedAt" = clock_timestamp(),
         "verifiedAt" = clock_timestamp() FROM "Release" l WHERE l.id = p."releaseId" AND p.id = $1`,
      [promotion],
    )
})

const of = (id: number) =>
  world.one<{ status: string; because: string; asked: string | null }>(
    'SELECT status, because, "imageAsked" AS asked FROM "Promotion" WHERE id = $1',
    [id],
  )
const rollback = () =>
  requestRollback(
    world.record,
    { environmentId: place.environment, releaseId: first.release, reason: 'orders fail' },
    ops,
  )
/** As if nobody had asked yet. */
const unasked = (id: number) => world.sql('UPDATE "Promotion" SET "imageAsked" = NULL WHERE id = $1', [id])

/** Each makes a promotion of the first release, or of the one it is given, that waits. */
const PATHS: Record<string, () => Promise<{ id: number; digest: string }>> = {
  rollback: async () => ({ id: await rollback(), digest: first.digest }),
  onward: async () => {
    const { promotion: id, digest } = await world.waiting(place)
    await unasked(id)
    return { id, digest }
  },
  'by hand': async () => {
    const { release, digest, promotion } = await world.waiting(place, 'canceled')
    await unasked(promotion)
    const asked = { environmentId: place.environment, releaseId: release, reason: 'now' }
    const id = await requestPromotion(world.record, asked, ops)
    // Git was asked who had a hand in it.
    await world.sql(
      `UPDATE "Promotion" p SET range = jsonb_build_object('from', NULL, 'to', l."commit", 'commits', '[]'::jsonb) FROM "Release" l
       WHERE l.id = p."releaseId" AND p.id = $1`,
      [id],
    )
    return { id, digest }
  },
  'put back by itself': async () => {
    const failed = {
      id: second.promotion,
      environmentId: place.environment,
      environment: 'production',
      projectId: place.project,
      runId: second.run,
    }
    await transaction(world.record, (tx) => putBack(tx, failed, 'smoke: no', ops, world.context.signer))
    const { id } = await world.one<{ id: number }>(
      `SELECT id FROM "Promotion" WHERE "insteadOf" = $1 ORDER BY id DESC LIMIT 1`,
      [second.promotion],
    )
    return { id, digest: first.digest }
  },
  'tried again': async () => {
    const { promotion: id, digest } = await world.waiting(place, 'failed')
    await retryByHand(world.record, id, ops)
    await world.sql(`UPDATE "Promotion" SET status = 'waiting' WHERE id = $1`, [id])
    return { id, digest }
  },
}

describe('A6: a release whose image the target does not hold', () => {
  it.each(Object.keys(PATHS))('is refused with what to do, before anybody signs: %s', async (path) => {
    const { id, digest } = (await PATHS[path]?.()) ?? { id: 0, digest: '' }
    lacking.add(digest)
    await reviewPromotion(world.context, id)
    expect(await of(id)).toMatchObject({
      status: 'refused',
      because: expect.stringMatching(
        /^production cannot run V1\.0_\d+: the model does not hold it\. Load the image there again/,
      ),
    })
    await expect(world.see(id, ops)).rejects.toThrow(/it does not wait for an answer: it is refused/)
    expect(applied).not.toContain(digest)
  })

  it.each(Object.keys(PATHS))('and goes where the target holds it: %s', async (path) => {
    const { id, digest } = (await PATHS[path]?.()) ?? { id: 0, digest: '' }
    await reviewPromotion(world.context, id)
    if ((await of(id)).status === 'waiting') await world.sign(id, other)
    expect((await world.deploy(id)).status).toBe('deployed')
    expect(applied.at(-1)).toBe(digest)
  })

  it('is offered to nobody for a yes while that is known, and to anybody for a no', async () => {
    const back = await rollback()
    await world.sql(`UPDATE "Promotion" SET "imageAsked" = $2, "imageBecause" = 'it was removed' WHERE id = $1`, [
      back,
      first.digest,
    ])
    for (const decision of ['approve', 'override', 'break-glass'] as const)
      await expect(world.see(back, ops, decision, 'it must go now, orders fail')).rejects.toThrow(
        /cannot run .*it was removed\. Load the image/,
      )
    await world.sign(back, ops, 'reject', 'the image is gone')
    expect((await of(back)).status).toBe('refused')
  })

  it('is not offered before the target was asked', async () => {
    const back = await rollback()
    await expect(world.see(back, ops)).rejects.toThrow(/being asked whether it holds the image/)
    await reviewPromotion(world.context, back)
    await world.sign(back, ops)
    expect((await world.deploy(back)).status).toBe('deployed')
  })

  it('that was removed after it was signed is not begun: it goes back to waiting, and is refused', async () => {
    const back = await rollback()
    await reviewPromotion(world.context, back)
    await world.sign(back, ops)
    lacking.add(first.digest)
    const before = applied.length
    expect(await world.deploy(back)).toMatchObject({
      status: 'waiting',
      because: expect.stringContaining('cannot run'),
    })
    await reviewPromotion(world.context, back)
    expect((await of(back)).status).toBe('refused')
    expect(applied.length).toBe(before)
    // The hold does not claim what did not happen.
    expect(await world.one('SELECT "heldAt" FROM "Environment" WHERE id = $1', [place.environment])).toEqual({
      heldAt: null,
    })
  })

  it('is right again once the image is back: asked again it goes', async () => {
    lacking.add(first.digest)
    const back = await rollback()
    await reviewPromotion(world.context, back)
    expect((await of(back)).status).toBe('refused')
    lacking.clear()
    const again = await rollback()
    await reviewPromotion(world.context, again)
    await world.sign(again, ops)
    expect((await world.deploy(again)).status).toBe('deployed')
  })

  it('that was built anew under another digest is asked for anew: the old answer says nothing', async () => {
    const waits = await world.waiting(place)
    lacking.add(waits.digest)
    const rebuilt = `sha256:${'d'.repeat(60)}${String(waits.release).padStart(4, '0')}`
    await world.sql(`UPDATE "Promotion" SET "imageAsked" = $2, "imageBecause" = 'it was removed' WHERE id = $1`, [
      waits.promotion,
      waits.digest,
    ])
    await world.sql('UPDATE "Release" SET digest = $2 WHERE id = $1', [waits.release, rebuilt])
    await expect(world.see(waits.promotion, ops)).rejects.toThrow(/being asked/)
    await reviewPromotion(world.context, waits.promotion)
    expect(await of(waits.promotion)).toMatchObject({ status: 'waiting', asked: rebuilt })
    await world.sign(waits.promotion, ops)
    expect((await world.deploy(waits.promotion)).status).toBe('deployed')
  })

  it('is not refused because its target is away: that is another gate, which waits', async () => {
    const back = await rollback()
    isAway = true
    await reviewPromotion(world.context, back)
    expect(await of(back)).toMatchObject({ status: 'waiting', asked: null })
  })
})
