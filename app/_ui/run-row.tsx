import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { RunSummary } from '../shapes'
import { cn } from './classes'
import { shortCommit } from './duration'
import { Branch } from './refs'
import { LOOKS, StatusBadge, statusName } from './status'
import { StageStrip } from './strip'
import { Duration, Time } from './time'

/** One run of the list: what, by whom, how far it came. */
export function RunRow({ run }: { run: RunSummary }) {
  const t = useTranslations()
  const bad = run.status === 'failed' || run.status === 'errored' || run.status === 'refused'
  return (
    <li className="relative grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-5 gap-y-2 px-4 py-3 first:rounded-t-[10px] last:rounded-b-[10px] hover:bg-raised/60 lg:grid-cols-[7.5rem_minmax(0,1fr)_11rem_4.5rem_5rem]">
      <div className="order-1 col-span-1 lg:order-none">
        <StatusBadge status={run.status} />
      </div>
      <div className="order-3 col-span-2 min-w-0 lg:order-none lg:col-span-1">
        <Link href={`/runs/${run.id}`} className="link cover block truncate font-medium" title={run.title}>
          {run.title || t('runs.noTitle')}
        </Link>
        <p className="mt-0.5 flex min-w-0 flex-wrap items-center gap-x-3 text-[13px] text-soft">
          <span className="text-ink">{run.service}</span>
          <Branch name={run.branch} className="max-w-56" />
          <code className="text-xs">{shortCommit(run.commit)}</code>
          <span>{run.pusher}</span>
        </p>
        {bad && run.because && (
          <p
            className={cn(
              'mt-1 line-clamp-2 text-[13px] wrap-anywhere',
              run.status === 'errored' ? 'text-err' : run.status === 'refused' ? 'text-refuse' : 'text-fail',
            )}
          >
            {run.because}
          </p>
        )}
      </div>
      <div className="order-4 col-span-2 min-w-0 lg:order-none lg:col-span-1">
        <StageStrip stages={run.stages} href={(stage) => `/runs/${run.id}?stage=${stage}#log`} />
      </div>
      <div className="hidden text-right text-[13px] text-soft lg:block">
        {run.ms !== null && run.status !== 'errored' && (
          <Duration ms={run.ms} moving={'moving' in LOOKS[statusName(run.status)] && run.finishedAt === null} />
        )}
      </div>
      <div className="order-2 text-right text-[13px] text-soft lg:order-none">
        <Time at={run.createdAt} />
      </div>
    </li>
  )
}
