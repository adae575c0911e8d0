import { z } from 'zod'

/** What a person gives for a deed that others have to live with: whoever waits for it reads this. */
export const Because = z
  .string()
  .trim()
  .min(1, 'a reason is needed: others read it')
  .max(2000, 'a reason has at most 2000 characters')
