import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { publicKeyOf } from '../../audit/certificate'
import {
  asEntryOfFile,
  keyId,
  type NoteSigner,
  noteOf,
  notesOf,
  proofText,
  rawKey,
  readNote,
  verifyNote,
  vkeyOf,
} from '../../audit/checkpoint'
import { leafHash } from '../../audit/tree'

const signer = (): NoteSigner => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { publicKey, sign: (bytes) => sign(null, bytes, privateKey) }
}
const ORIGIN = 'shiplock/2f1d'
const head = { origin: ORIGIN, size: 1234, root: leafHash(Buffer.from('x')) }
const ours = signer()
const note = noteOf(head, ours)
const holds = (text: string, keys: readonly KeyObject[] = [ours.publicKey], origin = ORIGIN) =>
  verifyNote(text, keys, origin)

describe('a checkpoint', () => {
  it('is a note of three lines, an empty one, and one of the key', () => {
    const lines = note.split('\n')
    expect(lines.slice(0, 4)).toEqual([ORIGIN, '1234', head.root.toString('base64'), ''])
    expect(lines[4]).toMatch(/^— shiplock\/2f1d [A-Za-z0-9+/]+=*$/)
    expect(lines.slice(5)).toEqual([''])
  })
  it('is read and checked with the public key alone', () => {
    expect(readNote(note)).toMatchObject(head)
    expect(holds(note)).toEqual(head)
  })
  it('of nothing at all is one as well', () =>
    expect(holds(noteOf({ ...head, size: 0 }, ours))).toEqual({ ...head, size: 0 }))
  it("the key's id is that of the specification's own key", () => {
    // golang.org/x/mod/sumdb/note, and the signed-note specification after it.
    const [name, id, key] = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'.split('+') as [
      string,
      string,
      string,
    ]
    const raw = Buffer.from(key, 'base64').subarray(1)
    expect(keyId(name, raw).toString('hex')).toBe(id)
    expect(vkeyOf(name, publicKeyOf(raw))).toBe(`${name}+${id}+${key}`)
    expect(rawKey(publicKeyOf(raw))).toEqual(raw)
  })
  it('does not hold for another key, another trail, or a single changed character', () => {
    expect(holds(note, [signer().publicKey])).toBeNull()
    expect(holds(note, [])).toBeNull()
    expect(holds(note, undefined, 'shiplock/other')).toBeNull()
    const passed = [...note].filter(
      (c, i) => holds(`${note.slice(0, i)}${c === '1' ? '2' : '1'}${note.slice(i + 1)}`) !== null,
    )
    expect(passed).toEqual([])
  })
})

describe('lines below a note', () => {
  const mldsa = `— ${ORIGIN} ${Buffer.concat([Buffer.from('11223344', 'hex'), Buffer.alloc(2420, 7)]).toString('base64')}\n`
  it('of keys that are not known are passed over: a witness, an algorithm of later years', () => {
    expect(holds(`${note}${mldsa}`)).toEqual(head)
    expect(holds(`${note}— witness.example ${Buffer.alloc(72, 1).toString('base64')}\n`)).toEqual(head)
    expect(holds(note.replace('— ', `${mldsa}— `))).toEqual(head)
  })
  it('of two keys hold for whoever knows the one or the other', () => {
    const next = signer()
    const both = noteOf(head, ours, next)
    expect(holds(both)).toEqual(head)
    expect(holds(both, [next.publicKey])).toEqual(head)
    expect(holds(both, [ours.publicKey, next.publicKey])).toEqual(head)
  })
  it('that claim a known key and are not of it spoil the note', () => {
    const forged = noteOf(head, { publicKey: ours.publicKey, sign: signer().sign })
    expect(holds(forged)).toBeNull()
    expect(holds(`${note}${forged.slice(forged.indexOf('— '))}`)).toBeNull()
  })
  it('of another head do not hold for this one', () => {
    const other = noteOf({ ...head, size: 1235 }, ours)
    expect(holds(note.slice(0, note.indexOf('— ')) + other.slice(other.indexOf('— ')))).toBeNull()
  })
})

describe('what is no checkpoint', () => {
  const unsigned = note.slice(0, note.indexOf('— '))
  it.each<[string, string]>([
    ['nothing', ''],
    ['no signature', unsigned],
    ['no empty line', note.replace('\n\n', '\n')],
    ['no end of the last line', note.slice(0, -1)],
    ['a size with a leading zero', note.replace('1234', '01234')],
    ['a size below nothing', note.replace('1234', '-1')],
    ['a size that is no whole number', note.replace('1234', '12.5')],
    ['a size beyond what can be counted', note.replace('1234', '9007199254740993')],
    ['a root that is too short', note.replace(head.root.toString('base64'), 'AAAA')],
    [
      'a root in another spelling',
      note.replace(head.root.toString('base64'), head.root.toString('base64').replace('=', '')),
    ],
    ['a carriage return', note.replaceAll('\n', '\r\n')],
    ['a name with a space', note.replaceAll(ORIGIN, 'ship lock')],
    ['a hyphen for the dash', note.replace('— ', '- ')],
    ['a thousand signature lines', unsigned + note.slice(note.indexOf('— ')).repeat(1_000)],
  ])('%s', (_what, text) => {
    expect(readNote(text)).toBeNull()
    expect(holds(text)).toBeNull()
  })
  it('cannot be made either', () => {
    expect(() => noteOf({ ...head, origin: 'two\nlines' }, ours)).toThrow('no checkpoint')
    expect(() => noteOf({ ...head, size: 1.5 }, ours)).toThrow('no checkpoint')
    expect(() => noteOf({ ...head, root: Buffer.alloc(31) }, ours)).toThrow('no checkpoint')
  })
})

it('many notes stand in one file, and what a crash cut off is passed over', () => {
  const notes = [1, 2, 3].map((size) => noteOf({ ...head, size }, ours))
  const file = notes.map(asEntryOfFile).join('')
  expect(notesOf(file)).toEqual(notes)
  expect(notesOf(file.slice(0, -20))).toEqual(notes.slice(0, 2))
  const other = { ...head, origin: 'a' }
  for (let cut = 1; cut < note.length; cut++) {
    const found = notesOf(`${file}${note.slice(0, cut)}\n\n${asEntryOfFile(noteOf(other, ours))}`)
    expect(found.slice(0, 3)).toEqual(notes)
    expect(found.filter((n) => verifyNote(n, [ours.publicKey], 'a')).length).toBe(1)
  }
  expect(notesOf('')).toEqual([])
})

it('a proof is a text that ends with the checkpoint', () => {
  const [a, b] = [leafHash(Buffer.from('a')), leafHash(Buffer.from('b'))]
  expect(proofText(5, [a, b], note)).toBe(
    `c2sp.org/tlog-proof@v1\nindex 5\n${a.toString('base64')}\n${b.toString('base64')}\n\n${note}`,
  )
})
