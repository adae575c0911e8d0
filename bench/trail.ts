// The trail's price: appends with the chain against the same rows into a table without one, and how fast a trail is recomputed.
import { fork } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { verifyNote } from '../audit/checkpoint'
import { isRefusal } from '../audit/follow'
import { Witness } from '../audit/witness'
import { cleanUp, makeFolder } from '../demo/leftovers'
import { migrate } from '../prisma/migrate'
import { ensurePostgres } from '../prisma/postgres'
import { alternate, type Figure, show, spread, table } from './measure'
import { seedEntries, seedPlaces } from './seed-trail'

const CLIENTS = 8
const SECONDS = 4
const PAIRS = 3
const LEAST = 500
const VERIFIED = 100_000
const MOST_S = 5
const MOST_MB = 256

const APPEND = `SELECT audit_append('run.pass', 'worker:w1', 'worker w1', $1::int, 'run', $1::int, $1::int, 'running', 'succeeded', 'the step exited 0', '{"name":"unit","ms":1234}')`
const PLAIN = `INSERT INTO bench_entry (kind, actor, "actorName", writer, "projectId", subject, "subjectId", "runId", before, after, because, data)
  VALUES ('run.pass', 'worker:w1', 'worker w1', 'owner', $1::int, 'run', $1::int, $1::int, 'running', 'succeeded', 'the step exited 0', '{"name":"unit","ms":1234}')`

/** Rows a second that are committed, one transaction each, by clients that each wait for their own. */
async function perSecond(pool: pg.Pool, name: string, text: string): Promise<number> {
  await pool.query('CHECKPOINT')
  const begun = performance.now()
  const end = begun + SECONDS * 1000
  const client = async (n: number) => {
    let rows = 0
    for (; performance.now() < end; rows++) await pool.query({ name, text, values: [1 + ((n * 7 + rows) % 1_000)] })
    return rows
  }
  const done = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => client(n)))
  return done.reduce((sum, n) => sum + n, 0) / ((performance.now() - begun) / 1000)
}

export async function trail(): Promise<Figure> {
  const dir = makeFolder()
  const postgres = await ensurePostgres({ dir: join(dir, 'postgres') })
  try {
    await migrate(postgres.url)
    const recomputed = await recompute(postgres.url, dir)
    const pool = new pg.Pool({ connectionString: postgres.url, max: CLIENTS, application_name: 'bench' })
    pool.on('error', () => {}) // the server is stopped under it at the end
    try {
      // The same columns and indexes, without its triggers.
      await pool.query('CREATE TABLE bench_entry (LIKE "AuditEntry" INCLUDING ALL)')
      const rounds = await alternate(
        PAIRS,
        () => perSecond(pool, 'append', APPEND),
        () => perSecond(pool, 'plain', PLAIN),
      )
      const { rows } = await pool.query<{ entries: string; leaves: string; last: string }>(
        'SELECT (SELECT count(*) FROM "AuditEntry") AS entries, count(*) AS leaves, max(seq) + 1 AS last FROM "AuditLeaf"',
      )
      const counted = rows[0]
      if (counted === undefined || new Set(Object.values(counted)).size !== 1)
        throw new Error(`the chain has a gap: ${JSON.stringify(counted)}`)
      return figure(rounds, recomputed)
    } finally {
      await pool.end()
    }
  } finally {
    await postgres.stop()
    await cleanUp(dir)
  }
}

export interface Recomputed {
  seconds: number
  /** Of the process that did it, at its highest. */
  mb: number
}

/** In a process of its own, as a worker that starts does it: memory is that of nothing else. */
async function recompute(url: string, dir: string): Promise<Recomputed> {
  const db = new pg.Pool({ connectionString: url, max: 1 })
  try {
    await seedPlaces(db)
    await seedEntries(db, VERIFIED)
  } finally {
    await db.end()
  }
  const child = fork(fileURLToPath(import.meta.url), ['recompute', url, join(dir, 'trail')], {
    execArgv: ['--import', 'tsx'],
  })
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => child.kill('SIGKILL'), 120_000)
    child.once('message', (answer: Recomputed) => resolve(answer))
    child.once('exit', (code, signal) => {
      clearTimeout(late)
      reject(new Error(`the trail was not recomputed (${signal ?? code})`))
    })
  })
}

async function answerRecomputed(url: string, dir: string) {
  mkdirSync(dir, { recursive: true })
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const { rows: named } = await client.query<{ origin: string }>('SELECT origin FROM "Installation"')
  const origin = named[0]?.origin ?? ''
  const signer = { sign: (bytes: Uint8Array) => sign(null, bytes, privateKey) }
  const witness = new Witness({ dir, origin, signer, keys: [publicKey] })
  const begun = performance.now()
  const head = await witness.look(client)
  const seconds = (performance.now() - begun) / 1000
  if (head === null || isRefusal(head) || head.size !== VERIFIED)
    throw new Error(`not verified: ${JSON.stringify(head)}`)
  const { rows } = await client.query<{ note: string }>('SELECT note FROM "Checkpoint"')
  if (verifyNote(rows[0]?.note ?? '', [publicKey], origin) === null) throw new Error('what was signed does not verify')
  await client.end()
  const { maxRSS } = process.resourceUsage()
  process.send?.({ seconds, mb: maxRSS / 1024 } satisfies Recomputed)
}

function figure(rounds: readonly { a: number; b: number }[], recomputed: Recomputed): Figure {
  const chained = spread(rounds.map((r) => r.a))
  const plain = spread(rounds.map((r) => r.b))
  const ratio = spread(rounds.map((r) => r.a / r.b))
  return {
    name: 'trail',
    what: `appends to the trail per second, chained and committed, ${CLIENTS} clients; ${VERIFIED.toLocaleString('en')} entries recomputed by the signer`,
    against: 'inserts of the same row into the same table without a chain',
    aim: `≥ ${LEAST}/s; ≤ ${MOST_S} s in ≤ ${MOST_MB} MB`,
    measured: `${show(chained, 0, '/s')} against ${show(plain, 0, '/s')}: ${show(ratio, 2)}; recomputed in ${recomputed.seconds.toFixed(1)} s, ${recomputed.mb.toFixed(0)} MB`,
    met: chained.median >= LEAST && recomputed.seconds <= MOST_S && recomputed.mb <= MOST_MB,
    where: [
      table(
        ['', 'rows/s, median (min … max)'],
        [
          [
            'audit_append: entry, canonical bytes, leaf, link, one writer at a time to the end of its commit',
            show(chained, 0),
          ],
          ['plain insert, the same columns and indexes', show(plain, 0)],
        ],
      ),
      `fsync on; ${PAIRS} rounds of ${SECONDS} s each. After them there are as many leaves as entries, without a gap. Recomputing is what a worker does when it starts: every leaf, link and root from the first entry on, and that each row says what its bytes say; its memory is the highest of a process that does nothing else.`,
    ],
  }
}

const [what, url = '', dir = ''] = process.argv.slice(2)
if (what === 'recompute' && process.send) await answerRecomputed(url, dir)
