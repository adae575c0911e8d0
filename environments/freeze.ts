// Times in which nothing is deployed. Pure; the clock comes from outside.
import { z } from 'zod'

/** `from` and `to`: "Fri 18:00" (every week) or "2026-12-24 18:00" (once), both alike, in `zone` (IANA; UTC where absent). */
export const Freeze = z.strictObject({
  from: z.string().min(1).max(64),
  to: z.string().min(1).max(64),
  zone: z.string().min(1).max(64).optional(),
  reason: z.string().min(1).max(500),
})
export type Freeze = z.infer<typeof Freeze>

/** The freeze that holds at this moment and the end of it; of several, the one that ends last. Null: none. */
export function frozenAt(_freezes: readonly Freeze[], _now: Date): { reason: string; since: Date; until: Date } | null {
  return null
}
