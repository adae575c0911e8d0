// Hundreds of orders of events, decisions and deaths (SEEDS says how many), over the real verbs and the real record. Only the
// target is a model: it knows what was put where, by whom, and what must never be put there.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { openSigner, openTrust } from '../../audit/keys'
import type { SoftPasskey } from '../../demo/passkey'
import { putIntoForce } from '../../environments/agree-policy'
import { deployPromotion, losePromotion } from '../../environments/deploy'
import { cancelPromotion, retryByHand } from '../../environments/end-promotion'
import { holdEnvironment, releaseHold } from '../../environments/hold'
import { promoteOnward } from '../../environments/request'
import { reviewPromotion } from '../../environments/review'
import { requestRollback } from '../../environments/rollback'
import { answer, prepareStatement } from '../../environments/sign-off'
import { withdraw } from '../../environments/take-back'
import type { Deployment } from '../../environments/targets/target'
import { beginVerification } from '../../environments/verify'
import type { Context } from '../../pipelines/context'
import { isFault } from '../../pipelines/fault'
import { Leases } from '../../pipelines/lease'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { type Person, transaction } from '../../prisma/record'
import { ensureKeys } from '../../prisma/seal'
import { freshDatabase } from '../database'
import { enrolled } from '../passkeys'

const SEEDS = Number(process.env.SEEDS ?? 120)
const FIRST_SEED = Number(process.env.SEED ?? 20261121)
const STEPS = 16
const AT_ONCE = 8

/** What the model saw of one project. */
interface Seen {
  /** Runs that were put into production, in order; `back`: declared. */
  applied: { promotion: number; run: number; back: boolean }[]
  verifiedReleases: Set<number>
  busy: number
  violations: string[]
  /** By promotion: what the record says of it, told to the model when it is claimed. */
  kinds: Map<number, { run: number; kind: string; approved: boolean }>
}
const worlds = new Map<number, Seen>()

vi.mock('../../environments/targets/index', async () => {
  const { modelTarget } = await import('./model-target')
  const target = modelTarget((deployment, signal) => apply(deployment, signal))
  return { TARGETS: { docker: () => target } }
})

// There is no git behind the model: what a promotion changes is what it was asked for.
vi.mock('../../environments/range', () => ({
  lookUpRange: async ({ record }: Context, id: number) =>
    void (await record.pool.query(
      `UPDATE "Promotion" p SET range = jsonb_build_object('from', NULL, 'to', l."commit", 'commits', '[]'::jsonb, 'more', false)
       FROM "Release" l WHERE p.id = $1 AND l.id = p."releaseId" AND p.range IS NULL`,
      [id],
    )),
}))

async function apply(deployment: Deployment, signal: AbortSignal) {
  const seen = worlds.get(deployment.project)
  if (seen === undefined) throw new Error('a deployment of nobody')
  seen.busy++
  if (seen.busy > 1) seen.violations.push(`two deployments at once: promotion ${deployment.promotion}`)
  const about = await aboutOf(deployment.promotion)
  if (!seen.verifiedReleases.has(deployment.release))
    seen.violations.push(`release ${deployment.release} was never verified (promotion ${deployment.promotion})`)
  const newest = Math.max(0, ...seen.applied.filter((a) => !a.back).map((a) => a.run))
  const back = about.kind === 'rollback' || about.kind === 'put-back'
  if (!back && about.run < newest) seen.violations.push(`run ${about.run} over run ${newest}`)
  if (!about.approved && about.kind !== 'put-back')
    seen.violations.push(`promotion ${deployment.promotion} was not approved`)
  await new Promise((resolve) => setImmediate(resolve))
  seen.busy--
  if (!signal.aborted) seen.applied.push({ promotion: deployment.promotion, run: about.run, back })
}

let database: Awaited<ReturnType<typeof freshDatabase>>
let record: RecordHandle
let leases: Leases
let people: Record<'ops' | 'other' | 'owner', Person>
let keys = ''
let trust: Context['trust']
const passkeys = new Map<number, SoftPasskey>()

