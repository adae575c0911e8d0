import { Ban, Package } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { isFault } from '../../pipelines/fault'
import { visibleProjects } from '../_server/permit'
import { theRecord } from '../_server/record'
import { cn } from '../_ui/classes'
import { Denied } from '../_ui/denied'
import { Live } from '../_ui/live'
import { environmentName } from '../_ui/names'
import { Empty, PageHead } from '../_ui/page'
import { Pager } from '../_ui/pager'
import { Branch, Digest } from '../_ui/refs'
import { StatusIcon, statusName, toneOf } from '../_ui/status'
import { Time } from '../_ui/time'
import { one, viewer } from '../viewer'
import type { Visible } from '../visible'
import { listReleases, type ReleaseFilter } from './read'
import type { ReleaseItem, ReleasePlace } from './shapes'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('releases'))('title') }
}

type Query = Promise<Record<string, string | string[] | undefined>>

export default async function Releases({ searchParams }: { searchParams: Query }) {
  const asking = await viewer('releases.read', '/releases')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const query = await searchParams
  const project = one(query.project)
  const filter = {
    service: one(query.service),
    project: project !== undefined && /^\d{1,9}$/.test(project) ? Number(project) : undefined,
  }
  const after = one(query.after)
  const [t, page] = await Promise.all([
    getTranslations('releases'),
    read(visibleProjects(asking.viewer), after, filter),
  ])
  return (
    <>
      <PageHead title={t('title')} subtitle={t('subtitle')} aside={<Live />} />
      {page.items.length === 0 ? (
        <Empty icon={<Package aria-hidden="true" />} title={t('empty')} text={t('emptyHelp')} />
      ) : (
        <ol className="card divide-y divide-line" aria-label={t('list')}>
          {page.items.map((release) => (
            <Release key={release.id} release={release} />
          ))}
        </ol>
      )}
      <Pager
        path="/releases"
        query={{ service: filter.service, project: filter.project?.toString() }}
        next={page.next}
        deep={after !== undefined}
      />
    </>
  )
}

/** An address that somebody typed may hold a cursor that is none: then the newest are shown. */
async function read(visible: Visible, after: string | undefined, filter: ReleaseFilter) {
  try {
    return await listReleases(theRecord(), visible, { ...filter, after })
  } catch (error) {
    if (isFault(error) && error.code === 'input.invalid') return listReleases(theRecord(), visible, filter)
    throw error
  }
}

/** What it is, what it is made from, and how far it has come, left to right. */
async function Release({ release }: { release: ReleaseItem }) {
  const t = await getTranslations()
  const { refused } = release
  return (
    <li className="relative grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-5 gap-y-2 px-4 py-3 first:rounded-t-[10px] last:rounded-b-[10px] hover:bg-raised/60 lg:grid-cols-[minmax(0,1fr)_27rem_5rem]">
      <div className="col-span-2 min-w-0 lg:col-span-1">
        <Link href={`/releases/${release.id}`} className="link cover font-medium wrap-anywhere">
          {release.service} {release.tag}
        </Link>
        <p className="mt-0.5 truncate text-[13px]">{release.title || t('runs.noTitle')}</p>
        <p className="mt-0.5 flex min-w-0 flex-wrap items-center gap-x-3 text-[13px] text-soft">
          <span className="wrap-anywhere">{release.project.path}</span>
          <Branch name={release.branch} className="max-w-56" />
          <Digest digest={release.digest} />
        </p>
        <p className="mt-0.5 text-[13px] text-soft">
          {t('trust.title')} <b className="font-medium text-ink">{release.trust}</b>:{' '}
          {t(`trust.short.${release.trust}`)}
        </p>
        {refused && (
          <p className="mt-1 flex gap-1.5 text-[13px] text-refuse wrap-anywhere">
            <Ban aria-hidden="true" className="mt-0.5 size-3.5 shrink-0" />
            <span className="line-clamp-2">
              {t('releases.refused', { name: refused.by, because: refused.because })}
            </span>
          </p>
        )}
      </div>
      <ol className="flex flex-wrap gap-1.5 max-lg:order-1">
        {release.places.map((place) => (
          <Place key={place.environmentId} place={place} />
        ))}
      </ol>
      <div className="text-right text-[13px] text-soft max-lg:order-2">
        <Time at={release.createdAt} />
      </div>
    </li>
  )
}

async function Place({ place }: { place: ReleasePlace }) {
  const t = await getTranslations()
  const { status } = place
  const words = status ? t(`status.${statusName(status)}`) : t('releases.notThere')
  return (
    <li
      className={cn(
        'inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs',
        status ? toneOf(status).badge : 'text-faint ring-1 ring-line',
        place.running && 'ring-1 ring-current',
      )}
    >
      {status && <StatusIcon status={status} className="size-3.5" />}
      <span className={cn(status && 'font-medium')}>{environmentName(t, place.environment)}</span>{' '}
      <span className={cn(!status && 'sr-only')}>{place.running ? t('releases.runsHere') : words}</span>
    </li>
  )
}
