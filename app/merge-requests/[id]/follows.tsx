import { useTranslations } from 'next-intl'
import { Gates } from '../../_ui/gates'
import { environmentName } from '../../_ui/names'
import type { MergeRequestDetail } from '../shapes'

/** What the gates of the next environment would say, if it were merged now. */
export function Follows({ mergeRequest: m }: { mergeRequest: MergeRequestDetail }) {
  const t = useTranslations()
  if (m.fork) return <p className="card px-4 py-3 text-soft">{t('fork.nothingFollows')}</p>
  if (m.next === null)
    return <p className="card px-4 py-3 text-soft">{t('mergeRequest.nothingFollows', { target: m.target })}</p>
  const environment = environmentName(t, m.next.environment)
  return (
    <article className="card overflow-hidden" aria-label={environment}>
      <p className="px-4 py-3">
        {t('mergeRequest.goesTo', { target: m.target, environment })} {t('mergeRequest.ifNow')}
      </p>
      <Gates verdicts={m.next.verdicts} brief />
    </article>
  )
}
