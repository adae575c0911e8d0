// What the pages about passkeys read, and what REST answers.
import { z } from 'zod'

const key = {
  id: z.number().int(),
  name: z.string().describe('As its owner calls it'),
  credentialId: z.string().describe('base64url'),
  spki: z.string().describe('Its public key, SubjectPublicKeyInfo, base64'),
  words: z.array(z.string()).describe('Eight words for the public key, to compare it aloud'),
  createdAt: z.iso.datetime(),
}

export const PasskeyShape = z.object({
  ...key,
  accountId: z.number().int(),
  algorithm: z.enum(['ES256', 'EdDSA', 'RS256']),
  backupEligible: z.boolean().describe('May it be copied to other devices of its owner?'),
  backedUp: z.boolean(),
  lastUsedAt: z.iso.datetime().nullable(),
  state: z
    .enum(['admitted', 'checking', 'proposed', 'refused', 'uncertified', 'no-role'])
    .describe(
      'admitted: it signs off as `roles` · checking: a worker is about to look at a code or a vouch · proposed: it opens sessions only · refused: see `because` · uncertified: it claims to be admitted, and no worker said so · no-role: its account has no role that signs',
    ),
  because: z.string(),
  roles: z.array(z.string()).describe('As what it may sign: certified by a worker'),
  lacks: z.array(z.string()).describe('Roles of its account that it may not sign as yet'),
  admittedAt: z.iso.datetime().nullable(),
})
export type PasskeyShape = z.infer<typeof PasskeyShape>

export const PasskeyList = z.object({
  items: z.array(PasskeyShape).describe('Those that are not removed, at most twenty'),
  vouchers: z.array(z.string()).describe('Names of some who may vouch for them'),
})
export type PasskeyList = z.infer<typeof PasskeyList>

export const PasskeyWaiting = z.object({
  ...key,
  account: z.object({ id: z.number().int(), name: z.string() }),
  roles: z.array(z.string()).describe('As what it would sign: the roles of its account'),
  admitted: z.array(z.string()).describe('As what it signs already'),
  because: z.string().describe('Why it was turned down the last time; empty: it was not'),
})
export type PasskeyWaiting = z.infer<typeof PasskeyWaiting>

const Credentials = z.array(z.object({ id: z.string(), transports: z.array(z.string()) }))

export const VouchStatement = z.object({
  text: z.string().describe('The exact bytes that are signed: canonical JSON'),
  words: z.array(z.string()).describe('Eight words for the challenge'),
  challenge: z.string().describe('base64url; what the passkey signs'),
  rpId: z.string(),
  expiresAt: z.iso.datetime(),
  credentials: Credentials,
})
export type VouchStatement = z.infer<typeof VouchStatement>

const PublicKeyType = z.literal('public-key')
export const EnrolmentBegun = z
  .object({
    account: z.number().int().describe('Whose it will be: part of what a proof covers'),
    challenge: z.string(),
    rp: z.object({ id: z.string(), name: z.string() }),
    user: z.object({ id: z.string(), name: z.string(), displayName: z.string() }),
    pubKeyCredParams: z.array(z.object({ type: PublicKeyType, alg: z.number().int() })),
    timeout: z.number().int(),
    attestation: z.literal('none'),
    authenticatorSelection: z.object({ residentKey: z.literal('required'), userVerification: z.literal('required') }),
    excludeCredentials: z.array(z.object({ type: PublicKeyType, id: z.string(), transports: z.array(z.string()) })),
  })
  .describe('For navigator.credentials.create; base64url where it takes bytes. Answer within five minutes, once')

export const PasskeySignIn = z
  .object({ challenge: z.string().describe('base64url'), rpId: z.string() })
  .describe('For navigator.credentials.get; answer within five minutes, once')
