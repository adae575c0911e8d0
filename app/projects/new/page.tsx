import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { Denied } from '../../_ui/denied'
import { PageHead } from '../../_ui/page'
import { viewer } from '../../viewer'
import { ConnectForm } from './connect-form'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('connect'))('title') }
}

export default async function NewProject() {
  const asking = await viewer('projects.connect', '/projects/new')
  const t = await getTranslations()
  if (!asking.ok) return <Denied role={asking.viewer.role} why={t('projects.connectDenied')} />
  return (
    <>
      <PageHead
        back={{ href: '/projects', text: t('project.back') }}
        title={t('connect.title')}
        subtitle={t('connect.subtitle')}
      />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 lg:grid-cols-[minmax(0,34rem)_minmax(0,1fr)]">
        <ConnectForm />
        <div className="space-y-5 lg:max-w-sm lg:pt-1">
          <Steps
            title={t('connect.helpTitle')}
            steps={[t('connect.help1'), t('connect.help2'), t('connect.help3'), t('connect.help4')]}
          />
          <Steps title={t('connect.nextTitle')} steps={[t('connect.next1'), t('connect.next2'), t('connect.next3')]} />
        </div>
      </div>
    </>
  )
}

function Steps({ title, steps }: { title: string; steps: readonly string[] }) {
  return (
    <section>
      <h2 className="mb-2 font-semibold">{title}</h2>
      <ol className="space-y-2 text-soft">
        {steps.map((step, i) => (
          <li key={step} className="flex gap-3">
            <span
              aria-hidden="true"
              className="mt-px grid size-5 shrink-0 place-items-center rounded-full bg-raised text-xs font-medium"
            >
              {i + 1}
            </span>
            <span>{step}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}
