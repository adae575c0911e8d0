// Test cases and artifacts as pages and REST show them. Times are ISO 8601 in UTC, durations milliseconds.
import { z } from 'zod'
import { Page } from '../shapes'
import { TestSummaryShape } from './shapes'

export const TestCaseShape = z.object({
  position: z.number().int().describe('Its place in the reports of the stage'),
  suite: z.string(),
  name: z.string(),
  status: z.string().describe('passed | failed | errored | skipped'),
  ms: z.number().int(),
  message: z.string(),
  output: z.string().describe('Of a case that failed or errored; at most 8 KiB'),
})

export const TestPage = Page(TestCaseShape).extend({
  stage: z.string(),
  status: z.string().describe("The stage's status now"),
  attempt: z.number().int().describe('The attempt that these cases are of; 0: none left any'),
  summary: TestSummaryShape.nullable().describe('Null: it was asked for no reports, or has not ended yet'),
})

export const ArtifactShape = z.object({
  id: z.number().int(),
  stage: z.string(),
  attempt: z.number().int(),
  path: z.string().describe("Relative to the stage's working directory"),
  bytes: z.number().int(),
  sha256: z.string(),
  createdAt: z.iso.datetime(),
  keptUntil: z.iso.datetime().describe('After this it is forgotten'),
})

export const ArtifactList = z.object({ items: z.array(ArtifactShape) })

export type TestCaseShape = z.infer<typeof TestCaseShape>
export type TestPage = z.infer<typeof TestPage>
export type ArtifactShape = z.infer<typeof ArtifactShape>
