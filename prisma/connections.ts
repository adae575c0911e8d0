// The only place that takes connections to the database and gives them back. One that drops, idle or in the middle of a
// transaction, rejects what waits for it; it is never an event that ends the process, and never goes back into the pool.
import pg from 'pg'
import { lossOf } from './database-loss'

/** A pool whose clients are listened to from their first moment on, also where Prisma takes one out. */
export function guardedPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config)
  // Without a listener Node ends the process. What was under way is rejected by the client itself, and the next query as well.
  pool.on('connect', (client) => client.on('error', () => {}))
  pool.on('error', () => {}) // an idle one: the pool opens another when asked
  return pool
}

/**
 * Works with one client of the pool. Rejects where its connection is lost meanwhile.
 * @param work is given `spoil` as well: to be called where the client must not be given to the next one as it is
 */
export async function withClient<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient, spoil: () => void) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  let spoilt = false
  const spoil = () => {
    spoilt = true
  }
  client.on('error', spoil)
  try {
    return await work(client, spoil)
  } catch (error) {
    if (lossOf(error) !== null) spoil()
    throw error
  } finally {
    client.release(spoilt)
    client.removeListener('error', spoil)
  }
}

/**
 * Runs `work` in one transaction of one client: committed when it resolves, rolled back when it rejects.
 * @param begin another kind of transaction
 */
export const inTransaction = <T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  begin = 'BEGIN',
): Promise<T> =>
  withClient(pool, async (client, spoil) => {
    await client.query(begin)
    try {
      const answer = await work(client)
      await client.query('COMMIT')
      return answer
    } catch (error) {
      // A lost connection took its transaction with it; a rollback would only be waited for.
      if (lossOf(error) === null) await client.query('ROLLBACK').catch(spoil)
      throw error
    }
  })

/** A connection of its own for `work`, closed afterwards. Where it drops, what is under way rejects. */
export async function withConnection<T>(config: pg.ClientConfig, work: (db: pg.Client) => Promise<T>): Promise<T> {
  const db = ownConnection(config)
  try {
    await db.connect()
    return await work(db)
  } finally {
    await db.end().catch(() => {}) // it is gone already
  }
}

/** Not connected yet. Who takes it hears of its end by `end`, and of what was under way by its rejection. */
export function ownConnection(config: pg.ClientConfig): pg.Client {
  const db = new pg.Client(config)
  db.on('error', () => {})
  return db
}
