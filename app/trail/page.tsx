import { ScrollText } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { isFault } from '../../pipelines/fault'
import { theRecord } from '../_server/record'
import { Denied } from '../_ui/denied'
import { Live } from '../_ui/live'
import { Empty, PageHead } from '../_ui/page'
import { Pager } from '../_ui/pager'
import { one, viewer } from '../viewer'
import { EntryRow } from './entry-row'
import { Export } from './export'
import { Filters } from './filter-form'
import { trailChoices } from './filters'
import { type TrailFilter, type TrailScope, trailScope } from './find'
import { Head } from './head'
import { listEntries } from './read'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('trail'))('title') }
}

type Query = Promise<Record<string, string | string[] | undefined>>

const idOf = (text: string | undefined) => (text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined)
const dayOf = (text: string | undefined) => (text !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(text) ? text : undefined)

export default async function Trail({ searchParams }: { searchParams: Query }) {
  const asking = await viewer('trail.read', '/trail')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const query = await searchParams
  const filter = {
    person: one(query.person),
    project: idOf(one(query.project)),
    environment: one(query.environment),
    release: idOf(one(query.release)),
    kind: one(query.kind),
    from: dayOf(one(query.from)),
    to: dayOf(one(query.to)),
  }
  const after = one(query.after)
  const scope = trailScope(asking.viewer)
  const [t, page, offered] = await Promise.all([
    getTranslations('trail'),
    read(scope, after, filter),
    trailChoices(theRecord(), scope),
  ])
  const filtered = Object.values(filter).some((value) => value !== undefined)
  const followed = offered.releases.find((release) => release.id === filter.release)
  return (
    <>
      <PageHead
        title={t('title')}
        subtitle={t('subtitle')}
        aside={
          <>
            <Live />
            <Export viewer={asking.viewer} />
          </>
        }
      />
      <Head head={page.head} />
      <Filters offered={offered} chosen={filter} filtered={filtered} />
      {followed && (
        <p className="mb-3 text-soft">
          {t('following', { tag: followed.tag })}{' '}
          <Link href={`/releases/${followed.id}`} className="rounded text-accent hover:underline">
            {t('toRelease')}
          </Link>
        </p>
      )}
      {page.items.length === 0 ? (
        <Empty
          icon={<ScrollText aria-hidden="true" />}
          title={t(filtered ? 'none' : 'empty')}
          text={t(filtered ? 'noneHelp' : 'emptyHelp')}
        />
      ) : (
        <ol className="card divide-y divide-line" aria-label={t(filter.release === undefined ? 'list' : 'listRelease')}>
          {page.items.map((entry) => (
            <EntryRow key={entry.id} entry={entry} />
          ))}
        </ol>
      )}
      <Pager
        path="/trail"
        query={{ ...filter, project: filter.project?.toString(), release: filter.release?.toString() }}
        next={page.next}
        deep={after !== undefined}
        words={
          filter.release === undefined
            ? { next: t('older'), first: t('newest') }
            : { next: t('later'), first: t('first') }
        }
      />
    </>
  )
}

/** An address that somebody typed may hold a cursor or a day that is none: then the newest are shown. */
async function read(scope: TrailScope, after: string | undefined, filter: TrailFilter) {
  try {
    return await listEntries(theRecord(), scope, { ...filter, after })
  } catch (error) {
    if (!isFault(error) || error.code !== 'input.invalid') throw error
    return listEntries(theRecord(), scope, { ...filter, from: undefined, to: undefined })
  }
}
