#!/usr/bin/env node
// Checks an export of a Shiplock trail without trusting Shiplock: this file needs Node 18 or newer, and nothing else.
//   node verify.mjs FOLDER|FILE.zip [--key BASE64] [--origin https://shiplock.example.com] [--json]
// --key: a public key of the trail that you keep yourself. --origin: the address where people sign.
// Exit 0: all of it holds. 1: something was changed; the first bad entry is named. 2: it is not whole. 64: wrong arguments.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { createReadStream, promises as fs } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createInflateRaw } from 'node:zlib'

const FILES = ['events.ndjson', 'checkpoints.txt', 'keys.json', 'names.ndjson', 'MANIFEST.sha256']
const [LEAF, NODE] = [Buffer.from([0]), Buffer.from([1])]
const sha = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
const hex = (...parts) => sha(...parts).toString('hex')
/** Strict: one text for one value; nothing, where it is not that. */
const decoded = (text, as) => [Buffer.from(`${text}`, as)].find((b) => b.toString(as) === text) ?? Buffer.alloc(0)
const base64 = (text) => decoded(text, 'base64')
const parsed = (bytes) => {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined // it is not JSON
  }
}

// ---- What is found. ----
let verdict = 'ok'
const problems = []
function found(what, check, text, seq = null, upTo = seq) {
  verdict = verdict === 'tampered' ? verdict : what
  return problems.length < 100 && problems.push({ verdict: what, check, text, seq, upTo }) < 0
}
const [tampered, incomplete] = ['tampered', 'incomplete'].map((what) => found.bind(null, what))

// ---- What is read: a folder or a zip, as names and streams. ----
const [names, sums] = [new Map(), new Map()]
let openFile
async function openFolder(dir, at = '', depth = 0) {
  for (const entry of await fs.readdir(join(dir, at), { withFileTypes: true })) {
    const name = at + entry.name
    if (entry.isDirectory() && depth < 3) await openFolder(dir, `${name}/`, depth + 1)
    else if (!entry.isFile()) throw new Error(`${name} is no plain file`)
    else names.set(name, null)
  }
  openFile = (name) => createReadStream(join(dir, name), { highWaterMark: 1 << 18 })
}

async function openZip(path, bytes) {
  const file = await fs.open(path)
  const at = async (start, length) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start)
    return buffer.subarray(0, bytesRead)
  }
  const tail = await at(Math.max(0, bytes - 65_557), Math.min(bytes, 65_557))
  const end = tail.lastIndexOf(Buffer.from('PK\x05\x06'))
  if (end < 0 || end + 22 > tail.length) throw new Error('it is cut off, or no zip: the end of a zip is missing')
  const [count, length, start] = [tail.readUInt16LE(end + 10), tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16)]
  if (start === 0xffffffff || count === 0xffff) throw new Error('it is too large for a zip here: unpack it first')
  const list = await at(start, length)
  for (let i = 0, p = 0; i < count; i++) {
    if (p + 46 > list.length || list.readUInt32LE(p) !== 0x02014b50) throw new Error('the zip is damaged')
    const [named, extra, comment] = [28, 30, 32].map((offset) => list.readUInt16LE(p + offset))
    const name = list.toString('utf8', p + 46, p + 46 + named)
    const packed = { method: list.readUInt16LE(p + 10), size: list.readUInt32LE(p + 20), at: list.readUInt32LE(p + 42) }
    if (names.has(name) || ![0, 8].includes(packed.method)) throw new Error(`${name} is packed in another way`)
    if (!name.endsWith('/')) names.set(name, packed)
    p += 46 + named + extra + comment
  }
  openFile = async function* (name) {
    const packed = names.get(name)
    const local = await at(packed.at, 30)
    const begin = packed.at + 30 + local.readUInt16LE(26) + local.readUInt16LE(28)
    const raw = createReadStream(path, { start: begin, end: begin + packed.size - 1 })
    yield* packed.method === 0 ? raw : raw.pipe(createInflateRaw({ chunkSize: 1 << 18 }))
  }
}

/** A file in pieces; what is read to its end is hashed on the way. */
async function* stream(name) {
  const hash = createHash('sha256')
  for await (const chunk of openFile(name)) {
    hash.update(chunk)
    yield chunk
  }
  sums.set(name, hash.digest('hex'))
}

