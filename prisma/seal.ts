// Secrets at rest: sealed with HPKE (RFC 9180) to the worker's public key. The web process can seal and never open.

import { hkdfSync, randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { ensureTrailKey } from '../audit/keys'

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })
const INFO = new TextEncoder().encode('shiplock sealed secret v1')
const FILES = {
  workerPrivate: 'worker.key',
  workerPublic: 'worker.pub',
  intake: 'intake.key',
  instance: 'instance',
} as const

const bytes = (b: Uint8Array): ArrayBuffer => b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength) as ArrayBuffer

/**
 * Makes the folder of keys where it is missing: `worker.key` is for workers alone, `worker.pub` and `intake.key` for web.
 * All at once or not at all, so that two processes that start together end up with the same keys.
 */
export async function ensureKeys(dir: string) {
  // An installation of an earlier version has no trail key yet.
  if (existsSync(join(dir, FILES.instance))) return ensureTrailKey(dir)
  const making = makeFolder(dir)
  const pair = await suite.kem.generateKeyPair()
  write(making, FILES.workerPublic, Buffer.from(await suite.kem.serializePublicKey(pair.publicKey)))
  write(making, FILES.workerPrivate, Buffer.from(await suite.kem.serializePrivateKey(pair.privateKey)))
  write(making, FILES.intake, randomBytes(32))
  writeFileSync(join(making, FILES.instance), `${randomBytes(4).toString('hex')}\n`, { mode: 0o600 })
  ensureTrailKey(making)
  closeKeys(making, null)
  try {
    renameSync(making, dir)
  } catch (error) {
    rmSync(making, { recursive: true })
    // Another process was quicker, and its keys are in force.
    if (!existsSync(join(dir, FILES.instance))) throw error
  }
}

function makeFolder(dir: string): string {
  try {
    mkdirSync(dirname(dir), { recursive: true, mode: 0o755 })
    return mkdtempSync(`${dir}.making-`)
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EACCES')) throw cause
    throw new Error(`there are no keys in ${dir}, and this user may not make them: start a worker there first`, {
      cause,
    })
  }
}

/** What says nothing that is secret; the trail's public keys are in the last one. */
const FOR_ALL: readonly string[] = [FILES.workerPublic, FILES.instance, 'trail-keys.json']

/**
 * Sets the modes of what lies there, also in a folder that an earlier version made: public keys are for all, the intake key is
 * for the web process as well, and everything else is for the owner alone. The folder can be entered and not be listed.
 * @param web user and group of the web process, where it has its own; else an intake key's group stays as somebody set it
 */
export function closeKeys(dir: string, web: { uid: number; gid: number } | null) {
  chmodSync(dir, 0o711)
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(dir, entry.name)
    if (FOR_ALL.includes(entry.name)) chmodSync(file, 0o644)
    else if (entry.name !== FILES.intake) chmodSync(file, 0o600)
    else if (web === null) chmodSync(file, statSync(file).mode & 0o640)
    else {
      chownSync(file, statSync(file).uid, web.gid)
      chmodSync(file, 0o640)
    }
  }
}

function write(dir: string, name: string, key: Buffer) {
  writeFileSync(join(dir, name), `${key.toString('base64')}\n`, { mode: 0o600 })
}

/** The name of this installation, 8 hex digits: a label on all it makes, so that several can share one engine. */
export const instanceId = (dir: string) => readFileSync(join(dir, FILES.instance), 'utf8').trim()

const read = (dir: string, name: string) => Buffer.from(readFileSync(join(dir, name), 'utf8').trim(), 'base64')

/** `context` binds the secret to its place: sealed for one row, it cannot be opened for another. */
export async function seal(dir: string, context: string, secret: string): Promise<Buffer> {
  const recipientPublicKey = await suite.kem.deserializePublicKey(bytes(read(dir, FILES.workerPublic)))
  const { ct, enc } = await suite.seal(
    { recipientPublicKey, info: INFO },
    new TextEncoder().encode(secret),
    new TextEncoder().encode(context),
  )
  return Buffer.concat([Buffer.from(enc), Buffer.from(ct)])
}

/** Throws where the key is another, the bytes were changed, or the context is not the one it was sealed for. */
export async function unseal(dir: string, context: string, sealed: Uint8Array): Promise<string> {
  const recipientKey = await suite.kem.deserializePrivateKey(bytes(read(dir, FILES.workerPrivate)))
  const enc = bytes(sealed.subarray(0, 32))
  const plain = await suite.open(
    { recipientKey, enc, info: INFO },
    bytes(sealed.subarray(32)),
    new TextEncoder().encode(context),
  )
  return new TextDecoder().decode(plain)
}

/** A webhook's two secrets, derived from the intake key and the hook's name: the web process stores none of them. */
export function hookSecrets(dir: string, hook: string): { token: string; signingKey: Buffer } {
  const key = read(dir, FILES.intake)
  const derive = (what: string) =>
    Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), `shiplock hook ${what} ${hook}`, 32))
  return { token: derive('token').toString('base64url'), signingKey: derive('signing') }
}
