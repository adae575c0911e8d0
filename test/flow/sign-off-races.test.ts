// An approval in a race with everything that could make it wrong. RACES=10000 runs them all; the suite runs fewer.
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { cancelPromotion, retryByHand } from '../../environments/end-promotion'
import { readStatement } from '../../environments/statement'
import { withdraw } from '../../environments/take-back'
import type { Deployment } from '../../environments/targets/target'
import { isFault } from '../../pipelines/fault'
import type { Person } from '../../prisma/record'
import { Signing, type Waiting } from './given-signing'

const RACES = Number(process.env.RACES ?? 300)
const FIRST_SEED = Number(process.env.SEED ?? 20261121)
const AT_ONCE = 4

let world: Signing
let people: Record<'ops' | 'second' | 'owner', Person>
/** What was brought to the target, by promotion. */
const applied = new Map<number, Deployment[]>()

vi.mock('../../environments/targets/index', async () => {
  const { modelTarget } = await import('./model-target')
  const target = modelTarget(async (deployment) => {
    applied.set(deployment.promotion, [...(applied.get(deployment.promotion) ?? []), deployment])
  })
  return { TARGETS: { docker: () => target } }
})

beforeAll(async () => {
  world = await Signing.start()
  people = { ops: await world.person('ops'), second: await world.person('ops'), owner: await world.person('owner') }
})
afterAll(() => world?.close())

function numbersOf(seed: number) {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** A verdict in words is fine; a bug is not. */
const attempt = (act: () => Promise<unknown>) =>
  act().catch((error: unknown) => {
    if (!isFault(error)) throw error
  })

interface Race {
  waiting: Waiting
  environment: number
  push: () => Promise<unknown>
}

/** What may happen at the same moment as an answer. */
const RIVALS: Record<string, (race: Race) => Promise<unknown>> = {
  'a new push': ({ push }) => push(),
  'an expiry': ({ waiting }) =>
    world.sql(`UPDATE "Statement" SET "expiresAt" = clock_timestamp() WHERE "promotionId" = $1`, [waiting.promotion]),
  'a policy edit': ({ environment }) => world.intoForce(environment, { replicas: 2 }),
  'a cancel': ({ waiting }) => cancelPromotion(world.record, waiting.promotion, people.owner, 'ended'),
  'a retry': ({ waiting }) => retryByHand(world.record, waiting.promotion, people.owner),
  'a taking back': async ({ waiting }) => {
    for (const { id } of await world.sql<{ id: number }>(
      `SELECT id FROM "Approval" WHERE "promotionId" = $1 AND status = 'given' AND "accountId" = $2`,
      [waiting.promotion, people.ops.accountId],
    ))
      await withdraw(world.record, id, people.ops)
  },
  'another image': ({ waiting }) =>
    world.sql(`UPDATE "Release" SET digest = 'sha256:' || repeat('f', 64) WHERE id = $1`, [waiting.release]),
  'the queue ringing': ({ waiting }) => world.deploy(waiting.promotion),
  'the queue ringing twice': ({ waiting }) =>
    Promise.all([world.deploy(waiting.promotion), world.deploy(waiting.promotion)]),
}
const NAMES = Object.keys(RIVALS)

async function run(seed: number): Promise<string[]> {
  const next = numbersOf(seed)
  const place = await world.production()
  const waiting = await world.waiting(place)
  const push = async () => {
    const newer = await world.waiting(place)
    await world.sql(
      `UPDATE "Promotion" SET status = 'superseded' WHERE id = $1 AND status = 'waiting'
      AND NOT EXISTS (SELECT 1 FROM "Approval" WHERE "promotionId" = $1 AND status = 'given')`,
      [waiting.promotion],
    )
    return newer
  }
  const race = { waiting, environment: place.environment, push }
  const seen = await world.see(waiting.promotion, people.ops).catch(() => null)
  if (seen === null) return [`seed ${seed}: nothing to see`]
  const rivals = Array.from(
    { length: 1 + Math.floor(next() * 3) },
    () => NAMES[Math.floor(next() * NAMES.length)] ?? '',
  )
  const acts = [
    () => world.say(seen, people.ops),
    ...rivals.map((name) => () => RIVALS[name]?.(race) ?? Promise.resolve()),
  ]
  acts.sort(() => next() - 0.5)
  await Promise.all(acts.map((act) => attempt(act)))
  await attempt(() => world.deploy(waiting.promotion))
  return (await violations(waiting)).map((v) => `seed ${seed} (${rivals.join(', ')}): ${v}`)
}

/** I4: what was deployed has one answer that was used up by it, and that says exactly what was deployed. */
async function violations(waiting: Waiting): Promise<string[]> {
  const deployments = applied.get(waiting.promotion) ?? []
  if (deployments.length === 0) return []
  const used = await world.sql<{ statement: Buffer; consumedEpoch: number; ask: number }>(
    `SELECT statement, "consumedEpoch", ask FROM "Approval" WHERE "promotionId" = $1 AND status = 'used'`,
    [waiting.promotion],
  )
  const found: string[] = []
  if (used.length !== deployments.length) found.push(`${deployments.length} deployments, ${used.length} used answers`)
  for (const deployment of deployments) {
    const match = used.some(({ statement }) => {
      const said = readStatement(statement)
      return said?.type === 'shiplock.signoff' && said.bound.digest === deployment.digest
    })
    if (!match) found.push(`${deployment.digest} was deployed, and nobody signed that`)
  }
  return found
}

it(`in ${RACES} races of an approval with pushes, expiry, policy edits, cancels, retries and the queue, nothing unsigned is deployed`, async () => {
  const found: string[] = []
  let seed = FIRST_SEED
  const lane = async () => {
    while (seed < FIRST_SEED + RACES) found.push(...(await run(seed++)))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  console.log(`sign-off races: seeds ${FIRST_SEED} to ${FIRST_SEED + RACES - 1}, ${applied.size} deployed`)
  expect(found).toEqual([])
  expect(applied.size).toBeGreaterThan(RACES / 10)
}, 3_600_000)
