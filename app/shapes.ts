// What the pages read and what REST answers: one set of shapes. Times are ISO 8601 strings in UTC, durations milliseconds.
import { z } from 'zod'
import { ROLLBACK_PHASES } from '../environments/holds'
import { TRUST_CLASSES } from '../pipelines/trust'

export const Page = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().describe('Cursor of the next page: pass it as `after`. Null: this is the last page.'),
  })

export const Waiting = z
  .object({
    what: z.string().describe('The condition that is not met, in words'),
    who: z.string().describe('Who or what can act: a role, a process, or "nobody: it goes on by itself"'),
    since: z.iso.datetime(),
    until: z.iso.datetime().nullable().describe('When it is looked at again, or null'),
  })
  .describe('Why it is waiting')

/** Lowest first. */
export const TrustShape = z.enum(TRUST_CLASSES)

export const StageShape = z.object({
  name: z.string(),
  status: z.string(),
  because: z.string(),
  ms: z.number().int().nullable().describe('How long it ran, or has been running; null before it started'),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
  exitCode: z.number().int().nullable(),
  attempts: z.number().int(),
  digest: z.string().nullable().describe('Build stage: the image it made or adopted'),
  image: z.string().nullable().describe('What its containers are made from'),
  commands: z.array(z.string()),
  logBytes: z.number().int(),
})

