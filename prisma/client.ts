import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { PrismaClient } from './generated/client'

/** The open record: typed reads through `db`, statements that need the database's clock through `pool`. One pool serves both. */
export interface RecordHandle {
  db: PrismaClient
  pool: pg.Pool
  url: string
  close(): Promise<void>
}

/**
 * Opens the record. Nothing connects until the first statement.
 * @param url a PostgreSQL connection string; `postgresql://user@/name?host=/dir` reaches a unix socket
 */
export function openRecord(url: string, options: { max?: number; name?: string } = {}): RecordHandle {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max ?? 8,
    application_name: options.name ?? 'shiplock',
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    statement_timeout: 30_000,
  })
  // An idle connection that the server drops must not end the process: the pool opens another when asked.
  pool.on('error', (error) => console.warn(`database connection lost: ${error.message}`))
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
