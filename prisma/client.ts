import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import { guardedPool } from './connections'
import { PrismaClient } from './generated/client'

const STATEMENT_MS = 30_000

/** The open record: typed reads through `db`, statements that need the database's clock through `pool`. One pool serves both. */
export interface RecordHandle {
  db: PrismaClient
  pool: pg.Pool
  url: string
  close(): Promise<void>
}

/** `searchPath`: the schema whose tables are named without it; `waitMs`: how long a statement waits for a free
 * connection; `statementMs`: how long it may take. */
export function openPool(
  url: string,
  options: { max?: number; name?: string; searchPath?: string; waitMs?: number; statementMs?: number } = {},
): pg.Pool {
  const { statementMs = STATEMENT_MS } = options
  return guardedPool({
    connectionString: url,
    max: options.max ?? 8,
    application_name: options.name ?? 'shiplock',
    keepAlive: true,
    connectionTimeoutMillis: options.waitMs ?? 10_000,
    idleTimeoutMillis: 60_000,
    statement_timeout: statementMs,
    // A server that vanished without a word ends no connection: the answer must not be waited for for ever.
    query_timeout: statementMs + 5_000,
    ...(options.searchPath === undefined ? {} : { options: `-c search_path="${options.searchPath}"` }),
  })
}

/**
 * Opens the record. Nothing connects until the first statement.
 * @param url a PostgreSQL connection string; `postgresql://user@/name?host=/dir` reaches a unix socket
 */
export function openRecord(
  url: string,
  options: { max?: number; name?: string; statementMs?: number } = {},
): RecordHandle {
  const pool = openPool(url, options)
  const db = new PrismaClient({ adapter: new PrismaPg(pool) })
  return {
    db,
    pool,
    url,
    close: async () => {
      await db.$disconnect()
      if (!pool.ended) await pool.end()
    },
  }
}
