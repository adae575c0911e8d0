// A signed head of the trail, as a C2SP tlog-checkpoint: a note that anybody can read and check with the public key alone.
import { createHash, type KeyObject, verify } from 'node:crypto'
import type { Hash } from './tree'

/** What a checkpoint says: the trail of this name had this many entries, and this is the root over them. */
export interface Head {
  origin: string
  size: number
  root: Hash
}

export interface NoteSigner {
  /** Ed25519 */
  publicKey: KeyObject
  /** Ed25519, 64 bytes. */
  sign(bytes: Uint8Array): Buffer
}

const ED25519 = 1
const MOST_SIGNATURES = 16
const MOST_CHARACTERS = 64 * 1024
const DASH = '— '

/** An Ed25519 public key as its 32 bytes. */
export const rawKey = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' }).subarray(-32)

/** Which key a signature line is of: 4 bytes, of the key's name, its algorithm and itself. */
export function keyId(name: string, raw: Uint8Array): Buffer {
  const hash = createHash('sha256')
  return hash
    .update(`${name}\n`)
    .update(Buffer.from([ED25519]))
    .update(raw)
    .digest()
    .subarray(0, 4)
}

/** The key as C2SP writes it for those who verify: `<name>+<key id>+<base64>`. */
export const vkeyOf = (name: string, key: KeyObject): string => {
  const raw = rawKey(key)
  return `${name}+${keyId(name, raw).toString('hex')}+${Buffer.concat([Buffer.from([ED25519]), raw]).toString('base64')}`
}

const textOf = (head: Head) => `${head.origin}\n${head.size}\n${head.root.toString('base64')}\n`

/** The note over this head, one signature line for each key; keys bear the name of the trail. */
export function noteOf(head: Head, ...signers: readonly NoteSigner[]): string {
  const text = textOf(head)
  if (!isName(head.origin) || head.root.length !== 32 || !Number.isSafeInteger(head.size) || head.size < 0)
    throw new Error(`no checkpoint can be made of ${JSON.stringify(text)}`)
  const lines = signers.map((signer) => {
    const signature = signer.sign(Buffer.from(text))
    const id = keyId(head.origin, rawKey(signer.publicKey))
    return `${DASH}${head.origin} ${Buffer.concat([id, signature]).toString('base64')}\n`
  })
  return `${text}\n${lines.join('')}`
}

/** One line below a note. Its algorithm is known by its key alone: there may be lines of keys that we do not know. */
export interface NoteSignature {
  name: string
  id: Buffer
  signature: Buffer
}
export interface Note extends Head {
  /** What is signed, byte by byte. */
  text: string
  signatures: readonly NoteSignature[]
}

const isName = (name: string) => /^[^\s+]{1,200}$/u.test(name)

/** Strict: one text for one value. */
function base64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}

function signatureOf(line: string): NoteSignature | null {
  const [name = '', encoded = '', ...more] = line.slice(DASH.length).split(' ')
  const bytes = base64(encoded)
  if (!line.startsWith(DASH) || more.length > 0 || !isName(name) || bytes === null || bytes.length < 5) return null
  return { name, id: bytes.subarray(0, 4), signature: bytes.subarray(4) }
}

/** Reads a note without asking who signed it. Null for what is no checkpoint. */
export function readNote(note: string): Note | null {
  const end = note.lastIndexOf('\n\n')
  // No control characters, as C2SP asks: a note shows what it says.
  if (end < 0 || note.length > MOST_CHARACTERS || !note.endsWith('\n') || /[^\P{Cc}\n]/u.test(note)) return null
  const text = note.slice(0, end + 1)
  const [origin = '', size = '', root = '', ...more] = text.slice(0, -1).split('\n')
  const lines = note.slice(end + 2, -1).split('\n')
  const signatures = lines.map(signatureOf)
  const rootBytes = base64(root)
  const bad =
    !isName(origin) ||
    !/^(0|[1-9]\d{0,15})$/.test(size) ||
    !Number.isSafeInteger(Number(size)) ||
    rootBytes?.length !== 32 ||
    more.includes('') ||
    lines.length > MOST_SIGNATURES ||
    signatures.includes(null)
  if (bad || rootBytes === null) return null
  return { origin, size: Number(size), root: rootBytes, text, signatures: signatures as NoteSignature[] }
}

/**
 * The head that a note signs with one of these keys, or null. Lines of unknown keys are passed over; a line that claims a known
 * key and is not of it spoils the note.
 */
export function verifyNote(note: string, keys: readonly KeyObject[], origin: string): Head | null {
  const read = readNote(note)
  if (read === null || read.origin !== origin) return null
  let signed = false
  for (const key of keys) {
    const id = keyId(origin, rawKey(key))
    for (const line of read.signatures.filter((s) => s.name === origin && s.id.equals(id))) {
      if (line.signature.length !== 64 || !verify(null, Buffer.from(read.text), key, line.signature)) return null
      signed = true
    }
  }
  return signed ? { origin, size: read.size, root: read.root } : null
}

/** Many notes in one file: an empty line stands after each. */
export const asEntryOfFile = (note: string) => `${note}\n`

/** The notes of such a file, in their order, whoever signed them. What a crash cut off is passed over. */
export function notesOf(file: string): string[] {
  const notes: string[] = []
  let text = ''
  for (const block of file.split(/\n{2,}/)) {
    if (!block.startsWith(DASH)) text = block
    else if (text !== '') {
      notes.push(`${text}\n\n${block}\n`)
      text = ''
    }
  }
  return notes.filter((note) => readNote(note) !== null)
}

/** C2SP tlog-proof: that entry `index` is in the tree of this checkpoint, for whoever has the entry's bytes and the public key. */
export const proofText = (index: number, proof: readonly Hash[], note: string): string =>
  ['c2sp.org/tlog-proof@v1', `index ${index}`, ...proof.map((hash) => hash.toString('base64')), '', note].join('\n')