async function aboutOf(promotion: number) {
  const { rows } = await record.pool.query<{ run: number; kind: string; approved: boolean }>(
    `SELECT "runId" AS run, kind, (SELECT count(*) FROM "Approval" a WHERE a."promotionId" = p.id AND a.ask = p.ask AND a.status = 'used' AND a."consumedEpoch" <= p.epoch) = 1 AS approved FROM "Promotion" p WHERE id = $1`,
    [promotion],
  )
  const row = rows[0]
  if (row === undefined) throw new Error('no such promotion')
  return row
}

beforeAll(async () => {
  const complain = console.error
  vi.spyOn(console, 'error').mockImplementation((...said: unknown[]) => {
    if (!said.some((s) => s instanceof Dead)) complain(...said) // a death is no bug
  })
  database = await freshDatabase()
  record = openRecord(database.url, { max: 16, name: 'interleavings' })
  leases = new Leases(record)
  const person = async (name: string, role: string): Promise<Person> => {
    const { id } = await record.db.account.create({ data: { name, role, passwordHash: 'x' }, select: { id: true } })
    return { actor: `account:${id}`, actorName: name, accountId: id, role }
  }
  people = {
    ops: await person('omar', 'ops'),
    other: await person('olga', 'ops'),
    owner: await person('noor', 'owner'),
  }
  keys = join(mkdtempSync(join(tmpdir(), 'shiplock-model-')), 'keys')
  await ensureKeys(keys)
  trust = openTrust(keys, null, await readOrigin(record), () => 'http://localhost')
  for (const { accountId } of [people.ops, people.other])
    passkeys.set(accountId, await enrolled(record, openSigner(keys), accountId, ['ops']))
  await record.pool.query(`INSERT INTO "Checkpoint" (size, root, note) VALUES (1, '\\x00', 'of the model')`)
})
afterAll(async () => {
  leases?.close()
  await record?.close()
  await database?.drop()
  rmSync(join(keys, '..'), { recursive: true, force: true })
})

/** The same numbers for the same seed. */
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

class Dead extends Error {}

/** A worker's context; one that dies stops talking to the record after so many statements, wherever it is. */
function worker(diesAfter = Number.POSITIVE_INFINITY): Context {
  let left = diesAfter
  const dying = <T>(act: () => T): T => {
    if (--left < 0) throw new Dead('the worker is dead')
    return act()
  }
  const pool = {
    query: async (...asked: unknown[]) =>
      dying(() => (record.pool.query as (...a: unknown[]) => Promise<unknown>)(...asked)),
    connect: async () => {
      const client = await dying(() => record.pool.connect())
      const query = async (...asked: unknown[]) => {
        // What a dead process had open, its database rolls back.
        if (asked[0] === 'ROLLBACK') return (client.query as (...a: unknown[]) => Promise<unknown>)(...asked)
        return dying(() => (client.query as (...a: unknown[]) => Promise<unknown>)(...asked))
      }
      return { query, release: (error?: Error) => client.release(error), on: () => {}, removeListener: () => {} }
    },
  }
  return {
    record: { ...record, pool: pool as unknown as RecordHandle['pool'] },
    leases,
    instance: 'model',
    worker: randomUUID().slice(0, 8),
    keys,
    trail: '',
    signer: openSigner(keys),
    trust,
    cache: join(tmpdir(), 'shiplock-interleavings'),
    publicUrl: 'http://localhost',
    engine: {
      builder: async () => ({ platform: 'linux/amd64', heredocs: false }),
      baseDigest: async () => null,
      image: async (digest: string) => ({ digest, labels: {} }),
    } as unknown as Context['engine'],
    bases: {},
    stopping: new AbortController().signal,
  }
}

/** Carries it out; a verdict in words and the worker's own death are both fine. */
async function attempt(act: () => Promise<unknown>) {
  try {
    await act()
  } catch (error) {
    if (!isFault(error) && !(error instanceof Dead)) throw error
  }
}

/** A worker agrees to the policy that stands there, as one more version. */
async function intoForce(projectId: number, id: number, name: string) {
  await transaction(record, async (tx) => {
    const { rows } = await tx.query<{ policy: object; version: number }>(
      'SELECT policy, "policyVersion" + 1 AS version FROM "Environment" WHERE id = $1 FOR UPDATE',
      [id],
    )
    const { policy = {}, version = 1 } = rows[0] ?? {}
    const made = { version, policy, because: 'the model', authorId: null, authorName: 'model', changeId: null }
    await putIntoForce({ signer: openSigner(keys), worker: 'model' }, tx, { id, projectId, name, policy }, made)
  })
}

