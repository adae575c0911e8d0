// Does this signature of a passkey hold? The worker asks again before it acts, so this needs nothing but what it is given.
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'

/** COSE numbers of the algorithms that passkeys may use here. */
export const ES256 = -7
export const EDDSA = -8
export const RS256 = -257
export const ALGORITHMS: readonly number[] = [ES256, EDDSA, RS256]

/** Longer ones are not looked at: browsers make some 200 bytes of each, and RSA signatures of 4096 bits have 512. */
const MOST_BYTES = 2048
const LEAST_RSA_BITS = 2048
/** 04, x, y. */
const P256_POINT_BYTES = 65

/** Flags of the authenticator, https://www.w3.org/TR/webauthn-3/#flags */
const UP = 0x01
const UV = 0x04
const BE = 0x08
const BS = 0x10
const RESERVED = 0x22
const AT = 0x40
const ED = 0x80
/** Hash of the rpId, flags, count. */
const AUTHENTICATOR_BYTES = 37

export interface AssertionAsk {
  /** base64url, as the statement asked for it. */
  challenge: string
  clientDataJSON: Buffer
  authenticatorData: Buffer
  signature: Buffer
  /** SubjectPublicKeyInfo, DER. */
  spki: Buffer
  /** COSE number: ES256, EDDSA or RS256. */
  alg: number
  rpId: string
  origin: string
}

/** What an authenticator says of itself, beside the signature. */
export interface AuthenticatorState {
  /** Rises with each use; 0 where the authenticator does not count. */
  signCount: number
  backupEligible: boolean
  backedUp: boolean
}

/** Null where it is too short to hold one. Not checked: ask checkAssertion first. */
export function authenticatorState(authenticatorData: Buffer): AuthenticatorState | null {
  if (authenticatorData.length < AUTHENTICATOR_BYTES) return null
  const flags = authenticatorData.readUInt8(32)
  return {
    signCount: authenticatorData.readUInt32BE(33),
    backupEligible: (flags & BE) !== 0,
    backedUp: (flags & BS) !== 0,
  }
}

/** Null: it holds. Else why not, as half a sentence. Never throws. */
export function checkAssertion(ask: AssertionAsk): string | null {
  for (const part of ['clientDataJSON', 'authenticatorData', 'signature', 'spki'] as const)
    if (ask[part].length === 0 || ask[part].length > MOST_BYTES) return `its ${part} is empty or too long`
  return clientDataProblem(ask) ?? authenticatorProblem(ask) ?? signatureProblem(ask)
}

function clientDataProblem({ clientDataJSON, challenge, origin }: AssertionAsk): string | null {
  let said: Record<string, unknown>
  try {
    said = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(clientDataJSON)) as Record<string, unknown>
  } catch (error) {
    return `what the browser said cannot be read (${(error as Error).message.slice(0, 80)})`
  }
  if (said === null || typeof said !== 'object' || Array.isArray(said)) return 'what the browser said is no object'
  if (said.type !== 'webauthn.get') return 'it was not made to prove anything: its type is not webauthn.get'
  if (said.challenge !== challenge) return 'it answers another challenge: it is for other content'
  if (said.origin !== origin) return `it was made on another page than those of ${origin}`
  // Both are absent, or false, when the page that asked was the one in the address bar.
  if ((said.crossOrigin ?? false) !== false || said.topOrigin !== undefined)
    return 'it was made inside a page of another origin'
  return null
}

function authenticatorProblem({ authenticatorData, rpId }: AssertionAsk): string | null {
  if (authenticatorData.length < AUTHENTICATOR_BYTES) return 'what the authenticator said is too short'
  if (!createHash('sha256').update(rpId).digest().equals(authenticatorData.subarray(0, 32)))
    return `it was made for another site than ${rpId}`
  const flags = authenticatorData.readUInt8(32)
  if ((flags & UP) === 0) return 'nobody touched the authenticator'
  if ((flags & UV) === 0) return 'the authenticator did not verify who touched it'
  if ((flags & BS) !== 0 && (flags & BE) === 0) return 'it claims a backup of a key that cannot be backed up'
  if ((flags & RESERVED) !== 0 || (flags & AT) !== 0) return 'it says what an assertion does not say'
  if (((flags & ED) !== 0) !== authenticatorData.length > AUTHENTICATOR_BYTES)
    return 'what the authenticator said has something left over'
  return null
}

function signatureProblem({ clientDataJSON, authenticatorData, signature, spki, alg }: AssertionAsk): string | null {
  const misfit = keyProblem(spki, alg)
  if (misfit) return misfit
  if (alg === ES256 && !isStrictDer(signature)) return 'its signature is not written the one right way'
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  const signed = Buffer.concat([authenticatorData, createHash('sha256').update(clientDataJSON).digest()])
  return verify(alg === EDDSA ? null : 'sha256', signed, key, signature) ? null : 'its signature does not hold'
}

/**
 * Why this is no key that a passkey may have; null: it is one. Never throws.
 * @param spki SubjectPublicKeyInfo, DER
 * @param alg COSE number
 */
export function keyProblem(spki: Buffer, alg: number): string | null {
  let key: KeyObject
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    if (!key.export({ format: 'der', type: 'spki' }).equals(spki)) return 'its key is not written the one right way'
  } catch (error) {
    return `its key cannot be read (${(error as Error).message.slice(0, 80)})`
  }
  const misfit = misfitOf(key, alg)
  if (misfit) return misfit
  // OpenSSL also reads, and writes again, a point in its hybrid form: the same key in other bytes.
  return alg === ES256 && spki[spki.length - P256_POINT_BYTES] !== 0x04
    ? 'its key is not written the one right way'
    : null
}

/** An algorithm that does not fit the key is a confusion that somebody may want. */
function misfitOf(key: KeyObject, alg: number): string | null {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  if (alg === ES256)
    return key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1' ? null : 'ES256 needs a key on P-256'
  if (alg === EDDSA) return key.asymmetricKeyType === 'ed25519' ? null : 'EdDSA needs an Ed25519 key'
  if (alg === RS256)
    return key.asymmetricKeyType === 'rsa' && modulusLength >= LEAST_RSA_BITS
      ? null
      : `RS256 needs an RSA key of at least ${LEAST_RSA_BITS} bits`
  return `the algorithm ${alg} is not one of ES256, EdDSA and RS256`
}

/** SEQUENCE of two positive INTEGERs of at most 32 bytes, nothing before, between, or after. */
function isStrictDer(signature: Buffer): boolean {
  if (signature.length < 8 || signature.length > 72 || signature[0] !== 0x30 || signature[1] !== signature.length - 2)
    return false
  const afterR = afterInteger(signature, 2)
  return afterR !== null && afterInteger(signature, afterR) === signature.length
}

/** Where the INTEGER that begins at `at` ends; null where it is none, is negative, or is written longer than it need be. */
function afterInteger(bytes: Buffer, at: number): number | null {
  const length = bytes[at + 1] ?? 0
  const end = at + 2 + length
  const first = bytes[at + 2] ?? 0
  if (bytes[at] !== 0x02 || length === 0 || end > bytes.length || first >= 0x80) return null
  const padded = first === 0
  if (padded && (length === 1 || (bytes[at + 3] ?? 0) < 0x80)) return null
  return length > (padded ? 33 : 32) ? null : end
}
