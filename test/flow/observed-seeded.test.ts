// Random health, random deaths, a counting client: over a real Docker engine exactly one release serves, and the record says which.
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { openSigner, openTrust } from '../../audit/keys'
import { putIntoForce } from '../../environments/agree-policy'
import { deployPromotion, losePromotion, retryPromotion } from '../../environments/deploy'
import { cancelPromotion, retryByHand } from '../../environments/end-promotion'
import { observeDue } from '../../environments/observe'
import { reviewPromotion } from '../../environments/review'
import { requestRollback } from '../../environments/rollback'
import { goEnvironment, stopEnvironment } from '../../environments/stop'
import { beginVerification } from '../../environments/verify'
import type { Context } from '../../pipelines/context'
import { isFault } from '../../pipelines/fault'
import { Leases } from '../../pipelines/lease'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { type Person, transaction } from '../../prisma/record'
import { ensureKeys } from '../../prisma/seal'
import { containers, docker, instance, one, target, two } from '../contract/given-target'
import { freshDatabase } from '../database'

const SEEDS = Number(process.env.SEEDS ?? 4)
const FIRST_SEED = Number(process.env.SEED ?? 20261129)
const AT_ONCE = 4
const MONITOR_MS = 600
/** How a release behaves, see given-target.ts; most are good. */
const MODES = ['healthy', 'healthy', 'late', 'flaps', 'leaves', 'hangs', 'dies', 'sick'] as const
type Mode = (typeof MODES)[number]

let database: Awaited<ReturnType<typeof freshDatabase>>
let record: RecordHandle
let keys = ''
let trust: Context['trust']
let ops: Person

class Dead extends Error {}
/** What is called within a worker belongs to it: once it is dead, nothing of it reaches the record or the engine. */
const process_ = new AsyncLocalStorage<{ dead: boolean; cut: boolean }>()

beforeAll(async () => {
  const complain = console.error
  vi.spyOn(console, 'error').mockImplementation((...said: unknown[]) => {
    if (!said.some((s) => s instanceof Dead)) complain(...said)
  })
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const modem = Object.getPrototypeOf((docker as unknown as { modem: object }).modem)
  const dial = modem.dial
  vi.spyOn(modem, 'dial').mockImplementation(function (this: object, ...asked: unknown[]) {
    const worker = process_.getStore()
    if (worker?.dead) return
    const answer = asked[1] as (error: Error) => void
    if (worker?.cut) return setImmediate(() => answer(new Error('connect ECONNREFUSED')))
    return dial.apply(this, asked)
  })
  database = await freshDatabase()
  record = openRecord(database.url, { max: 24, name: 'observed-seeded' })
  keys = join(mkdtempSync(join(tmpdir(), 'shiplock-seeded-')), 'keys')
  await ensureKeys(keys)
  trust = openTrust(keys, null, await readOrigin(record), () => 'http://localhost')
  const { id } = await record.db.account.create({
    data: { name: 'omar', role: 'ops', passwordHash: 'x' },
    select: { id: true },
  })
  ops = { actor: `account:${id}`, actorName: 'omar', accountId: id, role: 'ops' }
})
afterAll(async () => {
  await record?.close()
  await database?.drop()
  rmSync(join(keys, '..'), { recursive: true, force: true })
})

function numbersOf(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return { below: (n: number) => Math.floor(next() * n), chance: (p: number) => next() < p }
}
type Numbers = ReturnType<typeof numbersOf>

/** A worker's process: it can die, be stopped, and lose its way to the engine. */
class Worker {
  readonly state = { dead: false, cut: false }
  private readonly stopNow = new AbortController()
  private die = () => {}
  private readonly died = new Promise<void>((resolve) => {
    this.die = resolve
  })
  readonly context: Context

