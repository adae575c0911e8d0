// What a project's page shows beside the project. Times are ISO 8601 strings in UTC.
import { z } from 'zod'
import { FlowSettings } from '../../pipelines/gitflow'
import { ProjectShape } from '../shapes'

/** One row of FLOW as it is in this project. */
export const FlowRowShape = z.object({
  kind: z.string(),
  names: z.array(z.string()).describe('Exact names, or prefixes that end in a slash'),
  looks: z.array(z.string()).describe('What comes after the prefix must look like one of these; none: anything may'),
  stages: z.array(z.string()).describe('On a push, in order'),
  optional: z.array(z.string()).describe('Only where the service file lists the kind under also_on'),
  adopts: z.boolean().describe('A verified release of the same tree is taken instead of building'),
  first: z.boolean().describe('It goes before everything else in every queue'),
  goesTo: z.string().nullable().describe('The environment that a success goes to by itself'),
  mergesInto: z.array(z.object({ kind: z.string(), names: z.array(z.string()) })),
  policies: z.array(z.string()).describe('tag-made | tag-awaited | back-merge | debt-blocks | debt-shown'),
})

const CheckShape = ProjectShape.shape.checks.element.extend({
  warning: z.boolean().optional().describe('It passed, and somebody should look all the same'),
})

export const ProjectDetail = ProjectShape.extend({
  checks: z.array(CheckShape),
  flow: FlowSettings.describe('What this project says otherwise than Git-flow as it comes'),
  table: z.array(FlowRowShape).describe('The flow as it is here, row by row'),
  reconciledAt: z.iso.datetime().nullable().describe('When its branches were last compared with what was seen'),
  places: z
    .array(
      z.object({
        name: z.string(),
        start: z.string().describe('automatic | on-signoff | by-hand'),
        after: z.string().nullable(),
        approvals: z.array(z.object({ role: z.string(), count: z.number().int() })),
        verify: z.array(z.string()),
        held: z.boolean(),
        removed: z.boolean(),
      }),
    )
    .describe('Its environments, in order'),
})

export type FlowRowShape = z.infer<typeof FlowRowShape>
export type ProjectDetail = z.infer<typeof ProjectDetail>
