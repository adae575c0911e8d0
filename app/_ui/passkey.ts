'use client'
// Passkeys in the browser, by its own interface: making one, signing with one, and what is said where that does not work.
import type { useTranslations } from 'next-intl'

/** Why there is no passkey, or no signature of it; each has words under `passkeys.problem`. */
export type PasskeyTrouble = 'unsupported' | 'insecure' | 'address' | 'cancelled' | 'exists' | 'failed'

const IN_ENGLISH: Record<PasskeyTrouble, string> = {
  unsupported: 'This browser cannot use passkeys. Use a current one.',
  insecure: 'Passkeys need https, or http://localhost.',
  address: 'Passkeys do not work at this address: open Shiplock by its own name.',
  cancelled: 'The passkey was not used: the prompt was cancelled, or took too long. Nothing was done; try again.',
  exists: 'This device has a passkey for this account already.',
  failed: 'The passkey did not work.',
}

/** Where the detail helps whoever reads it. */
const TELLING = new Set<PasskeyTrouble>(['address', 'failed'])

export class PasskeyProblem extends Error {
  constructor(
    readonly trouble: PasskeyTrouble,
    /** What the browser said, for who looks deeper. */
    readonly detail = '',
  ) {
    super(TELLING.has(trouble) && detail !== '' ? `${IN_ENGLISH[trouble]} (${detail})` : IN_ENGLISH[trouble])
  }
}

type T = ReturnType<typeof useTranslations<never>>

/** What went wrong, in the reader's language where the words are ours. */
export function passkeyWords(t: T, error: unknown): string {
  if (!(error instanceof PasskeyProblem)) return error instanceof Error ? error.message : String(error)
  return t(`passkeys.problem.${error.trouble}`, { detail: error.detail })
}

/** Of `navigator.credentials.get`, each part base64url. */
export interface Assertion {
  credentialId: string
  clientDataJSON: string
  authenticatorData: string
  signature: string
}

/** How long the browser waits for the person, ms. */
const PROMPT_MS = 120_000

const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
const base64 = (bytes: ArrayBuffer) => btoa(Array.from(new Uint8Array(bytes), (b) => String.fromCharCode(b)).join(''))
const base64url = (bytes: ArrayBuffer) => base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

/** Throws PasskeyProblem where the browser, or the address, has none. */
function mustWork(rpId: string) {
  if (!window.isSecureContext) throw new PasskeyProblem('insecure')
  if (typeof window.PublicKeyCredential !== 'function') throw new PasskeyProblem('unsupported')
  const host = window.location.hostname
  if (host !== rpId && !host.endsWith(`.${rpId}`)) throw new PasskeyProblem('address', rpId)
}

/** Browsers say only this much, so that pages learn nothing about what is on the device. */
function troubleOf(error: unknown): PasskeyProblem {
  if (error instanceof PasskeyProblem) return error
  const name = error instanceof Error ? error.name : ''
  const detail = error instanceof Error ? error.message : String(error)
  if (name === 'NotAllowedError' || name === 'AbortError') return new PasskeyProblem('cancelled', detail)
  if (name === 'InvalidStateError') return new PasskeyProblem('exists', detail)
  if (name === 'SecurityError') return new PasskeyProblem('address', detail)
  if (name === 'NotSupportedError') return new PasskeyProblem('unsupported', detail)
  return new PasskeyProblem('failed', detail)
}

/** Asks for a passkey. @returns what the browser gives; throws PasskeyProblem */
async function get(publicKey: PublicKeyCredentialRequestOptions & { rpId: string }) {
  try {
    mustWork(publicKey.rpId)
    const given = await navigator.credentials.get({ publicKey })
    if (!(given instanceof PublicKeyCredential)) throw new PasskeyProblem('cancelled')
    const response = given.response as AuthenticatorAssertionResponse
    const assertion: Assertion = {
      credentialId: base64url(given.rawId),
      clientDataJSON: base64url(response.clientDataJSON),
      authenticatorData: base64url(response.authenticatorData),
      signature: base64url(response.signature),
    }
    return { assertion, userHandle: response.userHandle ? base64url(response.userHandle) : null }
  } catch (error) {
    throw troubleOf(error)
  }
}

