import { CircleCheck } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { shortCommit } from '../../_ui/duration'
import { StatusBadge } from '../../_ui/status'
import { Time } from '../../_ui/time'
import type { MergeActionShape, MergeRequestDetail } from '../shapes'

/** Who approved it, where, and which head: an approval of an older head says so. */
export function Approvals({ mergeRequest: m }: { mergeRequest: MergeRequestDetail }) {
  const t = useTranslations('mergeRequest')
  if (m.approvals.length === 0) return <p className="card px-4 py-3 text-soft">{t('noApprovals')}</p>
  return (
    <ul className="card divide-y divide-line" aria-label={t('approvals')}>
      {m.approvals.map((a) => {
        const old = a.head !== null && a.head !== m.head
        return (
          <li key={`${a.where} ${a.by} ${a.head}`} className="flex gap-2.5 px-4 py-2.5 text-[13px]">
            <CircleCheck aria-hidden="true" className={`mt-0.5 size-4 shrink-0 ${old ? 'text-mute' : 'text-ok'}`} />
            <span className="min-w-0 flex-1">
              <span className="font-medium wrap-anywhere">{a.by}</span>{' '}
              <span className="text-soft">{t(a.where === 'here' ? 'approvedHere' : 'approvedThere')}</span>
              {a.head !== null && (
                <span className="block text-soft">
                  <code className="text-xs">{shortCommit(a.head)}</code>
                  {old && ` · ${t('olderHead')}`}
                </span>
              )}
            </span>
            {a.at && <Time at={a.at} className="text-soft" />}
          </li>
        )
      })}
    </ul>
  )
}

/** What was asked for here, and what the forge made of it. */
export function Asked({ actions }: { actions: readonly MergeActionShape[] }) {
  const t = useTranslations('mergeRequest')
  return (
    <ol className="card divide-y divide-line" aria-label={t('asked')}>
      {actions.map((action) => (
        <li key={action.id} className="space-y-1 px-4 py-2.5 text-[13px]">
          <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <StatusBadge status={action.status} />
            <span>
              {t(action.kind === 'merge' ? 'askedMerge' : 'askedApprove', {
                name: action.by,
                head: shortCommit(action.head),
              })}
            </span>
            <Time at={action.finishedAt ?? action.createdAt} className="ml-auto text-soft" />
          </p>
          {action.because && <p className="text-soft wrap-anywhere">{action.because}</p>}
        </li>
      ))}
    </ol>
  )
}
