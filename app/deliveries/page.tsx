import { Inbox } from 'lucide-react'
import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { isFault } from '../../pipelines/fault'
import { visibleProjects } from '../_server/permit'
import { theRecord } from '../_server/record'
import { Denied } from '../_ui/denied'
import { Live } from '../_ui/live'
import { Empty, PageHead } from '../_ui/page'
import { Pager } from '../_ui/pager'
import { Tabs } from '../_ui/tabs'
import { one, viewer } from '../viewer'
import type { Visible } from '../visible'
import { DeliveryRow } from './delivery-row'
import { type DeliveryFilter, listDeliveries } from './read'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('inbox'))('title') }
}

const DECISIONS = ['accepted', 'ignored', 'refused', 'duplicate'] as const
const idOf = (text: string | undefined) => (text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined)

export default async function Deliveries({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>
}) {
  const asking = await viewer('deliveries.read', '/deliveries')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const query = await searchParams
  const after = one(query.after)
  const filter = {
    decision: DECISIONS.find((d) => d === one(query.decision)),
    project: idOf(one(query.project)),
  }
  const kept = { project: filter.project?.toString() }
  const [t, page] = await Promise.all([getTranslations(), read(visibleProjects(asking.viewer), after, filter)])
  return (
    <>
      <PageHead title={t('inbox.title')} subtitle={t('inbox.subtitle')} aside={<Live />} />
      <Tabs
        label={t('inbox.filter')}
        path="/deliveries"
        name="decision"
        query={kept}
        chosen={filter.decision}
        tabs={[
          { value: undefined, text: t('word.all') },
          ...DECISIONS.map((d) => ({ value: d, text: t(`status.${d}`) })),
        ]}
      />
      {page.items.length === 0 ? (
        <Empty
          icon={<Inbox aria-hidden="true" />}
          title={t(filter.decision ? 'inbox.none' : 'inbox.empty')}
          text={t(filter.decision ? 'inbox.noneHelp' : 'inbox.emptyHelp')}
        />
      ) : (
        <ol className="card divide-y divide-line" aria-label={t('inbox.list')}>
          {page.items.map((delivery) => (
            <DeliveryRow key={delivery.id} delivery={delivery} />
          ))}
        </ol>
      )}
      <Pager
        path="/deliveries"
        query={{ ...kept, decision: filter.decision }}
        next={page.next}
        deep={after !== undefined}
      />
    </>
  )
}

async function read(visible: Visible, after: string | undefined, filter: DeliveryFilter) {
  try {
    return await listDeliveries(theRecord(), visible, { ...filter, after })
  } catch (error) {
    if (isFault(error) && error.code === 'input.invalid') return listDeliveries(theRecord(), visible, filter)
    throw error
  }
}
