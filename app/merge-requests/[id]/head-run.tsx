import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { stageName } from '../../_ui/names'
import { StatusBadge, StatusDisc, statusName, toneOf } from '../../_ui/status'
import { Duration, Time } from '../../_ui/time'
import type { MergeRequestDetail } from '../shapes'

/** The run of the head: what merging brings in was looked at here. */
export function HeadRun({ mergeRequest: { run } }: { mergeRequest: MergeRequestDetail }) {
  const t = useTranslations()
  if (run === null) return <p className="card px-4 py-3 text-soft">{t('mergeRequest.noRun')}</p>
  return (
    <article className="card space-y-3 px-4 py-3.5" aria-label={t('board.run', { id: run.id })}>
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
        <StatusBadge status={run.status} />
        <Link href={`/runs/${run.id}`} className="link font-medium wrap-anywhere">
          {run.title || t('runs.noTitle')} <span className="font-normal text-faint">#{run.id}</span>
        </Link>
        <span className="ml-auto flex gap-x-3 text-[13px] text-soft">
          {run.ms !== null && <Duration ms={run.ms} moving={run.status === 'running'} />}
          <Time at={run.createdAt} />
        </span>
      </header>
      {run.because && <p className="text-[13px] wrap-anywhere">{run.because}</p>}
      {run.stages.length > 0 && (
        <ol className="-mx-4 -mb-3.5 divide-y divide-line border-t border-line" aria-label={t('runs.stages')}>
          {run.stages.map((stage) => (
            <Stage key={stage.name} run={run.id} stage={stage} />
          ))}
        </ol>
      )}
    </article>
  )
}

type Stage = NonNullable<MergeRequestDetail['run']>['stages'][number]

function Stage({ run, stage }: { run: number; stage: Stage }) {
  const t = useTranslations()
  const { tests } = stage
  const bad = tests === null ? 0 : tests.failed + tests.errored
  return (
    <li className="relative flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2 text-[13px] hover:bg-raised/60">
      <StatusDisc status={stage.status} />
      <Link href={`/runs/${run}?stage=${stage.name}#log`} className="link cover font-medium">
        {stageName(t, stage.name)}
      </Link>
      <span className={toneOf(stage.status).text}>{t(`status.${statusName(stage.status)}`)}</span>
      <span className="ml-auto flex gap-x-4 text-soft">
        {tests !== null && (
          <span className={bad > 0 ? 'text-fail' : ''}>
            {bad > 0 ? t('tests.suiteBad', { bad, count: tests.total }) : t('tests.total', { count: tests.total })}
          </span>
        )}
        {stage.ms !== null && <Duration ms={stage.ms} moving={stage.status === 'running'} />}
      </span>
    </li>
  )
}
