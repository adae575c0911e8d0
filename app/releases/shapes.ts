// A release as its page and REST show it. Times are ISO 8601 in UTC.
import { z } from 'zod'
import { CanShape } from '../promotions/shapes'
import { HoldShape, PromotionShape, RunDetail, TrustShape, VerdictShape } from '../shapes'

/** How far a release has come in one environment: the latest promotion of it there. */
export const ReleasePlace = z.object({
  environment: z.string(),
  environmentId: z.number().int(),
  status: z.string().nullable().describe('Of the latest promotion of this release there; null: there was none'),
  promotion: z.number().int().nullable(),
  running: z.boolean().describe('It is what the environment was last observed running'),
})

export const ReleaseItem = z.object({
  id: z.number().int(),
  project: z.object({ id: z.number().int(), path: z.string() }),
  service: z.string(),
  tag: z.string(),
  version: z.string(),
  digest: z.string(),
  trust: TrustShape.describe(
    'The trust class of the run that built the image: a branch of a higher class builds its own',
  ),
  commit: z.string(),
  branch: z.string(),
  title: z.string().describe("First line of the commit's message"),
  createdAt: z.iso.datetime(),
  refused: HoldShape.nullable(),
  places: z.array(ReleasePlace).describe("The project's environments, in their order"),
})

export const ReleaseDetail = ReleaseItem.extend({
  tree: z.string(),
  buildKey: z.string(),
  image: z.string(),
  webUrl: z.string().describe('The commit on the forge'),
  bases: z.array(z.object({ image: z.string(), digest: z.string() })),
  runs: z.array(
    z.object({
      id: z.number().int(),
      branch: z.string(),
      commit: z.string(),
      status: z.string(),
      pusher: z.string(),
      adopted: z.boolean().describe('It took the release over instead of building'),
      createdAt: z.iso.datetime(),
    }),
  ),
  promotions: z.array(PromotionShape).describe('Newest first, at most 50'),
  tags: z.array(
    z.object({
      name: z.string().nullable(),
      commit: z.string(),
      status: z.string(),
      because: z.string(),
      by: z.string(),
    }),
  ),
  backMerges: z.array(
    z.object({
      id: z.number().int(),
      source: z.string(),
      target: z.string(),
      hotfix: z.boolean(),
      status: z.string(),
      because: z.string(),
      url: z.string(),
      since: z.iso.datetime(),
    }),
  ),
  trail: RunDetail.shape.trail,
  can: z.object({
    refuse: CanShape,
    lift: CanShape,
    promote: z.array(
      CanShape.extend({
        environment: z.string(),
        environmentId: z.number().int(),
        verdicts: z.array(VerdictShape).describe('What the gates would say if it were asked for now'),
      }),
    ),
  }),
})

export type ReleasePlace = z.infer<typeof ReleasePlace>
export type ReleaseItem = z.infer<typeof ReleaseItem>
export type ReleaseDetail = z.infer<typeof ReleaseDetail>
