import { useLocale, useTranslations } from 'next-intl'
import { cn } from './classes'
import { duration } from './duration'
import { stageName } from './names'
import { LOOKS, StatusIcon, statusName, toneOf } from './status'

interface Part {
  name: string
  status: string
  ms: number | null
}

/** The stages of a run as segments; each says its name, status and duration when pointed at or focused. */
export function StageStrip({ stages, href }: { stages: readonly Part[]; href: (stage: string) => string }) {
  const t = useTranslations()
  const locale = useLocale()
  if (stages.length === 0) return <span className="text-xs text-faint">–</span>
  return (
    <ol className="flex w-full items-center gap-1" aria-label={t('runs.stages')}>
      {stages.map((stage) => {
        const name = stageName(t, stage.name)
        const status = t(`status.${statusName(stage.status)}`)
        const moving = 'moving' in LOOKS[statusName(stage.status)]
        return (
          <li key={stage.name} className="group relative h-5 min-w-0 flex-1">
            <a
              href={href(stage.name)}
              className="relative z-10 flex h-full items-center"
              aria-label={`${t('runs.stageIs', { stage: name, status })}${stage.ms === null ? '' : `, ${duration(stage.ms, locale)}`}`}
            >
              <span
                className={cn(
                  'h-1.5 w-full rounded-full transition-[height] group-focus-within:h-3 group-hover:h-3',
                  toneOf(stage.status).fill,
                  moving && 'animate-pulse',
                  (stage.status === 'pending' || stage.status === 'skipped') && 'opacity-50',
                )}
              />
            </a>
            <span
              role="presentation"
              className="pointer-events-none absolute bottom-full left-1/2 z-20 mb-1 hidden -translate-x-1/2 items-center gap-1.5 rounded-md border border-line bg-surface px-2 py-1 text-xs whitespace-nowrap shadow-lg group-focus-within:flex group-hover:flex"
            >
              <StatusIcon status={stage.status} className={cn('size-3.5', toneOf(stage.status).text)} />
              <span className="font-medium">{name}</span>
              <span className="text-soft">
                {status}
                {stage.ms !== null && ` · ${duration(stage.ms, locale)}`}
              </span>
            </span>
          </li>
        )
      })}
    </ol>
  )
}
