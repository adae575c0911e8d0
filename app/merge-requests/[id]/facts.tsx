import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { Commit, Outward } from '../../_ui/refs'
import { StatusBadge } from '../../_ui/status'
import { Time } from '../../_ui/time'
import { Marks } from '../marks'
import type { MergeRequestDetail } from '../shapes'

/** Under the heading: how it stands, whose it is, and what is seen of it. */
export function Facts({ mergeRequest: m }: { mergeRequest: MergeRequestDetail }) {
  const t = useTranslations()
  return (
    <div className="mt-1.5 space-y-2">
      <p className="text-[15px] text-ink wrap-anywhere">{m.title || t('mergeRequests.noTitle')}</p>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-[13px]">
        <StatusBadge status={m.status} />
        <Marks mergeRequest={m} />
        <Link href={`/projects/${m.project.id}`} className="link font-medium wrap-anywhere">
          {m.project.path}
        </Link>
        <span>{t('mergeRequest.by', { name: m.author })}</span>
        {m.head !== '' && (
          <span className="inline-flex items-center gap-x-2">
            <span className="text-faint">{t('mergeRequest.head')}</span> <Commit commit={m.head} />
          </span>
        )}
        {m.webUrl && <Outward href={m.webUrl}>{t('word.onForge')}</Outward>}
        {m.syncedAt && (
          <span className="text-faint">
            {t('mergeRequest.synced')} <Time at={m.syncedAt} />
          </span>
        )}
      </div>
      {m.status === 'merged' && (
        <p className="flex flex-wrap items-center gap-x-2 text-[13px]">
          {t('mergeRequest.mergedBy', { name: m.merger || '–' })}
          {m.mergeCommit && <Commit commit={m.mergeCommit} />}
        </p>
      )}
    </div>
  )
}
