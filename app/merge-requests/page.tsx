import { GitPullRequest } from 'lucide-react'
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
import { MergeRequestRow } from './merge-request-row'
import { listMergeRequests, type MergeRequestFilter } from './read'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('mergeRequests'))('title') }
}

const STATUSES = ['opened', 'merged', 'closed'] as const
const ALL = 'all'
const idOf = (text: string | undefined) => (text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined)

/** What needs somebody comes first: without a filter the open ones are shown. */
export default async function MergeRequests({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>
}) {
  const asking = await viewer('merge-requests.read', '/merge-requests')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const query = await searchParams
  const after = one(query.after)
  const asked = one(query.status)
  const tab = asked === ALL ? ALL : (STATUSES.find((s) => s === asked) ?? 'opened')
  const project = idOf(one(query.project))
  const filter = { project, status: tab === ALL ? undefined : tab }
  const kept = { project: project?.toString() }
  const [t, page] = await Promise.all([getTranslations(), read(visibleProjects(asking.viewer), after, filter)])
  return (
    <>
      <PageHead title={t('mergeRequests.title')} subtitle={t('mergeRequests.subtitle')} aside={<Live />} />
      <Tabs
        label={t('mergeRequests.filter')}
        path="/merge-requests"
        name="status"
        query={kept}
        chosen={tab === 'opened' ? undefined : tab}
        tabs={[
          ...STATUSES.map((s) => ({ value: s === 'opened' ? undefined : s, text: t(`status.${s}`) })),
          { value: ALL, text: t('word.all') },
        ]}
      />
      {page.items.length === 0 ? (
        <Empty
          icon={<GitPullRequest aria-hidden="true" />}
          title={t(tab === 'opened' ? 'mergeRequests.noneOpen' : 'mergeRequests.none')}
          text={t(tab === 'opened' ? 'mergeRequests.noneOpenHelp' : 'mergeRequests.noneHelp')}
        />
      ) : (
        <ol className="card divide-y divide-line" aria-label={t('mergeRequests.list')}>
          {page.items.map((mergeRequest) => (
            <MergeRequestRow key={mergeRequest.id} mergeRequest={mergeRequest} />
          ))}
        </ol>
      )}
      <Pager
        path="/merge-requests"
        query={{ ...kept, status: tab === 'opened' ? undefined : tab }}
        next={page.next}
        deep={after !== undefined}
      />
    </>
  )
}

async function read(visible: Visible, after: string | undefined, filter: MergeRequestFilter) {
  try {
    return await listMergeRequests(theRecord(), visible, { ...filter, after })
  } catch (error) {
    if (isFault(error) && error.code === 'input.invalid') return listMergeRequests(theRecord(), visible, filter)
    throw error
  }
}
