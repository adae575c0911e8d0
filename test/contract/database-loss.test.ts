// A connection to the database that is lost, wherever somebody holds one: the promise rejects, and the process lives.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { freshDatabase } from '../database'
import { eventually } from '../given'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What holds a connection, and what it does at the moment when that is ended: `wait` lasts until it was. */
const HOLDERS: [string, string][] = [
  [
    'a transaction, between two statements',
    `transaction(record, async (tx) => { await tx.query('SELECT 1'); await wait(); await tx.query('SELECT 2') })`,
  ],
  [
    'a transaction, whose work asks nothing more',
    `transaction(record, async (tx) => { await tx.query('SELECT 1'); await wait() })`,
  ],
  [
    'a transaction, in the middle of a statement',
    `transaction(record, (tx) => (wait(), tx.query('SELECT pg_sleep(60)')))`,
  ],
  [
    'a moment of the record, for an export',
    `atOneMoment(record.pool, async (db) => { await db.query('SELECT 1'); await wait(); await db.query('SELECT 2') })`,
  ],
  [
    'a client with a lock, as the signer has it',
    `withClient(record.pool, async (db) => { await db.query('SELECT pg_try_advisory_lock(7)'); await wait(); await db.query('SELECT pg_advisory_unlock(7)') })`,
  ],
  [
    'a client that was taken out without us',
    `record.pool.connect().then(async (db) => { await db.query('SELECT 1'); await wait(); try { await db.query('SELECT 2') } finally { db.release(true) } })`,
  ],
  [
    'a transaction of Prisma',
    `record.db.$transaction(async (tx) => { await tx.$queryRawUnsafe('SELECT 1::text'); await wait(); await tx.$queryRawUnsafe('SELECT 2::text') })`,
  ],
  [
    'a connection of its own, as migrations and roles take',
    `withConnection({ connectionString: url, application_name: 'holder' }, async (db) => { await db.query('SELECT 1'); await wait(); await db.query('SELECT 2') })`,
  ],
  [
    'an idle pool',
    `record.pool.query('SELECT 1').then(async () => { await wait(); throw new Error('57P01: idle, nothing was under way') })`,
  ],
]

/** Holds it, says so, waits for a line, and then tells what became of the promise and whether the database can be asked. */
const PROGRAM = (holder: string) => `
import { atOneMoment } from '${ROOT}/audit/export.ts'
import { openRecord } from '${ROOT}/prisma/client.ts'
import { withClient, withConnection } from '${ROOT}/prisma/connections.ts'
import { transaction } from '${ROOT}/prisma/record.ts'
const url = process.env.HELD_URL
const record = openRecord(url, { max: 2, name: 'holder' })
const ended = new Promise((resolve) => process.stdin.once('data', () => setTimeout(resolve, 300)))
const wait = async () => { console.log('held'); await ended }
const outcome = await (${holder}).then(() => 'resolved', (e) => 'rejected: ' + (e.code ?? '') + ' ' + String(e.message).split('\\n').at(-1))
console.log(outcome)
// More often than there are connections: none of them may be a dead one, or hold an open transaction.
for (let i = 0; i < 5; i++) console.log('asked: ' + (await record.pool.query('SELECT pg_current_xact_id_if_assigned() IS NULL AS free')).rows[0].free)
process.exit(0)
`

describe('J1: a connection that drops', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>
  let record: RecordHandle
  beforeAll(async () => {
    database = await freshDatabase()
    record = openRecord(database.url, { max: 2, name: 'watcher' })
  })
  afterAll(async () => {
    await record?.close()
    await database?.drop()
  })

  it.each(HOLDERS)('J1: held by %s: its promise rejects, and the process goes on', async (_what, holder) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shiplock-held-'))
    const file = path.join(dir, 'holder.mts')
    fs.writeFileSync(file, PROGRAM(holder))
    const child = spawn(process.execPath, ['--import', 'tsx', file], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, HELD_URL: database.url },
    })
    try {
      const said = outputOf(child)
      await eventually('it holds the connection', async () => said.text.includes('held') || child.exitCode !== null)
      const { rows } = await record.pool.query(
        `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE application_name = 'holder' AND datname = current_database()`,
      )
      expect(rows.length, said.text).toBeGreaterThan(0)
      child.stdin.write('ended\n')
      if (child.exitCode === null) await once(child, 'exit')
      expect(said.text).not.toMatch(/Unhandled|triggerUncaught/)
      expect(child.exitCode, said.text).toBe(0)
      expect(said.text).toMatch(/rejected: /)
      expect(said.text.match(/asked: true/g)).toHaveLength(5)
    } finally {
      child.kill('SIGKILL')
      fs.rmSync(dir, { recursive: true })
    }
  })
})

describe('J1: the places that take a connection', () => {
  it('J1: are prisma/connections.ts alone, so that none is without its listener', () => {
    const folders = ['app', 'audit', 'cli', 'environments', 'pipelines', 'prisma', 'worker']
    const files = folders
      .flatMap((folder) =>
        fs.readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((f) => path.join(folder, f)),
      )
      .filter((file) => /\.(ts|tsx|mts)$/.test(file) && !file.startsWith('prisma/generated'))
    expect(files.length).toBeGreaterThan(200)
    const takes = /\bpool\.connect\(|new (pg\.)?Client\(|new (pg\.)?Pool\(/
    const found = files.filter((file) => takes.test(fs.readFileSync(path.join(ROOT, file), 'utf8')))
    expect(found.sort()).toEqual(['prisma/connections.ts'])
  })
})

function outputOf(child: ChildProcess) {
  const said = { text: '' }
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said.text += text
    })
  return said
}
