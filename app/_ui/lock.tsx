import { AppWindow, CircleX, PackageCheck, PenLine, ShieldCheck, TriangleAlert, Undo2 } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import type { EnvironmentShape, PromotionShape } from '../shapes'
import { button } from './button'
import { cn } from './classes'
import { shortDigest } from './duration'
import { environmentName, startWords } from './names'
import { PlaceBanners } from './place-banners'
import { LastReading, NotRunning, ReadingBanners } from './reading'
import { Branch, Commit, Digest, isWeb } from './refs'
import { ReleaseHold } from './release-hold'
import { StatusBadge, StatusDisc, toneOf } from './status'
import { Time } from './time'
import { WhyWaiting } from './waiting'

type Running = NonNullable<EnvironmentShape['running']>

/** What may be done with an environment: why not, or null where it may. Absent: nothing is offered here. */
export interface LockActions {
  hold: string | null
  /** Undefined: it is not offered here. */
  rollback: string | null | undefined
  /** True: this viewer's role is asked for a signature. */
  signs: boolean
  /** The page that the lock stands on. */
  back: `/${string}`
  /** The way on after an emergency stop. */
  go?: ReactNode
  /** It says as well that nothing keeps the environment closed. */
  whole?: boolean
}

/** By what is observed, and only where that is good by what was verified. */
function stripOf({ running, observed }: EnvironmentShape): string {
  if (observed?.unknown) return toneOf('errored').fill
  if (observed?.deployed && (running === null || observed.health === 'unhealthy')) return toneOf('failed').fill
  return running ? toneOf(running.status).fill : 'bg-line-strong'
}

/** What was verified of it once does not hold now. */
const isSick = ({ observed }: EnvironmentShape) => observed?.unknown == null && observed?.health === 'unhealthy'

/** One environment as a lock: what keeps it closed, what lies in it, what waits before it, and what did not get in. */
export function Lock({ environment, actions }: { environment: EnvironmentShape; actions?: LockActions }) {
  const t = useTranslations()
  const { running, observed, open, start } = environment
  // What can still be tried again stands among what is on its way.
  const lastFailed = open.some((p) => p.id === environment.lastFailed?.id) ? null : environment.lastFailed
  const name = environmentName(t, environment.name)
  const rollback = actions?.rollback !== undefined && <RollBack id={environment.id} denied={actions.rollback} />
  const below = open.length > 0 || lastFailed !== null
  return (
    <article aria-label={`${environment.project.path}: ${name}`} className="card @container relative overflow-hidden">
      <span aria-hidden="true" className={cn('absolute inset-y-0 left-0 w-1', stripOf(environment))} />
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line py-3 pr-4 pl-5">
        <h3 className="text-[15px] font-semibold">
          <Link href={`/environments/${environment.id}`} className="link">
            {name}
          </Link>
        </h3>
        <span className="text-xs text-faint">{startWords(t, start)}</span>
        {running && (
          <StatusBadge
            status={running.status}
            was={running.status === 'verified' && isSick(environment) ? t('board.wasVerified') : undefined}
            className="ml-auto"
          />
        )}
      </header>
      <PlaceBanners
        environment={environment}
        release={actions && <ReleaseHold environment={environment} denied={actions.hold} back={actions.back} />}
        go={actions?.go}
        whole={actions?.whole ?? false}
      />
      <ReadingBanners environment={environment} />
      <div className={cn('grid grid-cols-[minmax(0,1fr)]', below && '@3xl:grid-cols-[minmax(0,1.25fr)_minmax(0,1fr)]')}>
        {running ? (
          <Holds running={running} observed={observed} alone={!below} rollback={rollback} />
        ) : observed?.deployed ? (
          <NotRunning environment={environment} observed={observed} rollback={rollback} />
        ) : (
          <Nothing name={name} />
        )}
        {below && (
          <div className="space-y-5 border-t border-line py-4 pr-4 pl-5 @3xl:border-t-0 @3xl:border-l @3xl:pl-4">
            {open.length > 0 && <OnItsWay open={open} signs={actions?.signs ?? false} />}
            {lastFailed && <LastFailed promotion={lastFailed} />}
          </div>
        )}
      </div>
    </article>
  )
}

