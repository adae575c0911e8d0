import { CalendarClock, GitMerge, Hand, Unplug } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import type { EnvironmentShape } from '../shapes'
import { cn } from './classes'
import { environmentName } from './names'
import { Outward } from './refs'
import { Moment, Time } from './time'

const LOOK = {
  hold: { icon: Hand, look: 'bg-wait-ground text-wait' },
  freeze: { icon: CalendarClock, look: 'bg-queue-ground text-queue' },
  debt: { icon: GitMerge, look: 'bg-err-ground text-err' },
  away: { icon: Unplug, look: 'bg-fail-ground text-fail' },
} as const

/** What keeps an environment closed, on the environment itself: hold, freeze, debt, and a target that does not answer. */
export function PlaceBanners({ environment, release }: { environment: EnvironmentShape; release?: ReactNode }) {
  const t = useTranslations()
  const { hold, frozen, debts, unreachable } = environment
  return (
    <>
      {hold && (
        <Banner kind="hold" title={t('place.held', { name: hold.by, because: hold.because })}>
          <span>
            {t('place.heldHelp')} <Time at={hold.since} />
          </span>
          {release}
        </Banner>
      )}
      {frozen && (
        <Banner kind="freeze" title={t('place.frozen', { because: frozen.reason })}>
          <span>
            {t('place.reopens')} <Moment at={frozen.until} className="font-medium" /> (<Time at={frozen.until} />)
          </span>
        </Banner>
      )}
      {debts.map((debt) => (
        <Banner key={debt.id} kind="debt" title={t('place.debt', { source: debt.source, target: debt.target })}>
          <span>
            {debt.because || t('place.debtHelp')} <Time at={debt.since} />
          </span>
          {debt.url && <Outward href={debt.url}>{t('place.debtLink')}</Outward>}
        </Banner>
      ))}
      {unreachable && (
        <Banner kind="away" title={t('place.unreachable', { because: unreachable.because })}>
          <span>
            {environmentName(t, environment.name)} <Time at={unreachable.since} />
          </span>
        </Banner>
      )}
    </>
  )
}

function Banner({ kind, title, children }: { kind: keyof typeof LOOK; title: string; children: ReactNode }) {
  const { icon: Icon, look } = LOOK[kind]
  return (
    <div className={cn('flex gap-2.5 border-b border-line py-2.5 pr-4 pl-5 text-[13px]', look)}>
      <Icon aria-hidden="true" className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 flex-1">
        <p className="font-medium wrap-anywhere">{title}</p>
        <div className="mt-0.5 flex flex-wrap items-center gap-x-3 gap-y-1.5 text-ink">{children}</div>
      </div>
    </div>
  )
}
