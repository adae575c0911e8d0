import {
  CalendarClock,
  CalendarX,
  CircleCheck,
  EyeOff,
  GitMerge,
  Hand,
  HeartCrack,
  Loader,
  OctagonX,
  ShieldAlert,
  Unplug,
} from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import type { EnvironmentShape } from '../shapes'
import { cn } from './classes'
import { environmentName } from './names'
import { Outward } from './refs'
import { Moment, Time } from './time'

const LOOK = {
  stop: { icon: OctagonX, look: 'bg-fail-ground text-fail' },
  policy: { icon: ShieldAlert, look: 'bg-fail-ground text-fail' },
  freeze: { icon: CalendarX, look: 'bg-fail-ground text-fail' },
  hold: { icon: Hand, look: 'bg-err-ground text-err' },
  soon: { icon: CalendarClock, look: 'bg-queue-ground text-queue' },
  open: { icon: CircleCheck, look: 'bg-ok-ground text-ok' },
  debt: { icon: GitMerge, look: 'bg-wait-ground text-wait' },
  sick: { icon: HeartCrack, look: 'bg-fail-ground text-fail' },
  starts: { icon: Loader, look: 'bg-queue-ground text-queue' },
  unknown: { icon: EyeOff, look: 'bg-err-ground text-err' },
  away: { icon: Unplug, look: 'bg-fail-ground text-fail' },
} as const

interface Props {
  environment: EnvironmentShape
  /** The way out of a hold. */
  release?: ReactNode
  /** The way on after an emergency stop. */
  go?: ReactNode
  /** It is said as well that nothing keeps it closed. */
  whole?: boolean
}

/**
 * What keeps an environment closed, on the environment itself: red where nothing may go there, orange where only a return may,
 * and green, where all of it is told, when it is open.
 */
export function PlaceBanners({ environment, release, go, whole = false }: Props) {
  const t = useTranslations()
  const { stopped, hold, frozen, nextFreeze, policyVersion, debts, unreachable } = environment
  const isOpen = !(stopped || hold || frozen || unreachable) && policyVersion >= 0
  return (
    <>
      {stopped && (whole || !stopped.everything) && (
        <Banner
          kind="stop"
          title={t(stopped.everything ? 'stop.allStopped' : 'stop.stopped', {
            name: stopped.by,
            because: stopped.because,
          })}
        >
          <span>
            {t('stop.help')} <Time at={stopped.since} />
          </span>
          {go}
        </Banner>
      )}
      {policyVersion < 0 && (
        <Banner kind="policy" title={t('policy.noneInForce')}>
          <Link href={`/environments/${environment.id}/policy`} className="text-accent hover:underline">
            {t('policy.see')}
          </Link>
        </Banner>
      )}
      {frozen && (
        <Banner kind="freeze" title={t('place.frozen', { because: frozen.reason })}>
          <span>
            {t('place.reopens')} <Moment at={frozen.until} className="font-medium" /> (<Time at={frozen.until} />)
          </span>
        </Banner>
      )}
      {hold && (
        <Banner
          kind="hold"
          title={
            hold.rollback === null
              ? t('place.held', { name: hold.by, because: hold.because })
              : t(`place.heldFor.${hold.rollback.phase}`, {
                  name: hold.by,
                  tag: hold.rollback.tag,
                  because: hold.rollback.reason,
                })
          }
        >
          <span>
            {t(hold.rollback?.phase === 'requested' ? 'place.heldMeanwhile' : 'place.heldHelp')}{' '}
            <Time at={hold.since} />
          </span>
          {hold.rollback && (
            <Link href={`/promotions/${hold.rollback.promotion}`} className="text-accent hover:underline">
              {t('place.heldSee', { id: hold.rollback.promotion })}
            </Link>
          )}
          {release}
        </Banner>
      )}
      {whole && isOpen && (
        <Banner kind="open" title={t('stop.open')}>
          <span>{nextFreeze ? null : t('stop.noFreeze')}</span>
        </Banner>
      )}
      {nextFreeze && (
        <Banner kind="soon" title={t('stop.soon', { because: nextFreeze.reason })}>
          <span>
            {t('stop.from')} <Moment at={nextFreeze.since} className="font-medium" /> (<Time at={nextFreeze.since} />)
          </span>
          <span>
            {t('stop.until')} <Moment at={nextFreeze.until} />
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

export function Banner({ kind, title, children }: { kind: keyof typeof LOOK; title: string; children?: ReactNode }) {
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