/** A small file; null where there is none. */
async function bytesOf(name) {
  if (!names.has(name)) return null
  const chunks = []
  for await (const chunk of stream(name)) if (chunks.push(chunk) > 1024) throw new Error(`${name} is too long`)
  return Buffer.concat(chunks)
}

/** Lines without their ends, many at a time. */
async function* linesOf(name) {
  let rest = Buffer.alloc(0)
  for await (const chunk of stream(name)) {
    const all = Buffer.concat([rest, chunk])
    let [begin, lines] = [0, []]
    for (let end = all.indexOf(10); end >= 0; end = all.indexOf(10, begin)) {
      lines.push(all.subarray(begin, end))
      begin = end + 1
    }
    rest = Buffer.from(all.subarray(begin))
    if (rest.length > 1 << 20) throw new Error(`${name} has a line that is too long`)
    yield lines
  }
  if (rest.length > 0) yield [rest]
}

// ---- The trail's keys, and the checkpoints they sign (C2SP signed notes). ----
let [origin, keys] = ['', []]
const ED25519 = Buffer.from('302a300506032b6570032100', 'hex')
const keyOf = (der) => createPublicKey({ key: der, format: 'der', type: 'spki' })

async function readKeys(pinned) {
  const said = parsed(await bytesOf('keys.json'))
  origin = String(said?.origin)
  const listed = Array.isArray(said?.keys) ? said.keys : []
  const isKey = (k) => base64(k?.publicKey).length === 32 && Number.isSafeInteger(k.from)
  keys = listed.filter(isKey).map(({ publicKey, from }, i) => {
    const raw = base64(publicKey)
    const key = keyOf(Buffer.concat([ED25519, raw]))
    return { publicKey, from, key, id: sha(`${origin}\n`, NODE, raw).subarray(0, 4), brought: i === 0, signs: false }
  })
  if (keys.length === 0 || keys.length < listed.length) tampered('keys', 'keys.json holds no key, or what is none')
  if (pinned && !keys.some((k) => k.publicKey === pinned)) tampered('keys', 'keys.json does not hold the key you gave')
  return said
}

/** The head of a tree that a note signs; false, and told, where it does not hold. */
function checkNote(text, signatures) {
  counts.checkpoints += 1
  const [name, size, root] = text.split('\n')
  const note = { size: Number(size), root: base64(root) }
  const no = (why) => tampered('checkpoints', `the checkpoint of size ${size} ${why}`)
  if (!/^(0|[1-9]\d{0,14})$/.test(size) || note.root.length !== 32) return no('cannot be read')
  if (name !== origin) return no(`is of another trail: ${name}`)
  for (const line of signatures) {
    const [, by, signature] = line.split(' ')
    const at = keys.findIndex((k) => by === origin && k.id.equals(base64(signature).subarray(0, 4)))
    if (at < 0) continue
    const holds = verify(null, Buffer.from(text), keys[at].key, base64(signature).subarray(4))
    if (!holds) return no('has a signature that does not hold')
    if (note.size >= keys[at + 1]?.from) return no('is signed with a key that had been replaced')
    keys[at].signs = true
    return note
  }
  return no('is not signed with a key of keys.json')
}

async function* notesOf(name) {
  let [text, signatures] = ['', []]
  for await (const batch of linesOf(name)) {
    for (const line of batch.map(String)) {
      if (line.startsWith('— ')) signatures.push(line)
      else if (signatures.length > 0) {
        yield checkNote(text, signatures)
        ;[text, signatures] = [line === '' ? '' : `${line}\n`, []]
      } else if (line !== '') text += `${line}\n`
    }
  }
  if (text !== '') yield checkNote(text, signatures)
}

