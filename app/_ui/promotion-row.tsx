import { Hourglass } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { PromotionItem } from '../promotions/shapes'
import { promotionTitle } from './promotion-title'
import { StatusBadge, toneOf } from './status'
import { Time } from './time'

const BAD = new Set(['failed', 'errored', 'refused'])

/** One promotion of the list: what goes where, how it stands, and whose turn it is. */
export function PromotionRow({ promotion }: { promotion: PromotionItem }) {
  const t = useTranslations()
  const { waiting, status } = promotion
  return (
    <li className="relative grid grid-cols-[minmax(0,1fr)_auto] items-start gap-x-5 gap-y-2 px-4 py-3 first:rounded-t-[10px] last:rounded-b-[10px] hover:bg-raised/60 lg:grid-cols-[7.5rem_minmax(0,1fr)_5rem]">
      <div className="order-1 lg:order-none">
        <StatusBadge status={status} />
      </div>
      <div className="order-3 col-span-2 min-w-0 lg:order-none lg:col-span-1">
        <Link href={`/promotions/${promotion.id}`} className="link cover font-medium wrap-anywhere">
          {promotionTitle(t, promotion)}
        </Link>
        <p className="mt-0.5 flex min-w-0 flex-wrap items-center gap-x-3 text-[13px] text-soft">
          <span>#{promotion.id}</span>
          <span className="text-ink wrap-anywhere">{promotion.project.path}</span>
          <span className="truncate">{promotion.title}</span>
          <span>{t('promotion.requested', { name: promotion.requestedBy })}</span>
        </p>
        {waiting && (
          <p className="mt-1 flex gap-1.5 text-[13px] text-wait wrap-anywhere">
            <Hourglass aria-hidden="true" className="mt-0.5 size-3.5 shrink-0" />
            <span>
              <span className="line-clamp-2">{waiting.what}</span>
              <span className="block text-soft">{waiting.who}</span>
            </span>
          </p>
        )}
        {!waiting && BAD.has(status) && promotion.because && (
          <p className={`mt-1 line-clamp-2 text-[13px] wrap-anywhere ${toneOf(status).text}`}>{promotion.because}</p>
        )}
      </div>
      <div className="order-2 text-right text-[13px] text-soft lg:order-none">
        <Time at={promotion.createdAt} />
      </div>
    </li>
  )
}