function RollBack({ id, denied }: { id: number; denied: string | null }) {
  const t = useTranslations('place')
  const icon = <Undo2 aria-hidden="true" className="size-4" />
  if (denied === null)
    return (
      <Link href={`/environments/${id}/rollback`} className={cn(button({ size: 'small', kind: 'quiet' }), 'px-2')}>
        {icon}
        {t('rollback')}
      </Link>
    )
  const why = `rollback-${id}-denied`
  return (
    <>
      <button type="button" disabled aria-describedby={why} title={denied} className={button({ size: 'small' })}>
        {icon}
        {t('rollback')}
      </button>
      <span id={why} className="basis-full text-xs text-faint wrap-anywhere">
        {denied}
      </span>
    </>
  )
}

function Nothing({ name }: { name: string }) {
  const t = useTranslations('board')
  return (
    <div className="py-6 pr-4 pl-5">
      <p className="font-medium text-soft">{t('nothingRuns')}</p>
      <p className="mt-0.5 text-[13px] text-faint">{t('nothingRunsHelp', { environment: name })}</p>
    </div>
  )
}

/** @param alone nothing stands beside it: where there is room, the facts do */
function Holds(props: {
  running: Running
  observed: EnvironmentShape['observed']
  alone: boolean
  rollback: ReactNode
}) {
  const { running, observed, alone, rollback } = props
  const t = useTranslations()
  const { release } = running
  return (
    <div
      className={cn(
        'grid min-w-0 grid-cols-[minmax(0,1fr)] content-start gap-4 py-4 pr-4 pl-5',
        alone && '@3xl:grid-cols-[minmax(0,1.25fr)_minmax(0,1fr)] @3xl:gap-x-9',
      )}
    >
      <div>
        <Link href={`/runs/${running.run}`} className="link text-base leading-snug font-medium wrap-anywhere">
          {running.title || t('runs.noTitle')}
        </Link>
        <p className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-[13px] text-soft">
          <Branch name={running.branch} />
          <span>{t('word.pushedBy', { name: running.by })}</span>
          {running.deployedAt && <Time at={running.deployedAt} />}
        </p>
        <CameBack running={running} />
      </div>
      <dl
        className={cn(
          'grid grid-cols-[auto_minmax(0,1fr)] content-start items-baseline gap-x-4 gap-y-1.5 text-[13px]',
          alone && '@3xl:row-span-2',
        )}
      >
        <dt className="text-faint">{t('word.tag')}</dt>
        <dd className="font-medium wrap-anywhere">
          <Link href={`/releases/${release.id}`} className="link">
            {release.tag}
          </Link>
        </dd>
        <dt className="text-faint">{t('word.digest')}</dt>
        <dd className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <Digest digest={release.digest} />
          <Observed built={release.digest} observed={running.observed} muted={observed?.health === 'unhealthy'} />
        </dd>
        {observed && (
          <>
            <dt className="text-faint">{t('board.now')}</dt>
            <dd>
              <LastReading observed={observed} />
            </dd>
          </>
        )}
        <dt className="text-faint">{t('word.commit')}</dt>
        <dd className="flex flex-wrap items-center gap-x-3">
          <Commit commit={release.commit} />
          <Link href={`/runs/${running.run}`} className="text-accent hover:underline">
            {t('board.run', { id: running.run })}
          </Link>
        </dd>
      </dl>
      <div className="flex flex-wrap gap-x-1 gap-y-2">
        {running.url === null && running.hadUrl && <NoAddress id={running.id} />}
        {running.url && isWeb(running.url) && (
          <a
            href={running.url}
            target="_blank"
            rel="noreferrer noopener"
            className={cn(button({ size: 'small' }), 'px-2')}
          >
            <AppWindow aria-hidden="true" className="size-4 text-accent" />
            {t('board.open')}
            <span className="sr-only">{t('word.opensNew')}</span>
          </a>
        )}
        {rollback}
      </div>
    </div>
  )
}

/** The button stays where it was, and says why it opens nothing. */
function NoAddress({ id }: { id: number }) {
  const t = useTranslations('board')
  const why = `address-${id}-gone`
  return (
    <>
      <button type="button" disabled aria-describedby={why} className={cn(button({ size: 'small' }), 'px-2')}>
        <AppWindow aria-hidden="true" className="size-4" />
        {t('open')}
      </button>
      <span id={why} className="order-last basis-full text-xs text-faint">
        {t('noAnswer')}
      </span>
    </>
  )
}