// ---- Sign-offs: what was agreed to, by whom, with which key, and whether that is what was deployed. ----
let webOrigins = []
const [passkeys, given, used, roots] = [new Map(), new Map(), new Map(), new Map()]
const counts = { checkpoints: 0, signoffs: 0, signed: 0, deployments: 0, signedOff: 0 }
/** By kind of entry: what it must be, as a sentence where it is not. */
const HANDLERS = {
  'trail.key'({ data: { publicKey, previous, from, byOld, byNew } }) {
    const at = keys.findIndex((k) => k.publicKey === publicKey)
    if (at < 1 || keys[at - 1].publicKey !== previous || keys[at].from !== from) return 'keys.json lacks its key'
    const text = Buffer.from(`shiplock/trail-key/v1\n${origin}\n${from}\n${previous}\n${publicKey}\n`)
    const by = (k, signature) => verify(null, text, k.key, base64(signature))
    if (!by(keys[at - 1], byOld) || !by(keys[at], byNew)) return 'the old and the new key did not both sign it'
    keys[at].brought = true
  },
  'passkey.admit'({ writer, data: { account, credential, roles, spki, alg, certificate } }) {
    if (writer === 'web' || !Array.isArray(roles)) return 'a passkey was not admitted by a worker'
    const claim = JSON.stringify({ account, credential, roles: [...roles].sort(), spki, what: 'passkey' })
    const bytes = Buffer.from(`shiplock/certificate/v1\n${claim}`)
    if (!keys.some((k) => verify(null, bytes, k.key, base64(certificate)))) return 'the passkey has no certificate'
    passkeys.set(credential, { account, roles, spki, alg })
  },
  'passkey.remove': ({ data }) => void passkeys.delete(data.credential),
  'passkey.propose': ({ data }) => void passkeys.delete(data.credential),
  async 'approval.give'({ seq, at, actor, subject, data: { hash, decision, credential } }) {
    if (!/^[0-9a-f]{64}$/.test(hash)) return // of a time before answers were bound to what was seen
    const bytes = await bytesOf(`signoffs/${hash}.statement.json`)
    if (bytes === null) return incomplete('sign-offs', `the statement of entry ${seq} is missing`, seq)
    if (hex(bytes) !== hash) return 'its statement is not the one that was agreed to'
    const s = parsed(bytes)
    const { account, forge, role } = s.approver
    const { promotion, change, excluded, digest } = s.bound
    if (s.origin !== origin || s.decision !== decision) return 'its statement says something else'
    if (actor.id !== `account:${account}`) return 'its statement is of somebody else'
    if (subject.id !== (promotion?.id ?? change)) return 'its statement is about something else'
    if (excluded.accounts.includes(account) || excluded.forge.includes(forge)) return 'who gave it had a hand in it'
    if (!(at <= s.exp)) return 'it was given after it had expired'
    const head = s.checkpoint === null ? undefined : roots.get(s.checkpoint.size)
    if (s.checkpoint !== null && roots.size > 0 && head !== s.checkpoint.root) return 'it covers a head never signed'
    given.set(hash, { promotion, digest, exp: s.exp, state: 'given' })
    counts.signoffs += 1
    if (typeof credential !== 'string') return
    const key = passkeys.get(credential)
    if (key?.account !== account) return 'its passkey was not admitted before for who gave it, or had been removed'
    counts.signed += key.roles.includes(role) ? 1 : 0
    const assertion = await bytesOf(`signoffs/${hash}.assertion.json`)
    if (assertion === null) return incomplete('sign-offs', `the signature of entry ${seq} is missing`, seq)
    return whyNotSigned(parsed(assertion) ?? {}, sha('shiplock/signoff/v1\n', bytes).toString('base64url'), key)
  },
  'approval.use'({ at, writer, data: { hash } }) {
    const it = given.get(hash)
    if (typeof hash !== 'string') return
    if (it?.state !== 'given') return `what it uses was ${it === undefined ? 'not given' : `${it.state} already`}`
    if (writer === 'web' || at > it.exp) return 'it was used too late, or by the web process'
    it.state = 'used'
    const { id, ask } = it.promotion ?? {} // a policy change has none
    const digests = used.get(id)?.ask === ask ? used.get(id).digests : []
    used.set(id, { ask, digests: [...digests, it.digest] })
  },
  'promotion.observe'({ seq, subject, data: { digest } }) {
    counts.deployments += 1
    const signed = used.get(subject.id)
    if (signed === undefined) return
    counts.signedOff += 1
    if (digest === undefined) return incomplete('sign-offs', `entry ${seq} does not say which image was observed`, seq)
    if (signed.digests.some((d) => d !== digest)) return `${digest} runs, and ${signed.digests[0]} was signed off`
  },
}
for (const event of ['withdraw', 'expire', 'void'])
  HANDLERS[`approval.${event}`] = ({ data: { hash }, after }) => {
    if (given.has(hash)) given.get(hash).state = after
  }

