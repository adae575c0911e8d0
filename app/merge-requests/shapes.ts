// What is shown of a merge request, and what REST answers. Times are ISO 8601 strings in UTC.
import { z } from 'zod'
import { TestSummaryShape } from '../runs/shapes'
import { RunSummary, VerdictShape, Waiting } from '../shapes'

export const May = z.object({
  may: z.boolean(),
  because: z.string().describe('Why it may not be done; where it may, what will happen'),
})

export const MergeActionShape = z.object({
  id: z.number().int(),
  kind: z.string().describe('approve | merge'),
  head: z.string().describe('The commit that was seen; another one on the forge refuses it'),
  by: z.string(),
  status: z.string(),
  because: z.string(),
  createdAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
})

export const MergeRequestShape = z.object({
  id: z.number().int(),
  iid: z.number().int().describe('The number that people know it by'),
  project: z.object({ id: z.number().int(), path: z.string(), forge: z.string() }),
  status: z.string(),
  title: z.string(),
  source: z.string(),
  target: z.string(),
  sourceKind: z.string(),
  targetKind: z.string(),
  fork: z.boolean(),
  draft: z.boolean(),
  author: z.string(),
  head: z.string().describe('The newest commit of the source'),
  pair: z.object({ ok: z.boolean(), because: z.string() }).describe('Whether the flow has this arrow'),
  mergeable: z.string().describe("The forge's answer: mergeable | conflict | blocked | checking, and its words"),
  createdAt: z.iso.datetime(),
  syncedAt: z.iso.datetime().nullable().describe('When it was last read from the forge'),
})

export const MergeRequestDetail = MergeRequestShape.extend({
  sourcePath: z.string().describe('The repository of the source'),
  webUrl: z.string(),
  because: z.string(),
  forgeBecause: z.string().describe('Why the forge could not be asked or told'),
  merger: z.string(),
  mergeCommit: z.string().nullable(),
  run: RunSummary.extend({
    waiting: Waiting.nullable(),
    stages: z.array(RunSummary.shape.stages.element.extend({ tests: TestSummaryShape.nullable() })),
  })
    .nullable()
    .describe('The run of its head'),
  next: z
    .object({
      environment: z.string(),
      state: z.enum(['open', 'waiting', 'shut']),
      because: z.string(),
      verdicts: z.array(VerdictShape),
    })
    .nullable()
    .describe('What the gates would say of what follows the merge; null: nothing follows by itself'),
  approvals: z.array(
    z.object({
      by: z.string(),
      where: z.enum(['forge', 'here']),
      head: z.string().nullable().describe('What was seen; null: the forge does not say'),
      at: z.iso.datetime().nullable(),
    }),
  ),
  actions: z.array(MergeActionShape).describe('What was asked for here, newest first'),
  waiting: Waiting.nullable(),
  can: z.object({ approve: May, merge: May, allow: May.nullable() }).describe('For who is asking'),
})

export type May = z.infer<typeof May>
export type MergeActionShape = z.infer<typeof MergeActionShape>
export type MergeRequestShape = z.infer<typeof MergeRequestShape>
export type MergeRequestDetail = z.infer<typeof MergeRequestDetail>
