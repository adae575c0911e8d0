import { Filter, Workflow } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { isFault } from '../../pipelines/fault'
import { RUN } from '../../pipelines/run'
import { visibleProjects } from '../_server/permit'
import { theRecord } from '../_server/record'
import { button } from '../_ui/button'
import { Choice } from '../_ui/choice'
import { Denied } from '../_ui/denied'
import { Live } from '../_ui/live'
import { Empty, PageHead } from '../_ui/page'
import { Pager } from '../_ui/pager'
import { RunRow } from '../_ui/run-row'
import { statusName } from '../_ui/status'
import { one, viewer } from '../viewer'
import type { Visible } from '../visible'
import { listRuns, type RunFilter, type RunFilters, runFilters } from './read'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('runs'))('title') }
}

type Query = Promise<Record<string, string | string[] | undefined>>

export default async function Runs({ searchParams }: { searchParams: Query }) {
  const asking = await viewer('runs.read', '/runs')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const query = await searchParams
  const filter = {
    service: one(query.service),
    branch: one(query.branch),
    status: one(query.status),
    project: idOf(one(query.project)),
  }
  const after = one(query.after)
  const record = theRecord()
  const visible = visibleProjects(asking.viewer)
  const [t, page, offered] = await Promise.all([
    getTranslations(),
    read(visible, after, filter),
    runFilters(record, visible),
  ])
  const filtered = Object.values(filter).some((v) => v !== undefined)
  return (
    <>
      <PageHead title={t('runs.title')} subtitle={t('runs.subtitle')} aside={<Live />} />
      <Filters offered={offered} chosen={filter} filtered={filtered} />
      {page.items.length === 0 ? (
        <Empty
          icon={<Workflow aria-hidden="true" />}
          title={t(filtered ? 'runs.none' : 'runs.empty')}
          text={t(filtered ? 'runs.noneHelp' : 'runs.emptyHelp')}
        />
      ) : (
        <ol className="card divide-y divide-line" aria-label={t('runs.list')}>
          {page.items.map((run) => (
            <RunRow key={run.id} run={run} />
          ))}
        </ol>
      )}
      <Pager
        path="/runs"
        query={{ ...filter, project: filter.project?.toString() }}
        next={page.next}
        deep={after !== undefined}
      />
    </>
  )
}

const idOf = (text: string | undefined) => (text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined)

/** An address that somebody typed may hold a cursor that is none: then the newest are shown. */
async function read(visible: Visible, after: string | undefined, filter: RunFilter) {
  try {
    return await listRuns(theRecord(), visible, { ...filter, after })
  } catch (error) {
    if (isFault(error) && error.code === 'input.invalid') return listRuns(theRecord(), visible, filter)
    throw error
  }
}

interface FilterProps {
  offered: RunFilters
  chosen: RunFilter
  filtered: boolean
}

/** A plain form: it works before the page is alive, and the address says what is shown. */
async function Filters({ offered, chosen, filtered }: FilterProps) {
  const t = await getTranslations()
  const statuses = Object.keys(RUN).map((status) => ({ value: status, text: t(`status.${statusName(status)}`) }))
  const asOptions = (values: readonly string[], kept: string | undefined) =>
    (kept === undefined || values.includes(kept) ? values : [kept, ...values]).map((value) => ({ value, text: value }))
  return (
    <form
      method="get"
      action="/runs"
      aria-label={t('runs.filters')}
      className="mb-4 grid grid-cols-2 gap-2 sm:flex sm:flex-wrap"
    >
      {chosen.project !== undefined && <input type="hidden" name="project" value={chosen.project} />}
      <Choice
        name="service"
        label={t('word.service')}
        any={t('runs.anyService')}
        value={chosen.service}
        options={asOptions(offered.services, chosen.service)}
      />
      <Choice
        name="branch"
        label={t('word.branch')}
        any={t('runs.anyBranch')}
        value={chosen.branch}
        options={asOptions(offered.branches, chosen.branch)}
      />
      <Choice
        name="status"
        label={t('word.status')}
        any={t('runs.anyStatus')}
        value={chosen.status}
        options={statuses}
      />
      <div className="flex gap-2">
        <button type="submit" className={button({ className: 'flex-1' })}>
          <Filter aria-hidden="true" className="size-4 text-soft" />
          {t('word.apply')}
        </button>
        {filtered && (
          <Link href="/runs" className={button({ kind: 'quiet' })}>
            {t('word.clear')}
          </Link>
        )}
      </div>
    </form>
  )
}
