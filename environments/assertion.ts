import { z } from 'zod'
import { checkAssertion } from '../audit/assertion'
import type { Trust } from '../audit/trust'

const base64url = z
  .string()
  .max(8000)
  .regex(/^[A-Za-z0-9_-]+$/)

/** What `navigator.credentials.get` gives, each base64url. */
export const AssertionShape = z.strictObject({
  credentialId: base64url,
  clientDataJSON: base64url,
  authenticatorData: base64url,
  signature: base64url,
})
export type Assertion = z.infer<typeof AssertionShape>

/** Null: this key signed this challenge, on a page of ours. Else why it does not count, as half a sentence. */
export function assertionProblem(
  assertion: Assertion,
  key: { spki: Uint8Array; alg: number },
  challenge: string,
  trust: Pick<Trust, 'rpId' | 'webOrigin'>,
): string | null {
  const bytes = (text: string) => Buffer.from(text, 'base64url')
  return checkAssertion({
    challenge,
    clientDataJSON: bytes(assertion.clientDataJSON),
    authenticatorData: bytes(assertion.authenticatorData),
    signature: bytes(assertion.signature),
    spki: Buffer.from(key.spki),
    alg: key.alg,
    rpId: trust.rpId,
    origin: trust.webOrigin,
  })
}
