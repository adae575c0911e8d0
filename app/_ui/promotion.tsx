import { Ban, Check, Hourglass } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { PromotionShape } from '../shapes'
import { cn } from './classes'
import { Observed } from './lock'
import { environmentName, gateName } from './names'
import { Digest, Outward } from './refs'
import { StatusBadge } from './status'
import { Time } from './time'
import { WhyWaiting } from './waiting'

const GATE = {
  open: { icon: Check, look: 'text-ok' },
  waiting: { icon: Hourglass, look: 'text-wait' },
  shut: { icon: Ban, look: 'text-refuse' },
} as const

/** A request to put a release into an environment: where it stands, and what each gate said. */
export function Promotion({ promotion }: { promotion: PromotionShape }) {
  const t = useTranslations()
  const { release, waiting } = promotion
  return (
    <article className="card" aria-label={environmentName(t, promotion.environment)}>
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 pt-3.5">
        <h3 className="font-semibold">{environmentName(t, promotion.environment)}</h3>
        <StatusBadge status={promotion.status} />
        <span className="ml-auto text-[13px] text-soft">
          <Time at={promotion.deployedAt ?? promotion.startedAt ?? promotion.createdAt} />
        </span>
      </header>
      <p className="px-4 text-[13px] text-soft">{t('run.requested', { name: promotion.requestedBy })}</p>
      {promotion.because && !waiting && <p className="mt-2 px-4 wrap-anywhere">{promotion.because}</p>}
      {waiting && <WhyWaiting waiting={waiting} className="mx-4 mt-3" />}
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
        <ul aria-label={t('run.gates')} className="mt-3.5 divide-y divide-line border-t border-line">
          {promotion.verdicts.map((verdict) => {
            const { icon: Icon, look } = GATE[verdict.state]
            return (
              <li key={verdict.gate} className="flex gap-2.5 px-4 py-2 text-[13px]">
                <Icon aria-hidden="true" className={cn('mt-0.5 size-4 shrink-0', look)} strokeWidth={2.25} />
                <span className="min-w-0 flex-1">
                  <span className="font-medium">{gateName(t, verdict.gate)}</span>{' '}
                  <span className={cn('text-xs', look)}>{t(`gate.${verdict.state}`)}</span>
                  <span className="block text-soft wrap-anywhere">{verdict.because}</span>
                </span>
              </li>
            )
          })}
        </ul>
      )}
    </article>
  )
}
