import { Filter, Ship } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { PROMOTION } from '../../environments/promotion'
import { isFault } from '../../pipelines/fault'
import { visibleProjects } from '../_server/permit'
import { theRecord } from '../_server/record'
import { button } from '../_ui/button'
import { Choice } from '../_ui/choice'
import { cn } from '../_ui/classes'
import { Denied } from '../_ui/denied'
import { Live } from '../_ui/live'
import { environmentName } from '../_ui/names'
import { Empty, PageHead } from '../_ui/page'
import { Pager } from '../_ui/pager'
import { PromotionRow } from '../_ui/promotion-row'
import { Refusal } from '../_ui/refusal'
import { statusName } from '../_ui/status'
import { one, viewer } from '../viewer'
import type { Visible } from '../visible'
import { listPromotions, type PromotionFilter, type PromotionFilters, promotionFilters } from './read'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('promotions'))('title') }
}

type Query = Promise<Record<string, string | string[] | undefined>>

export default async function Promotions({ searchParams }: { searchParams: Query }) {
  const asking = await viewer('promotions.read', '/promotions')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const query = await searchParams
  const filter = {
    environment: one(query.environment),
    status: one(query.status),
    project: idOf(one(query.project)),
    release: idOf(one(query.release)),
  }
  const after = one(query.after)
  const record = theRecord()
  const visible = visibleProjects(asking.viewer)
  const [t, page, offered] = await Promise.all([
    getTranslations(),
    read(visible, after, filter),
    promotionFilters(record, visible),
  ])
  const filtered = Object.values(filter).some((v) => v !== undefined)
  return (
    <>
      <PageHead title={t('promotions.title')} subtitle={t('promotions.subtitle')} aside={<Live />} />
      <div className="mb-4 empty:hidden">
        <Refusal problem={one(query.problem)} />
      </div>
      <div className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2">
        <Tabs chosen={filter} />
        <Filters offered={offered} chosen={filter} filtered={filtered} />
      </div>
      {page.items.length === 0 ? (
        <Empty
          icon={<Ship aria-hidden="true" />}
          title={t(filtered ? 'promotions.none' : 'promotions.empty')}
          text={t(filtered ? 'promotions.noneHelp' : 'promotions.emptyHelp')}
        />
      ) : (
        <ol className="card divide-y divide-line" aria-label={t('promotions.list')}>
          {page.items.map((promotion) => (
            <PromotionRow key={promotion.id} promotion={promotion} />
          ))}
        </ol>
      )}
      <Pager
        path="/promotions"
        query={{ ...filter, project: filter.project?.toString(), release: filter.release?.toString() }}
        next={page.next}
        deep={after !== undefined}
      />
    </>
  )
}

const idOf = (text: string | undefined) => (text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined)

/** An address that somebody typed may hold a cursor that is none: then the newest are shown. */
async function read(visible: Visible, after: string | undefined, filter: PromotionFilter) {
  try {
    return await listPromotions(theRecord(), visible, { ...filter, after })
  } catch (error) {
    if (isFault(error) && error.code === 'input.invalid') return listPromotions(theRecord(), visible, filter)
    throw error
  }
}

/** What needs somebody, one click away. */
async function Tabs({ chosen }: { chosen: PromotionFilter }) {
  const t = await getTranslations('promotions')
  const tabs = [
    { href: '/promotions', text: t('all'), here: chosen.status === undefined },
    { href: '/promotions?status=waiting', text: t('waiting'), here: chosen.status === 'waiting' },
  ]
  return (
    <ul className="flex gap-0.5 rounded-[7px] bg-raised p-0.5">
      {tabs.map(({ href, text, here }) => (
        <li key={href}>
          <Link
            href={href}
            className={cn(
              'block rounded-[5px] px-3 py-1.5 text-[13px] font-medium',
              here
                ? 'bg-surface text-ink shadow-[0_1px_2px_rgb(0_0_0/.12)] ring-1 ring-line'
                : 'text-soft hover:text-ink',
            )}
            {...(here ? { 'aria-current': 'page' as const } : {})}
          >
            {text}
          </Link>
        </li>
      ))}
    </ul>
  )
}

interface FilterProps {
  offered: PromotionFilters
  chosen: PromotionFilter
  filtered: boolean
}

/** A plain form: it works before the page is alive, and the address says what is shown. */
async function Filters({ offered, chosen, filtered }: FilterProps) {
  const t = await getTranslations()
  const statuses = Object.keys(PROMOTION).map((status) => ({ value: status, text: t(`status.${statusName(status)}`) }))
  return (
    <form
      method="get"
      action="/promotions"
      aria-label={t('promotions.filters')}
      className="grid grow grid-cols-2 gap-2 sm:flex sm:flex-wrap"
    >
      {chosen.project !== undefined && <input type="hidden" name="project" value={chosen.project} />}
      {chosen.release !== undefined && <input type="hidden" name="release" value={chosen.release} />}
      <Choice
        name="environment"
        label={t('gate.environment')}
        any={t('promotions.anyEnvironment')}
        value={chosen.environment}
        options={offered.environments.map((name) => ({ value: name, text: environmentName(t, name) }))}
      />
      <Choice
        name="status"
        label={t('word.status')}
        any={t('promotions.anyStatus')}
        value={chosen.status}
        options={statuses}
      />
      <div className="flex gap-2">
        <button type="submit" className={button({ className: 'flex-1' })}>
          <Filter aria-hidden="true" className="size-4 text-soft" />
          {t('word.apply')}
        </button>
        {filtered && (
          <Link href="/promotions" className={button({ kind: 'quiet' })}>
            {t('word.clear')}
          </Link>
        )}
      </div>
    </form>
  )
}
