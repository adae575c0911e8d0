// What the inbox shows of a delivery. Times are ISO 8601 strings in UTC.
import { z } from 'zod'
import { DeliveryDetail, DeliveryShape } from '../shapes'

const Links = {
  mergeRequest: z
    .object({ id: z.number().int(), iid: z.number().int() })
    .nullable()
    .describe('The merge request that it is about'),
  replayOf: z.number().int().nullable().describe('The delivery that a person had judged again'),
}

export const DeliveryItem = DeliveryShape.extend(Links)

export const DeliveryWhole = DeliveryDetail.extend({
  ...Links,
  kept: z.boolean().describe('False: the body was let go after its time; it cannot be replayed'),
  replays: z
    .array(
      z.object({
        delivery: z.number().int().nullable().describe('The delivery that it made'),
        because: z.string().describe('What was decided'),
        run: z.number().int().nullable(),
        by: z.string(),
        at: z.iso.datetime(),
      }),
    )
    .describe('How often it was judged again, newest first'),
})

export const Replayed = z.object({
  delivery: z.number().int().describe('The delivery that the replay made'),
  decision: z.string(),
  because: z.string(),
  run: z.number().int().nullable(),
})

export type DeliveryItem = z.infer<typeof DeliveryItem>
export type DeliveryWhole = z.infer<typeof DeliveryWhole>
export type Replayed = z.infer<typeof Replayed>
