// Shapes of release routes that are components of the OpenAPI document.
import { ReleaseDetail, ReleaseItem } from '../../releases/shapes'
import { Page } from '../../shapes'

export const RELEASES_NAMED = {
  Release: ReleaseItem,
  ReleaseDetail,
  ReleasePage: Page(ReleaseItem),
} as const
