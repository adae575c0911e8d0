// Answers to promotions and to changes of policies, as pages and REST show them. Times are ISO 8601 in UTC. It imports no
// other shapes: those of promotions and policies stand on these.
import { z } from 'zod'
import { DECISIONS } from '../../environments/statement'

export const CanShape = z
  .object({ may: z.boolean(), because: z.string().describe('Why not, in words; empty where it may') })
  .describe('May the one who asks do this now?')

export const RuleShape = z.object({
  role: z.string(),
  count: z.number().int().describe('How many of this role must sign'),
  by: z.array(z.string()).describe('Who has, and counts for this rule'),
  passkey: z.boolean().describe('Only what is signed with a passkey counts'),
})

/** What was seen, as the exact bytes, and what a passkey has to sign. */
export const StatementMade = z
  .object({
    hash: z.string().describe('SHA-256 of the text, hex: answer with it'),
    text: z.string().describe('The exact statement: canonical JSON'),
    words: z.array(z.string()).describe('Eight words that stand for the challenge, to read out and compare'),
    challenge: z.string().describe('base64url: SHA-256 of "shiplock/signoff/v1\\n" and the text'),
    rpId: z.string().describe('The name that passkeys are bound to'),
    expiresAt: z.iso.datetime().describe('Until then it can be agreed to'),
    passkey: z.object({
      required: z.boolean().describe('A rule asks for a passkey: without an assertion the answer is refused'),
      credentials: z
        .array(z.object({ id: z.string(), transports: z.array(z.string()) }))
        .describe('Admitted passkeys of whoever asks'),
    }),
  })
  .describe('A statement to agree to: kept for five minutes, and used once')

const base64url = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[A-Za-z0-9_-]+$/, 'must be base64url without padding')

export const AssertionShape = z
  .strictObject({
    credentialId: base64url(1400),
    clientDataJSON: base64url(8000),
    authenticatorData: base64url(8000),
    signature: base64url(4000),
  })
  .describe('What navigator.credentials.get gave, each part as base64url')

/** How the breaking of the glass was looked at, or until when it must be. */
export const ReviewShape = z.object({
  dueAt: z.iso.datetime(),
  at: z.iso.datetime().nullable(),
  by: z.string().describe('Empty while nobody has'),
  found: z.string(),
  can: CanShape.describe('May the one who asks review it?'),
})

export const VoteShape = z.object({
  approval: z.number().int(),
  account: z.string(),
  mine: z.boolean(),
  role: z.string().describe('The role that it counts for'),
  decision: z.enum(DECISIONS),
  comment: z.string(),
  at: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  signed: z.boolean().describe('With a passkey'),
  hash: z.string().describe('SHA-256 of the statement that was agreed to; empty where there was none'),
  status: z.string().describe('given | used | withdrawn | expired | void'),
  counts: z.boolean(),
  because: z.string().describe('Why it does not count any more; empty where it does'),
  review: ReviewShape.nullable().describe('Of a break-glass'),
})

export const EligibleShape = z.object({
  account: z.string(),
  roles: z.array(z.string()).describe('Roles that rules ask for, and that they have here'),
  may: z.boolean(),
  because: z.string().describe('Why they may not; empty where they may'),
})

export const ApprovalItem = z.object({
  subject: z.enum(['promotion', 'policyChange']),
  id: z.number().int().describe('Of the promotion or of the policy change'),
  needs: z.enum(['answer', 'review']).describe('review: the glass was broken, and somebody else has to look at it'),
  environment: z.string(),
  environmentId: z.number().int(),
  project: z.object({ id: z.number().int(), path: z.string() }),
  kind: z.string().describe('Of a promotion: onward | by-hand | rollback | put-back; else empty'),
  service: z.string(),
  title: z.string().describe("First line of the commit's message, or the reason for the change"),
  tag: z.string().nullable().describe('Of a promotion: the release'),
  by: z.string().describe('Who asked for it'),
  status: z.string(),
  since: z.iso.datetime(),
  reminded: z.iso.datetime().nullable().describe('When those who can answer were last reminded'),
  due: z.iso.datetime().nullable().describe('Of a review: until when'),
  expired: z.number().int().describe('Answers to it that lapsed before they were used'),
  rules: z.array(RuleShape),
  can: CanShape.describe('May the one who asks answer it now?'),
  mine: z
    .object({ decision: z.string(), at: z.iso.datetime(), status: z.string() })
    .nullable()
    .describe('The last answer of the one who asks'),
})

export const ApprovalCount = z.object({
  needsMe: z.number().int(),
  more: z.boolean().describe('There are more than were counted'),
})

export type Can = z.infer<typeof CanShape>
export type RuleShape = z.infer<typeof RuleShape>
export type StatementMade = z.infer<typeof StatementMade>
export type AssertionShape = z.infer<typeof AssertionShape>
export type VoteShape = z.infer<typeof VoteShape>
export type EligibleShape = z.infer<typeof EligibleShape>
export type ApprovalItem = z.infer<typeof ApprovalItem>
export type ApprovalCount = z.infer<typeof ApprovalCount>
