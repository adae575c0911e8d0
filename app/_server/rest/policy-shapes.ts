// Shapes of policy routes that are components of the OpenAPI document.
import {
  PolicyChangeDetail,
  PolicyChangeItem,
  PolicyDetail,
  PolicyVersionShape,
} from '../../environments/policy-shapes'
import { Page } from '../../shapes'

export const POLICIES_NAMED = {
  Policy: PolicyDetail,
  PolicyVersion: PolicyVersionShape,
  PolicyVersionPage: Page(PolicyVersionShape),
  PolicyChange: PolicyChangeItem,
  PolicyChangePage: Page(PolicyChangeItem),
  PolicyChangeDetail,
} as const