function whyNotSigned(json, challenge, { spki, alg }) {
  const parts = [json.clientDataJSON, json.authenticatorData, json.signature]
  const [client, data, signature] = parts.map((part) => decoded(part, 'base64url'))
  const said = parsed(client)
  if (said?.type !== 'webauthn.get' || said.challenge !== challenge) return 'its signature is for other content'
  if (!webOrigins.includes(said.origin)) return `it was signed on another page: ${said.origin}`
  if ((said.crossOrigin ?? false) !== false || said.topOrigin !== undefined) return 'it was signed inside another page'
  if (!sha(new URL(said.origin).hostname).equals(data.subarray(0, 32))) return 'it was signed for another site'
  if ((data[32] & 5) !== 5 || (data[32] & 24) === 16) return 'its authenticator did not verify who touched it'
  const key = keyOf(base64(spki))
  const type = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType
  if ({ '-7': 'prime256v1', '-8': 'ed25519', '-257': 'rsa' }[alg] !== type) return 'its algorithm does not fit its key'
  const holds = verify(alg === -8 ? null : 'sha256', Buffer.concat([data, sha(client)]), key, signature)
  if (!holds) return 'its signature does not hold'
}

async function look(e) {
  const cannot = (error) => `it cannot be checked: ${error.message}`
  const why = await Promise.resolve(e).then(HANDLERS[e.kind]).catch(cannot)
  if (typeof why === 'string') tampered(e.kind === 'trail.key' ? 'keys' : 'sign-offs', `entry ${e.seq}: ${why}`, e.seq)
}

// ---- The trail itself: hash chain, and tree (RFC 6962). ----
let [size, subtrees] = [0, []]
function append(leaf) {
  let node = leaf
  for (let n = size; n % 2 === 1; n = (n - 1) / 2) node = sha(NODE, subtrees.pop(), node)
  subtrees.push(node)
  size += 1
}
const root = () => (size === 0 ? sha() : subtrees.reduceRight((right, left) => sha(NODE, left, right)))

/** What is wrong with what stands at `seq`, and which entry that is; null: nothing is. */
function whatIsOff(e, seq) {
  if (typeof e?.data !== 'object' || typeof e.prev !== 'string') return [seq, 'cannot be read']
  if (e.seq === seq - 1) return [seq - 1, 'stands there twice']
  if (e.seq !== seq) return [seq, `is missing, or not in its place: entry ${e.seq} is there`]
  return e.origin === origin ? null : [seq, `is of another trail: ${e.origin}`]
}

/** Entry `at + 1` was not chained to entry `at`. Which of them was changed? The one that comes next knows. */
function whoWasChanged({ at, leaf, body }, next, anchored) {
  if (anchored > at || next === leaf) return [at + 1, at + 1]
  if (next === hex(LEAF, body)) return [at, at]
  const mended = body.toString('latin1').replace(/"prev":"[^"]*"/, `"prev":"${leaf}"`)
  return next === hex(LEAF, Buffer.from(mended, 'latin1')) ? [at + 1, at + 1] : [at, at + 1]
}

async function verifyTrail() {
  const notes = notesOf('checkpoints.txt')
  let [note, anchored, holds, leaf, doubt] = [null, 0, true, '', null]
  const nextNote = async () => {
    do note = (await notes.next()).value
    while (note === false)
  }
  const settle = (next) => {
    const [seq, upTo] = whoWasChanged(doubt, next, anchored)
    return tampered('chain', `entry ${seq}${upTo > seq ? ` or ${upTo}` : ''} was changed: the chain breaks`, seq, upTo)
  }
  await nextNote()
  for await (const batch of linesOf('events.ndjson')) {
    for (const body of batch) {
      const e = holds ? parsed(body) : null
      const off = whatIsOff(e, doubt === null ? size : size + 1)
      if (holds && off !== null) holds = tampered('chain', `entry ${off[0]} ${off[1]}`, off[0])
      else if (holds && doubt !== null) holds = settle(e.prev)
      else if (holds && e.prev !== leaf) doubt = { at: size - 1, leaf, body: Buffer.from(body) }
      if (!holds || doubt !== null) continue
      const hash = sha(LEAF, body)
      leaf = hash.toString('hex')
      append(hash)
      if (HANDLERS[e.kind]) await look(e)
      for (; holds && note?.size <= size; await nextNote()) {
        const text = `entries ${anchored} to ${size - 1} are not those that the checkpoint of size ${note.size} signs`
        if (note.size < size) tampered('checkpoints', `the checkpoint of size ${note.size} is not in its place`)
        else if (!root().equals(note.root)) holds = tampered('checkpoints', text, anchored, size - 1)
        else anchored = size
        roots.set(note.size, note.root.toString('hex'))
      }
    }
  }
  if (holds && doubt !== null) holds = settle(undefined)
  if (holds && note) tampered('chain', `entry ${size} is missing: a checkpoint signs it`, size, note.size - 1)
  while (note) await nextNote()
  const loose = `entries ${anchored} to ${size - 1} are not anchored: no checkpoint signs them`
  if (holds && anchored < size) incomplete('checkpoints', loose, anchored, size - 1)
  if (holds && size === 0) incomplete('chain', 'it holds no entry')
  const isName = ({ commitment, salt, name }) => hex(Buffer.from(`${salt}`, 'hex'), `${name}`) === commitment
  for await (const batch of linesOf('names.ndjson'))
    if (!batch.every((line) => isName(parsed(line) ?? {})))
      tampered('names', 'one is not the name that the trail means')
  return { entries: size, anchored }
}

