import { useTranslations } from 'next-intl'
import type { EnvironmentShape } from '../shapes'
import { AskFirst } from './act'
import { environmentInText } from './names'
import { StatusBadge } from './status'

/** The way out of a hold, which says first what would follow. */
export function ReleaseHold({
  environment,
  denied,
  back,
}: {
  environment: EnvironmentShape
  denied: string | null
  back: `/${string}`
}) {
  const t = useTranslations()
  const waits = environment.open.filter((promotion) => promotion.status === 'waiting')
  return (
    <AskFirst
      path={`/api/v1/environments/${environment.id}/release-hold`}
      back={back}
      text={t('place.releaseHold')}
      size="small"
      denied={denied}
      question={{
        title: t('place.releaseTitle', { environment: environmentInText(t, environment.name) }),
        text: waits.length === 0 ? t('place.releaseNothing') : t('place.releaseWaits'),
      }}
    >
      {waits.length > 0 && (
        <ul className="space-y-1.5">
          {waits.map((promotion) => (
            <li key={promotion.id} className="flex flex-wrap items-center gap-x-2 text-[13px]">
              <StatusBadge status={promotion.status} />
              <span className="font-medium wrap-anywhere">{promotion.release.tag}</span>
            </li>
          ))}
        </ul>
      )}
    </AskFirst>
  )
}
