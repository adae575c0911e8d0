// Shapes of session routes that are components of the OpenAPI document.
import { z } from 'zod'
import { OpenSession } from '../../accounts/shapes'

export const SESSIONS_NAMED = {
  OpenSession,
  SessionList: z.object({ items: z.array(OpenSession) }),
  SessionsEnded: z.object({ ended: z.number().int() }),
} as const