class Project {
  readonly runs: number[] = []
  readonly releases: number[] = []
  readonly dropped = new Set<number>()
  private merged = 0
  private constructor(
    readonly id: number,
    readonly production: number,
    readonly prerelease: number,
    readonly seen: Seen,
  ) {}

  static async make(seed: number): Promise<Project> {
    const { rows } = await record.pool.query<{ project: number; prerelease: number; production: number }>(
      `WITH j AS (
         INSERT INTO "Project" (forge, "forgeUrl", "forgeProjectId", path, name, status, "tokenSealed", hook, "hookSealed", "createdBy")
         VALUES ('gitlab', 'http://forge', $1::int, 'team/p' || $1::text, 'p', 'connected', '', 'hook-' || $1::text, '', 'x') RETURNING id
       ), e AS (
         INSERT INTO "Environment" ("projectId", name, position, policy)
         SELECT j.id, v.name, v.position, v.policy::jsonb FROM j, (VALUES
           ('prerelease', 1, '{"name":"prerelease","start":"automatic","target":{"kind":"docker"}}'),
           ('production', 2, '{"name":"production","after":"prerelease","start":"on-signoff","target":{"kind":"docker"},"approvals":[{"role":"ops","count":1,"passkey":"required"}]}')
         ) v(name, position, policy) RETURNING id, name
       )
       SELECT j.id AS project, (SELECT id FROM e WHERE name = 'prerelease') AS prerelease, (SELECT id FROM e WHERE name = 'production') AS production FROM j`,
      [seed],
    )
    const made = rows[0]
    if (made === undefined) throw new Error('no project')
    for (const name of ['prerelease', 'production'] as const) await intoForce(made.project, made[name], name)
    const seen: Seen = { applied: [], verifiedReleases: new Set(), busy: 0, violations: [], kinds: new Map() }
    worlds.set(made.project, seen)
    return new Project(made.project, made.production, made.prerelease, seen)
  }

  /** A merge to master has been adopted or built: its run has succeeded, with a release. */
  async merge(numbers: Numbers) {
    const number = ++this.merged
    const { rows } = await record.pool.query<{ run: number; release: number }>(
      `WITH l AS (
         INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, trust, plan)
         VALUES ($1::int, 'p', 'tree-' || $2::text, 'k', 'sha256:' || $1::text || '-' || $2::text, 'p:1', '1.0', 'V1.0_' || $2::text, 'c' || $2::text, 'master', 'release', '{"deploy":{"replicas":1,"ports":[],"healthcheck":null,"memoryBytes":1,"cpus":1},"config":{}}') RETURNING id
       )
       INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", "commit", before, tree, status, plan, "goesTo", "releaseId", "pusherId")
       SELECT $1::int, 'run-' || $2::text, 'p', 'master', 'master', 'c' || $2::text, '', 'tree-' || $2::text, 'succeeded', '{"templated":false}', 'production', l.id, '7' FROM l
       RETURNING id AS run, "releaseId" AS release`,
      [this.id, number],
    )
    const made = rows[0]
    if (made === undefined) throw new Error('no run')
    this.runs.push(made.run)
    this.releases.push(made.release)
    if (numbers.chance(0.8)) await this.verify(made.release)
  }

  /** Prerelease has verified a release, as the record shows it. */
  async verify(release: number) {
    if (this.seen.verifiedReleases.has(release)) return
    this.seen.verifiedReleases.add(release)
    await record.pool.query(
      `INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", kind, status, "requestedBy", observed, "verifiedAt")
       SELECT $1, l.id, r.id, 'by-hand', 'verified', 'x', l.digest, clock_timestamp() FROM "Release" l JOIN "Run" r ON r."releaseId" = l.id WHERE l.id = $2`,
      [this.prerelease, release],
    )
  }

