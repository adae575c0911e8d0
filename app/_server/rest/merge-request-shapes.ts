// Shapes of merge request routes that are components of the OpenAPI document.
import { MergeRequestDetail, MergeRequestShape } from '../../merge-requests/shapes'
import { Page } from '../../shapes'

export const MERGE_REQUESTS_NAMED = {
  MergeRequest: MergeRequestShape,
  MergeRequestDetail,
  MergeRequestPage: Page(MergeRequestShape),
} as const
