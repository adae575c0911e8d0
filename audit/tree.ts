// The tree over the trail's leaves, as RFC 6962 and RFC 9162 have it: one hash stands for everything up to a size.
import { hash, timingSafeEqual } from 'node:crypto'

/** SHA-256, 32 bytes. */
export type Hash = Buffer
const HASH_BYTES = 32

const sha = (...parts: Uint8Array[]): Hash => hash('sha256', Buffer.concat(parts), 'buffer')
const LEAF = Buffer.from([0])
const NODE = Buffer.from([1])

/** Of an entry's exact bytes. The first byte keeps leaves and inner nodes apart: neither can be offered as the other. */
export const leafHash = (body: Uint8Array): Hash => sha(LEAF, body)
export const nodeHash = (left: Uint8Array, right: Uint8Array): Hash => sha(NODE, left, right)
/** The root of a tree without a leaf. */
export const EMPTY_ROOT: Hash = sha()

const isSize = (n: number) => Number.isSafeInteger(n) && n >= 0
const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && timingSafeEqual(a, b)
const bits = (n: number) => [...n.toString(2)].filter((bit) => bit === '1').length
/** Safe beyond 2^31, where the bit operators are not. */
const isOdd = (n: number) => n % 2 === 1
const half = (n: number) => Math.floor(n / 2)

/** The root over complete subtrees, the largest first, as a frontier holds them. */
export function foldNodes(nodes: readonly Hash[]): Hash {
  let root: Hash | undefined
  for (const node of [...nodes].reverse()) root = root === undefined ? node : nodeHash(node, root)
  return root ?? EMPTY_ROOT
}

/** What must be kept of a tree to go on with it: the roots of its complete subtrees, about one for each bit of its size. */
export class Frontier {
  #size = 0
  #nodes: Hash[] = []

  get size(): number {
    return this.#size
  }
  /** Roots of the complete subtrees, the largest first. */
  get nodes(): readonly Hash[] {
    return this.#nodes
  }