  async promotions(...statuses: string[]): Promise<number[]> {
    const { rows } = await record.pool.query<{ id: number }>(
      `SELECT id FROM "Promotion" WHERE "environmentId" = $1 AND status = ANY($2) ORDER BY id`,
      [this.production, statuses],
    )
    return rows.map((r) => r.id)
  }
}

async function one(numbers: Numbers, ids: readonly number[], act: (id: number) => Promise<unknown>) {
  const id = ids[numbers.below(Math.max(1, ids.length))]
  if (id !== undefined) await attempt(() => act(id))
}

/** What may happen next. Each may come twice, late, or with a worker that dies over it. */
const EVENTS: ((project: Project, numbers: Numbers) => Promise<unknown>)[] = [
  (p, n) => p.merge(n),
  (p, n) => one(n, p.runs, (run) => promoteOnward(mortal(n), run)),
  (p, n) => one(n, p.runs, (run) => promoteOnward(mortal(n), run)),
  (p, n) => one(n, p.releases, (release) => p.verify(release)),
  async (p, n) => one(n, await p.promotions('waiting'), (id) => approve(id, n.chance(0.5) ? people.ops : people.other)),
  async (p, n) => one(n, await p.promotions('waiting'), (id) => approve(id, people.ops)),
  async (p, n) => one(n, await p.promotions('waiting'), (id) => reviewPromotion(mortal(n), id)),
  async (p, n) => one(n, await p.promotions('waiting', 'queued'), (id) => reviewPromotion(mortal(n), id)),
  async (p, n) => one(n, await p.promotions('queued'), (id) => deployPromotion(mortal(n), id)),
  async (p, n) => one(n, await p.promotions('queued'), (id) => deployPromotion(mortal(n), id)),
  async (p, n) => one(n, await p.promotions('deployed'), (id) => beginVerification(mortal(n), id)),
  async (p, n) => {
    await record.pool.query(
      `UPDATE "Promotion" SET "leaseUntil" = clock_timestamp() - interval '1 second' WHERE "environmentId" = $1 AND status = 'deploying'`,
      [p.production],
    )
    p.seen.busy = 0
    await one(n, await p.promotions('deploying'), (id) => losePromotion(mortal(n), id))
  },
  async (p, n) => one(n, await p.promotions('errored', 'failed'), (id) => retryByHand(record, id, people.owner)),
  async (p, n) => {
    if (n.chance(0.2)) await intoForce(p.id, p.production, 'production')
  },
  async (p, n) => {
    if (n.chance(0.3)) await one(n, await given(p), (id) => withdraw(record, id, people.ops))
  },
  async (p, n) => {
    if (!n.chance(0.25)) return
    await one(n, await p.promotions('waiting', 'queued', 'errored'), async (id) => {
      await cancelPromotion(record, id, people.ops, 'a person ended it')
      p.dropped.add(id)
    })
  },
  async (p, n) => {
    if (!n.chance(0.3)) return
    await one(n, p.releases, (releaseId) =>
      requestRollback(record, { environmentId: p.production, releaseId, reason: 'back' }, people.ops),
    )
  },
  (p, n) =>
    attempt(() =>
      n.chance(0.3)
        ? holdEnvironment(record, p.production, 'wait', people.ops)
        : releaseHold(record, p.production, people.ops),
    ),
]

const mortal = (numbers: Numbers) => worker(numbers.chance(0.2) ? numbers.below(12) : undefined)

/** Answers of operations that are not used yet. */
async function given(project: Project): Promise<number[]> {
  const { rows } = await record.pool.query<{ id: number }>(
    `SELECT a.id FROM "Approval" a JOIN "Promotion" p ON p.id = a."promotionId"
     WHERE p."environmentId" = $1 AND a.status = 'given' AND a."accountId" = $2`,
    [project.production, people.ops.accountId],
  )
  return rows.map((r) => r.id)
}

/** Sees the statement and signs it with their passkey. */
async function approve(id: number, by: Person) {
  const asked = { subject: { promotionId: id }, decision: 'approve', reason: '' } as const
  const { hash, challenge } = await prepareStatement(record, asked, by, trust)
  const assertion = passkeys.get(by.accountId)?.get({ rpId: trust.rpId, origin: trust.webOrigin, challenge })
  await answer(record, { hash, assertion }, by, trust)
}

