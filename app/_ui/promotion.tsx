import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { PromotionShape } from '../shapes'
import { Gates } from './gates'
import { Observed } from './lock'
import { environmentName } from './names'
import { Digest, Outward } from './refs'
import { StatusBadge } from './status'
import { Time } from './time'
import { WhyWaiting } from './waiting'

/** A request to put a release into an environment: where it stands, and what each gate said. */
export function Promotion({ promotion }: { promotion: PromotionShape }) {
  const t = useTranslations()
  const { release, waiting } = promotion
  // The gates tell it themselves, each with its turn.
  const closed = promotion.status === 'waiting' && promotion.verdicts.some((v) => v.state !== 'open')
  return (
    <article className="card" aria-label={environmentName(t, promotion.environment)}>
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 pt-3.5">
        <h3 className="font-semibold">
          <Link href={`/promotions/${promotion.id}`} className="link">
            {environmentName(t, promotion.environment)} <span className="font-normal text-faint">#{promotion.id}</span>
          </Link>
        </h3>
        <StatusBadge status={promotion.status} />
        <span className="ml-auto text-[13px] text-soft">
          <Time at={promotion.deployedAt ?? promotion.startedAt ?? promotion.createdAt} />
        </span>
      </header>
      <p className="px-4 text-[13px] text-soft">
        {t('promotion.requested', { name: promotion.requestedBy })}
        {promotion.reason && <span className="block text-ink wrap-anywhere">{promotion.reason}</span>}
      </p>
      {promotion.because && !waiting && <p className="mt-2 px-4 wrap-anywhere">{promotion.because}</p>}
      {waiting && !closed && <WhyWaiting waiting={waiting} className="mx-4 mt-3" />}
      <dl className="mt-3 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5 px-4 text-[13px]">
        <dt className="text-faint">{t('word.tag')}</dt>
        <dd className="font-medium wrap-anywhere">{release.tag}</dd>
        <dt className="text-faint">{t('word.digest')}</dt>
        <dd className="flex flex-wrap items-center gap-x-3">
          <Digest digest={release.digest} />
          <Observed built={release.digest} observed={promotion.observed} />
        </dd>
      </dl>
      {promotion.url && (
        <p className="mt-2 px-4 text-[13px]">
          <Outward href={promotion.url}>{t('run.openService')}</Outward>
        </p>
      )}
      {promotion.verdicts.length > 0 && (
        <div className="mt-3.5 border-t border-line">
          <Gates verdicts={promotion.verdicts} brief />
        </div>
      )}
    </article>
  )
}
