// Signs heads of the trail, each only as a continuation of the one before, which is remembered outside the database: what was
// rolled back, forked or edited gets no signature.
import type { KeyObject } from 'node:crypto'
import type { Tx } from '../prisma/record'
import type { Signer } from './certificate'
import { type Head, noteOf, readNote, verifyNote } from './checkpoint'
import { follow, isRefusal, type Position, type Refusal, start } from './follow'
import { addNote, keepHead, lastNote, readHead } from './head'
import { type Hash, leafHash } from './tree'

/** A size of the trail and the root that it had, as we have signed it. */
interface Signed {
  size: number
  root: Hash
}

export interface WitnessOptions {
  /** Folder of what is remembered outside the database. */
  dir: string
  /** The trail's name. */
  origin: string
  signer: Signer
  /** The trail's public keys, the one in force last. */
  keys: readonly KeyObject[]
}

/** One for each process: what it has recomputed itself it need not recompute. Not to be asked twice at once. */
export class Witness {
  #recomputed = false
  constructor(private readonly options: WitnessOptions) {}

  /**
   * Looks at the trail as it is now, the first time all of it, and signs it where it has grown.
   * @returns the head it signed, null where there was nothing to sign, or why it refuses
   */
  async look(db: Tx): Promise<Head | Refusal | null> {
    const { dir, origin } = this.options
    let kept: Position | null
    try {
      kept = readHead(dir, origin)
    } catch (error) {
      return { what: 'unreadable', because: `${dir}/head.json cannot be read: ${(error as Error).message}` }
    }
    const known = await this.#known(db, kept)
    if (isRefusal(known)) return known
    const refusal = await tooShort(db, known)
    if (refusal !== null) return refusal
    const at = kept !== null && this.#recomputed ? await this.#goOn(db, kept) : await this.#recompute(db, known)
    if (isRefusal(at)) return at
    this.#recomputed = true
    if (at.frontier.size > (kept?.frontier.size ?? 0)) keepHead(dir, origin, at)
    const isSigned = known.some((k) => k.inRecord && k.size === at.frontier.size)
    return at.frontier.size === 0 || isSigned ? null : this.#sign(db, at)
  }

  /** What we know to have signed: as remembered outside the database, and the newest checkpoint within it. */
  async #known(db: Tx, kept: Position | null): Promise<(Signed & { inRecord: boolean })[] | Refusal> {
    const { dir, origin, keys } = this.options
    const known: (Signed & { inRecord: boolean })[] = []
    const noted = kept === null ? verifyNote(lastNote(dir) ?? '', keys, origin) : null
    if (kept !== null) known.push({ size: kept.frontier.size, root: kept.frontier.root(), inRecord: false })
    if (noted !== null) known.push({ ...noted, inRecord: false })
    const { rows } = await db.query<{ size: string; root: Buffer; note: string }>(
      'SELECT size, root, note FROM "Checkpoint" ORDER BY size DESC LIMIT 1',
    )
    const [newest] = rows
    if (newest !== undefined) {
      const head = verifyNote(newest.note, keys, origin)
      if (head === null || String(head.size) !== newest.size || !head.root.equals(newest.root))
        return {
          what: 'forked',
          because: `the checkpoint over ${newest.size} entries is not signed by the trail's key`,
        }
      known.push({ ...head, inRecord: true })
    }
    return known
  }

  /** From the first entry on; every head that we know of must lie on the way. */
  #recompute(db: Tx, known: readonly Signed[]): Promise<Position | Refusal> {
    const orphan =
      'SELECT e.id FROM "AuditEntry" e LEFT JOIN "AuditLeaf" l ON l."entryId" = e.id WHERE l.seq IS NULL LIMIT 1'
    return db
      .query<{ id: string }>(orphan)
      .then(({ rows }) =>
        rows[0] === undefined
          ? follow(db, start(), this.options.origin, passing(known))
          : { what: 'changed', because: `row ${rows[0].id} of the trail is not in the chain` },
      )
  }

  /** From what was signed last on. */
  async #goOn(db: Tx, kept: Position): Promise<Position | Refusal> {
    const { rows } = await db.query<{ body: Buffer; leaf: Buffer }>(
      'SELECT body, leaf FROM "AuditLeaf" WHERE seq = $1',
      [kept.frontier.size - 1],
    )
    const [last] = rows
    if (last === undefined || !last.leaf.equals(kept.last) || !leafHash(last.body).equals(kept.last))
      return { what: 'forked', because: `entry ${kept.frontier.size - 1} is another one than was signed` }
    return follow(db, kept, this.options.origin)
  }

  async #sign(db: Tx, { frontier }: Position): Promise<Head> {
    const { dir, origin, signer, keys } = this.options
    const publicKey = keys.at(-1)
    if (publicKey === undefined) throw new Error('the trail has no public key: trail-keys.json is empty')
    const head: Head = { origin, size: frontier.size, root: frontier.root() }
    const note = noteOf(head, { publicKey, sign: (bytes) => signer.sign(bytes) })
    if (verifyNote(note, [publicKey], origin) === null)
      throw new Error(
        'trail.key is not the key that stands last in trail-keys.json: restart the worker, or put the right key back',
      )
    if (readNote(lastNote(dir) ?? '')?.size !== head.size) addNote(dir, note)
    await db.query(
      `WITH made AS (INSERT INTO "Checkpoint" (size, root, note) VALUES ($1, $2, $3) ON CONFLICT (size) DO NOTHING)
       SELECT pg_notify('shiplock', 'trail:' || $1::bigint || ':signed')`,
      [head.size, head.root, note],
    )
    return head
  }
}

async function tooShort(db: Tx, known: readonly Signed[]): Promise<Refusal | null> {
  const { rows } = await db.query<{ size: string }>('SELECT seq + 1 AS size FROM "AuditLeaf" ORDER BY seq DESC LIMIT 1')
  const size = Number(rows[0]?.size ?? 0)
  const most = Math.max(0, ...known.map((k) => k.size))
  return size < most ? { what: 'shorter', because: `the trail has ${size} entries, and ${most} were signed` } : null
}

function passing(known: readonly Signed[]) {
  return ({ frontier }: Position): Refusal | null => {
    const other = known.find((k) => k.size === frontier.size && !k.root.equals(frontier.root()))
    return other === undefined
      ? null
      : { what: 'forked', because: `the first ${other.size} entries are not those that were signed` }
  }
}
