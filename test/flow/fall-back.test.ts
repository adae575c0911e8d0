// A set that dies between its record and the end of the one before: what ran before serves again, and the record says so.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { observeDue } from '../../environments/observe'
import type { MadeBy, Observation } from '../../environments/targets/target'
import { beginVerification } from '../../environments/verify'
import { Signing, type Waiting } from './given-signing'

let world: Signing
let place: { project: number; environment: number }
let old: Waiting
let next: Waiting
/** The health that each promotion's set has at the questions after its first, in order; the last goes on. */
const health = new Map<number, Observation['health'][]>()
const asked = new Map<number, number>()

vi.mock('../../environments/targets/index', async () => {
  const { modelTarget } = await import('./model-target')
  const target = modelTarget(
    async () => undefined,
    undefined,
    ({ promotion }: MadeBy) => {
      const n = asked.get(promotion) ?? 0
      asked.set(promotion, n + 1)
      const of = health.get(promotion) ?? []
      return n === 0 ? 'healthy' : (of[n - 1] ?? of.at(-1) ?? 'healthy')
    },
  )
  return { TARGETS: { docker: () => target } }
})

beforeAll(async () => {
  world = await Signing.start()
})
afterAll(() => world?.close())
beforeEach(async () => {
  place = await world.production({ approvals: [], start: 'automatic' })
  old = await world.waiting(place)
  expect(await world.deploy(old.promotion)).toMatchObject({ status: 'deployed' })
  await beginVerification(world.context, old.promotion)
  next = await world.waiting(place)
})

const promotion = ({ promotion: id }: Waiting) =>
  world.one<{ status: string; because: string }>(
    'SELECT status, because, observed, "deployedAt", "deployedEpoch" FROM "Promotion" WHERE id = $1',
    [id],
  )
const reading = () =>
  world.one<{ promotion: number; digest: string; health: string; because: string }>(
    'SELECT "promotionId" AS promotion, digest, health, because FROM "Observed" WHERE "environmentId" = $1',
    [place.environment],
  )
async function look() {
  const [row] = await world.sql<{ id: number }>(
    'UPDATE "Observed" SET "dueAt" = clock_timestamp() WHERE "environmentId" = $1 RETURNING id',
    [place.environment],
  )
  await observeDue(world.context, row?.id ?? 0)
}
const sick = (...then: Observation['health'][]) => health.set(next.promotion, then)

describe('A1: the set that was just recorded is dead, and the old one is not gone yet', () => {
  it('A1: the old one serves again, the deployment has failed, and counts as there no more', async () => {
    sick('unhealthy')
    expect(await world.deploy(next.promotion)).toMatchObject({
      status: 'failed',
      because: expect.stringMatching(/died before the release before it was ended, which serves again: .*unhealthy/),
    })
    expect(await promotion(next)).toMatchObject({ observed: null, deployedAt: null, deployedEpoch: null })
    expect(await reading()).toMatchObject({ promotion: old.promotion, digest: old.digest, health: 'healthy' })
    const entries = await world.sql<{ kind: string }>(
      'SELECT kind FROM "AuditEntry" WHERE "environmentId" = $1 ORDER BY id DESC LIMIT 6',
      [place.environment],
    )
    expect(entries.map((e) => e.kind)).toEqual(expect.arrayContaining(['environment.observe', 'promotion.fail']))
    // Begun by an event that came too late: it is decided.
    await beginVerification(world.context, next.promotion)
    expect(await promotion(next)).toMatchObject({ status: 'failed' })
  })

  it('A1: one bad answer ends nothing: two looks say the same, or neither goes', async () => {
    sick('unhealthy', 'healthy')
    expect(await world.deploy(next.promotion)).toMatchObject({ status: 'deployed' })
    await beginVerification(world.context, next.promotion)
    expect(await promotion(next)).toMatchObject({ status: 'verified' })
    expect(await reading()).toMatchObject({ promotion: next.promotion, digest: next.digest, health: 'healthy' })
  })

  it('A1: it dies after the first look and before the retirement: the old one is kept, and serves again', async () => {
    sick('healthy', 'unhealthy')
    expect(await world.deploy(next.promotion)).toMatchObject({ status: 'failed' })
    expect(await reading()).toMatchObject({ promotion: old.promotion, digest: old.digest, health: 'healthy' })
  })

  it('A1: the old one died as well: neither is taken away, nothing is verified, and it is looked at soon', async () => {
    sick('unhealthy')
    health.set(old.promotion, ['unhealthy'])
    expect(await world.deploy(next.promotion)).toMatchObject({ status: 'deployed' })
    await beginVerification(world.context, next.promotion)
    expect(await promotion(next)).toMatchObject({
      status: 'failed',
      because: expect.stringMatching(/the look after that found it unhealthy/),
    })
    expect(await reading()).toMatchObject({ promotion: next.promotion, health: 'unhealthy' })
    // The new one comes back: only then does the old one go.
    health.set(next.promotion, ['healthy'])
    await look()
    expect(await reading()).toMatchObject({ promotion: next.promotion, health: 'healthy' })
  })
})

it('A1: nothing was there before, and what was deployed is dead: it is not verified', async () => {
  place = await world.production({ approvals: [], start: 'automatic' })
  next = await world.waiting(place)
  sick('unhealthy')
  expect(await world.deploy(next.promotion)).toMatchObject({ status: 'deployed' })
  await beginVerification(world.context, next.promotion)
  expect(await promotion(next)).toMatchObject({
    status: 'failed',
    because: expect.stringMatching(/found it unhealthy/),
  })
})
