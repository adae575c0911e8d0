import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ownConnection } from '../../prisma/connections'
import { eventually } from '../given'
import { Losses } from '../losses'

const SEEDS = Number(process.env.SEEDS ?? 4)
const FIRST_SEED = Number(process.env.SEED ?? 20261129)
const BACKLOG = Number(process.env.BACKLOG ?? 200)

/** The same numbers for the same seed. */
function numbersOf(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return { below: (n: number) => Math.floor(next() * n) }
}

/** Takes something away for about `ms`, and gives it back. */
const LOSSES: Record<string, (on: Losses, ms: number) => Promise<void>> = {
  'the database is killed': async ({ postgres }) => {
    postgres.signal('SIGKILL', [postgres.pid])
    await postgres.answers()
  },
  'one of its backends is killed': async ({ postgres }) => {
    const [victim] = await postgres.ask<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`,
    )
    if (victim) postgres.signal('SIGKILL', [victim.pid])
    await postgres.answers()
  },
  'all connections are ended': async ({ postgres }) => {
    await postgres.ask(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    )
  },
  'one connection is ended': async ({ postgres }) => {
    await postgres.ask(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`,
    )
  },
  'the database is stopped and started': async ({ postgres }) => {
    await postgres.server.stop(5)
    await postgres.answers()
  },
  'the database hears nothing': async ({ postgres }, ms) => {
    postgres.signal('SIGSTOP')
    await sleep(ms)
    postgres.signal('SIGCONT')
  },
  'the database takes no more connections': async ({ postgres }, ms) => {
    const taken = Array.from({ length: 60 }, () => ownConnection({ connectionString: postgres.server.url }))
    await Promise.allSettled(taken.map((c) => c.connect()))
    await sleep(ms)
    await Promise.allSettled(taken.map((c) => c.end()))
  },
  'the queue is killed, with all that it held': async ({ redis, postgres }) => {
    if (redis) await redis.restart()
    else
      await postgres
        .ask('TRUNCATE bullmq.job CASCADE')
        .catch((error: Error) => expect(error.message).toMatch(/deadlock|terminat|recovery|connect/i))
  },
  'the engine’s answers are lost': async (on, ms) => {
    on.make('engine-away', true)
    await sleep(ms)
    on.make('engine-away', false)
  },
  'the forge is down': async ({ shiplock }, ms) => {
    shiplock.forge.misbehave({ api: [{ status: 502, times: 100_000 }] })
    await sleep(ms)
    shiplock.forge.misbehave({})
  },
  'the worker’s clock is off': async (on, ms) => {
    on.make('clock-off', true)
    await sleep(ms)
    on.make('clock-off', false)
  },
}

