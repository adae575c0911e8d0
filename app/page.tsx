import { ArrowRight, FolderGit2, Ship } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { type Viewer, visibleProjects } from './_server/permit'
import { theRecord } from './_server/record'
import { button } from './_ui/button'
import { Denied } from './_ui/denied'
import { Live } from './_ui/live'
import { Lock } from './_ui/lock'
import { Empty, PageHead } from './_ui/page'
import { StatusBadge } from './_ui/status'
import { readInstallation } from './environments/installation'
import { lockActions } from './environments/lock-actions'
import { readBoard } from './environments/read'
import { EverythingStopped, StopEverything } from './environments/stop-everything'
import { GoSwitch } from './environments/stop-switch'
import { listProjects } from './projects/read'
import type { EnvironmentShape, ProjectShape } from './shapes'
import { viewer } from './viewer'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('board'))('title') }
}

interface Row {
  id: number
  path: string
  /** Absent where the project is too old to be among the newest that were read. */
  project: ProjectShape | undefined
  environments: EnvironmentShape[]
}

/** A row for each project: those with environments in the board's order, then those that are only being connected. */
function rowsOf(environments: readonly EnvironmentShape[], projects: readonly ProjectShape[]): Row[] {
  const rows = new Map<number, Row>()
  const rowFor = (id: number, path: string) => {
    const row = rows.get(id) ?? { id, path, project: projects.find((p) => p.id === id), environments: [] }
    rows.set(id, row)
    return row
  }
  for (const environment of environments)
    rowFor(environment.project.id, environment.project.path).environments.push(environment)
  for (const project of projects) rowFor(project.id, project.path)
  return [...rows.values()].sort((a, b) => a.path.localeCompare(b.path))
}

export default async function Board() {
  const asking = await viewer('environments.read', '/')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const record = theRecord()
  const visible = visibleProjects(asking.viewer)
  const [t, environments, projects, installation] = await Promise.all([
    getTranslations(),
    readBoard(record, visible),
    listProjects(record, visible, { limit: 100 }),
    readInstallation(record),
  ])
  const rows = rowsOf(environments, projects.items)
  return (
    <>
      <PageHead
        title={t('board.title')}
        subtitle={t('board.subtitle')}
        aside={
          <>
            <StopEverything installation={installation} viewer={asking.viewer} />
            <Live />
          </>
        }
      />
      <EverythingStopped installation={installation} viewer={asking.viewer} />
      {rows.length === 0 ? (
        <Empty
          icon={<Ship aria-hidden="true" />}
          title={t('board.emptyTitle')}
          text={t('board.emptyText')}
          action={
            <Link href="/projects/new" className={button({ kind: 'primary' })}>
              {t('projects.connect')}
            </Link>
          }
        />
      ) : (
        <div className="space-y-9">
          {rows.map((row) => (
            <ProjectRow key={row.id} row={row} viewer={asking.viewer} />
          ))}
        </div>
      )}
    </>
  )
}

async function ProjectRow({ row, viewer: who }: { row: Row; viewer: Viewer }) {
  const { id, path, project, environments } = row
  const t = await getTranslations()
  const connected = project === undefined || project.status === 'connected'
  const service = environments.find((e) => e.service)?.service
  return (
    <section aria-label={t('board.locks', { project: path })}>
      <header className="mb-2.5 flex flex-wrap items-center gap-x-3 gap-y-1">
        <FolderGit2 aria-hidden="true" className="size-4 text-faint" />
        <h2 className="text-sm font-semibold wrap-anywhere">
          <Link href={`/projects/${id}`} className="link">
            {path}
          </Link>
        </h2>
        {!connected && <StatusBadge status={project.status} />}
        {service && (
          <Link
            href={`/runs?service=${encodeURIComponent(service)}`}
            className="ml-auto inline-flex items-center gap-1 rounded text-[13px] text-soft hover:text-accent"
            aria-label={`${t('board.seeRuns')}: ${service}`}
          >
            {t('board.seeRuns')}
            <ArrowRight aria-hidden="true" className="size-3.5" />
          </Link>
        )}
      </header>
      {environments.length === 0 ? (
        <div className="card flex flex-wrap items-center gap-x-4 gap-y-1 px-5 py-4">
          <p className="text-soft wrap-anywhere">{(!connected && project.because) || t('board.noEnvironments')}</p>
          <Link
            href={`/projects/${id}`}
            className="inline-flex items-center gap-1 rounded text-[13px] font-medium text-accent hover:underline"
          >
            {t('board.notConnected')}
            <ArrowRight aria-hidden="true" className="size-3.5" />
          </Link>
        </div>
      ) : (
        <div className="grid grid-cols-[repeat(auto-fit,minmax(min(100%,320px),1fr))] gap-3">
          {environments.map((environment) => (
            <Lock
              key={environment.id}
              environment={environment}
              actions={{
                ...lockActions(t, who, environment, '/'),
                go: <GoSwitch place={environment} viewer={who} back="/" />,
              }}
            />
          ))}
        </div>
      )}
    </section>
  )
}
