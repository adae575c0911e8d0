import { Ban, Check, Hourglass } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { VerdictShape } from '../shapes'
import { cn } from './classes'
import { gateName } from './names'
import { Moment, Time } from './time'

const LOOK = {
  open: { icon: Check, text: 'text-ok', ground: '' },
  waiting: { icon: Hourglass, text: 'text-wait', ground: 'bg-wait-ground' },
  shut: { icon: Ban, text: 'text-refuse', ground: 'bg-refuse-ground' },
} as const

const ORDER = { shut: 0, waiting: 1, open: 2 } as const

/** Every gate with its reason: what is closed first, and of what waits whose turn it is. */
export function Gates({ verdicts, brief = false }: { verdicts: readonly VerdictShape[]; brief?: boolean }) {
  const t = useTranslations()
  if (verdicts.length === 0) return <p className="px-4 py-3 text-soft">{t('gate.none')}</p>
  const sorted = verdicts.toSorted((a, b) => ORDER[a.state] - ORDER[b.state])
  const shown = brief ? sorted.filter((v) => v.state !== 'open') : sorted
  const open = sorted.length - shown.length
  return (
    <ul aria-label={t('run.gates')} className="-mt-px overflow-hidden sm:grid sm:grid-cols-2">
      {shown.map((verdict) => (
        <Gate key={verdict.gate} verdict={verdict} />
      ))}
      {open > 0 && (
        <li className="col-span-2 flex gap-2.5 border-t border-line px-4 py-2 text-[13px] text-soft">
          <Check aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-ok" strokeWidth={2.25} />
          {t('gate.allOpen', { count: open })}
        </li>
      )}
    </ul>
  )
}

function Gate({ verdict }: { verdict: VerdictShape }) {
  const t = useTranslations()
  const { icon: Icon, text, ground } = LOOK[verdict.state]
  return (
    <li
      className={cn(
        'flex gap-2.5 border-t border-line px-4 py-2 text-[13px]',
        verdict.state !== 'open' && 'col-span-2',
        ground,
      )}
    >
      <Icon aria-hidden="true" className={cn('mt-0.5 size-4 shrink-0', text)} strokeWidth={2.25} />
      <div className="min-w-0 flex-1">
        <p>
          <span className="font-medium">{gateName(t, verdict.gate)}</span>{' '}
          <span className={cn('text-xs', text)}>{t(`gate.${verdict.state}`)}</span>
        </p>
        <p className={cn('wrap-anywhere', verdict.state === 'open' ? 'text-soft' : 'text-ink')}>{verdict.because}</p>
        {verdict.state === 'waiting' && (
          <p className="mt-0.5 flex flex-wrap gap-x-4 text-soft">
            {verdict.who && (
              <span className="wrap-anywhere">
                {t('gate.turn')}: <span className="text-ink">{verdict.who}</span>
              </span>
            )}
            {verdict.since && (
              <span>
                {t('gate.since')} <Time at={verdict.since} />
              </span>
            )}
            {verdict.until && (
              <span>
                {t('gate.until')} <Moment at={verdict.until} className="text-ink" />
              </span>
            )}
          </p>
        )}
      </div>
    </li>
  )
}
