import { Inbox } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { isFault } from '../../pipelines/fault'
import { theRecord } from '../_server/record'
import { Denied } from '../_ui/denied'
import { size } from '../_ui/duration'
import { Live } from '../_ui/live'
import { Empty, PageHead } from '../_ui/page'
import { Pager } from '../_ui/pager'
import { StatusBadge } from '../_ui/status'
import { Time } from '../_ui/time'
import type { DeliveryShape } from '../shapes'
import { one, viewer } from '../viewer'
import { listDeliveries } from './read'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('inbox'))('title') }
}

export default async function Deliveries({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>
}) {
  const asking = await viewer('deliveries.read', '/deliveries')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const after = one((await searchParams).after)
  const [t, page] = await Promise.all([getTranslations(), read(after)])
  return (
    <>
      <PageHead title={t('inbox.title')} subtitle={t('inbox.subtitle')} aside={<Live />} />
      {page.items.length === 0 ? (
        <Empty icon={<Inbox aria-hidden="true" />} title={t('inbox.empty')} text={t('inbox.emptyHelp')} />
      ) : (
        <ol className="card divide-y divide-line" aria-label={t('inbox.list')}>
          {page.items.map((delivery) => (
            <Delivery key={delivery.id} delivery={delivery} />
          ))}
        </ol>
      )}
      <Pager path="/deliveries" query={{}} next={page.next} deep={after !== undefined} />
    </>
  )
}

async function read(after: string | undefined) {
  try {
    return await listDeliveries(theRecord(), { after })
  } catch (error) {
    if (isFault(error) && error.code === 'input.invalid') return listDeliveries(theRecord())
    throw error
  }
}

async function Delivery({ delivery }: { delivery: DeliveryShape }) {
  const t = await getTranslations()
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-5 gap-y-1.5 px-4 py-3 lg:grid-cols-[7.5rem_minmax(0,1fr)_6rem_4.5rem_5rem] lg:items-center">
      <div>
        <StatusBadge status={delivery.decision} />
      </div>
      <div className="order-3 col-span-2 min-w-0 lg:order-none lg:col-span-1">
        <p className="wrap-anywhere">{delivery.because}</p>
        <p className="mt-0.5 flex flex-wrap gap-x-3 text-[13px] text-soft">
          <span>{delivery.project.path}</span>
          <span>{delivery.event}</span>
          <span className="text-faint">#{delivery.id}</span>
        </p>
      </div>
      <div className="order-4 text-[13px] lg:order-none">
        {delivery.run !== null && (
          <Link href={`/runs/${delivery.run}`} className="rounded font-medium text-accent hover:underline">
            {t('board.run', { id: delivery.run })}
          </Link>
        )}
      </div>
      <div className="order-5 text-right text-[13px] text-soft lg:order-none">{size(delivery.bytes)}</div>
      <div className="order-2 text-right text-[13px] text-soft lg:order-none">
        <Time at={delivery.receivedAt} />
      </div>
    </li>
  )
}
