// What a run's page shows beside the run itself. Times are ISO 8601 strings in UTC.
import { z } from 'zod'
import { RunDetail, StageShape } from '../shapes'

export const TestSummaryShape = z.object({
  total: z.number().int(),
  passed: z.number().int(),
  failed: z.number().int(),
  errored: z.number().int(),
  skipped: z.number().int(),
  ms: z.number().int(),
  files: z.number().int().describe('Reports that were read'),
  dropped: z.number().int().describe('Cases beyond what is kept'),
  problems: z.array(z.string()).describe('Reports that could not be read, and why'),
})

/** What stands beside a stage's commands. */
export const BesideShape = z.object({
  services: z
    .array(z.object({ name: z.string(), image: z.string() }))
    .describe('Containers that stand beside the commands'),
  caches: z.array(z.string()).describe('Folders that outlive it, by their path'),
})

export const RunStage = StageShape.extend({
  ...BesideShape.shape,
  tests: TestSummaryShape.nullable().describe('Null: it left no reports'),
  artifacts: z.number().int().describe('Files that it left to be kept'),
})

export const TagShape = z.object({
  id: z.number().int(),
  name: z.string().nullable().describe('Null: awaited, and not known yet'),
  status: z.string(),
  because: z.string(),
  by: z.string(),
})

export const BackMergeShape = z.object({
  id: z.number().int(),
  source: z.string(),
  target: z.string(),
  hotfix: z.boolean(),
  status: z.string(),
  because: z.string(),
  iid: z.number().int().nullable().describe('The merge request that was opened'),
  url: z.string(),
  createdAt: z.iso.datetime(),
})

export const RunWhole = RunDetail.extend({
  origin: z.string().describe('push | head | reconcile | replay | merge-request: what brought it here'),
  mergeRequest: z
    .object({
      id: z.number().int(),
      iid: z.number().int(),
      title: z.string(),
      source: z.string(),
      target: z.string(),
      status: z.string(),
      fork: z.boolean(),
      sourcePath: z.string(),
    })
    .nullable()
    .describe('The merge request whose head it is'),
  definitionCommit: z.string().nullable().describe("A fork's: where its service file was read, of the target branch"),
  stages: z.array(RunStage),
  tags: z.array(TagShape),
  backMerges: z.array(BackMergeShape),
})

export type TestSummaryShape = z.infer<typeof TestSummaryShape>
export type RunStage = z.infer<typeof RunStage>
export type TagShape = z.infer<typeof TagShape>
export type BackMergeShape = z.infer<typeof BackMergeShape>
export type RunWhole = z.infer<typeof RunWhole>