/** Everything that can still happen by itself happens: no deaths, no hold, no more events. */
async function settle(project: Project) {
  await attempt(() => releaseHold(record, project.production, people.ops))
  await record.pool.query(
    `UPDATE "Promotion" SET "leaseUntil" = clock_timestamp() - interval '1 second' WHERE "environmentId" = $1 AND status = 'deploying'`,
    [project.production],
  )
  project.seen.busy = 0
  for (const release of project.releases) await project.verify(release)
  for (const run of project.runs) await attempt(() => promoteOnward(worker(), run))
  for (let round = 0; round < 40; round++) {
    const before = await snapshot(project)
    for (const id of await project.promotions('deploying')) await attempt(() => losePromotion(worker(), id))
    for (const id of await project.promotions('errored')) await attempt(() => retryByHand(record, id, people.owner))
    for (const id of await project.promotions('waiting')) {
      await attempt(() => reviewPromotion(worker(), id))
      await attempt(() => approve(id, people.ops))
      await attempt(() => reviewPromotion(worker(), id))
    }
    for (const id of await project.promotions('queued')) await attempt(() => deployPromotion(worker(), id))
    for (const id of await project.promotions('deployed')) await attempt(() => beginVerification(worker(), id))
    if ((await snapshot(project)) !== before) continue
    for (const id of await project.promotions('waiting', 'queued', 'deploying', 'deployed', 'errored'))
      project.seen.violations.push(`promotion ${id} waits for ever`)
    return
  }
  throw new Error('it never comes to rest')
}

async function snapshot(project: Project) {
  const { rows } = await record.pool.query<{ all: string }>(
    `SELECT string_agg(id || ':' || status, ' ' ORDER BY id) AS all FROM "Promotion" WHERE "environmentId" = $1`,
    [project.production],
  )
  return rows[0]?.all ?? ''
}

/** An approval is a promise: what has one that stands was deployed, or a person ended it. What fell says why, and stands no more. */
async function lostApproved(project: Project): Promise<string[]> {
  const { rows } = await record.pool.query<{ id: number; status: string; because: string }>(
    `SELECT id, status, because FROM "Promotion" p WHERE "environmentId" = $1 AND status <> 'verified'
       AND EXISTS (SELECT 1 FROM "Approval" a WHERE a."promotionId" = p.id AND a.ask = p.ask AND a.status IN ('given', 'used'))`,
    [project.production],
  )
  return rows
    .filter((r) => !project.dropped.has(r.id))
    .map((r) => `approved promotion ${r.id} is ${r.status}: ${r.because}`)
}

async function play(seed: number): Promise<{ violations: string[]; deployments: number }> {
  const numbers = numbersOf(seed)
  const project = await Project.make(seed)
  await project.merge(numbers)
  for (let step = 0; step < STEPS; step++) {
    const event = EVENTS[numbers.below(EVENTS.length)]
    const other = numbers.chance(0.35) ? EVENTS[numbers.below(EVENTS.length)] : undefined
    // At the same instant: approval and push, two workers on one promotion, a death beside a claim.
    await Promise.all([event?.(project, numbers), other?.(project, numbers)])
  }
  await settle(project)
  worlds.delete(project.id)
  const violations = [...project.seen.violations, ...(await lostApproved(project))]
  return { violations: violations.map((v) => `seed ${seed}: ${v}`), deployments: project.seen.applied.length }
}

it(`in ${SEEDS} orders of events, decisions and deaths nothing older goes over newer, nothing unverified or unsigned reaches production, and no approval is lost`, async () => {
  const seeds = Array.from({ length: SEEDS }, (_, n) => FIRST_SEED + n)
  const violations: string[] = []
  let deployments = 0
  const player = async () => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      const played = await play(seed)
      violations.push(...played.violations)
      deployments += played.deployments
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, player))
  console.log(
    `interleavings: seeds ${FIRST_SEED} to ${FIRST_SEED + SEEDS - 1}, ${SEEDS} orders, ${deployments} deployments`,
  )
  expect(violations).toEqual([])
  expect(deployments).toBeGreaterThan(SEEDS)
}, 300_000)
