// Reads the bundle of one release for verify.mjs: entries that stand apart, each with its proof (RFC 6962, C2SP tlog-proof).
export const FILES = ['checkpoint.txt', 'keys.json', 'MANIFEST.sha256']
const [LEAF, NODE] = [Buffer.from([0]), Buffer.from([1])]

/** Both verifiers of a bundle read these in one way only. */
const KEY = '\\{"from":\\d+,"publicKey":"[A-Za-z0-9+/=]*"\\}'
const PART = '"[\\w-]*"'
const SHAPES = [
  [
    /^keys\.json$/,
    new RegExp(`^\\{"keys":\\[(${KEY},?)+\\],"origin":"[^"\\\\]*","webOrigins":\\[("[^"\\\\]*",?)+\\]\\}\n$`),
  ],
  [
    /^signoffs\/.*\.assertion\.json$/,
    new RegExp(
      `^\\{"authenticatorData":${PART},"clientDataJSON":${PART},"credentialId":${PART},"signature":${PART}\\}\n$`,
    ),
  ],
]

/** RFC 9162 2.1.3.2; null where the proof is of another shape than the tree. */
function rootFromInclusion(sha, leaf, index, size, proof) {
  let [root, fn, sn] = [leaf, index, size - 1]
  for (const node of proof) {
    if (sn === 0 || node.length !== 32) return null
    if (fn % 2 === 1 || fn === sn) {
      root = sha(NODE, node, root)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)]
    } else root = sha(NODE, root, node)
    ;[fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
  }
  return index < size && sn === 0 ? root : null
}

/** A text up to its first empty line, and what comes after it. */
function halves(text) {
  const at = text.indexOf('\n\n')
  return at < 0 ? [text, ''] : [text.slice(0, at + 1), text.slice(at + 2)]
}

/** The tools are those of verify.mjs: it reads the files and knows what sign-offs must be. */
export async function verifyBundle({ names, bytesOf, parsed, sha, checkNote, whatIsOff, look, tampered, incomplete }) {
  for (const [which, shape] of SHAPES)
    for (const name of [...names.keys()].filter((n) => which.test(n)))
      if (!shape.test(String(await bytesOf(name)))) tampered('files', `${name} is not written as it should be`)
  const checkpoint = String(await bytesOf('checkpoint.txt'))
  const [text, signatures] = halves(checkpoint)
  const note = checkNote(text, signatures.split('\n'))
  const seqs = [...names.keys()]
    .map((n) => /^entries\/(0|[1-9]\d{0,14})\.json$/.exec(n)?.[1])
    .filter((n) => n !== undefined)
  if (seqs.length === 0) incomplete('entries', 'it holds no entry')
  for (const seq of note === false ? [] : seqs.map(Number).sort((a, b) => a - b)) {
    const body = await bytesOf(`entries/${seq}.json`)
    const proof = await bytesOf(`entries/${seq}.tlog-proof`)
    if (proof === null) {
      incomplete('entries', `the proof of entry ${seq} is missing`, seq)
      continue
    }
    const [head, same] = halves(String(proof))
    const [format, index, ...path] = head.slice(0, -1).split('\n')
    const nodes = path.map((line) => Buffer.from(line, 'base64'))
    const root = rootFromInclusion(sha, sha(LEAF, body), seq, note.size, nodes)
    const strict = nodes.every((node, i) => node.toString('base64') === path[i])
    const whole = strict && format === 'c2sp.org/tlog-proof@v1' && index === `index ${seq}` && same === checkpoint
    const off = whatIsOff(parsed(body), seq)
    if (!whole || root === null || !root.equals(note.root))
      tampered('entries', `entry ${seq} is not proven to be in the trail`, seq)
    else if (off !== null) tampered('entries', `entry ${seq} ${off[1]}`, seq)
    else await look(parsed(body))
  }
  return { entries: seqs.length, anchored: seqs.length }
}
