import { ArrowRight, Check, Info, KeyRound, ShieldCheck, X } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { cache } from 'react'
import { isFault } from '../../../pipelines/fault'
import { next } from '../../../pipelines/machine'
import { PROJECT } from '../../../pipelines/project'
import { may } from '../../_server/permit'
import { theRecord } from '../../_server/record'
import { cn } from '../../_ui/classes'
import { Denied } from '../../_ui/denied'
import { Live } from '../../_ui/live'
import { Lock } from '../../_ui/lock'
import { checkName } from '../../_ui/names'
import { Note, PageHead, Section } from '../../_ui/page'
import { Outward } from '../../_ui/refs'
import { StatusBadge } from '../../_ui/status'
import { Time } from '../../_ui/time'
import { readBoard } from '../../environments/read'
import type { ProjectShape } from '../../shapes'
import { viewer } from '../../viewer'
import { readProject } from '../read'
import { Recheck } from './recheck'

interface Props {
  params: Promise<{ id: string }>
}

const theProject = cache(async (id: string): Promise<ProjectShape> => {
  try {
    return await readProject(theRecord(), /^\d{1,10}$/.test(id) ? Number(id) : 0)
  } catch (error) {
    if (isFault(error) && error.code === 'not.found') notFound()
    throw error
  }
})

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (!(await viewer('projects.read', `/projects/${id}`)).ok) return {}
  return { title: (await theProject(id)).path }
}

export default async function Project({ params }: Props) {
  const { id } = await params
  const asking = await viewer('projects.read', `/projects/${id}`)
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, project, board] = await Promise.all([getTranslations(), theProject(id), readBoard(theRecord())])
  const environments = board.filter((e) => e.project.id === project.id)
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
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-[minmax(0,1.4fr)_minmax(0,1fr)]">
          <Section
            title={t('project.checks')}
            aside={<span className="text-xs text-faint">{t('project.checksHelp')}</span>}
          >
            <Checks checks={project.checks} />
          </Section>
          <Section title={t('project.webhook')}>
            <Webhook project={project} />
          </Section>
        </div>
        <Section title={t('project.environments')}>
          {environments.length === 0 ? (
            <p className="card px-4 py-4 text-soft">{t('project.noEnvironments')}</p>
          ) : (
            <div className="grid grid-cols-[repeat(auto-fit,minmax(min(100%,320px),1fr))] gap-3">
              {environments.map((environment) => (
                <Lock key={environment.name} environment={environment} />
              ))}
            </div>
          )}
        </Section>
      </div>
    </>
  )
}

async function Checks({ checks }: { checks: ProjectShape['checks'] }) {
  const t = await getTranslations()
  if (checks.length === 0) return <p className="card px-4 py-3 text-soft">{t('project.noChecks')}</p>
  return (
    <ul className="card divide-y divide-line">
      {checks.map((check) => {
        const Icon = check.ok ? Check : X
        return (
          <li key={check.name} className="flex gap-3 px-4 py-3">
            <span
              className={cn(
                'grid size-6 shrink-0 place-items-center rounded-full',
                check.ok ? 'bg-ok-ground text-ok' : 'bg-fail-ground text-fail',
              )}
            >
              <Icon aria-hidden="true" className="size-3.5" strokeWidth={2.25} />
            </span>
            <div className="min-w-0">
              <p className="font-medium">
                {checkName(t, check.name)}{' '}
                <span className={cn('ml-1 text-xs font-normal', check.ok ? 'text-ok' : 'text-fail')}>
                  {t(check.ok ? 'check.passed' : 'check.open')}
                </span>
              </p>
              <p className="text-[13px] text-soft wrap-anywhere">{check.because}</p>
              {check.remedy && !check.ok && (
                <p className="mt-1.5 rounded-md bg-raised px-3 py-2 text-[13px] wrap-anywhere">
                  <span className="font-medium">{t('project.remedy')}:</span> {check.remedy}
                </p>
              )}
            </div>
          </li>
        )
      })}
    </ul>
  )
}

async function Webhook({ project }: { project: ProjectShape }) {
  const t = await getTranslations('project')
  const Icon = project.signed ? ShieldCheck : KeyRound
  return (
    <dl className="card space-y-3 px-4 py-3.5">
      <div>
        <dt className="text-xs text-faint">{t('forge')}</dt>
        <dd className="wrap-anywhere">{project.forgeUrl}</dd>
        <dd className="mt-1 text-[13px] text-soft">{t('webhookHelp')}</dd>
      </div>
      <div>
        <dt className="text-xs text-faint">{t('signing')}</dt>
        <dd className="flex items-center gap-1.5 font-medium">
          <Icon aria-hidden="true" className={cn('size-4', project.signed ? 'text-ok' : 'text-queue')} />
          {t(project.signed ? 'signed' : 'token')}
        </dd>
        <dd className="mt-0.5 text-[13px] text-soft">{t(project.signed ? 'signedHelp' : 'tokenHelp')}</dd>
      </div>
    </dl>
  )
}