  constructor() {
    const dying = <T>(act: () => T): T => {
      if (this.state.dead) throw new Dead('the worker is dead')
      return act()
    }
    const pool = {
      query: async (...asked: unknown[]) =>
        dying(() => (record.pool.query as (...a: unknown[]) => Promise<unknown>)(...asked)),
      connect: async () => {
        const client = await dying(() => record.pool.connect())
        const query = async (...asked: unknown[]) =>
          // What a dead process had open, its database rolls back.
          asked[0] === 'ROLLBACK'
            ? (client.query as (...a: unknown[]) => Promise<unknown>)(...asked)
            : dying(() => (client.query as (...a: unknown[]) => Promise<unknown>)(...asked))
        return { query, release: (error?: Error) => client.release(error), on: () => {}, removeListener: () => {} }
      },
    }
    const handle = { ...record, pool: pool as unknown as RecordHandle['pool'] }
    this.context = {
      record: handle,
      leases: new Leases(handle),
      instance,
      worker: randomUUID().slice(0, 8),
      keys,
      trail: '',
      signer: openSigner(keys),
      trust,
      cache: tmpdir(),
      publicUrl: 'http://localhost',
      engine: {
        baseDigest: async () => null,
        image: async (digest: string) => ({ digest, labels: {} }),
      } as unknown as Context['engine'],
      bases: {},
      stopping: this.stopNow.signal,
    }
  }

  /** Until it is done, or the worker is dead; a verdict in words is fine, a bug is not. */
  async does(act: (context: Context) => Promise<unknown>) {
    const doing = process_
      .run(this.state, () => act(this.context))
      .catch((error: unknown) => {
        if (!isFault(error) && !(error instanceof Dead) && !this.state.dead) throw error
      })
    await Promise.race([doing, this.died])
  }

  kill() {
    this.state.dead = true
    this.context.leases.close()
    this.die()
  }

  stop() {
    this.stopNow.abort(new Error('the worker is stopping'))
  }

  end() {
    this.context.leases.close()
  }
}

