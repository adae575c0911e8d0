// Workers whose clocks are wrong: processes of their own, two days ahead or behind.
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { whyClockOff } from '../../prisma/clock'
import { eventually, SERVICE, Shiplock } from '../given'
import { agreed } from '../policies'

const DAY = 86_400_000
let shiplock: Shiplock | undefined
afterEach(() => shiplock?.close())

/** As a freeze writes it, in UTC. */
const minute = (at: number) => new Date(at).toISOString().slice(0, 16).replace('T', ' ')

/** The environment is frozen from an hour before this moment until an hour after it, by the database's clock. */
async function freeze(on: Shiplock, name: string) {
  const { rows } = await on.record.pool.query<{ id: number; now: Date }>(
    'SELECT id, clock_timestamp() AS now FROM "Environment" WHERE name = $1',
    [name],
  )
  const [place] = rows
  if (place === undefined) throw new Error(`there is no environment ${name}`)
  const now = place.now.getTime()
  const span = { from: minute(now - 3_600_000), to: minute(now + 3_600_000), reason: 'the sale' }
  const folders = { keys: join(on.dir, 'keys'), trail: join(on.dir, 'trail') }
  await agreed(on.record, folders, place.id, { freeze: [span] })
}

it.each([
  ['ahead', 2 * DAY],
  ['behind', -2 * DAY],
])(
  'J4: a worker two days %s deploys nothing into a freeze, and says that its clock is wrong',
  { timeout: 120_000 },
  async (words, off) => {
    const on = await Shiplock.start({ worker: 'apart', clockOffMs: off })
    shiplock = on
    await on.project()
    await freeze(on, 'test')
    const commit = await on.push('develop', SERVICE)
    const waits = await on.waitsFor(commit, 'test', 'freeze')
    expect(waits.waiting?.what).toContain('test is frozen: the sale')
    // It is looked at again when the freeze ends by the database's clock, and as seldom until then as anything that waits.
    const { rows } = await on.record.pool.query<{ ms: number }>(
      `SELECT extract(epoch FROM "dueAt" - clock_timestamp())::float * 1000 AS ms FROM "Promotion" WHERE id = $1`,
      [waits.id],
    )
    expect(rows[0]?.ms).toBeGreaterThan(30_000)
    const clock = await eventually('the worker has measured its clock', async () => {
      const found = await on.record.pool.query<{ id: string; off: number | null }>(
        `SELECT id, "clockOffMs" AS off FROM "Worker"`,
      )
      return found.rows[0]?.off == null ? false : (found.rows[0] as { id: string; off: number })
    })
    expect(Math.abs(clock.off - off)).toBeLessThan(60_000)
    expect(whyClockOff(`worker ${clock.id}`, clock.off)).toContain(words)
    // The honest way still works: without the freeze it goes.
    const { rows: places } = await on.record.pool.query<{ id: number }>(
      `SELECT id FROM "Environment" WHERE name = 'test'`,
    )
    const folders = { keys: join(on.dir, 'keys'), trail: join(on.dir, 'trail') }
    await agreed(on.record, folders, places[0]?.id ?? 0, { freeze: [] })
    await on.record.pool.query('UPDATE "Promotion" SET "dueAt" = clock_timestamp() WHERE id = $1', [waits.id])
    await on.verified(commit, 'test')
  },
)
