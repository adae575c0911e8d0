import { execFile } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ensurePostgres } from '../../prisma/postgres'
import { closedParent, lookUpUser } from '../../prisma/system-user'
import { freshDatabase } from '../database'

describe('the built-in PostgreSQL', () => {
  let home: string
  let stop: (() => Promise<void>) | undefined
  beforeEach(() => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), 'shiplock-pg-'))
    fs.chmodSync(home, 0o755)
  })
  afterEach(async () => {
    await stop?.()
    stop = undefined
    fs.rmSync(home, { recursive: true, force: true })
  })

  const ensure = async (name = 'pg') => {
    const postgres = await ensurePostgres({ dir: path.join(home, name), settings: { fsync: 'off' } })
    stop = postgres.stop
    return postgres
  }
  const serverPid = () => Number(fs.readFileSync(path.join(home, 'pg/data/postmaster.pid'), 'utf8').split('\n')[0])

  it('is made in UTF-8, listens on a socket alone, and keeps what was written over a stop', async () => {
    const first = await ensure()
    expect(first.started).toBe(true)
    const asked =
      "SELECT current_setting('server_encoding') AS encoding, current_setting('listen_addresses') AS addresses, current_database() AS name"
    expect(await query(first.url, asked)).toEqual([{ encoding: 'UTF8', addresses: '', name: 'shiplock' }])
    await query(first.url, "CREATE TABLE kept AS SELECT '流水线' AS word")
    await first.stop()
    await first.stop()
    const second = await ensure()
    expect(await query(second.url, 'SELECT word FROM kept')).toEqual([{ word: '流水线' }])
  })

  it('is started once by two processes that ask at the same time', async () => {
    const both = await Promise.all([
      ensureElsewhere(path.join(home, 'pg')),
      ensureElsewhere(path.join(home, 'pg')),
      ensure(),
    ])
    expect(both.filter((p) => p.started)).toHaveLength(1)
  })

  it('comes back after the server was killed, with every committed row', async () => {
    const { url } = await ensure()
    await query(url, 'CREATE TABLE kept AS SELECT 7 AS n')
    process.kill(serverPid(), 'SIGKILL')
    const again = await ensure()
    expect(await query(again.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
  })

  it('is not misled by a pid file that names somebody else’s process', async () => {
    const { url, stop: stopIt } = await ensure()
    const file = path.join(home, 'pg/data/postmaster.pid')
    const left = fs.readFileSync(file, 'utf8')
    await stopIt()
    fs.writeFileSync(file, left.replace(/^\d+/, String(process.pid)))
    expect((await ensure()).started).toBe(true)
    expect(await query(url, 'SELECT 1 AS n')).toEqual([{ n: 1 }])
  })

  it('works in a folder whose path is too long for a socket and holds spaces and quotes', async () => {
    const { url } = await ensure(path.join("a team's folder", 'x'.repeat(100)))
    expect(await query(url, 'SELECT 1 AS n')).toEqual([{ n: 1 }])
    expect(Buffer.byteLength(new URL(url).searchParams.get('host') ?? '')).toBeLessThan(90)
  })

  it('says so when another version made the folder', async () => {
    const { stop: stopIt } = await ensure()
    await stopIt()
    fs.writeFileSync(path.join(home, 'pg/data/PG_VERSION'), '9\n')
    await expect(ensure()).rejects.toThrow(/was made by PostgreSQL 9, and this is PostgreSQL 18/)
  })

  // Only root can be somebody else, who must be able to read the clone.
  const nobody = process.getuid?.() === 0 ? lookUpUser('nobody') : null
  const stranger = closedParent(process.cwd(), nobody) === null ? nobody : null
  const needs = stranger === null ? ' (needs root, and a clone that others may enter)' : ''
  describe.skipIf(stranger === null)(`asked by another user of the system${needs}`, () => {
    /** What PostgreSQL answers the user `nobody`, in its code; "in" where it lets them. */
    const knock = async (url: string) => {
      const program = `const db = new (require('pg').Client)({ connectionString: process.argv[1] })
        db.connect().then(() => db.end()).then(() => 'in', (e) => e.code ?? e.message).then(console.log)`
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', program, url], {
        ...stranger,
        timeout: 30_000,
      })
      return stdout.trim()
    }
    const as = (url: string, user: string, password: string) => {
      const other = new URL(url)
      Object.assign(other, { username: user, password })
      return other.href
    }

    it('lets nobody in as its owner, and others by their password alone', async () => {
      const { url } = await ensure()
      await query(url, `CREATE ROLE guest LOGIN PASSWORD 'a password'`)
      expect(await knock(url)).toBe('28000')
      expect(await knock(as(url, 'postgres', 'postgres'))).toBe('28000')
      expect(await knock(as(url, 'guest', 'another'))).toBe('28P01')
      expect(await knock(as(url, 'guest', 'a password'))).toBe('in')
      expect(fs.statSync(path.join(home, 'pg/data')).mode & 0o777).toBe(0o700)
    })

    it.each(['while it runs', 'at its next start'])('a folder of an earlier version is closed %s', async (when) => {
      const { url, stop: stopIt } = await ensure()
      fs.writeFileSync(path.join(home, 'pg/data/pg_hba.conf'), 'local all all trust\n')
      await query(url, 'SELECT pg_reload_conf()')
      await expect.poll(() => knock(url), { timeout: 20_000 }).toBe('in')
      if (when === 'at its next start') await stopIt()
      await ensure()
      await expect.poll(() => knock(url), { timeout: 20_000 }).toBe('28000')
      expect(await query(url, 'SELECT 1 AS n')).toEqual([{ n: 1 }])
    })
  })

  it('says what the server said when it does not start', async () => {
    await expect(ensurePostgres({ dir: path.join(home, 'pg'), settings: { shared_buffers: 'a lot' } })).rejects.toThrow(
      /could not start in [\s\S]*invalid value for parameter "shared_buffers"/,
    )
  })
})

