import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { cache } from 'react'
import { isFault } from '../../../pipelines/fault'
import { theRecord, theTrust } from '../../_server/record'
import { ofPromotion } from '../../_server/rest/where'
import { Denied } from '../../_ui/denied'
import { Gates } from '../../_ui/gates'
import { Live } from '../../_ui/live'
import { PageHead, Section } from '../../_ui/page'
import { promotionTitle } from '../../_ui/promotion-title'
import { Refusal } from '../../_ui/refusal'
import { FollowInTrail, Trail } from '../../_ui/trail'
import { AnswerPanel } from '../../approvals/answer'
import { BrokenBarriers } from '../../approvals/broken-barriers'
import { readExceptions } from '../../approvals/exceptions'
import { readSeen } from '../../approvals/seen'
import { one, viewer, whoLooks } from '../../viewer'
import { readPromotion } from '../read'
import type { PromotionDetail } from '../shapes'
import { Actions } from './actions'
import { Compare } from './compare'
import { Covered } from './covered'
import { PromotionFacts } from './facts'
import { Freeze, Outcome } from './outcome'
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
    return await readPromotion(theRecord(), /^\d{1,10}$/.test(id) ? Number(id) : 0, who, theTrust())
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
  const { verdicts, status, frozen } = promotion
  const record = theRecord()
  const [seen, exceptions] = await Promise.all([
    readSeen(record, promotion.id),
    readExceptions(record, { promotionId: promotion.id }, asking.viewer),
  ])
  const waits = status === 'waiting'
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
        <BrokenBarriers exceptions={exceptions} viewer={asking.viewer} back={`/promotions/${promotion.id}`} />
        <Outcome promotion={promotion} />
        {waits && <Freeze promotion={promotion} />}
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-[minmax(0,1.25fr)_minmax(0,1fr)]">
          {/* On a phone the two columns are one: what is asked for stands before the long list of gates. */}
          <div className="contents lg:block lg:space-y-7">
            <Compare promotion={promotion} />
            {seen && <Covered promotion={promotion} seen={seen} />}
            <Section
              className="max-lg:order-2"
              title={t('promotion.gates')}
              aside={
                <span className="text-xs text-faint">
                  {t(waits ? 'promotion.gatesHelp' : 'promotion.gatesAsJudged')}
                </span>
              }
            >
              <div className="card overflow-hidden">
                <Gates verdicts={verdicts} />
              </div>
            </Section>
          </div>
          <div className="contents lg:block lg:space-y-7">
            <Section title={t('promotion.signoff')} className="max-lg:order-1">
              <AnswerPanel
                subject={{
                  kind: 'promotion',
                  id: promotion.id,
                  projectId: promotion.project.id,
                  environment: promotion.environment,
                  what: promotion.release.tag,
                  open: waits,
                  back: `/promotions/${promotion.id}`,
                }}
                answers={promotion}
                viewer={asking.viewer}
                emergency={{
                  override: frozen.now !== null,
                  breakGlass: promotion.rules.length > 0 || frozen.now !== null,
                }}
              />
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
        <Section title={t('promotion.trail')} aside={<FollowInTrail release={promotion.release} />}>
          <Trail trail={promotion.trail} />
        </Section>
      </div>
    </>
  )
}
