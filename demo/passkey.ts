// A passkey in software, for the demo's people and for tests: what a browser and its authenticator would answer. Told to, it lies.
import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'

/** What `navigator.credentials.get` gives, base64url. */
export interface Assertion {
  credentialId: string
  clientDataJSON: string
  authenticatorData: string
  signature: string
}

/** What `navigator.credentials.create` gives, as JSON. */
export interface Registration {
  id: string
  rawId: string
  type: 'public-key'
  clientExtensionResults: Record<string, never>
  response: { clientDataJSON: string; attestationObject: string; transports: string[] }
}

export type PasskeyKind = 'ES256' | 'EdDSA' | 'RS256'
const COSE: Record<PasskeyKind, number> = { ES256: -7, EdDSA: -8, RS256: -257 }

/** What a hostile authenticator, or page, says instead of the truth. */
export interface Lies {
  /** User verification; true where it is not said. */
  uv?: boolean
  /** User presence; true where it is not said. */
  up?: boolean
  backupEligible?: boolean
  backedUp?: boolean
  /** What the browser says of the page. */
  origin?: string
  crossOrigin?: boolean
  topOrigin?: string
  type?: string
  challenge?: string
  /** What the authenticator hashes instead of the site's name. */
  rpId?: string
  signCount?: number
  /** Signs something else. */
  bogusSignature?: boolean
  /** ES256: the same signature in DER that is not the one right way; or the other of the two that hold. */
  der?: 'junk' | 'padded' | 'negative' | 'raw' | 'high-s'
  /** Signs with this key instead of its own. */
  privateKey?: KeyObject
}

interface Asked {
  rpId: string
  origin: string
  /** base64url */
  challenge: string
}

const b64u = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const sha = (what: string | Uint8Array) => createHash('sha256').update(what).digest()

export class SoftPasskey {
  readonly credentialId: string
  /** Counts uses; an assertion carries it. */
  signCount = 0
  /** Who it was made for, base64url: told with an assertion where nobody was named. */
  userHandle: string | null = null

  private constructor(
    readonly kind: PasskeyKind,
    readonly privateKey: KeyObject,
    credentialId: string,
  ) {
    this.credentialId = credentialId
  }

  static make(kind: PasskeyKind = 'ES256'): SoftPasskey {
    const pair =
      kind === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : kind === 'EdDSA'
          ? generateKeyPairSync('ed25519')
          : generateKeyPairSync('rsa', { modulusLength: 2048 })
    return new SoftPasskey(kind, pair.privateKey, b64u(randomBytes(32)))
  }

  /** From what `export` gave. */
  static from(text: string): SoftPasskey {
    const held = JSON.parse(text) as { kind: PasskeyKind; credentialId: string; pkcs8: string; signCount: number }
    const key = createPrivateKey({ key: Buffer.from(held.pkcs8, 'base64'), format: 'der', type: 'pkcs8' })
    const passkey = new SoftPasskey(held.kind, key, held.credentialId)
    passkey.signCount = held.signCount
    return passkey
  }

  /** Everything, the private key included. */
  export(): string {
    const pkcs8 = this.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')
    return JSON.stringify({ kind: this.kind, credentialId: this.credentialId, pkcs8, signCount: this.signCount })
  }

  get alg(): number {
    return COSE[this.kind]
  }

  /** SubjectPublicKeyInfo, DER. */
  get spki(): Buffer {
    return createPublicKey(this.privateKey).export({ format: 'der', type: 'spki' })
  }

  /** The public key as COSE. */
  get cose(): Buffer {
    const jwk = createPublicKey(this.privateKey).export({ format: 'jwk' })
    const part = (name: 'x' | 'y' | 'n' | 'e') => bytesItem(Buffer.from(String(jwk[name]), 'base64url'))
    const alg: [Buffer, Buffer] = [int(3), int(this.alg)]
    if (this.kind === 'ES256')
      return map([[int(1), int(2)], alg, [int(-1), int(1)], [int(-2), part('x')], [int(-3), part('y')]])
    if (this.kind === 'EdDSA') return map([[int(1), int(1)], alg, [int(-1), int(6)], [int(-2), part('x')]])
    return map([[int(1), int(3)], alg, [int(-1), part('n')], [int(-2), part('e')]])
  }

