// What administrators see of accounts. Times are ISO 8601 strings in UTC.
import { z } from 'zod'

export const AccountShape = z.object({
  id: z.number().int(),
  name: z.string(),
  role: z.string(),
  forgeUserId: z.string().nullable().describe("The forge's number of the same person: who pushed does not sign"),
  createdAt: z.iso.datetime(),
  disabledAt: z.iso.datetime().nullable().describe('May not sign in since then; null: it may'),
})

export const AccountMade = AccountShape.omit({ createdAt: true, disabledAt: true }).extend({
  password: z.string().nullable().describe('The generated one, shown once; null: it was given'),
})

export type AccountShape = z.infer<typeof AccountShape>
export type AccountMade = z.infer<typeof AccountMade>
