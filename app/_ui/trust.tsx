import { useTranslations } from 'next-intl'
import type { TrustClass } from '../../pipelines/trust'

/** The class of a run or a release, and in one sentence what it means. */
export function TrustWords({ trust }: { trust: TrustClass | null }) {
  const t = useTranslations('trust')
  return (
    <>
      <b className="font-medium">{trust ?? t('unknown')}</b> –{' '}
      <span className="text-soft">{t(trust === null ? 'unknownMeans' : `means.${trust}`)}</span>
    </>
  )
}