  /** Registers: attestation none. @param userId base64url */
  create(asked: Asked & { userId: string }, lies: Lies = {}): Registration {
    this.userHandle = asked.userId
    const id = Buffer.from(this.credentialId, 'base64url')
    const length = Buffer.alloc(2)
    length.writeUInt16BE(id.length)
    const attested = Buffer.concat([Buffer.alloc(16), length, id, this.cose])
    const authData = Buffer.concat([this.said(asked, lies, 0x40), attested])
    return {
      id: this.credentialId,
      rawId: this.credentialId,
      type: 'public-key',
      clientExtensionResults: {},
      response: {
        clientDataJSON: b64u(clientData({ type: 'webauthn.create', ...asked }, lies)),
        attestationObject: b64u(
          map([
            [text('fmt'), text('none')],
            [text('attStmt'), map([])],
            [text('authData'), bytesItem(authData)],
          ]),
        ),
        transports: ['internal'],
      },
    }
  }

  /** Signs. */
  get(asked: Asked, lies: Lies = {}): Assertion {
    this.signCount++
    const clientDataJSON = clientData({ type: 'webauthn.get', ...asked }, lies)
    const authenticatorData = this.said(asked, lies, 0)
    const signed = lies.bogusSignature ? randomBytes(69) : Buffer.concat([authenticatorData, sha(clientDataJSON)])
    return {
      credentialId: this.credentialId,
      clientDataJSON: b64u(clientDataJSON),
      authenticatorData: b64u(authenticatorData),
      signature: b64u(otherDer(this.sign(signed, lies.privateKey ?? this.privateKey), lies.der)),
    }
  }

  private sign(bytes: Buffer, key: KeyObject): Buffer {
    if (key.asymmetricKeyType === 'ed25519') return sign(null, bytes, key)
    if (key.asymmetricKeyType === 'rsa') return sign('sha256', bytes, { key, padding: constants.RSA_PKCS1_PADDING })
    return sign('sha256', bytes, key)
  }

  private said(asked: Asked, lies: Lies, attested: number): Buffer {
    const { up = true, uv = true, backupEligible = false, backedUp = false } = lies
    const flags = (up ? 1 : 0) | (uv ? 4 : 0) | (backupEligible ? 8 : 0) | (backedUp ? 16 : 0) | attested
    const tail = Buffer.alloc(5)
    tail.writeUInt8(flags, 0)
    tail.writeUInt32BE(lies.signCount ?? this.signCount, 1)
    return Buffer.concat([sha(lies.rpId ?? asked.rpId), tail])
  }
}

function clientData(asked: { type: string; challenge: string; origin: string }, lies: Lies): Buffer {
  const said = {
    type: lies.type ?? asked.type,
    challenge: lies.challenge ?? asked.challenge,
    origin: lies.origin ?? asked.origin,
    crossOrigin: lies.crossOrigin ?? false,
    ...(lies.topOrigin === undefined ? {} : { topOrigin: lies.topOrigin }),
  }
  return Buffer.from(JSON.stringify(said))
}

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** The same signature, written otherwise. */
function otherDer(signature: Buffer, how: Lies['der']): Buffer {
  if (how === undefined) return signature
  if (how === 'junk') return Buffer.concat([signature, Buffer.from([0])])
  const rLength = signature.readUInt8(3)
  const r = BigInt(`0x${signature.subarray(4, 4 + rLength).toString('hex')}`)
  const s = BigInt(`0x${signature.subarray(6 + rLength).toString('hex')}`)
  if (how === 'raw') return Buffer.from(r.toString(16).padStart(64, '0') + s.toString(16).padStart(64, '0'), 'hex')
  if (how === 'high-s') return sequence(integer(r), integer(s > P256_ORDER / 2n ? s : P256_ORDER - s))
  const [head, ...rest] = integer(r)
  if (how === 'padded') {
    const body = Buffer.from(rest.slice(1))
    return sequence(Buffer.from([head ?? 2, body.length + 1, 0, ...body]), integer(s))
  }
  return sequence(integer(r | (1n << 255n), true), integer(s))
}

function integer(value: bigint, negative = false): Buffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  const body = (bytes[0] ?? 0) >= 0x80 && !negative ? Buffer.concat([Buffer.from([0]), bytes]) : bytes
  return Buffer.concat([Buffer.from([2, body.length]), body])
}
const sequence = (...parts: Buffer[]) => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

// CBOR, as much of it as a registration needs: RFC 8949 §3.
function head(major: number, n: number): Buffer {
  if (n < 24) return Buffer.from([(major << 5) | n])
  if (n < 256) return Buffer.from([(major << 5) | 24, n])
  return Buffer.from([(major << 5) | 25, n >> 8, n & 255])
}
const int = (n: number) => (n < 0 ? head(1, -1 - n) : head(0, n))
const bytesItem = (bytes: Buffer) => Buffer.concat([head(2, bytes.length), bytes])
const text = (value: string) => Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
const map = (entries: [Buffer, Buffer][]) => Buffer.concat([head(5, entries.length), ...entries.flat()])
