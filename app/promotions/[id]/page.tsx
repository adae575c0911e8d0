import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { cache } from 'react'
import { isFault } from '../../../pipelines/fault'
import { theRecord } from '../../_server/record'
import { ofPromotion } from '../../_server/rest/where'
import { Denied } from '../../_ui/denied'
import { Gates } from '../../_ui/gates'
import { Live } from '../../_ui/live'
import { environmentName } from '../../_ui/names'
import { PageHead, Section } from '../../_ui/page'
import { promotionTitle } from '../../_ui/promotion-title'
import { Refusal } from '../../_ui/refusal'
import { Rules } from '../../_ui/rules'
import { Trail } from '../../_ui/trail'
import { one, viewer, whoLooks } from '../../viewer'
import { readPromotion } from '../read'
import type { PromotionDetail } from '../shapes'
import { Actions } from './actions'
import { Compare } from './compare'
import { PromotionFacts } from './facts'
import { Outcome } from './outcome'
import { Sign } from './sign'
import { Tests } from './tests'
import { Verification } from './verification'

interface Props {
  params: Promise<{ id: string }>
  searchParams: Promise<Record<string, string | string[] | undefined>>
}

const thePromotion = cache(async (id: string): Promise<PromotionDetail> => {
  const who = await whoLooks()
  if (who === null) notFound()
  try {
    return await readPromotion(theRecord(), /^\d{1,10}$/.test(id) ? Number(id) : 0, who)
  } catch (error) {
    if (isFault(error) && error.code === 'not.found') notFound()
    throw error
  }
})

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (!(await viewer('promotions.read', `/promotions/${id}`, [ofPromotion, id])).ok) return {}
  const [t, promotion] = await Promise.all([getTranslations(), thePromotion(id)])
  return { title: `${promotionTitle(t, promotion)} · #${promotion.id}` }
}

export default async function Promotion({ params, searchParams }: Props) {
  const { id } = await params
  const asking = await viewer('promotions.read', `/promotions/${id}`, [ofPromotion, id])
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, promotion, query] = await Promise.all([getTranslations(), thePromotion(id), searchParams])
  const { verdicts, rules, approvals, status } = promotion
  return (
    <>
      <PageHead
        back={{ href: '/promotions', text: t('promotion.back') }}
        title={
          <>
            {promotionTitle(t, promotion)} <span className="font-normal text-faint">#{promotion.id}</span>
          </>
        }
        subtitle={<PromotionFacts promotion={promotion} />}
        aside={<Live />}
      />
      <div className="space-y-7">
        <Refusal problem={one(query.problem)} />
        <Outcome promotion={promotion} />
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-[minmax(0,1.25fr)_minmax(0,1fr)]">
          {/* On a phone the two columns are one: what is asked for stands before the long list of gates. */}
          <div className="contents lg:block lg:space-y-7">
            <Compare promotion={promotion} />
            <Section
              className="max-lg:order-2"
              title={t('promotion.gates')}
              aside={
                <span className="text-xs text-faint">
                  {t(status === 'waiting' ? 'promotion.gatesHelp' : 'promotion.gatesAsJudged')}
                </span>
              }
            >
              <div className="card overflow-hidden">
                <Gates verdicts={verdicts} />
              </div>
            </Section>
          </div>
          <div className="contents lg:block lg:space-y-7">
            <Section title={t('promotion.signoff')} id="sign" className="scroll-mt-16 max-lg:order-1">
              <div className="card">
                {rules.length === 0 ? (
                  <p className="px-4 py-3 text-soft">
                    {t('promotion.noSignoff', { environment: environmentName(t, promotion.environment) })}
                  </p>
                ) : (
                  <Rules rules={rules} approvals={approvals} />
                )}
                {rules.length > 0 && status === 'waiting' && <Sign promotion={promotion} viewer={asking.viewer} />}
              </div>
            </Section>
            <div className="max-lg:order-1">
              <Actions promotion={promotion} viewer={asking.viewer} />
            </div>
            <div className="max-lg:order-3">
              <Tests promotion={promotion} />
            </div>
          </div>
        </div>
        <Verification promotion={promotion} asked={one(query.stage)} />
        <Section title={t('promotion.trail')}>
          <Trail trail={promotion.trail} />
        </Section>
      </div>
    </>
  )
}
