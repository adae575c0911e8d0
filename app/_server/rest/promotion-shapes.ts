// Shapes of promotion routes that are components of the OpenAPI document.
import { PromotionDetail, PromotionItem } from '../../promotions/shapes'
import { Page } from '../../shapes'

export const PROMOTIONS_NAMED = {
  Promotion: PromotionItem,
  PromotionDetail,
  PromotionPage: Page(PromotionItem),
} as const
