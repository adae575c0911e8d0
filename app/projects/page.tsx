import { FolderGit2, Plus } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { isFault } from '../../pipelines/fault'
import { may, visibleProjects } from '../_server/permit'
import { theRecord } from '../_server/record'
import { button } from '../_ui/button'
import { Denied } from '../_ui/denied'
import { Live } from '../_ui/live'
import { environmentName } from '../_ui/names'
import { Empty, PageHead } from '../_ui/page'
import { Pager } from '../_ui/pager'
import { StatusBadge } from '../_ui/status'
import type { ProjectShape } from '../shapes'
import { one, viewer } from '../viewer'
import type { Visible } from '../visible'
import { listProjects } from './read'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('projects'))('title') }
}

export default async function Projects({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>
}) {
  const asking = await viewer('projects.read', '/projects')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const after = one((await searchParams).after)
  const [t, page] = await Promise.all([getTranslations('projects'), read(visibleProjects(asking.viewer), after)])
  const connect = may(asking.viewer, 'projects.connect') ? (
    <Link href="/projects/new" className={button({ kind: 'primary' })}>
      <Plus aria-hidden="true" className="size-4" />
      {t('connect')}
    </Link>
  ) : (
    <>
      <span id="connect-denied" className="text-[13px] text-soft">
        {t('connectDenied')}
      </span>
      <button type="button" disabled aria-describedby="connect-denied" className={button({ kind: 'primary' })}>
        <Plus aria-hidden="true" className="size-4" />
        {t('connect')}
      </button>
    </>
  )
  return (
    <>
      <PageHead
        title={t('title')}
        subtitle={t('subtitle')}
        aside={
          <>
            <Live />
            {page.items.length > 0 && connect}
          </>
        }
      />
      {page.items.length === 0 ? (
        <Empty
          icon={<FolderGit2 aria-hidden="true" />}
          title={t('empty')}
          text={t('emptyHelp')}
          action={<div className="flex flex-wrap items-center justify-center gap-3">{connect}</div>}
        />
      ) : (
        <ul className="card divide-y divide-line" aria-label={t('list')}>
          {page.items.map((project) => (
            <Project key={project.id} project={project} />
          ))}
        </ul>
      )}
      <Pager path="/projects" query={{}} next={page.next} deep={after !== undefined} />
    </>
  )
}

async function read(visible: Visible, after: string | undefined) {
  try {
    return await listProjects(theRecord(), visible, { after })
  } catch (error) {
    if (isFault(error) && error.code === 'input.invalid') return listProjects(theRecord(), visible)
    throw error
  }
}

async function Project({ project }: { project: ProjectShape }) {
  const t = await getTranslations()
  const passed = project.checks.filter((c) => c.ok).length
  return (
    <li className="relative grid gap-x-5 gap-y-2 px-4 py-3.5 first:rounded-t-[10px] last:rounded-b-[10px] hover:bg-raised/60 sm:grid-cols-[7.5rem_minmax(0,1fr)_auto] sm:items-center">
      <div>
        <StatusBadge status={project.status} />
      </div>
      <div className="min-w-0">
        <Link href={`/projects/${project.id}`} className="link cover font-medium wrap-anywhere">
          {project.path}
        </Link>
        <p className="mt-0.5 text-[13px] text-soft wrap-anywhere">
          {project.status === 'broken' && project.because ? project.because : project.forgeUrl}
        </p>
      </div>
      <div className="flex flex-wrap gap-x-3 gap-y-1 text-[13px] text-soft sm:justify-end sm:text-right">
        {project.status !== 'connected' && project.checks.length > 0 && (
          <span>{t('projects.checksPassed', { passed, count: project.checks.length })}</span>
        )}
        {project.environments.length > 0 && (
          <span>{project.environments.map((name) => environmentName(t, name)).join(' → ')}</span>
        )}
      </div>
    </li>
  )
}
