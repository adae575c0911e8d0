// Forgets what a person is called. The trail's bytes hold a commitment in its place, so every proof holds on.
import type pg from 'pg'
import { inTransaction } from '../prisma/connections'

/** The lock that orders the writers of the trail, as its trigger takes it. */
const CHAIN = 727073690
const AT_ONCE = 5_000
const EMPTY = `UPDATE "AuditEntry" SET "actorName" = '' WHERE id IN (
  SELECT id FROM "AuditEntry" WHERE actor = $1 AND "actorName" <> '' ORDER BY id LIMIT ${AT_ONCE})`

/**
 * Deletes the name and the salt of this actor, and empties it in every entry; what they did stays, under their number. What they
 * do from now on has a name again. Safe to repeat after it was cut off.
 * @param actor as the trail names them: account:3, forge:17
 * @returns how many entries showed the name
 */
export async function forgetName(pool: pg.Pool, actor: string): Promise<number> {
  let forgotten = 0
  // Without the lock, in pieces: a person may have ten thousand entries, and nobody else is to wait for them.
  for (;;) {
    const { rowCount } = await pool.query(EMPTY, [actor])
    forgotten += rowCount ?? 0
    if ((rowCount ?? 0) < AT_ONCE) break
  }
  return forgotten + (await forgetSalt(pool, actor))
}

/** An entry that is linked at this moment must not be left with a name whose salt is gone: the signer would take it for forged. */
const forgetSalt = (pool: pg.Pool, actor: string): Promise<number> =>
  inTransaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [CHAIN])
    const { rowCount } = await client.query(EMPTY, [actor])
    await client.query('DELETE FROM "AuditName" WHERE actor = $1', [actor])
    return rowCount ?? 0
  })
