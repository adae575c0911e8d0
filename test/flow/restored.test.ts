// An older database was put back, or another one: seen by the memory outside it, and nothing is deployed until it is accepted.
import { type ChildProcess, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { NAMED } from '../../app/_server/rest/shapes'
import { endOf, eventually, Shiplock } from '../given'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const WITHIN_MS = 10_000

let shiplock: Shiplock
let worker: ChildProcess

const memory = () => join(shiplock.dir, 'trail')
const startWorker = async () => {
  worker = (await shiplock.startWorker()).process as ChildProcess
}
const stopWorker = () => endOf(worker, 'SIGTERM')

/** Copies a database under another name, or puts a copy in the place of the one that is used. */
async function copyDatabase(from: string, to: string) {
  const url = new URL(shiplock.database.url)
  url.pathname = '/postgres'
  const db = new pg.Client({ connectionString: url.href })
  await db.connect()
  try {
    await db.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY($1) AND pid <> pg_backend_pid()',
      [[from, to]],
    )
    await db.query(`DROP DATABASE IF EXISTS "${to}" WITH (FORCE)`)
    // The web process connects again by itself, and at once: it is ended once more.
    for (let tries = 1; ; tries++) {
      await db.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [from])
      const done = await db.query(`CREATE DATABASE "${to}" TEMPLATE "${from}"`).then(
        () => true,
        (error: Error) => {
          if (tries >= 50 || !/being accessed/.test(error.message)) throw error
          return false
        },
      )
      if (done) return
    }
  } finally {
    await db.end()
  }
}
const name = () => new URL(shiplock.database.url).pathname.slice(1)
const backUp = (as = 'older') => copyDatabase(name(), `${name()}_${as}`)
const putBack = (what = 'older') => copyDatabase(`${name()}_${what}`, name())

/** Everything so far is signed: the memory outside the database knows it. */
const signed = () =>
  eventually('it is signed', async () => {
    await shiplock.record.pool.query(`SELECT pg_notify('shiplock', 'trail:1:due')`)
    const { rows } = await shiplock.record.pool.query<{ behind: number }>(
      `SELECT ((SELECT max(seq) + 1 FROM "AuditLeaf") - COALESCE((SELECT max(size) FROM "Checkpoint"), 0))::int AS behind`,
    )
    return rows[0]?.behind === 0
  })

const trail = async () => NAMED.Health.parse(await (await fetch(`${shiplock.web.url}/api/health`)).json()).parts.trail
const inDoubt = () =>
  eventually('health says so', async () => (await trail()).because?.code === 'trail.other', WITHIN_MS)
const trusted = () => eventually('the trail is in order', async () => (await trail()).state === 'ok', 2 * WITHIN_MS)

function command(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'cli/shiplock.ts', 'audit', 'accept-restore', ...words],
    {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, DATABASE_URL: shiplock.database.url, SHIPLOCK_STATE: shiplock.dir },
    },
  )
  return { status, said: stdout + stderr }
}