describe.each([{ redis: false }, { redis: true }])('the queue on Redis: $redis', ({ redis }) => {
  let on: Losses
  beforeAll(async () => {
    on = await Losses.start({ redis, settings: { max_connections: '40' } })
  }, 120_000)
  afterAll(() => on?.close(), 60_000)

  it('J3: while the database is away the worker writes one line of it, asks for no work, and uses no processor', async () => {
    await on.addRuns(20)
    const from = on.lines.length
    await on.postgres.keepDown()
    await on.says(/^The database fails: /, from)
    const before = on.cpu
    const asked = performance.now()
    await sleep(5_000)
    const used = on.cpu - before
    expect(used / ((performance.now() - asked) / 1000)).toBeLessThan(0.25)
    const said = on.lines.slice(from)
    expect(said.length, said.join('\n')).toBeLessThan(4)
    expect((await fetch(`${on.shiplock.web.url}/api/health`)).status).toBe(503)
    await on.postgres.letUp()
    const batch = await on.addRuns(2, true)
    await on.ended(batch, 2, 60_000)
    await on.says(/^The database works again after \d+ s/, from)
    expect(on.lives).toBe(true)
  })

  it('J2: while its server hangs, forges and people are told so before they give up', async () => {
    on.postgres.signal('SIGSTOP')
    try {
      const asked = (path: string, init: RequestInit = {}) =>
        fetch(`${on.shiplock.web.url}${path}`, { ...init, signal: AbortSignal.timeout(9_500) })
      const hook = () => asked(`/webhooks/${'a'.repeat(24)}`, { method: 'POST', body: '{}' })
      const runs = () => asked('/api/v1/runs', { headers: { authorization: `Bearer slk_${'a'.repeat(43)}` } })
      for (const ask of [hook, hook, runs]) {
        const answer = await ask()
        expect([answer.status, await answer.json()]).toMatchObject([503, { error: { code: 'database.unreachable' } }])
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      }
    } finally {
      on.postgres.signal('SIGCONT')
    }
    await on.ended(await on.addRuns(2, true), 2, 60_000)
    await eventually('it answers', () => on.shiplock.client.runs({}).catch(() => null))
    expect(on.lives).toBe(true)
  })

  it.runIf(redis)('J3: a Redis that answers, and takes nothing, is not asked without a pause', async () => {
    const from = on.lines.length
    expect(await on.redis?.command('CONFIG', 'SET', 'maxmemory', '1')).toBe('+OK')
    await on.addRuns(5)
    await on.says(/^The queue fails: .*OOM/, from)
    const before = on.cpu
    const asked = performance.now()
    await sleep(4_000)
    expect((on.cpu - before) / ((performance.now() - asked) / 1000)).toBeLessThan(0.4)
    expect(on.lines.length - from).toBeLessThan(6)
    expect(await on.redis?.command('CONFIG', 'SET', 'maxmemory', '0')).toBe('+OK')
    await on.ended(await on.addRuns(2, true), 2, 60_000)
    await on.says(/^The queue works again/, from)
    expect(on.lives).toBe(true)
  })

  it('J8: a worker has at most eight connections, its queue included, at rest and under load', async () => {
    const batch = await on.addRuns(60)
    let most = 0
    let done = false
    const ended = on.ended(batch, 60, 90_000).finally(() => {
      done = true
    })
    while (!done) {
      const [row] = await on.ask<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename LIKE '%\\_worker' AND backend_type = 'client backend'`,
      )
      most = Math.max(most, row?.n ?? 0)
    }
    await ended
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(8)
    expect(on.lines.join('\n')).toMatch(
      /at most 8 of the database's \d+ connections, which are enough for \d+ such worker/,
    )
  })

  it('J8: a full server is 503 database.busy with Retry-After, for REST and webhooks, and passes by itself', async () => {
    const taken: ReturnType<typeof ownConnection>[] = []
    const take = async (count: number) => {
      const more = Array.from({ length: count }, () => ownConnection({ connectionString: on.postgres.server.url }))
      taken.push(...more)
      await Promise.allSettled(more.map((c) => c.connect()))
    }
    try {
      await take(60)
      // What the web process had open is ended, and taken by others at once.
      await taken[0]?.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%web%'`,
      )
      await take(30)
      const bearer = { headers: { authorization: `Bearer slk_${'a'.repeat(43)}` } }
      for (const answer of [
        await fetch(`${on.shiplock.web.url}/api/v1/runs`, bearer),
        await fetch(`${on.shiplock.web.url}/webhooks/${'a'.repeat(24)}`, { method: 'POST', body: '{}' }),
      ]) {
        expect(answer.status).toBe(503)
        expect(await answer.json()).toMatchObject({ error: { code: 'database.busy' } })
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      }
      expect((await fetch(`${on.shiplock.web.url}/api/health`)).status).toBe(503)
    } finally {
      await Promise.allSettled(taken.map((c) => c.end()))
    }
    const batch = await on.addRuns(2, true)
    await on.ended(batch, 2, 60_000)
    expect(on.lives).toBe(true)
    expect((await on.shiplock.client.runs({})).items.length).toBeGreaterThan(0)
  })

  it(
    `J1, J3: ${SEEDS} seeded losses one after the other: no process ends, all work ends, the log stays short`,
    async () => {
      const { pid } = on.worker
      const backlog = await on.addRuns(BACKLOG)
      let lost = 0
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        const { below } = numbersOf(seed)
        const names = Object.keys(LOSSES)
        const chosen = Array.from({ length: 1 + below(3) }, () => names[below(names.length)] ?? '')
        const from = on.lines.length
        // At once, or one into the other.
        await Promise.all(
          chosen.map(async (name, i) => {
            await sleep(i * below(800))
            await LOSSES[name]?.(on, 200 + below(1_500)).catch((error: Error) => {
              // Another loss was quicker: the test's own connection is as mortal as everybody's.
              expect(error.message).toMatch(
                /terminat|connect|recovery|starting up|shutting down|too many|timeout|ECONN|ENOENT|EPIPE/i,
              )
            })
          }),
        )
        on.postgres.signal('SIGCONT')
        lost += chosen.length
        const batch = await on.addRuns(2, true)
        await on.ended(batch, 2, 90_000)
        const said = on.lines.slice(from)
        if (process.env.SEEDS)
          console.log(`seed ${seed}: ${chosen.join(', ')}: ${said.length} lines\n  ${said.join('\n  ')}`)
        expect(on.lives, `the worker ended in seed ${seed} (${chosen.join(', ')}):\n${said.join('\n')}`).toBe(true)
        expect(said.length, said.join('\n')).toBeLessThan(10 + 6 * chosen.length)
      }
      await on.ended(backlog, BACKLOG, 300_000)
      expect(on.worker.pid).toBe(pid)
      expect(on.lines.length).toBeLessThan(10 + 6 * lost)
      // Nothing waits for a person.
      expect(
        await on.ask(`SELECT id, status, because FROM "Stage" WHERE status NOT IN ('succeeded', 'skipped')`),
      ).toEqual([])
    },
    SEEDS * 60_000 + 300_000,
  )
})
