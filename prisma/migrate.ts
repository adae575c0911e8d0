// Brings a database to this version: applies prisma/migrations/*/migration.sql, each in one transaction, recorded exactly as
// Prisma's own engine would, so that its tools agree about what was applied.
import { createHash, randomUUID } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { withConnection } from './connections'

/** The advisory lock that Prisma's engine takes as well. */
const LOCK = 72707369
/** How long to wait for another process that migrates, or for a table that something else holds. */
const LOCK_TIMEOUT_MS = 60_000

export const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url))

/** Column for column the table of Prisma 7. */
const RECORD = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`

export interface Migration {
  name: string
  sql: string
  checksum: string
}

export interface Applied {
  migration_name: string
  checksum: string
  finished_at: Date | null
}

/**
 * What is still to be applied, in order. Throws a plain sentence where going on would be a guess: a migration that failed
 * half-way, one that was edited after it was applied, or a database that a newer Shiplock has already changed.
 */
export function toApply(files: readonly Migration[], applied: readonly Applied[]): Migration[] {
  const failed = applied.find((a) => a.finished_at === null)
  if (failed)
    throw new Error(
      `migration ${failed.migration_name} failed half-way earlier: repair the database, then remove its row from _prisma_migrations`,
    )
  const known = new Map(files.map((f) => [f.name, f]))
  const newer = applied.filter((a) => !known.has(a.migration_name)).map((a) => a.migration_name)
  if (newer.length > 0) {
    throw new Error(
      `the database is newer than this Shiplock (it has ${newer.join(', ')}): start the newer version, or restore a backup`,
    )
  }
  for (const { migration_name, checksum } of applied) {
    if (known.get(migration_name)?.checksum !== checksum)
      throw new Error(`migration ${migration_name} was edited after it was applied: put the file back as it was`)
  }
  const done = new Set(applied.map((a) => a.migration_name))
  return files.filter((f) => !done.has(f.name))
}

export function readMigrations(dir = MIGRATIONS): Migration[] {
  const names = fs.readdirSync(dir, { withFileTypes: true }).flatMap((d) => (d.isDirectory() ? [d.name] : []))
  return names.sort().map((name) => {
    const content = fs.readFileSync(path.join(dir, name, 'migration.sql'))
    return { name, sql: content.toString('utf8'), checksum: createHash('sha256').update(content).digest('hex') }
  })
}

/**
 * Applies what is missing and returns its names. Safe to call from several processes at once: one does it, the others wait.
 * Where nothing is missing a role that may only read is enough.
 */
export async function migrate(url: string, dir = MIGRATIONS): Promise<string[]> {
  const files = readMigrations(dir)
  // The advisory lock goes with the connection.
  return withConnection({ connectionString: url, connectionTimeoutMillis: 10_000 }, async (db) => {
    const { rows } = await db.query<{ there: boolean }>(`SELECT to_regclass('_prisma_migrations') IS NOT NULL AS there`)
    const there = rows[0]?.there === true
    if (there && isComplete(files, await applied(db))) return []
    await refuseStranger(db, there)
    await db.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`)
    await takeLock(db)
    await db.query(RECORD)
    const missing = toApply(files, await applied(db))
    for (const migration of missing) await apply(db, migration)
    return missing.map((m) => m.name)
  })
}

const applied = async (db: pg.Client) =>
  (
    await db.query<Applied>(
      'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL',
    )
  ).rows

/** One that is not finished may be under way in another process: only who holds the lock can tell. */
const isComplete = (files: readonly Migration[], rows: readonly Applied[]) =>
  rows.every((r) => r.finished_at !== null) && toApply(files, rows).length === 0

async function refuseStranger(db: pg.Client, there: boolean) {
  const { rows } = await db.query<{ who: string; may: boolean }>(
    `SELECT current_user AS who, ${there ? `has_table_privilege('_prisma_migrations', 'INSERT')` : `has_schema_privilege(current_schema(), 'CREATE')`} AS may`,
  )
  if (rows[0]?.may === false)
    throw new Error(
      `the database is older than this Shiplock, and the role ${rows[0].who} may not bring it up to date: start Shiplock with \`npm start\`, or once with the address of the role that owns the database in DATABASE_URL`,
    )
}

async function takeLock(db: pg.Client) {
  try {
    await db.query('SELECT pg_advisory_lock($1)', [LOCK])
  } catch (cause) {
    if (!(cause instanceof pg.DatabaseError && cause.code === '55P03')) throw cause
    throw new Error(
      `another process has been migrating this database for ${LOCK_TIMEOUT_MS / 1000} s: wait for it, or end it`,
      { cause },
    )
  }
}

async function apply(db: pg.Client, { name, sql, checksum }: Migration) {
  const id = randomUUID()
  // For what PostgreSQL refuses inside a transaction, such as CREATE INDEX CONCURRENTLY. Its row is written first, so that a
  // failure half-way is seen by the next start.
  const whole = !/^--\s*no-transaction\b/m.test(sql)
  const begun = () =>
    db.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [id, checksum, name])
  try {
    if (whole) await db.query('BEGIN')
    await begun()
    await db.query(sql)
    await db.query(
      'UPDATE _prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE id = $1',
      [id],
    )
    if (whole) await db.query('COMMIT')
  } catch (error) {
    if (whole) await db.query('ROLLBACK').catch(() => {}) // the connection may be what failed; without COMMIT nothing stays
    throw new Error(`migration ${name}${lineOf(error, sql)}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}

/** ", line 12" where PostgreSQL says at which character it stumbled. */
function lineOf(error: unknown, sql: string): string {
  if (!(error instanceof pg.DatabaseError) || !error.position) return ''
  return `, line ${sql.slice(0, Number(error.position)).split('\n').length}`
}