  append(leaf: Hash): this {
    let node = leaf
    for (let n = this.#size; isOdd(n); n = half(n)) node = nodeHash(this.#nodes.pop() as Hash, node)
    this.#nodes.push(node)
    this.#size += 1
    return this
  }

  root(): Hash {
    return foldNodes(this.#nodes)
  }

  copy(): Frontier {
    const other = new Frontier()
    other.#size = this.#size
    other.#nodes = [...this.#nodes]
    return other
  }

  toJSON(): FrontierJson {
    return { size: this.#size, nodes: this.#nodes.map((node) => node.toString('hex')) }
  }

  /** Throws where the number of nodes does not fit the size, or one is no hash. */
  static from(json: FrontierJson): Frontier {
    const frontier = new Frontier()
    frontier.#size = json.size
    frontier.#nodes = json.nodes.map((node) => Buffer.from(node, 'hex'))
    const fits = isSize(json.size) && json.nodes.length === (json.size === 0 ? 0 : bits(json.size))
    if (!fits || frontier.#nodes.some((node, i) => node.length !== HASH_BYTES || json.nodes[i]?.length !== 64))
      throw new Error(`this is no frontier of a tree of ${json.size} leaves`)
    return frontier
  }
}
export interface FrontierJson {
  size: number
  /** Hex, the largest subtree first. */
  nodes: readonly string[]
}

export function rootOf(leaves: readonly Hash[]): Hash {
  const frontier = new Frontier()
  for (const leaf of leaves) frontier.append(leaf)
  return frontier.root()
}

/** Leaves `from` up to, and without, `to`. */
export type Span = readonly [from: number, to: number]

/** The largest power of two below n; n is at least 2. */
function split(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/**
 * Whose roots prove that leaf `index` is in a tree of `size`, the deepest first (RFC 9162 2.1.3.1). Each begins at a multiple of
 * a power of two that is not below its length. Throws a RangeError for an index outside the tree.
 */
export function inclusionSpans(index: number, size: number): Span[] {
  if (!isSize(index) || !isSize(size) || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
  const spans: Span[] = []
  for (let [from, to] = [0, size]; to - from > 1; ) {
    const middle = from + split(to - from)
    if (index < middle) {
      spans.unshift([middle, to])
      to = middle
    } else {
      spans.unshift([from, middle])
      from = middle
    }
  }
  return spans
}

/**
 * Whose roots prove that the tree of `first` leaves is the beginning of the one of `second` (RFC 9162 2.1.4.1). None for the same
 * size, and for nothing at all. Throws a RangeError where `first` is the larger.
 */
export function consistencySpans(first: number, second: number): Span[] {
  if (!isSize(first) || !isSize(second) || first > second)
    throw new RangeError(`a tree of ${first} is not the beginning of one of ${second}`)
  if (first === 0 || first === second) return []
  const spans: Span[] = []
  let [from, to] = [0, second]
  // While everything left of it is whole, the older root itself is what the verifier begins with.
  let known = true
  for (;;) {
    if (first === to) {
      if (!known) spans.unshift([from, to])
      return spans
    }
    const middle = from + split(to - from)
    if (first <= middle) {
      spans.unshift([middle, to])
      to = middle
    } else {
      spans.unshift([from, middle])
      from = middle
      known = false
    }
  }
}

const proven = (leaves: readonly Hash[], spans: readonly Span[]) => spans.map(([a, b]) => rootOf(leaves.slice(a, b)))

/** Throws a RangeError for an index outside the tree. */
export const inclusionProof = (leaves: readonly Hash[], index: number): Hash[] =>
  proven(leaves, inclusionSpans(index, leaves.length))

/** Throws a RangeError where `first` is more than there are leaves. */
export const consistencyProof = (leaves: readonly Hash[], first: number): Hash[] =>
  proven(leaves, consistencySpans(first, leaves.length))

/** The root that a proof of inclusion leads to (RFC 9162 2.1.3.2), or null where the proof is of another shape than the tree. */
export function rootFromInclusion(leaf: Hash, index: number, size: number, proof: readonly Hash[]): Hash | null {
  if (!isSize(index) || !isSize(size) || index >= size) return null
  let root = leaf
  let [fn, sn] = [index, size - 1]
  for (const node of proof) {
    if (sn === 0 || node.length !== HASH_BYTES) return null
    if (isOdd(fn) || fn === sn) {
      root = nodeHash(node, root)
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else root = nodeHash(root, node)
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0 ? root : null
}

/** Are these the exact bytes of entry `index` in the tree of `size` leaves with this root? Bytes, not a hash: an inner node is no entry. */
export function verifyInclusion(claim: {
  body: Uint8Array
  index: number
  size: number
  proof: readonly Hash[]
  root: Hash
}): boolean {
  const root = rootFromInclusion(leafHash(claim.body), claim.index, claim.size, claim.proof)
  return root !== null && same(root, claim.root)
}

/** Is the tree of `first` the beginning of the tree of `second` (RFC 9162 2.1.4.2)? Everything continues a tree of nothing. */
export function verifyConsistency(claim: {
  first: number
  second: number
  firstRoot: Hash
  secondRoot: Hash
  proof: readonly Hash[]
}): boolean {
  const { first, second, firstRoot, secondRoot, proof } = claim
  if (!isSize(first) || !isSize(second) || first > second || proof.some((node) => node.length !== HASH_BYTES))
    return false
  if (first === second) return proof.length === 0 && same(firstRoot, secondRoot)
  if (first === 0) return proof.length === 0 && same(firstRoot, EMPTY_ROOT)
  const [start, ...rest] = bits(first) === 1 ? [firstRoot, ...proof] : proof
  if (start === undefined) return false
  let [fn, sn] = [first - 1, second - 1]
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)]
  let [older, newer] = [start, start]
  for (const node of rest) {
    if (sn === 0) return false
    if (isOdd(fn) || fn === sn) {
      older = nodeHash(node, older)
      newer = nodeHash(node, newer)
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else newer = nodeHash(newer, node)
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0 && same(older, firstRoot) && same(newer, secondRoot)
}
