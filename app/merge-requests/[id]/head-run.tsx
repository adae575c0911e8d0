import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { StatusBadge } from '../../_ui/status'
import { StageStrip } from '../../_ui/strip'
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
      <StageStrip stages={run.stages} href={(stage) => `/runs/${run.id}?stage=${stage}#log`} />
      {run.because && <p className="text-[13px] wrap-anywhere">{run.because}</p>}
    </article>
  )
}
