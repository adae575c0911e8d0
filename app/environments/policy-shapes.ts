// Policies of environments, their versions and proposed changes, as pages and REST show them. Times are ISO 8601 in UTC.
import { z } from 'zod'
import { CanShape, EligibleShape, RuleShape, VoteShape } from '../approvals/shapes'

const Place = z.object({
  id: z.number().int(),
  name: z.string(),
  project: z.object({ id: z.number().int(), path: z.string() }),
})

export const PolicyDifferenceShape = z.object({
  path: z.string().describe('As in the file: limits.memory, approvals[0]'),
  before: z.string().nullable().describe('As it would stand in the file; null: it is not there'),
  after: z.string().nullable(),
})

export const PolicyVersionShape = z.object({
  version: z.number().int(),
  at: z.iso.datetime(),
  by: z.string().describe('Its author'),
  because: z.string(),
  sha256: z.string().describe('Of the policy as canonical JSON, hex: what sign-offs name'),
  change: z.number().int().nullable().describe('The change that brought it; null: the environment began with it'),
  difference: z.array(PolicyDifferenceShape).describe('Against the version before; of the first one none'),
})

export const PolicyChangeItem = z.object({
  id: z.number().int(),
  environment: Place,
  status: z.string().describe('proposed | applied | refused | withdrawn | stale'),
  because: z.string().describe('What it waits for, or why it ended'),
  reason: z.string().describe('What its author gave'),
  by: z.string(),
  baseVersion: z.number().int().describe('The version that it changes; another one in force makes it stale'),
  createdAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
})

export const ShortOfShape = z
  .object({ role: z.string(), passkey: z.boolean(), count: z.number().int(), found: z.number().int() })
  .describe('A rule for which there are too few people now; one person counts for one rule')

export const PolicyChangeDetail = PolicyChangeItem.extend({
  yaml: z.string().describe('The whole policy as it would be'),
  sha256: z.string(),
  difference: z
    .array(PolicyDifferenceShape)
    .describe('Against the policy that is in force; of what has ended, against the version it changes'),
  shortOf: z.array(ShortOfShape),
  rules: z.array(RuleShape).describe('Who must agree: by the policy in force'),
  votes: z.array(VoteShape),
  eligible: z.array(EligibleShape),
  can: z.object({ approve: CanShape, reject: CanShape, withdraw: CanShape }),
})

export const PolicyDetail = z.object({
  environment: Place,
  version: z.number().int().describe('0: no worker has looked at it yet; -1: none agrees to it'),
  disputed: z.string().nullable().describe('Why nothing is deployed by this policy; null: it is in force'),
  yaml: z.string().describe('As a file of environments/; empty where it cannot be read'),
  policy: z.unknown().describe('The same as JSON; times in ms, sizes in bytes'),
  sha256: z.string(),
  shortOf: z.array(ShortOfShape),
  open: z.array(PolicyChangeItem).describe('Proposals that wait; at most 50'),
})

export type PolicyDifferenceShape = z.infer<typeof PolicyDifferenceShape>
export type PolicyVersionShape = z.infer<typeof PolicyVersionShape>
export type PolicyChangeItem = z.infer<typeof PolicyChangeItem>
export type PolicyChangeDetail = z.infer<typeof PolicyChangeDetail>
export type PolicyDetail = z.infer<typeof PolicyDetail>
export type ShortOfShape = z.infer<typeof ShortOfShape>
