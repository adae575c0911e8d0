// The trail's keys, and what is kept of it outside the database. The private key and the memory are the worker's alone.
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Signer } from './certificate'
import { publicKeyOf } from './certificate'
import { doubts } from './restored'
import type { Trust } from './trust'

export const PRIVATE = 'trail.key'
export const PUBLIC = 'trail-keys.json'

/** A public key of the trail, and from which size of it on it signs. */
export interface TrailKey {
  /** Raw Ed25519 public key, base64. */
  publicKey: string
  /** The size of the trail from which on it signs. */
  from: number
}

/** Makes the first key where there is none: `trail.key` is for workers alone, `trail-keys.json` for everybody. Safe to call from several processes. */
export function ensureTrailKey(keys: string) {
  if (existsSync(join(keys, PUBLIC))) return
  const pair = generateKeyPairSync('ed25519')
  const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  try {
    writeFileSync(join(keys, PRIVATE), pair.privateKey.export({ format: 'pem', type: 'pkcs8' }), {
      mode: 0o600,
      flag: 'wx',
    })
  } catch (error) {
    // Another process was quicker, and its key is in force.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw error
  }
  const part = join(keys, `${PUBLIC}.${process.pid}`)
  writeFileSync(part, `${JSON.stringify([{ publicKey: raw.toString('base64'), from: 0 } satisfies TrailKey])}\n`, {
    mode: 0o644,
  })
  renameSync(part, join(keys, PUBLIC))
}

export const readTrailKeys = (keys: string): TrailKey[] =>
  JSON.parse(readFileSync(join(keys, PUBLIC), 'utf8')) as TrailKey[]

/** What a file holds, read again when it is another one: keys are rotated while processes run. */
function whenChanged<T>(file: string, read: (bytes: Buffer) => T): () => T {
  let held: { of: string; value: T } | undefined
  return () => {
    const { ino, mtimeMs, size } = statSync(file)
    const of = `${ino} ${mtimeMs} ${size}`
    if (held?.of !== of) held = { of, value: read(readFileSync(file)) }
    return held.value
  }
}

/** For workers: the web process may not read this file. Throws where it is missing. */
export function openSigner(keys: string): Signer {
  const key = whenChanged(join(keys, PRIVATE), (pem) => createPrivateKey(pem))
  key()
  return { sign: (bytes) => sign(null, bytes, key()) }
}

/** Where assertions must come from. A loopback address has no name of its own, and passkeys need one: it counts as localhost. */
export function relyingParty(publicUrl: string): { rpId: string; webOrigin: string } {
  const url = new URL(publicUrl)
  if (['127.0.0.1', '[::1]', '0.0.0.0'].includes(url.hostname)) url.hostname = 'localhost'
  return { rpId: url.hostname, webOrigin: url.origin }
}

export interface Memory {
  agreed: Record<string, number>
  removed: string[]
}
export const MEMORY = 'memory.json'

/** What the worker remembers outside the database; empty where there is nothing yet. */
export function readMemory(trail: string): Memory {
  const file = join(trail, MEMORY)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Memory) : { agreed: {}, removed: [] }
}

export function writeMemory(trail: string, memory: Memory) {
  const part = join(trail, `${MEMORY}.${process.pid}`)
  writeFileSync(part, `${JSON.stringify(memory)}\n`, { mode: 0o600, flush: true })
  renameSync(part, join(trail, MEMORY))
}

/**
 * @param trail folder of what is remembered outside the database; null for the web process, which has none
 * @param publicUrl asked each time: the web process knows its address once it listens
 */
export function openTrust(keys: string, trail: string | null, origin: string, publicUrl: () => string): Trust {
  const publicKeys = whenChanged(join(keys, PUBLIC), (text): KeyObject[] =>
    (JSON.parse(text.toString('utf8')) as TrailKey[]).map((k) => publicKeyOf(Buffer.from(k.publicKey, 'base64'))),
  )
  publicKeys()
  return {
    origin,
    get keys() {
      return publicKeys()
    },
    get rpId() {
      return relyingParty(publicUrl()).rpId
    },
    get webOrigin() {
      return relyingParty(publicUrl()).webOrigin
    },
    agreed: (environmentId) => (trail === null ? undefined : readMemory(trail).agreed[environmentId]),
    removed: (credentialId) => trail !== null && readMemory(trail).removed.includes(credentialId),
    ...(trail === null ? {} : { doubts: doubts(trail, origin) }),
  }
}
