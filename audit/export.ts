// The whole trail for somebody who trusts nobody: exact bytes, checkpoints, keys and sign-offs, checked by audit/verify.mjs.
import type pg from 'pg'
import { Fault } from '../pipelines/fault'
import { inTransaction } from '../prisma/connections'
import { canonical, type Json } from './canonical'
import type { TrailKey } from './keys'
import type { Pack } from './packing'

const PAGE = 1000

/** What an outsider must know beside the record. */
export interface About {
  /** The trail's name. */
  origin: string
  /** Oldest first. */
  keys: readonly TrailKey[]
  /** Where people sign. */
  webOrigins: readonly string[]
}

/** One moment of the record: everything is read as it was then, however long it takes. */
export const atOneMoment = <T>(pool: pg.Pool, work: (db: pg.PoolClient) => Promise<T>): Promise<T> =>
  inTransaction(pool, work, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')

export interface Anchor {
  size: number
  root: Buffer
  note: string
  at: Date
}

/** The newest checkpoint. Throws Fault conflict where there is none yet. */
export async function newestCheckpoint(db: pg.PoolClient): Promise<Anchor> {
  const { rows } = await db.query<{ size: string; root: Buffer; note: string; at: Date }>(
    'SELECT size, root, note, at FROM "Checkpoint" ORDER BY size DESC LIMIT 1',
  )
  if (rows[0] === undefined)
    throw new Fault(
      'conflict',
      'the trail has no checkpoint yet: a worker signs the first within a minute of its start',
    )
  return { ...rows[0], size: Number(rows[0].size) }
}

export const keysFile = ({ origin, keys, webOrigins }: About) =>
  `${canonical({ origin, keys: keys.map((k) => ({ ...k })), webOrigins: [...webOrigins] })}\n`

/**
 * Packs the trail up to its newest checkpoint: what came later is left out, as nothing proves it yet.
 * @returns how many entries that are
 * @throws Fault conflict where there is no checkpoint yet
 */
export function exportTrail(pool: pg.Pool, about: About, pack: Pack): Promise<{ size: number; signoffs: number }> {
  return atOneMoment(pool, async (db) => {
    const { size } = await newestCheckpoint(db)
    await pack.file('events.ndjson', bodies(db, size))
    await pack.file('checkpoints.txt', notes(db, size))
    await pack.file('keys.json', [keysFile(about)])
    await pack.file('names.ndjson', names(db))
    const signoffs = await packSignoffs(signoffsBefore(db, size), pack)
    return { size, signoffs }
  })
}

/** Canonical JSON has no line end in it, so one entry is one line. */
async function* bodies(db: pg.PoolClient, size: number) {
  for (let after = -1; ; ) {
    const { rows } = await db.query<{ seq: string; body: Buffer }>(
      'SELECT seq, body FROM "AuditLeaf" WHERE seq > $1 AND seq < $2 ORDER BY seq LIMIT $3',
      [after, size, PAGE],
    )
    // Where one is missing it goes out without it, and the verifier names it.
    const last = rows.at(-1)
    if (last === undefined) return
    after = Number(last.seq)
    yield Buffer.concat(rows.flatMap(({ body }) => [body, Buffer.from('\n')]))
  }
}

async function* notes(db: pg.PoolClient, size: number) {
  for (let after = -1; ; ) {
    const { rows } = await db.query<{ size: string; note: string }>(
      'SELECT size, note FROM "Checkpoint" WHERE size > $1 AND size <= $2 ORDER BY size LIMIT $3',
      [after, size, PAGE],
    )
    const last = rows.at(-1)
    if (last === undefined) return
    after = Number(last.size)
    yield rows.map(({ note }) => `${note}\n`).join('')
  }
}

async function* names(db: pg.PoolClient) {
  for (let after = ''; ; ) {
    const { rows } = await db.query<{ commitment: string; name: string; salt: Buffer }>(
      'SELECT commitment, name, salt FROM "AuditName" WHERE commitment > $1 ORDER BY commitment LIMIT $2',
      [after, PAGE],
    )
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.commitment
    yield rows.map(({ salt, ...row }) => `${canonical({ ...row, salt: salt.toString('hex') })}\n`).join('')
  }
}

export interface Signoff {
  id: number
  hash: string
  statement: Buffer
  credentialId: string | null
  clientData: Buffer | null
  authenticatorData: Buffer | null
  signature: Buffer | null
}

export const SIGNOFF = `SELECT a.id, a.hash, a.statement, k."credentialId", a."clientData", a."authenticatorData", a.signature
FROM "Approval" a LEFT JOIN "Passkey" k ON k.id = a."passkeyId"`

async function* signoffsBefore(db: pg.PoolClient, size: number) {
  for (let after = 0; ; ) {
    const { rows } = await db.query<Signoff>(
      `${SIGNOFF} WHERE a.id > $1 AND a.statement <> '' AND EXISTS (
         SELECT 1 FROM "AuditEntry" e JOIN "AuditLeaf" l ON l."entryId" = e.id
         WHERE e.subject = CASE WHEN a."promotionId" IS NULL THEN 'policyChange' ELSE 'promotion' END
           AND e."subjectId" = COALESCE(a."promotionId", a."policyChangeId")
           AND e.kind = 'approval.give' AND e.data->>'hash' = a.hash AND l.seq < $2)
       ORDER BY a.id LIMIT $3`,
      [after, size, PAGE],
    )
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.id
    yield rows
  }
}

/** `signoffs/<hash>.statement.json` is what was agreed to, byte by byte; `.assertion.json` what the passkey made of it. */
export async function packSignoffs(pages: AsyncIterable<Signoff[]> | Iterable<Signoff[]>, pack: Pack): Promise<number> {
  let packed = 0
  for await (const page of pages) {
    for (const signoff of page) {
      await pack.file(`signoffs/${signoff.hash}.statement.json`, [signoff.statement])
      const assertion = assertionOf(signoff)
      if (assertion !== null) await pack.file(`signoffs/${signoff.hash}.assertion.json`, [`${canonical(assertion)}\n`])
      packed += 1
    }
  }
  return packed
}

export function assertionOf(signoff: Signoff): Record<string, Json> | null {
  const { credentialId, clientData, authenticatorData, signature } = signoff
  if (clientData === null || authenticatorData === null || signature === null) return null
  return {
    authenticatorData: authenticatorData.toString('base64url'),
    clientDataJSON: clientData.toString('base64url'),
    credentialId,
    signature: signature.toString('base64url'),
  }
}