const deployments = async () => {
  const { rows } = await shiplock.record.pool.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM "AuditEntry" WHERE kind = 'promotion.claim'`,
  )
  return rows[0]?.n
}

describe('J9: another database than was signed', () => {
  beforeAll(async () => {
    shiplock = await Shiplock.start({ worker: 'none', roles: false })
    shiplock.useWorkersApart()
    await startWorker()
    await shiplock.project()
    const first = await shiplock.push('develop', { 'www/index.html': 'one\n' })
    await shiplock.verified(first, 'test')
    await signed()
    await stopWorker()
    await backUp()
    await startWorker()
    const second = await shiplock.push('develop', { 'www/index.html': 'two\n' })
    await shiplock.verified(second, 'test')
    await signed()
    await stopWorker()
    await backUp('newest')
    cpSync(memory(), `${memory()}-newest`, { recursive: true })
  }, 180_000)
  beforeEach(async () => {
    rmSync(memory(), { recursive: true })
    cpSync(`${memory()}-newest`, memory(), { recursive: true })
  })
  afterEach(async () => {
    await stopWorker()
  })
  afterAll(async () => {
    await shiplock?.close()
  })

  it('J9: an older one stops every deployment, on every path, and shows what differs until it is accepted', {
    timeout: 240_000,
  }, async () => {
    await putBack()
    await startWorker()
    await inDoubt()
    const claims = await deployments()
    const commit = await shiplock.push('develop', { 'www/index.html': 'three\n' })
    const asked = await shiplock.waitsFor(commit, 'test', 'signed')
    expect(asked.waiting?.what).toContain('not the one whose trail was signed')
    // By hand, and back: no kind of promotion passes.
    for (const kind of ['by-hand', 'rollback', 'put-back'])
      await shiplock.record.pool
        .query('UPDATE "Promotion" SET kind = $2, status = $3 WHERE id = $1', [asked.id, kind, 'queued'])
        .then(() =>
          shiplock.promotion(
            commit,
            'test',
            (p) => p.status === 'waiting' && p.verdicts.some((v) => v.gate === 'signed' && v.state === 'waiting'),
          ),
        )
    await shiplock.record.pool.query(`UPDATE "Promotion" SET kind = 'onward' WHERE id = $1`, [asked.id])
    // A retry of one that errored goes through the same gates.
    await shiplock.record.pool.query(
      `UPDATE "Promotion" SET status = 'errored', attempts = 1, "dueAt" = now() WHERE id = $1`,
      [asked.id],
    )
    await shiplock.waitsFor(commit, 'test', 'signed')
    expect(await deployments()).toBe(claims)

    const whole = NAMED.Health.parse(await shiplock.client.ask('GET', '/installation/health'))
    expect(whole.parts.trail.because?.params).toMatchObject({
      what: expect.stringMatching(/shorter|forked/),
      state: shiplock.dir,
      difference: {
        common: { size: expect.any(Number) },
        hasNow: expect.any(Number),
        newest: expect.arrayContaining([expect.objectContaining({ what: 'promotions' })]),
        environments: [expect.objectContaining({ project: 'team/hello', name: 'test' })],
      },
    })
    expect(JSON.stringify(await trail())).not.toContain('hello')

    const shown = command()
    expect(shown).toMatchObject({ status: 0, said: expect.stringContaining('team/hello test: was V1.0_') })
    expect((await trail()).state).toBe('down')

    const accepted = command('--because', 'the disk of the database failed')
    expect(accepted).toMatchObject({ status: 0, said: expect.stringContaining('Accepted') })
    await trusted()
    await shiplock.verified(commit, 'test')
    const { rows } = await shiplock.record.pool.query<{ because: string; actor: string }>(
      `SELECT because, actor FROM "AuditEntry" WHERE kind = 'trail.accept'`,
    )
    expect(rows).toEqual([{ because: 'the disk of the database failed', actor: 'shiplock' }])
    const [kept] = readdirSync(memory()).filter((entry) => entry.startsWith('before-'))
    expect(existsSync(join(memory(), String(kept), 'head.json'))).toBe(true)
    await signed()
    expect(command()).toMatchObject({ said: expect.stringContaining('nothing to accept') })
  })

  it('J9: put back under a running worker, in the middle of a deployment: it is not finished, and is judged again', {
    timeout: 240_000,
  }, async () => {
    await putBack('newest')
    await startWorker()
    await trusted()
    const { rows } = await shiplock.record.pool.query<{ size: number }>(
      'SELECT max(seq)::int + 1 AS size FROM "AuditLeaf"',
    )
    const files = { 'www/index.html': 'five\n', '.shiplock.yaml': SLOW }
    const commit = await shiplock.push('develop', files)
    await shiplock.promotion(commit, 'test', (p) => p.status === 'deploying')
    await signed()
    await cut((rows[0]?.size ?? 0) + 1)
    await inDoubt()
    await shiplock.letLeasesLapse()
    await shiplock.waitsFor(commit, 'test', 'signed')
    expect((await shiplock.promotion(commit, 'test')).deployedAt ?? null).toBeNull()
    expect(command('--because', 'x')).toMatchObject({ status: 0 })
    await trusted()
  })
})

const SLOW = `service: hello
version: "1.0"
build: { dockerfile: Dockerfile }
stages:
  static: { image: "shiplock-demo/busybox:latest", run: ["true"] }
  unit: { run: ["true"] }
deploy:
  ports: ["8085"]
  healthcheck: { http: "/not-there-yet", port: 8085, interval: 200ms, timeout: 2s, start_period: 60s, retries: 3 }
`

/** What a superuser can do who switches the triggers off. */
async function tamper(sql: string) {
  const db = await shiplock.record.pool.connect()
  try {
    await db.query(`SET session_replication_role = replica`)
    for (const table of ['AuditEntry', 'AuditLeaf', 'Checkpoint'])
      await db.query(`ALTER TABLE "${table}" DISABLE TRIGGER ALL`)
    await db.query(sql)
  } finally {
    for (const table of ['AuditEntry', 'AuditLeaf', 'Checkpoint'])
      await db.query(`ALTER TABLE "${table}" ENABLE TRIGGER ALL`)
    db.release(true)
  }
}

/** As an older database is: the trail ends there. */
const cut = (size: number) =>
  tamper(`DELETE FROM "Checkpoint" WHERE size > ${size};
    WITH l AS (DELETE FROM "AuditLeaf" WHERE seq >= ${size} RETURNING "entryId") DELETE FROM "AuditEntry" WHERE id IN (SELECT "entryId" FROM l)`)
