// Shapes of approval routes that are components of the OpenAPI document.
import { z } from 'zod'
import { ApprovalCount, ApprovalItem, StatementMade } from '../../approvals/shapes'
import { Page } from '../../shapes'

export const APPROVALS_NAMED = {
  Approval: ApprovalItem,
  ApprovalPage: Page(ApprovalItem),
  ApprovalCount,
  StatementMade,
  Answered: z.object({
    approval: z.number().int(),
    promotion: z.number().int().nullable(),
    policyChange: z.number().int().nullable(),
  }),
} as const
