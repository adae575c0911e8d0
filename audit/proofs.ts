// Proofs of inclusion out of the record: only what a proof needs is read, and roots of whole subtrees are remembered.
import type pg from 'pg'
import { Fault } from '../pipelines/fault'
import {
  Frontier,
  foldNodes,
  type Hash,
  inclusionSpans,
  leafHash,
  nodeHash,
  rootFromInclusion,
  type Span,
} from './tree'

/** Leaves that one query reads, and the smallest subtree whose root is remembered. A power of two. */
const BLOCK = 1024
/** Roots kept for each record: some 60 MB of the trail each, so this is enough for a thousand million entries. */
const MOST_KEPT = 100_000

/** Roots of whole subtrees, which never change while the trail is what was signed. */
const kept = new WeakMap<pg.Pool, Map<string, Hash>>()

/** Proves entries of the trail up to `size`. What it reads must be the record as the checkpoint saw it. */
export class Proofs {
  private readonly kept: Map<string, Hash>

  /** @param pool whose record `db` reads: what is remembered belongs to it */
  constructor(
    private readonly db: Pick<pg.PoolClient, 'query'>,
    pool: pg.Pool,
    private readonly checkpoint: { size: number; root: Hash },
  ) {
    this.kept = kept.get(pool) ?? new Map<string, Hash>()
    kept.set(pool, this.kept)
  }

  /**
   * @param body the entry's exact bytes
   * @throws Fault conflict where the record is not what the checkpoint signs
   */
  async of(index: number, body: Uint8Array): Promise<Hash[]> {
    const { size, root } = this.checkpoint
    const path: Hash[] = []
    for (const span of inclusionSpans(index, size)) path.push(await this.rootOf(span))
    if (rootFromInclusion(leafHash(body), index, size, path)?.equals(root)) return path
    this.kept.clear()
    throw new Fault(
      'conflict',
      `entry ${index} is not in the trail that was signed at size ${size}: export the trail and verify it`,
    )
  }

  private async rootOf([from, to]: Span): Promise<Hash> {
    if (to - from <= BLOCK) return this.read(from, to)
    let half = BLOCK
    while (half * 2 < to - from) half *= 2
    const whole = half * 2 === to - from
    const key = `${from}+${to - from}`
    const known = this.kept.get(key)
    if (known !== undefined) return known
    const root = nodeHash(await this.rootOf([from, from + half]), await this.rootOf([from + half, to]))
    if (whole) this.keep(key, root)
    return root
  }

  private async read(from: number, to: number): Promise<Hash> {
    const key = `${from}+${to - from}`
    const known = this.kept.get(key)
    if (known !== undefined) return known
    const { rows } = await this.db.query<{ leaf: Buffer }>(
      'SELECT leaf FROM "AuditLeaf" WHERE seq >= $1 AND seq < $2 ORDER BY seq',
      [from, to],
    )
    const frontier = new Frontier()
    for (const { leaf } of rows) frontier.append(leaf)
    const root = foldNodes(frontier.nodes)
    if (to - from === BLOCK) this.keep(key, root)
    return root
  }

  private keep(key: string, root: Hash) {
    if (this.kept.size >= MOST_KEPT) this.kept.clear()
    this.kept.set(key, root)
  }
}
