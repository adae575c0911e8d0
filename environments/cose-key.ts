import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { keyProblem } from '../audit/assertion'

/** COSE's labels of a key's parts, RFC 9052 and 9053. */
const KTY = 1
const ALG = 3
const OKP = 1
const EC2 = 2
const RSA = 3

/**
 * A public key as an authenticator gives it, as the rest of the world writes it.
 * @returns why it is none that is taken here, as half a sentence
 */
export async function spkiOf(cose: Uint8Array): Promise<{ spki: Buffer; alg: number } | string> {
  // Loaded when it is needed: 25 MB that most days nobody asks for.
  const { decodeCredentialPublicKey } = await import('@simplewebauthn/server/helpers')
  const key = decodeCredentialPublicKey(Uint8Array.from(cose)) as unknown as Map<number, unknown>
  const alg = Number(key.get(ALG))
  const jwk = jwkOf(key)
  if (jwk === null) return 'its kind of key is not known here'
  try {
    const spki = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' })
    return keyProblem(spki, alg) ?? { spki, alg }
  } catch (error) {
    return `its key cannot be read (${(error as Error).message.slice(0, 80)})`
  }
}

function jwkOf(key: Map<number, unknown>): JsonWebKey | null {
  const part = (label: number) => {
    const bytes = key.get(label)
    return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('base64url') : ''
  }
  switch (key.get(KTY)) {
    case OKP:
      return { kty: 'OKP', crv: 'Ed25519', x: part(-2) }
    case EC2:
      return { kty: 'EC', crv: 'P-256', x: part(-2), y: part(-3) }
    case RSA:
      return { kty: 'RSA', n: part(-1), e: part(-2) }
    default:
      return null
  }
}