/** Signs a challenge with one of these passkeys. Throws PasskeyProblem: say it with passkeyWords. */
export async function signWithPasskey(asked: {
  /** base64url */
  challenge: string
  rpId: string
  credentials: readonly { id: string; transports: readonly string[] }[]
}): Promise<Assertion> {
  const { assertion } = await get({
    challenge: bytesOf(asked.challenge),
    rpId: asked.rpId,
    userVerification: 'required',
    timeout: PROMPT_MS,
    allowCredentials: asked.credentials.map(({ id, transports }) => ({
      type: 'public-key',
      id: bytesOf(id),
      transports: transports as AuthenticatorTransport[],
    })),
  })
  return assertion
}

/** Signs a challenge with whichever passkey of this site the person chooses. Throws PasskeyProblem. */
export const signInWithPasskey = (asked: { challenge: string; rpId: string }) =>
  get({
    challenge: bytesOf(asked.challenge),
    rpId: asked.rpId,
    userVerification: 'required',
    timeout: PROMPT_MS,
    allowCredentials: [],
  })

/** What REST asks a browser to make, base64url where the browser takes bytes. */
export interface EnrolOptions {
  /** Whose it will be. */
  account: number
  challenge: string
  rp: { id: string; name: string }
  user: { id: string; name: string; displayName: string }
  pubKeyCredParams: { type: 'public-key'; alg: number }[]
  timeout: number
  attestation: 'none'
  authenticatorSelection: { residentKey: 'required'; userVerification: 'required' }
  excludeCredentials: { type: 'public-key'; id: string; transports: string[] }[]
}

export interface MadePasskey {
  response: {
    id: string
    rawId: string
    type: 'public-key'
    clientExtensionResults: Record<string, never>
    response: { clientDataJSON: string; attestationObject: string; transports: string[] }
  }
  credentialId: string
  /** SubjectPublicKeyInfo, base64: as the authenticator gave it to this very page. */
  spki: string
}

/** Has the browser make a passkey. Throws PasskeyProblem. */
export async function enrolPasskey(options: EnrolOptions): Promise<MadePasskey> {
  try {
    mustWork(options.rp.id)
    const { account: _, ...asked } = options
    const made = await navigator.credentials.create({
      publicKey: {
        ...asked,
        challenge: bytesOf(options.challenge),
        user: { ...options.user, id: bytesOf(options.user.id) },
        excludeCredentials: options.excludeCredentials.map((c) => ({
          type: c.type,
          id: bytesOf(c.id),
          transports: c.transports as AuthenticatorTransport[],
        })),
      },
    })
    if (!(made instanceof PublicKeyCredential)) throw new PasskeyProblem('cancelled')
    const response = made.response as AuthenticatorAttestationResponse
    const spki = response.getPublicKey()
    if (spki === null) throw new PasskeyProblem('unsupported')
    const credentialId = base64url(made.rawId)
    return {
      credentialId,
      spki: base64(spki),
      response: {
        id: credentialId,
        rawId: credentialId,
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON: base64url(response.clientDataJSON),
          attestationObject: base64url(response.attestationObject),
          transports: response.getTransports(),
        },
      },
    }
  } catch (error) {
    throw troubleOf(error)
  }
}

/**
 * Proves that the person has an enrolment code, without sending it: HMAC over whose key it is, hex. The same as proofOf of
 * environments/enrolment-code.ts.
 */
export async function proofWithCode(
  code: string,
  key: { accountId: number; credentialId: string; spki: string },
): Promise<string> {
  const text = new TextEncoder()
  const plain = code.toUpperCase().replaceAll(/[^A-Z0-9]/g, '')
  const secret = await crypto.subtle.digest('SHA-256', text.encode(`shiplock/enrolment/v1\n${plain}`))
  const hmac = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  // Canonical JSON (RFC 8785): the keys in this order, and nothing in them that needs an escape.
  const claim = JSON.stringify({
    account: key.accountId,
    credential: key.credentialId,
    spki: key.spki,
    what: 'passkey',
  })
  const proof = await crypto.subtle.sign('HMAC', hmac, text.encode(claim))
  return Array.from(new Uint8Array(proof), (b) => b.toString(16).padStart(2, '0')).join('')
}