/** What may come between, at any moment of a deployment. */
type Trouble = (it: Playing, worker: Worker, promotion: number) => Promise<unknown> | undefined
const TROUBLES: Record<string, Trouble> = {
  nothing: () => undefined,
  'kill -9': async (_, worker) => worker.kill(),
  'kill -9, then canceled': async (it, worker, promotion) => {
    worker.kill()
    await it.person(() => cancelPromotion(record, promotion, ops, 'not this one'))
  },
  stop: async (_, worker) => worker.stop(),
  cancel: async (it, worker, promotion) => {
    await it.person(() => cancelPromotion(record, promotion, ops, 'not this one'))
    worker.context.leases.heard('promotion', promotion, 'canceled')
  },
  'emergency stop': async (it, worker, promotion) => {
    await it.person(() => stopEnvironment(record, it.environment, 'wait', ops))
    worker.context.leases.heard('promotion', promotion, 'waiting')
  },
  'lost lease': async (it, worker, promotion) => {
    await lapse(it.environment)
    await it.worker.does((context) => losePromotion(context, promotion))
    worker.context.leases.heard('promotion', promotion, 'queued')
    await it.worker.does((context) => deployPromotion(context, promotion))
  },
  'target gone': async (_, worker) => {
    worker.state.cut = true
    await pause(400)
    worker.state.cut = false
  },
  'replica removed': (it, _, promotion) => it.harm(promotion, (id) => docker.getContainer(id).remove({ force: true })),
  'replica killed': (it, _, promotion) => it.harm(promotion, (id) => docker.getContainer(id).kill()),
  'port lost': (it, _, promotion) =>
    it.harm(promotion, async (id) => {
      const { NetworkSettings } = await docker.getContainer(id).inspect()
      const [network = ''] = Object.keys(NetworkSettings.Networks)
      await docker.getNetwork(network).disconnect({ Container: id, Force: true })
    }),
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const lapse = (environment: number) =>
  record.pool.query(
    `UPDATE "Promotion" SET "leaseUntil" = clock_timestamp() - interval '1 second' WHERE "environmentId" = $1 AND status = 'deploying'`,
    [environment],
  )

interface Row {
  promotionId: number | null
  digest: string | null
  health: string
  url: string | null
  tag: string | null
}

class Playing {
  readonly violations: string[] = []
  readonly story: string[] = []
  asked = 0
  /** A promotion whose replicas a person has damaged: should it serve, its failures are nobody's. */
  private harmed: number | null = null
  running = true
  private made = 0

  private constructor(
    readonly seed: number,
    readonly project: number,
    readonly environment: number,
    readonly worker: Worker,
  ) {}

  static async begin(seed: number): Promise<Playing> {
    const { rows } = await record.pool.query<{ project: number; environment: number }>(
      `WITH j AS (
         INSERT INTO "Project" (forge, "forgeUrl", "forgeProjectId", path, name, status, "tokenSealed", hook, "hookSealed", "createdBy")
         VALUES ('gitlab', 'http://forge', $1::int, 'team/s' || $1::text, 's', 'connected', '', 'hook-' || $1::text, '', 'x') RETURNING id
       ), e AS (
         INSERT INTO "Environment" ("projectId", name, position, policy)
         SELECT j.id, 'test', 0, '{"name":"test","start":"automatic","target":{"kind":"docker"}}' FROM j RETURNING id
       ) SELECT j.id AS project, e.id AS environment FROM j, e`,
      [seed],
    )
    const { project = 0, environment = 0 } = rows[0] ?? {}
    await transaction(record, async (tx) => {
      const place = await tx.query<{ policy: object }>('SELECT policy FROM "Environment" WHERE id = $1 FOR UPDATE', [
        environment,
      ])
      const policy = place.rows[0]?.policy ?? {}
      const made = { version: 1, policy, because: 'x', authorId: null, authorName: 'x', changeId: null }
      await putIntoForce(
        { signer: openSigner(keys), worker: 'x' },
        tx,
        { id: environment, projectId: project, name: 'test', policy },
        made,
      )
    })
    return new Playing(seed, project, environment, new Worker())
  }

  /** What a person asks for may come too late: then it is refused in words. */
  async person(act: () => Promise<unknown>) {
    try {
      await act()
    } catch (error) {
      if (!isFault(error)) throw error
    }
  }

  /** Damages one replica of a promotion's set, half-made or not. */
  async harm(promotion: number, act: (id: string) => Promise<unknown>) {
    const label = [`shiplock.instance=${instance}`, `shiplock.promotion=${promotion}`]
    const [replica] = await docker.listContainers({ filters: { label } })
    if (replica === undefined) return
    this.harmed = promotion
    await act(replica.Id).catch(() => undefined) // it may have gone meanwhile
  }

  /** A release of its own, and a promotion of it that is queued. */
  async release(mode: Mode, replicas: number): Promise<{ promotion: number; release: number }> {
    const number = ++this.made
    const plan = {
      deploy: {
        replicas,
        ports: [8085],
        healthcheck: { http: '/healthz', port: 8085, interval: 200, timeout: 1_000, startPeriod: 3_000, retries: 4 },
        update: { monitor: MONITOR_MS },
        memoryBytes: 96 * 1024 ** 2,
        cpus: 1,
      },
      config: { MODE: { default: mode }, TAG: { default: `release ${number}` } },
    }
    const { rows } = await record.pool.query<{ promotion: number; release: number }>(
      `WITH l AS (
         INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, trust, plan)
         VALUES ($1::int, 'hello', 'tree-' || $2::text, 'k', $3, 'p:1', '1.0', 'release ' || $2::text, 'c' || $2::text, 'develop', 'develop', $4) RETURNING id
       ), r AS (
         INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", "commit", before, tree, status, plan, "goesTo", "releaseId", "pusherId")
         SELECT $1::int, 'run-' || $2::text, 'hello', 'develop', 'develop', 'c' || $2::text, '', 'tree-' || $2::text, 'succeeded', '{"templated":false}', 'test', l.id, '7' FROM l
         RETURNING id, "releaseId"
       )
       INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", kind, status, "requestedBy")
       SELECT $5, r."releaseId", r.id, 'onward', 'queued', 'x' FROM r RETURNING id AS promotion, "releaseId" AS release`,
      [this.project, number, number % 2 ? one : two, JSON.stringify(plan), this.environment],
    )
    const made = rows[0]
    if (made === undefined) throw new Error('no promotion')
    return made
  }

  async reading(): Promise<Row> {
    const { rows } = await record.pool.query<Row>(
      `SELECT o."promotionId", o.digest, o.health, o.url, l.tag FROM "Observed" o LEFT JOIN "Promotion" p ON p.id = o."promotionId"
       LEFT JOIN "Release" l ON l.id = p."releaseId" WHERE o."environmentId" = $1`,
      [this.environment],
    )
    return rows[0] ?? { promotionId: null, digest: null, health: 'unknown', url: null, tag: null }
  }

  /** Follows the recorded address, as a proxy would, and counts. */
  async client() {
    while (this.running) {
      const { url, tag, promotionId } = await this.reading()
      if (url !== null) {
        this.asked++
        const answer = await fetch(`${url}/`, { signal: AbortSignal.timeout(5_000), headers: { connection: 'close' } })
          .then(async (r) => (r.status === 200 ? await r.text() : `status ${r.status}`))
          .catch((error: Error) => `${error.message} ${(error.cause as Error | undefined)?.message ?? ''}`)
        if (answer !== tag && this.harmed !== promotionId)
          this.violations.push(`a client at ${url}, recorded for ${tag}, was answered ${answer}`)
      }
      await pause(10)
    }
  }

  /** Everything that can still happen by itself happens; then nothing does. */
  async settle() {
    await this.person(() => goEnvironment(record, this.environment, 'go on', ops))
    let waited = 0
    for (let round = 0; round < 30; round++) {
      await lapse(this.environment)
      const { rows } = await record.pool.query<{ id: number; status: string }>(
        `SELECT id, status FROM "Promotion" WHERE "environmentId" = $1 AND status IN ('waiting', 'queued', 'deploying', 'deployed', 'errored') ORDER BY id`,
        [this.environment],
      )
      for (const { id, status } of rows)
        await this.worker.does(async (context) => {
          if (status === 'waiting') await reviewPromotion(context, id)
          else if (status === 'queued') await deployPromotion(context, id)
          else if (status === 'deploying') await losePromotion(context, id)
          else if (status === 'deployed') await beginVerification(context, id)
          else await retryPromotion(context, id)
        })
      const looks = await record.pool.query<{ id: number }>(
        `UPDATE "Observed" SET "dueAt" = clock_timestamp(), "leaseUntil" = NULL WHERE "environmentId" = $1 RETURNING id`,
        [this.environment],
      )
      for (const { id } of looks.rows) await this.worker.does((context) => observeDue(context, id))
      // A rollback holds the environment: what waits for that is at rest.
      const held = rows.every(({ status }) => status === 'waiting')
      if (rows.length === 0 || (held && waited++ > 0)) return
    }
    this.violations.push('it never comes to rest')
  }

  async end() {
    this.running = false
    this.worker.end()
    for (const { id } of await containers(this.project))
      await docker
        .getContainer(id)
        .remove({ force: true })
        .catch(() => {})
    const label = [`shiplock.instance=${instance}`, `shiplock.project=${this.project}`]
    for (const { Id } of await docker.listNetworks({ filters: { label } })) await docker.getNetwork(Id).remove()
  }

  /** Exactly one set serves, whole, and the reading is what the engine says. */
  async check() {
    const row = await this.reading()
    const where = { instance, project: this.project, environment: 'test', service: 'hello', ports: [8085] }
    const healthcheck = { http: '/healthz', port: 8085, interval: 200, timeout: 2_000, startPeriod: 0, retries: 1 }
    const seen = await target.observe({ ...where, healthcheck })
    const found = await containers(this.project)
    const isHarmed = this.harmed === row.promotionId
    const say = (what: string) => this.violations.push(`${what}: ${JSON.stringify({ row, seen: seen.because, found })}`)
    if (seen.digest !== row.digest) say('the reading names another digest')
    if (!isHarmed && (seen.health !== 'healthy' || row.health !== 'healthy')) say('what serves is not healthy')
    if (seen.left > 0 || seen.starting.length > 0) say('something else is left')
    if (found.length !== seen.replicas.length) say('there are other containers')
    const { rows } = await record.pool.query<{ id: number; status: string; deployedEpoch: number | null }>(
      `SELECT id, status, "deployedEpoch" FROM "Promotion" WHERE "environmentId" = $1 AND "deployedAt" IS NOT NULL ORDER BY "deployedAt" DESC LIMIT 1`,
      [this.environment],
    )
    if (rows[0]?.id !== row.promotionId || rows[0]?.deployedEpoch === null) say('the record names another deployment')
    if (!isHarmed) {
      const answer = await fetch(`${row.url}/`).then(
        (r) => r.text(),
        (error: Error) => error.message,
      )
      if (answer !== row.tag) say(`it answers ${answer}`)
    }
  }

  async round(numbers: Numbers) {
    const names = Object.keys(TROUBLES)
    const mode = MODES[numbers.below(MODES.length)] ?? 'healthy'
    const name = names[numbers.below(names.length)] ?? 'nothing'
    const afterMs = numbers.below(4_500)
    const { promotion } = await this.release(mode, 1 + numbers.below(2))
    this.story.push(`promotion ${promotion}: ${mode}, ${name} after ${afterMs} ms`)
    const worker = new Worker()
    await Promise.all([
      worker.does((context) => deployPromotion(context, promotion)),
      pause(afterMs).then(() => TROUBLES[name]?.(this, worker, promotion)),
    ])
    worker.end()
    if (numbers.chance(0.5)) await this.settle()
    if (numbers.chance(0.2)) await this.person(() => retryByHand(record, promotion, ops))
  }
}

async function play(seed: number) {
  const numbers = numbersOf(seed)
  const it = await Playing.begin(seed)
  try {
    const first = await it.release('healthy', 1 + numbers.below(2))
    await it.settle()
    const { promotionId } = await it.reading()
    if (promotionId === null) it.violations.push('the first release never served')
    const asking = it.client()
    for (let rounds = 1 + numbers.below(2); rounds > 0; rounds--) await it.round(numbers)
    if (numbers.chance(0.3)) {
      const asked = { environmentId: it.environment, releaseId: first.release, reason: 'back' }
      await it.person(() => requestRollback(record, asked, ops))
    }
    await it.settle()
    await it.check()
    // Before the engine is emptied: a request that is under way must not fail for that.
    it.running = false
    await asking
    await it.end()
  } catch (error) {
    it.violations.push(`a bug: ${error instanceof Error ? error.stack : String(error)}`)
    await it.end()
  }
  return {
    asked: it.asked,
    violations: it.violations.map((v) => `seed ${seed} (${it.story.join('; ')}): ${v}`),
  }
}

it(
  `A1–A4: in ${SEEDS} seeded orders of health, deaths and damage one release serves, no request fails, and the record says which`,
  async () => {
    const seeds = Array.from({ length: SEEDS }, (_, n) => FIRST_SEED + n)
    const violations: string[] = []
    let asked = 0
    const player = async () => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const played = await play(seed)
        violations.push(...played.violations)
        asked += played.asked
        if (SEEDS > 20) console.log(`seed ${seed}: ${played.asked} requests, ${played.violations.length} violations`)
        if (SEEDS > 20 && played.violations.length > 0) console.log(played.violations.join('\n'))
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, SEEDS) }, player))
    console.log(`observed: seeds ${FIRST_SEED} to ${FIRST_SEED + SEEDS - 1}, ${asked} requests`)
    expect(violations).toEqual([])
    expect(asked).toBeGreaterThan(SEEDS * 20)
  },
  SEEDS * 60_000,
)
