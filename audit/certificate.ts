// What the worker has agreed to, it signs with the trail's key: a row that somebody writes past it has no certificate.
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { canonical, type Json } from './canonical'

const PREFIX = 'shiplock/certificate/v1\n'

/** Signs with the trail's private key, which only workers hold. */
export interface Signer {
  /** Ed25519, 64 bytes. */
  sign(bytes: Uint8Array): Buffer
}

/** @returns base64 */
export const certify = (signer: Signer, what: Json): string =>
  signer.sign(Buffer.from(PREFIX + canonical(what))).toString('base64')

/** Is this the certificate of exactly that, by one of these keys? What cannot be read is "no". */
export function isCertified(keys: readonly KeyObject[], what: Json, certificate: string | null): boolean {
  if (certificate === null || !/^[A-Za-z0-9+/]{86}==$/.test(certificate)) return false
  const bytes = Buffer.from(PREFIX + canonical(what))
  const signature = Buffer.from(certificate, 'base64')
  return keys.some((key) => verify(null, bytes, key, signature))
}

/** Raw Ed25519 public key, 32 bytes, as a key object. */
export const publicKeyOf = (raw: Uint8Array): KeyObject =>
  createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]),
    format: 'der',
    type: 'spki',
  })

/** What a policy's certificate covers. */
export const policyClaim = (p: { environmentId: number; version: number; sha256: string }): Json => ({
  what: 'policy',
  environment: p.environmentId,
  version: p.version,
  sha256: p.sha256,
})

/** What the certificate of a put-back covers: a release that comes back by itself, because the one after it failed. */
export const putBackClaim = (p: {
  environmentId: number
  releaseId: number
  digest: string
  insteadOf: number | null
}): Json => ({
  what: 'put-back',
  environment: p.environmentId,
  release: p.releaseId,
  digest: p.digest,
  instead_of: p.insteadOf,
})

/** What a passkey's certificate covers: whose it is, and as what they may sign. */
export const passkeyClaim = (p: {
  accountId: number
  credentialId: string
  spki: Uint8Array
  roles: readonly string[]
}): Json => ({
  what: 'passkey',
  account: p.accountId,
  credential: p.credentialId,
  spki: Buffer.from(p.spki).toString('base64'),
  roles: [...p.roles].sort(),
})
