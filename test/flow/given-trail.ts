// A trail to try things on: a database, the folder that is kept outside it, and workers as often as one likes.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canonical, type Json } from '../../audit/canonical'
import type { Signer } from '../../audit/certificate'
import { notesOf } from '../../audit/checkpoint'
import { type Body, readBody } from '../../audit/entry'
import { leafHash } from '../../audit/tree'
import type { Context } from '../../pipelines/context'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { type Actor, tell, transaction } from '../../prisma/record'
import { checkpoint } from '../../worker/checkpoint'
import { freshDatabase } from '../database'

export const MIA: Actor = { actor: 'account:3', actorName: 'Mia Chen' }

export interface GivenTrail {
  record: RecordHandle
  origin: string
  /** The folder that is kept outside the database. */
  dir: string
  publicKey: KeyObject
  signer: Signer
  /** Tells `n` things, one transaction each. */
  tells(n: number, by?: Actor): Promise<void>
  /** A worker that was just started: it has recomputed nothing yet. */
  worker(signer?: Signer): { context: Context; signs(): Promise<void> }
  /** Sizes that were signed, of the record, and of the file beside it. */
  sizes(): Promise<number[]>
  notes(): string[]
  leaves(): Promise<{ seq: number; body: Buffer; leaf: Buffer }[]>
  /** What a superuser can do who switches the triggers off. */
  tamper(sql: string, values?: unknown[]): Promise<void>
  end(): Promise<void>
}

/** `connections`: how many the trail's own handle has. */
export async function givenTrail({ connections = 40 } = {}): Promise<GivenTrail> {
  const database = await freshDatabase()
  const record = openRecord(database.url, { max: connections })
  const dir = mkdtempSync(join(tmpdir(), 'shiplock-trail-'))
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const signer: Signer = { sign: (bytes) => sign(null, bytes, privateKey) }
  const origin = await readOrigin(record)
  const trust = { origin, keys: [publicKey] }
  return {
    record,
    origin,
    dir,
    publicKey,
    signer,
    async tells(n, by = MIA) {
      for (let i = 0; i < n; i++)
        await transaction(record, (tx) =>
          tell(tx, {
            kind: 'note.make',
            subject: 'installation',
            subjectId: 1,
            by,
            because: `the ${i}th`,
            data: { i },
          }),
        )
    },
    worker(other = signer) {
      const context = { record, trail: dir, signer: other, trust, worker: 'w1', stopping: new AbortController().signal }
      // The signer looks at nothing else of a worker.
      const whole = context as unknown as Context
      return { context: whole, signs: () => checkpoint(whole) }
    },
    async sizes() {
      const { rows } = await record.pool.query<{ size: string }>('SELECT size FROM "Checkpoint" ORDER BY size')
      return rows.map((r) => Number(r.size))
    },
    notes: () => notesOf(readFileSync(join(dir, 'checkpoints.txt'), 'utf8')),
    async leaves() {
      const { rows } = await record.pool.query<{ seq: string; body: Buffer; leaf: Buffer }>(
        'SELECT seq, body, leaf FROM "AuditLeaf" ORDER BY seq',
      )
      return rows.map((r) => ({ ...r, seq: Number(r.seq) }))
    },
    async tamper(sql, values) {
      const tables = ['AuditEntry', 'AuditLeaf', 'Checkpoint']
      for (const table of tables) await record.pool.query(`ALTER TABLE "${table}" DISABLE TRIGGER ALL`)
      await record.pool.query(sql, values)
      for (const table of tables) await record.pool.query(`ALTER TABLE "${table}" ENABLE TRIGGER ALL`)
      const { rows } = await record.pool.query<{ name: string; on: string }>(
        'SELECT tgname AS name, tgrelid::regclass::text AS on FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = ANY($1::regclass[])',
        [tables.map((table) => `"${table}"`)],
      )
      for (const { name, on } of rows) await record.pool.query(`ALTER TABLE ${on} ENABLE ALWAYS TRIGGER "${name}"`)
    },
    async end() {
      await record.close()
      await database.drop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Changes an entry's bytes and chains everything after it anew, as somebody does who knows how the chain is made. */
export async function rechain(trail: GivenTrail, from: number, change: (body: Body) => Body) {
  const leaves = await trail.leaves()
  let prev = leaves[from - 1]?.leaf ?? Buffer.alloc(0)
  for (const { seq, body } of leaves.slice(from)) {
    const read = readBody(body) as Body
    const changed = { ...(seq === from ? change(read) : read), prev: prev.toString('hex') }
    const bytes = Buffer.from(canonical(changed as unknown as Json))
    prev = leafHash(bytes)
    await trail.tamper('UPDATE "AuditLeaf" SET body = $2, leaf = $3 WHERE seq = $1', [seq, bytes, prev])
    if (seq === from)
      await trail.tamper(
        'UPDATE "AuditEntry" SET because = $2 WHERE id = (SELECT "entryId" FROM "AuditLeaf" WHERE seq = $1)',
        [seq, changed.because],
      )
  }
}
