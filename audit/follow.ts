// Recomputes the trail from its bytes: sequence, links, tree, and that each row says what its bytes say.
import type { Tx } from '../prisma/record'
import { bytesOf, commitment, type EntryRow, readBody, whatDiffers } from './entry'
import { Frontier, type Hash, leafHash } from './tree'

/** Where the trail stands: what it takes to go on. */
export interface Position {
  readonly frontier: Frontier
  /** Leaf hash of the last entry; empty before the first. */
  readonly last: Hash
}
export const start = (): Position => ({ frontier: new Frontier(), last: Buffer.alloc(0) })

/** Why it is not what was signed. `what` stays the same while the words change with the numbers. */
export interface Refusal {
  what: 'shorter' | 'forked' | 'changed' | 'unreadable'
  because: string
}
export const isRefusal = (x: object): x is Refusal => 'what' in x

/** Rows held at once. */
const PAGE = 500

interface LeafRow extends EntryRow {
  seq: string
  body: Buffer
  leaf: Buffer
  /** Root of a checkpoint that ends with this entry. */
  root: Buffer | null
  found: boolean
}

const LEAVES = `
  SELECT l.seq, l.body, l.leaf, c.root, e.id IS NOT NULL AS found, e.at, e.kind, e.actor, e."actorName", e.writer, e."projectId",
    e."environmentId", e."releaseId", e."runId", e.subject, e."subjectId", e.before, e.after, e.because, e.data, n.salt
  FROM (SELECT * FROM "AuditLeaf" WHERE seq >= $1 ORDER BY seq LIMIT ${PAGE}) l
  LEFT JOIN "AuditEntry" e ON e.id = l."entryId"
  LEFT JOIN "AuditName" n ON n.actor = e.actor AND n.name = e."actorName"
  LEFT JOIN "Checkpoint" c ON c.size = l.seq + 1
  ORDER BY l.seq`

/** People and processes whose commitments are not computed again; far more than act at a time. */
const MOST_NAMES = 2_000

/** Commitments of names, computed once for each. */
class Names {
  readonly #known = new Map<string, string>()
  /** Null where nobody remembers the name. */
  of({ salt, actorName }: LeafRow): string | null {
    if (salt === null || actorName === '') return null
    const key = `${Buffer.from(salt).toString('hex')} ${actorName}`
    const known = this.#known.get(key) ?? commitment(salt, actorName)
    if (this.#known.size >= MOST_NAMES) this.#known.clear()
    this.#known.set(key, known)
    return known
  }
}

/** What is wrong with this leaf as the next one, or null. */
function wrongLeaf(row: LeafRow, at: Position, origin: string, names: Names): string | null {
  const seq = at.frontier.size
  if (row.seq !== String(seq)) return `entry ${seq} is missing, the next one is ${row.seq}`
  if (!leafHash(row.body).equals(row.leaf)) return `the bytes of entry ${seq} are not those that were chained`
  const prev = at.last.toString('hex')
  const name = names.of(row)
  // As nearly always: the row, written once more, is these very bytes. Otherwise it is found out in what it differs.
  if (row.found && name !== null && bytesOf(row, { seq, prev, origin, name }) === row.body.toString('utf8')) return null
  const body = readBody(row.body)
  if (body === null || body.seq !== seq) return `the bytes of entry ${seq} are no entry of that number`
  if (body.origin !== origin) return `entry ${seq} is of another trail, ${body.origin.slice(0, 100)}`
  if (body.prev !== prev) return `entry ${seq} does not continue the entry before it`
  if (!row.found) return `the row of entry ${seq} is missing`
  const other = whatDiffers(body, row)
  return other === null ? null : `the row of entry ${seq} says another "${other}" than its bytes`
}

/**
 * From a position to the end of the trail, page by page.
 * @param passed asked at each position on the way, the one it begins with among them; what it returns ends the way
 */
export async function follow(
  db: Tx,
  from: Position,
  origin: string,
  passed: (at: Position) => Refusal | null = () => null,
): Promise<Position | Refusal> {
  const frontier = from.frontier.copy()
  const names = new Names()
  let at: Position = { frontier, last: from.last }
  let refusal = passed(at)
  if (refusal !== null) return refusal
  for (;;) {
    const { rows } = await db.query<LeafRow>({ name: 'trail-follow', text: LEAVES, values: [frontier.size] })
    for (const row of rows) {
      const because = wrongLeaf(row, at, origin, names)
      if (because !== null) return { what: 'changed', because }
      frontier.append(row.leaf)
      at = { frontier, last: row.leaf }
      if (row.root !== null && !row.root.equals(frontier.root()))
        return {
          what: 'forked',
          because: `the checkpoint over ${frontier.size} entries has another root than they have`,
        }
      refusal = passed(at)
      if (refusal !== null) return refusal
    }
    if (rows.length < PAGE) return at
  }
}
