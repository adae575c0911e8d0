// A promotion as its page and REST show it. Times are ISO 8601 in UTC, durations milliseconds.
import { z } from 'zod'
import { CanShape, EligibleShape, RuleShape, VoteShape } from '../approvals/shapes'
import { PromotionShape, RunDetail, StageShape } from '../shapes'

export { CanShape }

/** A promotion among others: what it is about, without opening it. */
export const PromotionItem = PromotionShape.extend({
  project: z.object({ id: z.number().int(), path: z.string() }),
  service: z.string(),
  branch: z.string(),
  title: z.string().describe("First line of the commit's message"),
})

export const DifferenceShape = z.object({
  what: z.enum(['commit', 'digest', 'version', 'replicas', 'ports', 'configuration']),
  name: z.string().describe('Of configuration: the key'),
  current: z.string().nullable().describe('In what runs there now; null: it is not in it'),
  incoming: z.string().nullable(),
  changed: z.boolean(),
})

export const TestsShape = z.object({
  run: z.number().int(),
  stage: z.string(),
  total: z.number().int(),
  passed: z.number().int(),
  failed: z.number().int(),
  errored: z.number().int(),
  skipped: z.number().int(),
})

const RunningShape = z.object({
  promotion: z.number().int(),
  release: PromotionShape.shape.release,
  deployedAt: z.iso.datetime(),
})

export const PromotionDetail = PromotionItem.extend({
  branchKind: z.string(),
  pusher: z.string(),
  start: z.string().describe('automatic | on-signoff | by-hand'),
  startedByHand: z.string().nullable(),
  insteadOf: z.number().int().nullable().describe('The promotion that this one takes the place of'),
  replacedBy: z
    .number()
    .int()
    .nullable()
    .describe('The promotion that was requested to put an earlier release back in its place'),
  refused: z
    .object({ by: z.string(), because: z.string(), since: z.iso.datetime() })
    .nullable()
    .describe('Its release is refused: nobody promotes it'),
  rules: z.array(RuleShape).describe('Who must sign; one person counts for one rule'),
  votes: z.array(VoteShape).describe('Every answer that was given, newest first, and whether it counts'),
  eligible: z.array(EligibleShape).describe('Who has a role that a rule asks for; at most 100'),
  policyVersion: z.number().int().describe('Version of the policy of its environment; 0: nobody has agreed to it yet'),
  ask: z.number().int().describe('How often it was asked for: trying again by hand needs answers of its own'),
  image: z.object({ bytes: z.number().nullable() }),
  frozen: z
    .object({
      now: z.object({ reason: z.string(), until: z.iso.datetime() }).nullable(),
      next: z.object({ reason: z.string(), since: z.iso.datetime() }).nullable(),
    })
    .describe('Whether its environment is frozen at this moment, and when it next is'),
  current: RunningShape.nullable().describe('What the environment was last observed running'),
  differences: z.array(DifferenceShape).describe('What runs there now against what comes'),
  commits: z
    .object({ from: z.string(), to: z.string(), url: z.string(), back: z.boolean() })
    .nullable()
    .describe(
      'The range of commits between the two, older first, and where the forge shows it. `back`: they are taken back',
    ),
  tests: z
    .array(TestsShape)
    .describe('Test results of the runs that made and adopted the release: of each stage the latest'),
  stages: z.array(StageShape.extend({ id: z.number().int() })).describe('Verification, latest round'),
  forge: z.object({
    deployment: z.string().nullable().describe('Its number on the forge'),
    state: z.string().nullable().describe('What the forge was last told'),
    because: z.string().describe("The forge's last refusal"),
  }),
  trail: RunDetail.shape.trail,
  can: z.object({
    approve: CanShape,
    reject: CanShape,
    override: CanShape.describe('Override a freeze together with somebody else'),
    breakGlass: CanShape.describe('Deploy now, and be reviewed'),
    start: CanShape,
    cancel: CanShape,
    retry: CanShape,
    rollback: CanShape.describe('Put this release back into its environment'),
    refuse: CanShape.describe('Refuse its release'),
  }),
})

export type { Can, RuleShape } from '../approvals/shapes'
export type PromotionItem = z.infer<typeof PromotionItem>
export type PromotionDetail = z.infer<typeof PromotionDetail>
export type DifferenceShape = z.infer<typeof DifferenceShape>
export type TestsShape = z.infer<typeof TestsShape>
