// What somebody signs who says that a passkey is somebody else's. Pure but for the hash.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { canonical, type Json } from '../audit/canonical'
import { AssertionShape } from './assertion'
import { SIGNING_ROLES } from './passkey-key'

/** How long a vouch may be judged after it was made: a worker may be away for a while. */
export const VOUCH_MS = 3_600_000

const VouchShape = z.strictObject({
  v: z.literal(1),
  type: z.literal('shiplock.enrolment'),
  /** The trail's name. */
  origin: z.string(),
  passkey: z.int(),
  account: z.int(),
  /** For who reads it; the number counts. */
  account_name: z.string(),
  credential: z.string(),
  spki_sha256: z.string(),
  /** As what the key may sign, sorted: the roles of its account. */
  roles: z.array(z.enum(SIGNING_ROLES)),
  /** Account of who vouches. */
  voucher: z.int(),
  nonce: z.string(),
  /** ISO 8601 */
  iat: z.iso.datetime(),
  exp: z.iso.datetime(),
})
export type Vouch = z.infer<typeof VouchShape>

/** What is kept with the passkey: the exact text, and its signature. */
export const VouchedShape = z.strictObject({ statement: z.string().max(8000), assertion: AssertionShape })
export type Vouched = z.infer<typeof VouchedShape>

export const vouchText = (vouch: Vouch): string => canonical(vouch as unknown as Json)

/** What the passkey of who vouches signs, base64url. */
export const vouchChallenge = (text: string): string =>
  createHash('sha256').update('shiplock/signoff/v1\n').update(text).digest('base64url')

/** @returns null where the text is no vouch, or is not written the one right way */
export function readVouch(text: string): Vouch | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null // no JSON, no vouch
  }
  const parsed = VouchShape.safeParse(value)
  return parsed.success && vouchText(parsed.data) === text ? parsed.data : null
}
