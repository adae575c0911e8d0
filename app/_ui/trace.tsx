import { Check, GitCommitHorizontal, Package } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import type { RunDetail } from '../shapes'
import { cn } from './classes'
import { shortDigest } from './duration'
import { environmentName, stageName } from './names'
import { LOOKS, StatusIcon, statusName, toneOf } from './status'
import { Duration, Time } from './time'

interface NodeProps {
  icon: ReactNode
  tone: string
  title: string
  detail: ReactNode
  href?: string
  chosen?: boolean
  /** It has been reached: the line towards it is drawn full. */
  reached: boolean
}

const isMoving = (status: string) => 'moving' in LOOKS[statusName(status)]

/** The list that the stations stand in. */
export const TRACE = 'card flex flex-col px-5 py-4 lg:flex-row lg:px-3 lg:py-5'

/** One left-to-right trace: push, stages, release, environment. On phones it runs downwards. */
export function Trace({ run, chosen }: { run: RunDetail; chosen: string | undefined }) {
  const t = useTranslations()
  const reached = (status: string) => !['pending', 'skipped', 'canceled'].includes(status)
  const release = run.promotions[0]?.release
  const digest = release?.digest ?? run.stages.find((s) => s.digest)?.digest ?? null
  return (
    <ol className={TRACE} aria-label={t('run.trace')}>
      <TraceNode
        icon={<GitCommitHorizontal aria-hidden="true" className="size-4" />}
        tone="bg-accent-ground text-accent"
        title={t('run.push')}
        detail={<Time at={run.createdAt} />}
        reached
      />
      {run.stages.map((stage) => (
        <TraceNode
          key={stage.name}
          icon={<StatusIcon status={stage.status} />}
          tone={toneOf(stage.status).badge}
          title={stageName(t, stage.name)}
          detail={
            <>
              {t(`status.${statusName(stage.status)}`)}
              {stage.ms !== null && (
                <>
                  {' · '}
                  <Duration ms={stage.ms} moving={isMoving(stage.status)} />
                </>
              )}
            </>
          }
          href={`/runs/${run.id}?stage=${stage.name}`}
          chosen={stage.name === chosen}
          reached={reached(stage.status)}
        />
      ))}
      <TraceNode
        icon={
          release ? (
            <Check aria-hidden="true" className="size-4" strokeWidth={2.25} />
          ) : (
            <Package aria-hidden="true" className="size-4" />
          )
        }
        tone={release ? 'bg-ok-ground text-ok' : 'bg-mute-ground text-mute'}
        title={t('run.release')}
        detail={
          release ? (
            <span className="font-mono">{shortDigest(digest ?? '')}</span>
          ) : (
            t(run.finishedAt ? 'run.noRelease' : 'run.notYet')
          )
        }
        {...(release ? { href: `/releases/${release.id}` } : {})}
        reached={release !== undefined}
      />
      {run.promotions.map((promotion) => (
        <TraceNode
          key={promotion.id}
          icon={<StatusIcon status={promotion.status} />}
          tone={toneOf(promotion.status).badge}
          title={environmentName(t, promotion.environment)}
          detail={t(`status.${statusName(promotion.status)}`)}
          href={`/promotions/${promotion.id}`}
          reached={reached(promotion.status)}
        />
      ))}
      {run.promotions.length === 0 && (
        <TraceNode
          icon={<StatusIcon status={run.goesTo ? 'pending' : 'skipped'} />}
          tone="bg-mute-ground text-mute"
          title={run.goesTo ? environmentName(t, run.goesTo) : t('run.nowhere')}
          detail={run.goesTo ? t('run.notYet') : ''}
          reached={false}
        />
      )}
    </ol>
  )
}

/** One station, and the line that leads to it. */
export function TraceNode({ icon, tone, title, detail, href, chosen, reached }: NodeProps) {
  const disc = (
    <span
      className={cn('relative z-[1] grid size-7 shrink-0 place-items-center rounded-full ring-surface lg:ring-4', tone)}
    >
      {icon}
    </span>
  )
  const words = (
    <span className="min-w-0 lg:mt-2 lg:block">
      <span className={cn('block truncate text-[13px] font-medium', chosen && 'text-accent')}>{title}</span>
      <span className="block truncate text-xs text-soft">{detail}</span>
    </span>
  )
  const inside =
    'flex min-w-0 items-center gap-3 rounded-lg px-2 py-1.5 lg:flex-col lg:items-center lg:gap-0 lg:text-center'
  return (
    <li
      className="relative min-w-0 flex-1 before:absolute before:hidden before:content-[''] not-first:before:block max-lg:before:-top-3 max-lg:before:left-[21px] max-lg:before:h-6 max-lg:before:border-l-2 lg:before:top-[19px] lg:before:right-1/2 lg:before:w-full lg:before:border-t-2 before:border-line data-[reached=true]:before:border-line-strong"
      data-reached={reached}
    >
      {href ? (
        <Link
          href={href}
          scroll={!href.includes('?')}
          className={cn(inside, 'hover:[&>span:last-child]:underline', chosen && 'max-lg:bg-accent-ground')}
          {...(chosen ? { 'aria-current': 'true' as const } : {})}
        >
          {disc}
          {words}
        </Link>
      ) : (
        <div className={inside}>
          {disc}
          {words}
        </div>
      )}
    </li>
  )
}
