import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import type { StageShape } from '../shapes'
import { cn } from './classes'
import { stageName } from './names'
import { Digest } from './refs'
import { LOOKS, StatusDisc, statusName, toneOf } from './status'
import { Duration } from './time'

/** What stands beside a stage's commands, where the page knows it. */
interface Beside {
  services?: readonly { name: string; image: string }[]
  caches?: readonly string[]
}
type Shown = StageShape & Beside

interface StageListProps {
  /** The page that the stages are chosen on. */
  of: `runs/${number}` | `promotions/${number}`
  stages: readonly Shown[]
  chosen: string | undefined
  /** What can be done with a stage. */
  actions: (stage: StageShape) => ReactNode
}

/** The stages with their reasons; the chosen one opens its details, and its log beside the list. */
export function StageList({ of, stages, chosen, actions }: StageListProps) {
  return (
    <ol className="card divide-y divide-line overflow-hidden">
      {stages.map((stage) => (
        <StageItem key={stage.name} of={of} stage={stage} chosen={stage.name === chosen} action={actions(stage)} />
      ))}
    </ol>
  )
}

function StageItem({
  of,
  stage,
  chosen,
  action,
}: {
  of: StageListProps['of']
  stage: Shown
  chosen: boolean
  action: ReactNode
}) {
  const t = useTranslations()
  const bad = stage.status === 'failed' || stage.status === 'errored'
  return (
    <li className={cn('relative px-3.5 py-2.5', chosen ? 'bg-raised/70' : 'hover:bg-raised/50')}>
      {chosen && <span aria-hidden="true" className="absolute inset-y-0 left-0 w-0.5 bg-accent" />}
      <Link
        href={`/${of}?stage=${stage.name}`}
        scroll={false}
        className="cover flex items-center gap-3 rounded"
        {...(chosen ? { 'aria-current': 'true' as const } : {})}
      >
        <StatusDisc status={stage.status} />
        <span className="min-w-0 flex-1 truncate font-medium">{stageName(t, stage.name)}</span>
        <span className="text-xs text-soft">
          <span className={toneOf(stage.status).text}>{t(`status.${statusName(stage.status)}`)}</span>
          {stage.ms !== null && (
            <>
              {' · '}
              <Duration ms={stage.ms} moving={'moving' in LOOKS[statusName(stage.status)]} />
            </>
          )}
        </span>
      </Link>
      {stage.because && (
        <p className={cn('mt-1 pl-9 text-[13px] wrap-anywhere', bad ? 'text-ink' : 'text-soft')}>{stage.because}</p>
      )}
      {chosen && <Details stage={stage} />}
      {action && <div className="relative z-10 mt-2.5 pl-9">{action}</div>}
    </li>
  )
}

function Details({ stage }: { stage: Shown }) {
  const t = useTranslations()
  const facts = [
    stage.exitCode !== null && t('run.exit', { code: stage.exitCode }),
    stage.attempts > 1 && t('run.attempts', { count: stage.attempts }),
  ].filter((fact) => fact !== false)
  if (facts.length === 0 && !stage.image && !stage.digest && stage.commands.length === 0) return null
  return (
    <div className="relative z-10 mt-2 space-y-1.5 pl-9 text-xs text-soft">
      {facts.length > 0 && <p>{facts.join(' · ')}</p>}
      {stage.image && (
        <p className="wrap-anywhere">
          {t('run.image')} <code>{stage.image}</code>
        </p>
      )}
      {stage.services?.map((service) => (
        <p key={service.name} className="wrap-anywhere">
          {t('run.beside', { name: service.name })} <code>{service.image}</code>
        </p>
      ))}
      {stage.caches !== undefined && stage.caches.length > 0 && (
        <p className="wrap-anywhere">
          {t('run.cache')} <code>{stage.caches.join(' ')}</code>
        </p>
      )}
      {stage.digest && (
        <p>
          {t('word.digest')} <Digest digest={stage.digest} />
        </p>
      )}
      {stage.commands.length > 0 && (
        <ul aria-label={t('run.commands')} className="space-y-1">
          {stage.commands.map((command) => (
            <li key={command} className="rounded bg-raised px-2 py-1 font-mono text-ink wrap-anywhere">
              {command}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
