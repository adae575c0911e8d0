import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { StatusBadge } from '../_ui/status'
import { Time } from '../_ui/time'
import type { DeliveryItem } from './shapes'

/** One delivery of the list: what was decided and why, and what came of it. */
export function DeliveryRow({ delivery }: { delivery: DeliveryItem }) {
  const t = useTranslations()
  return (
    <li className="relative grid grid-cols-[minmax(0,1fr)_auto] gap-x-5 gap-y-1.5 px-4 py-3 first:rounded-t-[10px] last:rounded-b-[10px] hover:bg-raised/60 lg:grid-cols-[7.5rem_minmax(0,1fr)_9rem_5rem] lg:items-center">
      <div>
        <StatusBadge status={delivery.decision} />
      </div>
      <div className="order-3 col-span-2 min-w-0 lg:order-none lg:col-span-1">
        <Link href={`/deliveries/${delivery.id}`} className="link cover wrap-anywhere">
          {delivery.because}
        </Link>
        <p className="mt-0.5 flex flex-wrap gap-x-3 text-[13px] text-soft">
          <span>{delivery.project.path}</span>
          <span>{delivery.event}</span>
          <span className="text-faint">#{delivery.id}</span>
          {delivery.replayOf !== null && <span>{t('inbox.replayOf', { id: delivery.replayOf })}</span>}
        </p>
      </div>
      <MadeOf delivery={delivery} />
      <div className="order-2 text-right text-[13px] text-soft lg:order-none">
        <Time at={delivery.receivedAt} />
      </div>
    </li>
  )
}

/** The run or the merge request that it made or touched. */
function MadeOf({ delivery: { run, mergeRequest } }: { delivery: DeliveryItem }) {
  const t = useTranslations()
  const look = 'relative z-10 rounded font-medium text-accent hover:underline'
  return (
    <div className="order-4 col-span-2 flex flex-wrap gap-x-3 text-[13px] lg:order-none lg:col-span-1">
      {run !== null && (
        <Link href={`/runs/${run}`} className={look}>
          {t('board.run', { id: run })}
        </Link>
      )}
      {mergeRequest !== null && (
        <Link href={`/merge-requests/${mergeRequest.id}`} className={look}>
          {t('mergeRequests.number', { iid: mergeRequest.iid })}
        </Link>
      )}
    </div>
  )
}
