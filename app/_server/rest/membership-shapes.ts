// Shapes of membership routes that are components of the OpenAPI document.
import { z } from 'zod'
import { MembershipShape } from '../../accounts/shapes'
import { Page } from '../../shapes'

export const MEMBERSHIPS_NAMED = {
  Membership: MembershipShape,
  MembershipPage: Page(MembershipShape),
  MembershipMade: z.object({ id: z.number().int() }),
} as const
