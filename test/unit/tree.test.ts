import { createHash, randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  consistencyProof,
  EMPTY_ROOT,
  Frontier,
  type Hash,
  inclusionProof,
  leafHash,
  nodeHash,
  rootFromInclusion,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../../audit/tree'

const hex = (text: string) => Buffer.from(text, 'hex')
/** The leaves that the reference implementation of Certificate Transparency is tried with, and the roots of 1 to 8 of them. */
const BODIES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  hex,
)
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const shown = (hashes: readonly Hash[]) => hashes.map((h) => h.toString('hex'))
const bodyOf = (n: number) => Buffer.from(`{"seq":${n}}`)
const LEAVES = Array.from({ length: 4_097 }, (_, n) => leafHash(bodyOf(n)))
const upTo = (size: number) => LEAVES.slice(0, size)

/** The tree as the RFC defines it, by recursion: what the frontier is held against. */
function asDefined(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return createHash('sha256').digest()
  if (leaves.length === 1) return leaves[0] as Hash
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(asDefined(leaves.slice(0, k)), asDefined(leaves.slice(k)))
}

describe('the vectors of RFC 6962', () => {
  it('a tree of nothing', () =>
    expect(EMPTY_ROOT.toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'))
  it('the roots of one to eight leaves', () =>
    expect(ROOTS.map((_, i) => rootOf(BODIES.slice(0, i + 1).map(leafHash)).toString('hex'))).toEqual(ROOTS))
  it('the proof that the sixth leaf of eight is in it', () =>
    expect(shown(inclusionProof(BODIES.map(leafHash), 5))).toEqual([
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]))
  it('the proof that the tree of six is the beginning of the tree of eight', () =>
    expect(shown(consistencyProof(BODIES.map(leafHash), 6))).toEqual([
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]))
})

describe('a frontier', () => {
  it('gives the root that the definition gives, at every size', () => {
    const frontier = new Frontier()
    for (let size = 0; size <= 260; size++) {
      expect(frontier.root()).toEqual(asDefined(upTo(size)))
      frontier.append(LEAVES[size] as Hash)
    }
  })
  it('goes on after it was written down and read again', () => {
    for (const size of [0, 1, 2, 3, 7, 8, 255, 256, 1_000]) {
      const kept = Frontier.from(JSON.parse(JSON.stringify(rootedAt(size))))
      for (const leaf of LEAVES.slice(size, size + 9)) kept.append(leaf)
      expect(kept.root()).toEqual(rootOf(upTo(size + 9)))
    }
  })
  it('is refused where its nodes do not fit its size', () => {
    const { size, nodes } = rootedAt(5).toJSON()
    expect(() => Frontier.from({ size: size + 2, nodes })).toThrow('no frontier of a tree of 7 leaves')
    expect(() => Frontier.from({ size, nodes: [nodes[0] as string, 'abcd'] })).toThrow('no frontier')
    expect(() => Frontier.from({ size: -1, nodes: [] })).toThrow('no frontier')
  })
})
const rootedAt = (size: number) => {
  const frontier = new Frontier()
  for (const leaf of upTo(size)) frontier.append(leaf)
  return frontier
}

describe('proofs of inclusion', () => {
  const size = 1_000
  const leaves = upTo(size)
  const root = rootOf(leaves)
  const proofs = leaves.map((_, index) => inclusionProof(leaves, index))
  const proofOf = (index: number) => proofs[index] as Hash[]
  const holds = (body: Buffer, index: number, of = size, proof = proofOf(index)) =>
    verifyInclusion({ body, index, size: of, proof, root })

  const SIZES = [1, 2, 511, 512, 513, 600, 999, 1_001, 1_024, 1_025, 2_000, 4_097]
  const rootsOf = new Map(SIZES.map((of) => [of, rootOf(upTo(of))]))
  const provenIn = (i: number, of: number) =>
    verifyInclusion({ body: bodyOf(i), index: i, size: of, proof: proofOf(i), root: rootsOf.get(of) as Hash })

  it('every entry of a tree of 1,000 is proved, in ten hashes or fewer', () => {
    expect(leaves.filter((_, i) => !holds(bodyOf(i), i))).toEqual([])
    expect(Math.max(...proofs.map((p) => p.length))).toBe(10)
  })
  it('no proof holds for another entry, another index or another size', () => {
    const wrong: string[] = []
    for (let i = 0; i < size; i++) {
      const other = (i + 1 + randomInt(size - 1)) % size
      if (holds(bodyOf(other), i)) wrong.push(`entry ${other} with the proof of ${i}`)
      if (holds(bodyOf(i), other, size, proofOf(i))) wrong.push(`entry ${i} as ${other}`)
      // Another size has another root. With this root, only a size whose paths look the same could pass: which size belongs to
      // a root is what a checkpoint's signature says.
      for (const n of SIZES) if (n > i && provenIn(i, n)) wrong.push(`entry ${i} in the tree of ${n}`)
      for (const n of [i, 1, 512, 2_000, 4_097]) if (holds(bodyOf(i), i, n)) wrong.push(`entry ${i} as one of ${n}`)
    }
    expect(wrong).toEqual([])
  })
  it('nor with a hash changed, left out, added, or of another length', () => {
    const wrong = [0, 1, 511, 512, 700, 998, 999].flatMap((index) => {
      const proof = proofOf(index)
      const flipped = proof.map((h, i) => (i === 0 ? Buffer.from(h.map((b, at) => (at === 31 ? b ^ 1 : b))) : h))
      const bad = [
        flipped,
        proof.slice(1),
        proof.slice(0, -1),
        [...proof, root],
        [root, ...proof],
        [...proof].reverse(),
      ]
      const short = proof.map((h, i) => (i === 0 ? h.subarray(0, 31) : h))
      return [...bad, short].filter((p) => holds(bodyOf(index), index, size, p)).map(() => index)
    })
    expect(wrong).toEqual([])
  })
  it('an index outside the tree has none', () => {
    expect(() => inclusionProof(leaves, size)).toThrow(RangeError)
    expect(() => inclusionProof(leaves, -1)).toThrow(RangeError)
    expect(() => inclusionProof(leaves, 1.5)).toThrow(RangeError)
    expect(holds(bodyOf(3), 1.5, size, proofOf(3))).toBe(false)
  })
  it('an inner node is not taken for an entry', () => {
    const [a, b] = [LEAVES[0] as Hash, LEAVES[1] as Hash]
    const inner = nodeHash(a, b)
    const above = proofOf(0).slice(1)
    // The path itself leads to the root when one begins at the inner node: only the first byte of what is hashed is in the way.
    expect(rootFromInclusion(inner, 0, 500, above)).toEqual(root)
    for (const body of [inner, Buffer.concat([a, b]), Buffer.concat([Buffer.from([1]), a, b])]) {
      expect(verifyInclusion({ body, index: 0, size: 500, proof: above, root })).toBe(false)
      expect(verifyInclusion({ body, index: 0, size, proof: above, root })).toBe(false)
    }
  })
})

describe('proofs of consistency', () => {
  const frontier = new Frontier()
  const roots = [EMPTY_ROOT, ...LEAVES.map((leaf) => frontier.append(leaf).root())]
  const rootAt = (size: number) => roots[size] as Hash
  const claim = (first: number, second: number) => ({
    first,
    second,
    firstRoot: rootAt(first),
    secondRoot: rootAt(second),
    proof: consistencyProof(upTo(second), first),
  })

  it('hold for every pair of sizes up to 66', () => {
    for (let second = 0; second <= 66; second++)
      for (let first = 0; first <= second; first++) expect(verifyConsistency(claim(first, second))).toBe(true)
  })
  it('hold at the edges of powers of two, up to 4,097', () => {
    const edges = [6, 7, 8, 9, 10, 11, 12].flatMap((k) => [2 ** k - 1, 2 ** k, 2 ** k + 1])
    const bad = edges.flatMap((second) =>
      edges.filter((first) => first <= second && !verifyConsistency(claim(first, second))).map((f) => [f, second]),
    )
    expect(bad).toEqual([])
  })
  it('hold for random sizes, and fail for another root, another size or another proof', () => {
    for (let i = 0; i < 50; i++) {
      const second = randomInt(2, 4_098)
      const good = claim(randomInt(1, second), second)
      expect(verifyConsistency(good)).toBe(true)
      const other = nodeHash(good.firstRoot, good.secondRoot)
      const bad = [
        { ...good, firstRoot: other },
        { ...good, secondRoot: other },
        { ...good, proof: good.proof.slice(1) },
        { ...good, proof: [...good.proof, other] },
        { ...good, proof: good.proof.map((h, at) => (at === 0 ? other : h)) },
        { ...good, first: good.second, second: good.first },
        { ...good, first: good.second },
      ]
      expect(bad.filter(verifyConsistency)).toEqual([])
    }
  })
  it('a tree that was changed before the older size is no continuation', () => {
    const edited = upTo(900).map((leaf, i) => (i === 17 ? leafHash(Buffer.from('edited')) : leaf))
    const proof = consistencyProof(edited, 700)
    expect(
      verifyConsistency({ first: 700, second: 900, firstRoot: rootAt(700), secondRoot: rootOf(edited), proof }),
    ).toBe(false)
  })
  it('the older tree is not the larger', () => expect(() => consistencyProof(upTo(3), 4)).toThrow(RangeError))
})
