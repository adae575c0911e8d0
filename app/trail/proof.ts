// That an entry is in the newest checkpoint: found from the roots of whole blocks of 256 entries, which never change and are kept.
import { proofText, readNote } from '../../audit/checkpoint'
import { Frontier, foldNodes, type Hash, inclusionSpans, rootFromInclusion, rootOf, type Span } from '../../audit/tree'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import type { TrailScope } from './find'
import { readBytes } from './read'

const BLOCK = 256
/** Blocks whose leaves are read at once: half a megabyte. */
const BLOCKS_AT_ONCE = 64

/** The roots of whole blocks, as far as they were asked for; 32 bytes for 256 entries. */
class Blocks {
  #roots: Hash[] = []
  #reading: Promise<void> = Promise.resolve()
  constructor(private readonly record: RecordHandle) {}

  async leaves(from: number, to: number): Promise<Hash[]> {
    const { rows } = await this.record.pool.query<{ leaf: Buffer }>(
      'SELECT leaf FROM "AuditLeaf" WHERE seq >= $1 AND seq < $2 ORDER BY seq',
      [from, to],
    )
    if (rows.length !== to - from) throw changed()
    return rows.map((row) => row.leaf)
  }

  /** The roots of the first `count` blocks. One reading at a time, whoever asks. */
  async roots(count: number): Promise<readonly Hash[]> {
    const turn = this.#reading.then(() => this.#read(count))
    this.#reading = turn.catch(() => {}) // whoever asked is told; the next one tries again
    await turn
    return this.#roots
  }

  async #read(count: number) {
    while (this.#roots.length < count) {
      const at = this.#roots.length
      const end = Math.min(count, at + BLOCKS_AT_ONCE)
      const leaves = await this.leaves(at * BLOCK, end * BLOCK)
      for (let i = 0; i < leaves.length; i += BLOCK) this.#roots.push(rootOf(leaves.slice(i, i + BLOCK)))
    }
  }
}
const kept = new WeakMap<RecordHandle, Blocks>()

const changed = () =>
  new Fault(
    'conflict',
    'the trail in the database is not the one that its newest checkpoint signed: tell whoever runs this installation',
  )

/** Within a block from its leaves; beyond it from whole blocks, and what is left of the last one. */
async function rootOfSpan(blocks: Blocks, [from, to]: Span): Promise<Hash> {
  if (to - from <= BLOCK) return rootOf(await blocks.leaves(from, to))
  const whole = Math.floor(to / BLOCK)
  const roots = await blocks.roots(whole)
  const frontier = new Frontier()
  for (const root of roots.slice(from / BLOCK, whole)) frontier.append(root)
  const rest = new Frontier()
  for (const leaf of whole * BLOCK < to ? await blocks.leaves(whole * BLOCK, to) : []) rest.append(leaf)
  return foldNodes([...frontier.nodes, ...rest.nodes])
}

/** C2SP tlog-proof of entry `seq` to the newest checkpoint. Throws not.found; conflict where none covers it yet. */
export async function readProof(record: RecordHandle, scope: TrailScope, seq: number): Promise<string> {
  await readBytes(record, scope, seq) // may it be shown at all?
  const { rows } = await record.pool.query<{ note: string }>('SELECT note FROM "Checkpoint" ORDER BY size DESC LIMIT 1')
  const note = rows[0]?.note ?? ''
  const head = readNote(note)
  if (head === null || seq >= head.size)
    throw new Fault('conflict', `entry ${seq} is in no signed checkpoint yet: there is one each minute, ask again then`)
  const blocks = kept.get(record) ?? new Blocks(record)
  kept.set(record, blocks)
  const proof: Hash[] = []
  for (const span of inclusionSpans(seq, head.size)) proof.push(await rootOfSpan(blocks, span))
  const [leaf] = await blocks.leaves(seq, seq + 1)
  if (leaf === undefined || !rootFromInclusion(leaf, seq, head.size, proof)?.equals(head.root)) {
    kept.delete(record)
    throw changed()
  }
  return proofText(seq, proof, note)
}