async function verifyManifest(manifest) {
  const listed = new Map()
  for (const line of String(await bytesOf(manifest)).split('\n')) {
    const [, sum, name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? []
    if (name !== undefined) listed.set(name, sum)
    else if (line !== '') tampered('manifest', `${manifest} has a line that cannot be read`)
  }
  for (const name of names.keys()) {
    if (!sums.has(name)) for await (const _ of stream(name));
    const as = name === manifest ? sums.get(name) : listed.get(name)
    if (as !== sums.get(name)) tampered('manifest', `${name} is ${as ? 'another file than' : 'not'} in ${manifest}`)
  }
  for (const name of listed.keys()) if (!names.has(name)) incomplete('manifest', `${name} is missing`)
}

async function check(path, { key, origin: webOrigin }) {
  let result = { entries: 0, anchored: 0 }
  try {
    const stat = await fs.lstat(path)
    await (stat.isDirectory() ? openFolder(path) : openZip(path, stat.size))
    // The bundle of one release has its entries apart; the file beside this one reads it.
    const bundle = names.has('checkpoint.txt') ? await import('./verify-bundle.mjs') : null
    for (const name of bundle?.FILES ?? FILES) if (!names.has(name)) incomplete('files', `${name} is missing`)
    if (problems.length === 0) {
      const said = await readKeys(key)
      webOrigins = webOrigin ? [webOrigin] : (said?.webOrigins ?? [])
      const tools = { names, bytesOf, parsed, sha, checkNote, whatIsOff, look, tampered, incomplete }
      result = await (bundle === null ? verifyTrail() : bundle.verifyBundle(tools))
      for (const { signs, brought } of keys) if (signs && !brought) tampered('keys', 'a key signs that no entry brings')
      await verifyManifest('MANIFEST.sha256')
    }
  } catch (error) {
    incomplete('files', `it cannot be read: ${error.message}`)
  }
  const bad = problems.filter((p) => p.verdict === 'tampered' && p.seq !== null)
  const [first = null] = bad.sort((a, b) => a.seq - b.seq)
  return { verdict, origin, ...result, ...counts, keyCompared: key !== undefined, first, problems }
}

const CONCLUSION = {
  ok: 'OK: nothing was changed, and nothing is missing.',
  incomplete: 'INCOMPLETE: what is there holds, and it is not whole.',
  tampered: 'TAMPERED: this is not what was written and signed.',
}
const inWords = (r) => `\
trail        ${r.origin || 'unknown'}
entries      ${r.entries}, of which ${r.anchored} are anchored; checkpoints: ${r.checkpoints}
sign-offs    ${r.signoffs}, of which ${r.signed} with a passkey
deployments  ${r.deployments}, of which ${r.signedOff} signed off
key          ${r.keyCompared ? 'compared with yours' : 'NOT compared with one that you keep: give it with --key'}
${r.problems.map((p) => `${p.verdict.padEnd(12)} ${p.check}: ${p.text}\n`).join('')}${CONCLUSION[r.verdict]}${r.first ? ` The first bad entry is ${r.first.seq}.` : ''}`

async function main() {
  const options = { key: { type: 'string' }, origin: { type: 'string' }, json: { type: 'boolean' } }
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (positionals.length !== 1) throw new Error('name one folder or zip')
  const result = await check(positionals[0], values)
  console.log(values.json ? JSON.stringify(result) : inWords(result))
  process.exitCode = { ok: 0, tampered: 1, incomplete: 2 }[result.verdict]
}
main().catch((error) => {
  console.error(`${error.message}\nUsage: node verify.mjs FOLDER|FILE.zip [--key BASE64] [--origin URL] [--json]`)
  process.exitCode = 64
})
