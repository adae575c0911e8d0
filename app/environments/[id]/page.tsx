import { Hand, Trash2, Undo2 } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { visibleProjects } from '../../_server/permit'
import { theRecord } from '../../_server/record'
import { ofEnvironment } from '../../_server/rest/where'
import { AskFirst } from '../../_ui/act'
import { button } from '../../_ui/button'
import { ComesAfter } from '../../_ui/comes-after'
import { Denied } from '../../_ui/denied'
import { Live } from '../../_ui/live'
import { Lock } from '../../_ui/lock'
import { environmentInText, environmentName, startWords } from '../../_ui/names'
import { PageHead, Section } from '../../_ui/page'
import { PromotionRow } from '../../_ui/promotion-row'
import { Refusal } from '../../_ui/refusal'
import { listPromotions } from '../../promotions/read'
import type { EnvironmentShape } from '../../shapes'
import { one, viewer } from '../../viewer'
import { whyNot } from '../../why-not'
import { lockActions } from '../lock-actions'
import { GoSwitch, StopSwitch } from '../stop-switch'
import { thePlace } from '../the-place'

interface Props {
  params: Promise<{ id: string }>
  searchParams: Promise<Record<string, string | string[] | undefined>>
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (!(await viewer('environments.read', `/environments/${id}`, [ofEnvironment, id])).ok) return {}
  const [t, place] = await Promise.all([getTranslations(), thePlace(id)])
  return {
    title: t('place.title', { environment: environmentName(t, place.name), project: place.project.path }),
  }
}

/** One environment: what runs there, what keeps it closed, what can be done, and what came before. */
export default async function Environment({ params, searchParams }: Props) {
  const { id } = await params
  const asking = await viewer('environments.read', `/environments/${id}`, [ofEnvironment, id])
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, place, query] = await Promise.all([getTranslations(), thePlace(id), searchParams])
  const history = await listPromotions(theRecord(), visibleProjects(asking.viewer), {
    environmentId: place.id,
    limit: 15,
  })
  const back = `/environments/${place.id}` as const
  const words = { environment: environmentInText(t, place.name) }
  const noRollback = whyNot(t, asking.viewer, 'promotions.rollback', undefined, asking.where)
  return (
    <>
      <PageHead
        back={{ href: '/', text: t('place.back') }}
        title={t('place.title', { environment: environmentName(t, place.name), project: place.project.path })}
        subtitle={<Entered place={place} />}
        aside={<Live />}
      />
      <div className="space-y-7">
        <Refusal problem={one(query.problem)} />
        <Lock
          environment={place}
          actions={{
            ...lockActions(t, asking.viewer, place, back),
            rollback: undefined,
            go: <GoSwitch place={place} viewer={asking.viewer} back={back} />,
            whole: true,
          }}
        />
        <Section title={t('promotion.timeline')}>
          <div className="card flex flex-wrap items-start gap-x-6 gap-y-3 px-4 py-4">
            <div className="flex flex-wrap items-center gap-3">
              {noRollback === null ? (
                <Link href={`/environments/${place.id}/rollback`} className={button({})}>
                  <Undo2 aria-hidden="true" className="size-4" />
                  {t('place.rollback')}
                </Link>
              ) : (
                <>
                  <button type="button" disabled aria-describedby="rollback-denied" className={button({})}>
                    <Undo2 aria-hidden="true" className="size-4" />
                    {t('place.rollback')}
                  </button>
                  <span id="rollback-denied" className="max-w-80 text-[13px] text-soft">
                    {noRollback}
                  </span>
                </>
              )}
            </div>
            {place.hold === null && (
              <AskFirst
                path={`/api/v1/environments/${place.id}/hold`}
                back={back}
                text={t('place.hold')}
                icon={<Hand aria-hidden="true" className="size-4 shrink-0" />}
                denied={whyNot(t, asking.viewer, 'environments.hold', undefined, asking.where)}
                question={{
                  title: t('place.holdTitle', words),
                  text: t('place.holdText'),
                  confirm: t('place.holdConfirm', words),
                  reason: { field: 'because', required: true },
                }}
              />
            )}
            <StopSwitch place={place} viewer={asking.viewer} back={back} />
            <AskFirst
              path={`/api/v1/environments/${place.id}/remove`}
              back={back}
              next="/"
              text={t('place.remove')}
              kind="danger"
              icon={<Trash2 aria-hidden="true" className="size-4 shrink-0" />}
              denied={whyNot(t, asking.viewer, 'environments.remove', undefined, asking.where)}
              question={{
                title: t('place.removeTitle', words),
                text: t('place.removeText'),
                confirm: t('place.removeConfirm', words),
                reason: { field: 'because', required: true },
              }}
            />
          </div>
        </Section>
        <Section
          title={t('place.history')}
          aside={
            <Link
              href={`/promotions?project=${place.project.id}&environment=${place.name}`}
              className="text-[13px] text-accent hover:underline"
            >
              {t('place.historyAll')}
            </Link>
          }
        >
          {history.items.length === 0 ? (
            <p className="card px-4 py-3 text-soft">{t('place.noHistory')}</p>
          ) : (
            <ol className="card divide-y divide-line" aria-label={t('promotions.list')}>
              {history.items.map((promotion) => (
                <PromotionRow key={promotion.id} promotion={promotion} />
              ))}
            </ol>
          )}
        </Section>
      </div>
    </>
  )
}

async function Entered({ place }: { place: EnvironmentShape }) {
  const t = await getTranslations()
  return (
    <p className="flex flex-wrap gap-x-4 text-[13px]">
      <span>{startWords(t, place.start)}</span>
      <span>
        {t('place.after')}: <ComesAfter name={place.name} after={place.after} />
      </span>
      <Link href={`/environments/${place.id}/policy`} className="text-accent hover:underline">
        {t('policy.see')}
      </Link>
    </p>
  )
}
