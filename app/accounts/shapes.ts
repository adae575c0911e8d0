// What people see of accounts, their own and those of others. Times are ISO 8601 strings in UTC.
import { z } from 'zod'

export const AccountShape = z.object({
  id: z.number().int(),
  name: z.string(),
  role: z.string(),
  forgeUserId: z.string().nullable().describe("The forge's number of the same person: who pushed does not sign"),
  createdAt: z.iso.datetime(),
  disabledAt: z.iso.datetime().nullable().describe('May not sign in since then; null: it may'),
})

export const AccountMade = AccountShape.omit({ createdAt: true, disabledAt: true }).extend({
  password: z.string().nullable().describe('The generated one, shown once; null: it was given'),
})

export const IdentityShape = z.object({
  id: z.number().int(),
  issuer: z.string(),
  subject: z.string().describe('`sub`: what the provider knows the person by, for ever'),
  name: z.string().describe('As the provider last told it'),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable(),
})

export const OpenSession = z.object({
  id: z.number().int(),
  how: z.string().describe('password, oidc or passkey'),
  address: z.string(),
  agent: z.string().describe('What the browser said it was'),
  createdAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime().describe('To the minute'),
  expiresAt: z.iso.datetime(),
  current: z.boolean().describe('The session that asks'),
})

export const MembershipShape = z.object({
  id: z.number().int(),
  account: z.object({ id: z.number().int(), name: z.string(), disabled: z.boolean() }),
  project: z.object({ id: z.number().int(), path: z.string() }),
  environment: z.string().nullable().describe('Null: the whole project'),
  role: z.string(),
  grantedBy: z.string(),
  createdAt: z.iso.datetime(),
})

export const AccountDetail = AccountShape.extend({
  hasPassword: z.boolean(),
  identities: z.array(IdentityShape),
  passkeys: z.number().int().describe('That were not removed'),
  tokens: z.number().int().describe('That have not ended'),
  sessions: z.array(OpenSession),
})

export type AccountShape = z.infer<typeof AccountShape>
export type AccountMade = z.infer<typeof AccountMade>
export type IdentityShape = z.infer<typeof IdentityShape>
export type OpenSession = z.infer<typeof OpenSession>
export type MembershipShape = z.infer<typeof MembershipShape>
export type AccountDetail = z.infer<typeof AccountDetail>
