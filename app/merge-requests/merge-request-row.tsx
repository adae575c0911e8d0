import { ArrowRight } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { shortCommit } from '../_ui/duration'
import { Branch } from '../_ui/refs'
import { StatusBadge } from '../_ui/status'
import { Time } from '../_ui/time'
import { Marks } from './marks'
import type { MergeRequestShape } from './shapes'

/** One merge request of the list: what goes where, by whom, and whether the flow has that arrow. */
export function MergeRequestRow({ mergeRequest: m }: { mergeRequest: MergeRequestShape }) {
  const t = useTranslations('mergeRequests')
  return (
    <li className="relative grid grid-cols-[minmax(0,1fr)_auto] gap-x-5 gap-y-1.5 px-4 py-3 first:rounded-t-[10px] last:rounded-b-[10px] hover:bg-raised/60 lg:grid-cols-[7.5rem_minmax(0,1fr)_auto_5rem] lg:items-center">
      <div>
        <StatusBadge status={m.status} />
      </div>
      <div className="order-3 col-span-2 min-w-0 lg:order-none lg:col-span-1">
        <Link href={`/merge-requests/${m.id}`} className="link cover font-medium wrap-anywhere">
          {m.title || t('noTitle')}
        </Link>
        <p className="mt-0.5 flex min-w-0 flex-wrap items-center gap-x-3 gap-y-0.5 text-[13px] text-soft">
          <span className="text-ink">
            {m.project.path} {t('number', { iid: m.iid })}
          </span>
          <span className="inline-flex max-w-full min-w-0 flex-wrap items-center gap-x-1.5">
            <Branch name={m.source} />
            <ArrowRight aria-label={t('into')} role="img" className="size-3.5 shrink-0 text-faint" />
            <Branch name={m.target} />
          </span>
          <code className="text-xs">{shortCommit(m.head)}</code>
          <span>{m.author}</span>
        </p>
        {!m.pair.ok && m.status === 'opened' && (
          <p className="mt-1 text-[13px] text-refuse wrap-anywhere">{m.pair.because}</p>
        )}
      </div>
      <div className="order-4 col-span-2 lg:order-none lg:col-span-1">
        <Marks mergeRequest={m} />
      </div>
      <div className="order-2 text-right text-[13px] text-soft lg:order-none">
        <Time at={m.createdAt} />
      </div>
    </li>
  )
}
