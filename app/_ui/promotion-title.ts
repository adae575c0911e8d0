import type { useTranslations } from 'next-intl'
import { environmentInText } from './names'

type T = ReturnType<typeof useTranslations<never>>

/** The verb, the thing and the place. */
export function promotionTitle(
  t: T,
  promotion: { kind: string; service: string; environment: string; release: { tag: string } },
): string {
  const words = {
    service: promotion.service,
    tag: promotion.release.tag,
    environment: environmentInText(t, promotion.environment),
  }
  if (promotion.kind === 'rollback') return t('promotion.rollback', words)
  return promotion.kind === 'put-back' ? t('promotion.putBack', words) : t('promotion.put', words)
}
