// An administrator accepts that the database is another one than was signed: told in the trail, and the memory follows. Only
// on the machine where that memory lies: a web process that was taken over cannot do it, nor ask for it.
import { chownSync, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { inTransaction } from '../prisma/connections'
import { type Actor, type Tx, tell } from '../prisma/record'
import { verifyNote } from './checkpoint'
import { follow, isRefusal, type Position, start } from './follow'
import { DIFFERENCE, endAlarm, HEAD, NOTES, readAlarm } from './head'
import { MEMORY, readMemory, writeMemory } from './keys'
import { type Difference, differenceOf, KNOWN } from './known'
import { whyNotTheSigned } from './restored'
import type { Trust } from './trust'

/** The lock of the one signer, as worker/checkpoint.ts takes it. */
const SIGNER = 727073691

export interface Doubt {
  /** Why this database is not the one that was signed. */
  because: string
  difference: Difference
}

/** What there is to accept; null: the database continues what was signed here. */
export async function doubtOf(db: Tx, dir: string, origin: string): Promise<Doubt | null> {
  const ask = (text: string, values: unknown[]) => db.query(text, values)
  const refusal = (await whyNotTheSigned(ask, dir, origin)) ?? readAlarm(dir)
  return refusal === null ? null : { because: refusal.because, difference: await differenceOf(ask, dir) }
}

export type Accepted = Doubt & { folder: string }

/**
 * Accepts the database as it is: the trail tells it in its next entry, and what was remembered of the other one is set aside in
 * a folder of its own. Cut off in between, the doubt stands, and it is accepted once more.
 * @returns the folder, and what was accepted; where there is nothing to accept, workers whose doubt was taken away with them
 * @throws where the trail of this database is not whole by itself: then no database is accepted, and the right one put back
 */
export async function acceptDatabase(
  pool: pg.Pool,
  what: { dir: string; trust: Pick<Trust, 'origin' | 'keys'>; by: Actor; because: string },
): Promise<Accepted | { gone: string[] }> {
  const { dir, trust, by, because } = what
  const answer = await inTransaction(pool, async (db): Promise<Doubt | { gone: string[] }> => {
    await db.query(`SET LOCAL lock_timeout = '20s'`)
    await db.query('SELECT pg_advisory_xact_lock($1)', [SIGNER])
    const doubt = await doubtOf(db, dir, trust.origin)
    if (doubt === null) {
      // A worker that is gone for good, or was none of ours, leaves its word behind, and nothing else takes it back.
      const { rows } = await db.query<{ worker: string }>(
        `DELETE FROM "Part" WHERE name = 'trail' AND code = 'trail.other' AND "seenAt" < clock_timestamp() - interval '10 seconds' RETURNING worker`,
      )
      const gone = rows.map(({ worker }) => worker)
      if (gone.length > 0)
        await tell(db, { kind: 'trail.accept', subject: 'installation', subjectId: 1, by, because, data: { gone } })
      return { gone }
    }
    const { frontier } = await wholeTrail(db, trust)
    await tell(db, {
      kind: 'trail.accept',
      subject: 'installation',
      subjectId: 1,
      by,
      because,
      data: { instead: doubt.because, root: frontier.root().toString('hex'), ...summary(doubt.difference) },
    })
    await db.query(`DELETE FROM "Part" WHERE name = 'trail'`)
    return doubt
  })
  // After the commit: cut off in between, the doubt stands.
  return 'gone' in answer ? answer : { ...answer, folder: setAside(dir) }
}

const summary = ({ signed, has, common, knownAt, newest, environments, more }: Difference) => ({
  signed,
  has,
  common: common?.size ?? null,
  knownAt,
  newest: Object.fromEntries(newest.map((n) => [n.what, { known: n.known, now: n.now }])),
  environments: environments.slice(0, 10),
  more: more + Math.max(0, environments.length - 10),
})

/** Recomputed from its first entry: what was edited, or signed by another key, is no database of ours. */
async function wholeTrail(db: Tx, { origin, keys }: Pick<Trust, 'origin' | 'keys'>): Promise<Position> {
  const { rows } = await db.query<{ size: string; root: Buffer; note: string }>(
    'SELECT size, root, note FROM "Checkpoint" ORDER BY size DESC LIMIT 1',
  )
  const [newest] = rows
  const head = newest === undefined ? null : verifyNote(newest.note, keys, origin)
  const at = await follow(db, start(), origin)
  const why = isRefusal(at)
    ? at.because
    : newest !== undefined && (head === null || String(head.size) !== newest.size || !head.root.equals(newest.root))
      ? `the checkpoint over ${newest.size} entries is not signed by a key of this installation`
      : newest !== undefined && at.frontier.size < Number(newest.size)
        ? `it has ${at.frontier.size} entries, and a checkpoint over ${newest.size}`
        : null
  if (isRefusal(at) || why !== null)
    throw new Error(`the trail of this database is not whole, so nothing of it can be accepted: ${why}`)
  return at
}

/** Agreed versions of policies are of the other database; removed passkeys stay removed. */
function setAside(dir: string): string {
  const folder = join(dir, `before-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (existsSync(join(dir, MEMORY))) copyFileSync(join(dir, MEMORY), join(folder, MEMORY))
  for (const name of [NOTES, KNOWN, DIFFERENCE, HEAD])
    if (existsSync(join(dir, name))) renameSync(join(dir, name), join(folder, name))
  writeMemory(dir, { agreed: {}, removed: readMemory(dir).removed })
  endAlarm(dir)
  // Accepted by an administrator, read by the same user as before.
  const { uid, gid } = statSync(dir)
  if (process.getuid?.() === 0 && uid !== 0)
    for (const path of [join(dir, MEMORY), folder, ...readdirSync(folder).map((name) => join(folder, name))])
      chownSync(path, uid, gid)
  return folder
}
