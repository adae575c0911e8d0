import { Ban, CircleSlash, Play, RotateCcw, Undo2 } from 'lucide-react'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { PROMOTION } from '../../../environments/promotion'
import { next } from '../../../pipelines/machine'
import type { Viewer } from '../../_server/permit'
import { ActForm, AskFirst } from '../../_ui/act'
import { button } from '../../_ui/button'
import { environmentInText } from '../../_ui/names'
import { Section } from '../../_ui/page'
import { whyNot } from '../../why-not'
import type { PromotionDetail } from '../shapes'

const ICON = 'size-4 shrink-0'

/** What can be done with it as it stands. What its status rules out is not shown; what the viewer may not says why. */
export async function Actions({ promotion, viewer }: { promotion: PromotionDetail; viewer: Viewer }) {
  const t = await getTranslations()
  const { id, status, release, can, environmentId } = promotion
  const back = `/promotions/${id}` as const
  const words = { tag: release.tag, environment: environmentInText(t, promotion.environment) }
  const startable = promotion.start === 'by-hand' && promotion.kind === 'onward' && promotion.startedByHand === null
  return (
    <Section title={t('promotion.timeline')}>
      <div className="card space-y-3 px-4 py-4">
        {status === 'waiting' && startable && (
          <ActForm
            path={`/api/v1/promotions/${id}/start`}
            back={back}
            text={t('promotion.start')}
            kind="primary"
            icon={<Play aria-hidden="true" className={ICON} />}
            denied={whyNot(t, viewer, 'promotions.request', can.start)}
          />
        )}
        {next(PROMOTION, status, 'retry') && (
          <ActForm
            path={`/api/v1/promotions/${id}/retry`}
            back={back}
            text={t('promotion.retry')}
            icon={<RotateCcw aria-hidden="true" className={ICON} />}
            denied={whyNot(t, viewer, 'promotions.retry', can.retry)}
          >
            <p className="text-[13px] text-soft">
              {t('promotion.retryHelp')} {promotion.rules.length > 0 && t('answer.ownSignoff')}
            </p>
          </ActForm>
        )}
        {next(PROMOTION, status, 'cancel') && (
          <AskFirst
            path={`/api/v1/promotions/${id}/cancel`}
            back={back}
            text={t('promotion.cancel')}
            kind="danger"
            icon={<CircleSlash aria-hidden="true" className={ICON} />}
            denied={whyNot(t, viewer, 'promotions.cancel', can.cancel)}
            question={{
              title: t('promotion.cancelTitle'),
              text: t('promotion.cancelText'),
              reason: { field: 'because', required: false, label: t('release.reasonOptional') },
            }}
          />
        )}
        {status === 'verified' && <RollBack promotion={promotion} viewer={viewer} />}
        {promotion.refused === null && (
          <AskFirst
            path={`/api/v1/releases/${release.id}/refuse`}
            back={back}
            text={t('promotion.refuse', words)}
            kind="danger"
            icon={<Ban aria-hidden="true" className={ICON} />}
            denied={whyNot(t, viewer, 'releases.refuse', can.refuse)}
            question={{
              title: t('promotion.refuseTitle', words),
              text: t('promotion.refuseText'),
              confirm: t('release.refuseConfirm', words),
              reason: { field: 'because', required: true },
            }}
          />
        )}
        <p>
          <Link href={`/environments/${environmentId}`} className="text-[13px] text-accent hover:underline">
            {t('place.see', words)}
          </Link>
        </p>
      </div>
    </Section>
  )
}

/** Back to this very release; or, where it is what runs, back to one before it. */
async function RollBack({ promotion, viewer }: { promotion: PromotionDetail; viewer: Viewer }) {
  const t = await getTranslations()
  const { release, can, environmentId } = promotion
  const words = { tag: release.tag, environment: environmentInText(t, promotion.environment) }
  const icon = <Undo2 aria-hidden="true" className={ICON} />
  const denied = whyNot(t, viewer, 'promotions.rollback', can.rollback)
  if (whyNot(t, viewer, 'promotions.rollback') === null && !can.rollback.may)
    return (
      <Link href={`/environments/${environmentId}/rollback`} className={button({})}>
        {icon}
        {t('promotion.rollbackElse', words)}
      </Link>
    )
  return (
    <AskFirst
      path={`/api/v1/environments/${environmentId}/rollback`}
      back={`/promotions/${promotion.id}`}
      next="/promotions/:id"
      fields={{ release: release.id }}
      text={t('promotion.rollbackTo', words)}
      icon={icon}
      denied={denied}
      question={{
        title: t('promotion.rollbackTitle', words),
        text: `${t('promotion.rollbackText', words)} ${promotion.rules.length > 0 ? t('answer.ownSignoff') : ''}`,
        reason: { field: 'reason', required: true },
      }}
    />
  )
}