export const RunSummary = z.object({
  id: z.number().int(),
  project: z.object({ id: z.number().int(), path: z.string() }),
  service: z.string(),
  branch: z.string(),
  branchKind: z.string(),
  trust: TrustShape.nullable().describe(
    'Its trust class: it uses nothing that a lower class made. Null until a worker has derived it from the branch',
  ),
  commit: z.string(),
  title: z.string().describe("First line of the commit's message"),
  pusher: z.string(),
  status: z.string(),
  because: z.string(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
  ms: z.number().int().nullable(),
  waited_ms: z.number().int().nullable().describe('From the webhook until the first stage started'),
  stages: z.array(z.object({ name: z.string(), status: z.string(), ms: z.number().int().nullable() })),
})

export const VerdictShape = z.object({
  gate: z.string(),
  state: z.enum(['open', 'waiting', 'shut']),
  because: z.string(),
  who: z.string().optional().describe('Whose turn it is, while it waits'),
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional().describe('When it opens by itself, where that is known'),
})

export const PromotionShape = z.object({
  id: z.number().int(),
  environment: z.string(),
  environmentId: z.number().int(),
  kind: z.string().describe('onward | by-hand | rollback | put-back'),
  reason: z.string().describe('What a person gave who asked for it'),
  status: z.string(),
  because: z.string(),
  verdicts: z.array(VerdictShape),
  requestedBy: z.string(),
  release: z.object({
    id: z.number().int(),
    tag: z.string(),
    digest: z.string(),
    version: z.string(),
    commit: z.string(),
  }),
  run: z.number().int(),
  observed: z.string().nullable(),
  url: z.string().nullable(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  deployedAt: z.iso.datetime().nullable(),
  verifiedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
  approvals: z.array(z.object({ by: z.string(), role: z.string(), comment: z.string(), at: z.iso.datetime() })),
  waiting: Waiting.nullable(),
})

export const RunDetail = RunSummary.omit({ stages: true }).extend({
  before: z.string(),
  tree: z.string().nullable(),
  webUrl: z.string().describe('The commit on the forge'),
  goesTo: z.string().nullable(),
  stages: z.array(StageShape),
  promotions: z.array(PromotionShape),
  waiting: Waiting.nullable(),
  problems: z
    .array(z.object({ line: z.number().int().nullable(), path: z.string(), message: z.string() }))
    .describe('What is wrong with the service file'),
  templated: z.boolean().describe('True: the repository has no service file, the default pipeline was used'),
  deliveries: z.array(z.number().int()),
  trail: z.array(
    z.object({
      id: z.string(),
      at: z.iso.datetime(),
      kind: z.string(),
      name: z.string().nullable().describe('The stage or environment that it is about'),
      actor: z.string(),
      because: z.string(),
    }),
  ),
})

export const LogPage = z.object({
  status: z.string().describe("The stage's status now: while it may still write, ask again with `after`"),
  text: z.string(),
  next: z.string().describe('Cursor: what comes after this text'),
  more: z.boolean().describe('True: there is more to read at once'),
  attempt: z
    .number()
    .int()
    .describe('The attempt that wrote this; when it changes, what was read before belongs to an earlier one'),
  gaps: z
    .array(z.object({ at: z.number().int(), bytes: z.number().int() }))
    .describe('Bytes of output that were not kept, and where in the text'),
})

export const HoldShape = z.object({ by: z.string(), because: z.string(), since: z.iso.datetime() })

const RollbackHold = z
  .object({
    promotion: z.number().int(),
    tag: z.string(),
    reason: z.string(),
    phase: z
      .enum(ROLLBACK_PHASES)
      .describe(
        'requested: it waits, or is being deployed · done: it was observed there · unverified: there, and not verified · undone: something else was put back in its place · failed',
      ),
  })
  .describe('The rollback that set the hold; it ends with it where that ends without deploying')

export const DebtShape = z
  .object({
    id: z.number().int(),
    source: z.string(),
    target: z.string(),
    status: z.string(),
    because: z.string(),
    url: z.string().describe('The merge request on the forge, where one is open; else empty'),
    since: z.iso.datetime(),
  })
  .describe('A hotfix that has not come back yet')

export const EnvironmentShape = z.object({
  id: z.number().int(),
  name: z.string(),
  project: z.object({ id: z.number().int(), path: z.string() }),
  service: z.string().nullable(),
  start: z.string().describe('automatic | on-signoff | by-hand'),
  after: z.string().nullable().describe('Where a release must have been verified before'),
  hold: HoldShape.extend({ rollback: RollbackHold.nullable().describe('Null: a person set it by hand') })
    .nullable()
    .describe('Nothing new follows until it is released'),
  stopped: HoldShape.extend({ everything: z.boolean().describe('It is not this environment alone') })
    .nullable()
    .describe('The emergency stop: nothing at all moves there'),
  frozen: z.object({ reason: z.string(), since: z.iso.datetime(), until: z.iso.datetime() }).nullable(),
  nextFreeze: z
    .object({ reason: z.string(), since: z.iso.datetime(), until: z.iso.datetime() })
    .nullable()
    .describe('The freeze that begins within seven days; null: none does'),
  policyVersion: z.number().int().describe('0 or less: nobody has agreed to its policy, and nothing goes there'),
  debts: z.array(DebtShape).describe('Hotfixes that must come back first; of a first environment none'),
  unreachable: z.object({ because: z.string(), since: z.iso.datetime() }).nullable(),
  running: PromotionShape.extend({
    by: z.string(),
    branch: z.string(),
    title: z.string(),
    hadUrl: z.boolean().describe('It had an address when it was deployed: with `url` null it does not answer now'),
  })
    .nullable()
    .describe(
      'The deployment whose release it was last observed running; null: that is not what runs there, or nothing is',
    ),
  observed: z
    .object({
      health: z.string().describe('healthy | progressing | unhealthy | absent | unknown: not observed yet'),
      because: z.string(),
      digest: z.string().nullable().describe('What every replica runs; null: nothing runs, or they differ'),
      url: z.string().nullable(),
      replicas: z.number().int(),
      since: z.iso.datetime().describe('Digest and health are the same since then'),
      observedAt: z.iso.datetime().nullable().describe('When the target last answered'),
      unknown: z
        .object({ because: z.string(), since: z.iso.datetime() })
        .nullable()
        .describe('The target does not answer: what stands here is the last that was known'),
      deployed: z
        .object({
          promotion: z.number().int(),
          release: z.number().int(),
          tag: z.string(),
          digest: z.string(),
          at: z.iso.datetime().nullable().describe('When it was deployed'),
        })
        .nullable()
        .describe('The deployment that the record says serves there'),
    })
    .nullable()
    .describe('What the target was last seen running; null: nothing was ever deployed there'),
  open: z.array(PromotionShape).describe('Promotions on their way, oldest first'),
  lastFailed: PromotionShape.nullable(),
})

export const DeliveryShape = z.object({
  id: z.number().int(),
  project: z.object({ id: z.number().int(), path: z.string() }),
  event: z.string(),
  decision: z.string(),
  because: z.string(),
  run: z.number().int().nullable(),
  bytes: z.number().int(),
  receivedAt: z.iso.datetime(),
})

export const DeliveryDetail = DeliveryShape.extend({
  body: z.string().describe('The first 64 KiB of the body as it came, as text'),
  cut: z.boolean().describe('True: the body is longer than what is given'),
})

export const ProjectShape = z.object({
  id: z.number().int(),
  forge: z.string(),
  forgeUrl: z.string(),
  path: z.string(),
  webUrl: z.string(),
  status: z.string(),
  because: z.string(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), because: z.string(), remedy: z.string().optional() })),
  signed: z.boolean().describe('Deliveries of its webhook carry a signature'),
  createdAt: z.iso.datetime(),
  environments: z.array(z.string()),
})

export const ErrorShape = z.object({
  error: z.object({ code: z.string(), message: z.string().describe('What is wrong, where, and what to do') }),
})

export type RunSummary = z.infer<typeof RunSummary>
export type RunDetail = z.infer<typeof RunDetail>
export type VerdictShape = z.infer<typeof VerdictShape>
export type StageShape = z.infer<typeof StageShape>
export type PromotionShape = z.infer<typeof PromotionShape>
export type DebtShape = z.infer<typeof DebtShape>
export type EnvironmentShape = z.infer<typeof EnvironmentShape>
export type DeliveryShape = z.infer<typeof DeliveryShape>
export type DeliveryDetail = z.infer<typeof DeliveryDetail>
export type ProjectShape = z.infer<typeof ProjectShape>
export type LogPage = z.infer<typeof LogPage>
export type Waiting = z.infer<typeof Waiting>
export interface PageOf<T> {
  items: T[]
  next: string | null
}