describe('the record', () => {
  let db: { url: string; drop(): Promise<void> }
  beforeEach(async () => {
    db = await freshDatabase()
  })
  afterEach(() => db.drop())
  const entry = `INSERT INTO "AuditEntry" ("kind", "actor", "actorName", "subject", "subjectId") VALUES ('run.accept', 'shiplock', 'Shiplock', 'run', 1)`

  it.each(['UPDATE "AuditEntry" SET "because" = $$x$$', 'DELETE FROM "AuditEntry"', 'TRUNCATE "AuditEntry" CASCADE'])(
    'takes an audit entry and refuses %s',
    async (change) => {
      await query(db.url, entry)
      await expect(query(db.url, change)).rejects.toThrow('the audit trail is append-only')
      await expect(query(db.url, `SET session_replication_role = replica; ${change}`)).rejects.toThrow(
        'the audit trail is append-only',
      )
      expect(await query(db.url, 'SELECT count(*)::int AS n FROM "AuditEntry"')).toEqual([{ n: 1 }])
    },
  )

  it('is cloned for each test and leaves nothing behind', async () => {
    await query(db.url, entry)
    const other = await freshDatabase()
    expect(await query(other.url, 'SELECT count(*)::int AS n FROM "AuditEntry"')).toEqual([{ n: 0 }])
    await other.drop()
    await expect(query(other.url, 'SELECT 1')).rejects.toThrow(/does not exist/)
  })
})

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const db = new pg.Client({ connectionString })
  await db.connect()
  try {
    const result = await db.query(sql)
    return Array.isArray(result) ? [] : result.rows
  } finally {
    await db.end()
  }
}

async function ensureElsewhere(dir: string): Promise<{ started: boolean }> {
  const program = `import('./prisma/postgres.ts').then(async (m) => {
    const { started } = await m.ensurePostgres({ dir: process.argv[1], settings: { fsync: 'off' } })
    process.stdout.write(JSON.stringify({ started }))
  })`
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '-e', program, dir], {
    timeout: 30_000,
  })
  return JSON.parse(stdout) as { started: boolean }
}
