import { ArrowRight, Info } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { cache } from 'react'
import { isFault } from '../../../pipelines/fault'
import { nameOf, namesOf, STANDARD_FLOW } from '../../../pipelines/gitflow'
import { next } from '../../../pipelines/machine'
import { PROJECT } from '../../../pipelines/project'
import { may } from '../../_server/permit'
import { theRecord } from '../../_server/record'
import { ofProject } from '../../_server/rest/where'
import { Denied } from '../../_ui/denied'
import { Live } from '../../_ui/live'
import { Note, PageHead, Section } from '../../_ui/page'
import { Outward } from '../../_ui/refs'
import { StatusBadge } from '../../_ui/status'
import { Time } from '../../_ui/time'
import { viewer } from '../../viewer'
import { rolesHeld } from '../../why-not'
import { readProject } from '../read'
import type { ProjectDetail } from '../shapes'
import { Checks } from './checks'
import { FlowForm } from './flow-form'
import { FlowTable } from './flow-table'
import { People } from './people'
import { Places } from './places'
import { Recheck } from './recheck'
import { Webhook } from './webhook'

interface Props {
  params: Promise<{ id: string }>
}

const theProject = cache(async (id: string): Promise<ProjectDetail> => {
  try {
    return await readProject(theRecord(), /^\d{1,10}$/.test(id) ? Number(id) : 0)
  } catch (error) {
    if (isFault(error) && error.code === 'not.found') notFound()
    throw error
  }
})

/** What a field that is left empty means. */
const STANDARD_NAMES = {
  feature: namesOf('feature', STANDARD_FLOW)[0] ?? '',
  develop: nameOf('develop', STANDARD_FLOW),
  release: namesOf('release', STANDARD_FLOW)[0] ?? '',
  master: namesOf('master', STANDARD_FLOW).join(', '),
  hotfix: namesOf('hotfix', STANDARD_FLOW)[0] ?? '',
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (!(await viewer('projects.read', `/projects/${id}`, [ofProject, id])).ok) return {}
  return { title: (await theProject(id)).path }
}

export default async function Project({ params }: Props) {
  const { id } = await params
  const asking = await viewer('projects.read', `/projects/${id}`, [ofProject, id])
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, project] = await Promise.all([getTranslations(), theProject(id)])
  const denied = !may(asking.viewer, 'projects.connect')
    ? t('projects.connectDenied')
    : next(PROJECT, project.status, 'recheck')
      ? null
      : t('project.recheckBusy')
  return (
    <>
      <PageHead
        back={{ href: '/projects', text: t('project.back') }}
        title={project.path}
        subtitle={
          <div className="mt-2 flex flex-wrap items-center gap-x-4 gap-y-2 text-[13px]">
            <StatusBadge status={project.status} />
            {project.webUrl && <Outward href={project.webUrl}>{t('project.openForge')}</Outward>}
            <span className="text-soft">
              {t('project.connectedOn')} <Time at={project.createdAt} />
            </span>
            <Link
              href={`/merge-requests?project=${project.id}`}
              className="inline-flex items-center gap-1 rounded text-accent hover:underline"
            >
              {t('flow.mergeRequests')}
              <ArrowRight aria-hidden="true" className="size-3.5" />
            </Link>
            <Link
              href={`/runs?project=${project.id}`}
              className="inline-flex items-center gap-1 rounded text-accent hover:underline"
            >
              {t('project.runs')}
              <ArrowRight aria-hidden="true" className="size-3.5" />
            </Link>
          </div>
        }
        aside={
          <>
            <Live />
            <Recheck project={project.id} denied={denied} />
          </>
        }
      />
      <div className="space-y-7">
        {project.because && project.status !== 'connected' && (
          <Note
            tone={project.status === 'broken' ? 'fail' : 'info'}
            icon={<Info aria-hidden="true" />}
            title={project.because}
          />
        )}
        <Section
          title={t('flow.table')}
          aside={<span className="hidden text-xs text-faint sm:inline">{t('flow.tableHelp')}</span>}
        >
          <FlowTable rows={project.table} />
          <details className="card mt-3">
            <summary className="px-4 py-3 font-medium hover:text-accent">{t('flow.change')}</summary>
            <div className="border-t border-line">
              <FlowForm
                project={project.id}
                flow={project.flow}
                standard={STANDARD_NAMES}
                denied={
                  may(asking.viewer, 'projects.flow', asking.where)
                    ? null
                    : t('flow.denied', { role: rolesHeld(t, asking.viewer, asking.where) })
                }
              />
            </div>
          </details>
        </Section>
        <Section
          title={t('project.environments')}
          aside={
            <Link href="/" className="inline-flex items-center gap-1 rounded text-[13px] text-accent hover:underline">
              {t('flow.board')}
              <ArrowRight aria-hidden="true" className="size-3.5" />
            </Link>
          }
        >
          <Places places={project.places} />
        </Section>
        <People project={project} viewer={asking.viewer} />
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-[minmax(0,1.4fr)_minmax(0,1fr)]">
          <Section
            title={t('project.checks')}
            aside={<span className="hidden text-xs text-faint sm:inline">{t('project.checksHelp')}</span>}
          >
            <Checks checks={project.checks} />
          </Section>
          <Section title={t('project.webhook')}>
            <Webhook project={project} />
          </Section>
        </div>
      </div>
    </>
  )
}
