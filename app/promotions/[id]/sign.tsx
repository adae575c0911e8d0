import { PenLine } from 'lucide-react'
import { getTranslations } from 'next-intl/server'
import type { Viewer } from '../../_server/permit'
import { ActForm, Reason } from '../../_ui/act'
import { environmentInText } from '../../_ui/names'
import { Digest } from '../../_ui/refs'
import { whyNot } from '../../why-not'
import type { PromotionDetail } from '../shapes'

/** The signature, for exactly the image that is shown; or why this person cannot give it. */
export async function Sign({ promotion, viewer }: { promotion: PromotionDetail; viewer: Viewer }) {
  const t = await getTranslations()
  const { id, release, can } = promotion
  const denied = whyNot(t, viewer, 'promotions.approve', can.approve)
  return (
    <div className="border-t border-line px-4 py-4">
      <ActForm
        path={`/api/v1/promotions/${id}/approve`}
        back={`/promotions/${id}`}
        fields={{ digest: release.digest }}
        text={t('promotion.sign', { tag: release.tag, environment: environmentInText(t, promotion.environment) })}
        kind="primary"
        icon={<PenLine aria-hidden="true" className="size-4 shrink-0" />}
        denied={denied}
      >
        {denied === null && (
          <>
            <p className="text-[13px] text-soft">
              {t('promotion.signing')}: <Digest digest={release.digest} />
            </p>
            <Reason
              id="sign-comment"
              name="comment"
              label={t('promotion.comment')}
              help={t('promotion.commentHelp')}
              required={false}
            />
          </>
        )}
      </ActForm>
    </div>
  )
}
