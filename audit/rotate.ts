// A new key for the trail: signed into it by the old key and by itself, so that who knows the first key knows them all.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { chownSync, copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { inTransaction } from '../prisma/connections'
import { lockFile, withFileLock } from '../prisma/file-lock.mjs'
import { type Actor, tell } from '../prisma/record'
import { rawKey } from './checkpoint'
import { PRIVATE, PUBLIC, readTrailKeys, type TrailKey } from './keys'

/** The locks of the one signer, and of those who append: as worker/checkpoint.ts and the trail's trigger take them. */
const SIGNER = 727073691
const CHAIN = 727073690
const NEXT = `${PRIVATE}.next`
const OLD = `${PRIVATE}.old`

export interface Rotated {
  /** base64 */
  publicKey: string
  /** The size of the trail from which on it signs. */
  from: number
  /** A rotation that was cut off before was finished now, and no other key made. */
  finished: boolean
}

/** What both keys sign. audit/verify.mjs and audit/verify-release.sh make the same text. */
export const rotationText = (origin: string, from: number, previous: string, next: string) =>
  `shiplock/trail-key/v1\n${origin}\n${from}\n${previous}\n${next}\n`

const publicOf = (key: KeyObject) => rawKey(createPublicKey(key)).toString('base64')
const privateIn = (file: string) => createPrivateKey(readFileSync(file))

/**
 * Makes the next key and puts it in force. Nothing is appended and no head is signed meanwhile; running processes notice by
 * themselves. Cut off at any point, the next call finishes it.
 * @param keys folder of the installation's keys; whoever calls may write there
 */
export function rotateTrailKey(pool: pg.Pool, keys: string, by: Actor): Promise<Rotated> {
  return withFileLock(
    lockFile(keys, 'rotate'),
    async () => {
      const rotated = await inTransaction(pool, async (db) => {
        await db.query(`SET LOCAL lock_timeout = '20s'`)
        await db.query('SELECT pg_advisory_xact_lock($1)', [SIGNER])
        await db.query('SELECT pg_advisory_xact_lock($1)', [CHAIN])
        return (await finishEarlier(db, keys, by)) ?? (await rotate(db, keys, by))
      })
      rmSync(join(keys, OLD), { force: true })
      return rotated
    },
    { timeoutMs: 30_000 },
  )
}

async function rotate(db: pg.PoolClient, keys: string, by: Actor): Promise<Rotated> {
  const { rows } = await db.query<{ size: string }>('SELECT seq + 1 AS size FROM "AuditLeaf" ORDER BY seq DESC LIMIT 1')
  const list = readTrailKeys(keys)
  const old = privateIn(join(keys, PRIVATE))
  if (list.at(-1)?.publicKey !== publicOf(old))
    throw new Error(`${join(keys, PRIVATE)} is not the key that stands last in ${PUBLIC}: put the right one back`)
  const { privateKey: next } = generateKeyPairSync('ed25519')
  // Its own entry is the first that it covers.
  const key: TrailKey = { publicKey: publicOf(next), from: Number(rows[0]?.size ?? 0) + 1 }
  await append(db, { old, next, from: key.from }, by)
  write(keys, NEXT, next.export({ format: 'pem', type: 'pkcs8' }), 0o600)
  copyFileSync(join(keys, PRIVATE), join(keys, OLD))
  likeTheKey(keys, OLD)
  publish(keys, [...list, key])
  renameSync(join(keys, NEXT), join(keys, PRIVATE))
  return { ...key, finished: false }
}

/** What a rotation left that was cut off; null where there is nothing of one, or nothing of it was published yet. */
async function finishEarlier(db: pg.PoolClient, keys: string, by: Actor): Promise<Rotated | null> {
  const [next, old] = [join(keys, NEXT), join(keys, OLD)]
  const last = readTrailKeys(keys).at(-1)
  if (last === undefined || !existsSync(old) || publicOf(privateIn(old)) === last.publicKey) {
    rmSync(next, { force: true })
    return null
  }
  if (existsSync(next) && publicOf(privateIn(next)) === last.publicKey) renameSync(next, join(keys, PRIVATE))
  const { rowCount } = await db.query(
    `SELECT 1 FROM "AuditEntry" WHERE kind = 'trail.key' AND data->>'publicKey' = $1 LIMIT 1`,
    [last.publicKey],
  )
  if ((rowCount ?? 0) === 0)
    await append(db, { old: privateIn(old), next: privateIn(join(keys, PRIVATE)), from: last.from }, by)
  return { ...last, finished: true }
}

async function append(
  db: pg.PoolClient,
  { old, next, from }: { old: KeyObject; next: KeyObject; from: number },
  by: Actor,
) {
  const { rows } = await db.query<{ origin: string }>('SELECT origin FROM "Installation" WHERE id = 1')
  const [publicKey, previous] = [publicOf(next), publicOf(old)]
  const text = Buffer.from(rotationText(rows[0]?.origin ?? '', from, previous, publicKey))
  const signed = (key: KeyObject) => sign(null, text, key).toString('base64')
  await tell(db, {
    kind: 'trail.key',
    subject: 'installation',
    subjectId: 1,
    by,
    because: 'the key of the trail was replaced',
    data: { publicKey, previous, from, byOld: signed(old), byNew: signed(next) },
  })
}

function publish(keys: string, list: readonly TrailKey[]) {
  write(keys, `${PUBLIC}.part`, `${JSON.stringify(list)}\n`, 0o644)
  renameSync(join(keys, `${PUBLIC}.part`), join(keys, PUBLIC))
}

function write(keys: string, name: string, what: string | Buffer, mode: number) {
  rmSync(join(keys, name), { force: true })
  writeFileSync(join(keys, name), what, { mode, flag: 'wx', flush: true })
  likeTheKey(keys, name)
}

/** Rotated by an administrator, read by the same user as before. */
function likeTheKey(keys: string, name: string) {
  const { uid, gid } = statSync(join(keys, PRIVATE))
  if (process.getuid?.() === 0) chownSync(join(keys, name), uid, gid)
}
