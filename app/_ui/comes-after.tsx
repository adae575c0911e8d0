import { useFormatter, useTranslations } from 'next-intl'
import { FLOW, KINDS } from '../../pipelines/gitflow'
import { environmentInText } from './names'

/** What a release must have behind it before it enters; where that is nothing, which branches begin here. */
export function ComesAfter({ name, after }: { name: string; after: string | null }) {
  const t = useTranslations()
  const format = useFormatter()
  if (after !== null) return t('place.afterVerified', { environment: environmentInText(t, after) })
  const kinds = KINDS.filter((kind) => FLOW[kind].goesTo === name)
  return kinds.length === 0 ? t('place.afterNone') : t('place.afterNoneFrom', { branches: format.list(kinds) })
}
