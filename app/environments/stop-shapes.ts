import { z } from 'zod'

export const InstallationShape = z.object({
  origin: z.string().describe('The name of this installation in its trail'),
  stopped: z
    .object({ by: z.string(), because: z.string(), since: z.iso.datetime() })
    .nullable()
    .describe('The emergency stop of every environment; null: there is none'),
})
export type InstallationShape = z.infer<typeof InstallationShape>