/** An earlier release, put back: by whom and why. */
function CameBack({ running }: { running: Running }) {
  const t = useTranslations('board')
  const { kind, requestedBy: name, reason, because } = running
  if (kind !== 'rollback' && kind !== 'put-back') return null
  return (
    <p className="mt-1.5 flex gap-1.5 text-[13px] text-err wrap-anywhere">
      <Undo2 aria-hidden="true" className="mt-0.5 size-3.5 shrink-0" />
      {kind === 'rollback' ? t('rolledBack', { name, because: reason }) : t('putBack', { because: reason || because })}
    </p>
  )
}

/** Truth last: the image that was seen running, against the one that was built. */
export function Observed({ built, observed, muted }: { built: string; observed: string | null; muted?: boolean }) {
  const t = useTranslations('board')
  if (observed === null) return <span className="text-xs text-faint">{t('notObserved')}</span>
  if (observed === built) {
    return (
      <span className={cn('inline-flex items-center gap-1 text-xs font-medium', muted ? 'text-soft' : 'text-ok')}>
        <ShieldCheck aria-hidden="true" className="size-3.5" />
        {t('observed')}
      </span>
    )
  }
  return (
    <span
      className="inline-flex items-center gap-1 text-xs font-medium text-fail"
      title={t('observedOtherHelp', { observed: shortDigest(observed), built: shortDigest(built) })}
    >
      <TriangleAlert aria-hidden="true" className="size-3.5" />
      {t('observedOther')}: <span className="font-mono">{shortDigest(observed)}</span>
    </span>
  )
}

const asksForSignature = (promotion: PromotionShape) =>
  promotion.status === 'waiting' && promotion.verdicts.some((v) => v.gate === 'approvals' && v.state === 'waiting')

/** @param signs this viewer's role is asked for a signature */
function OnItsWay({ open, signs }: { open: readonly PromotionShape[]; signs: boolean }) {
  const t = useTranslations()
  return (
    <section aria-label={t('board.onItsWay')}>
      <h4 className="eyebrow mb-2 flex items-center gap-1.5">
        <PackageCheck aria-hidden="true" className="size-3.5" />
        {t('board.onItsWay')}
      </h4>
      <ul className="space-y-3">
        {open.map((promotion) => {
          const sign = signs && asksForSignature(promotion)
          return (
            <li key={promotion.id}>
              <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
                <StatusBadge status={promotion.status} />
                <Link href={`/promotions/${promotion.id}`} className="link text-[13px] font-medium wrap-anywhere">
                  {promotion.release.tag}
                </Link>
                <span className="ml-auto text-xs text-faint">
                  <Time at={promotion.createdAt} />
                </span>
              </div>
              {promotion.waiting && <WhyWaiting waiting={promotion.waiting} className="mt-2" />}
              <Link
                href={`/promotions/${promotion.id}`}
                className={cn(button({ size: 'small', kind: sign ? 'primary' : 'plain' }), 'mt-2')}
                aria-label={`${t(sign ? 'place.reviewSign' : 'place.review')}: ${promotion.release.tag}`}
              >
                {sign && <PenLine aria-hidden="true" className="size-4" />}
                {t(sign ? 'place.reviewSign' : 'place.review')}
              </Link>
            </li>
          )
        })}
      </ul>
    </section>
  )
}

function LastFailed({ promotion }: { promotion: PromotionShape }) {
  const t = useTranslations()
  return (
    <section aria-label={t('board.lastFailed')}>
      <h4 className="eyebrow mb-2 flex items-center gap-1.5">
        <CircleX aria-hidden="true" className="size-3.5" />
        {t('board.lastFailed')}
      </h4>
      <div className="flex gap-3">
        <StatusDisc status={promotion.status} />
        <div className="min-w-0">
          <p className="wrap-anywhere">{promotion.because}</p>
          <p className="mt-1 flex flex-wrap gap-x-3 text-[13px] text-soft">
            <Link href={`/promotions/${promotion.id}`} className="link font-medium wrap-anywhere">
              {promotion.release.tag}
            </Link>
            <Time at={promotion.startedAt ?? promotion.createdAt} />
          </p>
        </div>
      </div>
    </section>
  )
}
