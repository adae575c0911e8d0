import { ClipboardCheck, Flame, ShieldAlert } from 'lucide-react'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import type { Viewer } from '../_server/permit'
import { ActForm, Reason } from '../_ui/act'
import { environmentInText } from '../_ui/names'
import { Note } from '../_ui/page'
import { Moment, Time } from '../_ui/time'
import { whyNot } from '../why-not'
import type { Exception } from './exceptions'

/** What was done past the gates, by whom and why; and for a broken glass, what somebody else found who looked at it. */
export async function BrokenBarriers({
  exceptions,
  viewer,
  back,
  link = false,
}: {
  exceptions: readonly Exception[]
  viewer: Viewer
  back: `/${string}`
  /** Each leads to its promotion. */
  link?: boolean
}) {
  const t = await getTranslations()
  return exceptions.map((it) => {
    const words = { name: it.by, place: environmentInText(t, it.environment) }
    const Icon = it.decision === 'override' ? ShieldAlert : Flame
    return (
      <Note
        key={it.approval}
        tone="fail"
        icon={<Icon aria-hidden="true" />}
        title={t(it.decision === 'override' ? 'answer.overrode' : 'answer.brokeGlass', words)}
      >
        <p>
          {it.because}{' '}
          <span className="text-soft">
            <Time at={it.at} />
          </span>{' '}
          {link && (
            <Link href={`/promotions/${it.promotion}`} className="text-accent hover:underline">
              {t('answer.promotionLink', { id: it.promotion })}
            </Link>
          )}
        </p>
        {it.review && <Review it={it} review={it.review} viewer={viewer} back={back} />}
      </Note>
    )
  })
}

async function Review({
  it,
  review,
  viewer,
  back,
}: {
  it: Exception
  review: NonNullable<Exception['review']>
  viewer: Viewer
  back: `/${string}`
}) {
  const t = await getTranslations()
  if (review.at !== null)
    return (
      <p className="mt-2 flex gap-1.5 text-[13px]">
        <ClipboardCheck aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-ok" />
        <span>
          <span className="font-medium text-ok">{t('answer.reviewed', { name: review.by })}</span> {review.found}{' '}
          <span className="text-soft">
            <Time at={review.at} />
          </span>
        </span>
      </p>
    )
  const where = { projectId: it.projectId, environment: it.environment }
  const denied = whyNot(t, viewer, 'approvals.review', review.can, where)
  return (
    <div className="mt-2 space-y-2 text-[13px]">
      <p className={review.overdue ? 'font-medium text-fail' : 'text-soft'}>
        {t(review.overdue ? 'answer.reviewOverdue' : 'answer.reviewDue', {
          place: environmentInText(t, it.environment),
        })}{' '}
        <Moment at={review.dueAt} />
      </p>
      <ActForm
        path={`/api/v1/approvals/${it.approval}/review`}
        back={back}
        text={t('answer.review')}
        size="small"
        icon={<ClipboardCheck aria-hidden="true" className="size-4 shrink-0" />}
        denied={denied}
      >
        {denied === null && (
          <Reason
            id={`review-${it.approval}`}
            name="because"
            label={t('answer.reviewFound')}
            help={t('answer.reviewHelp')}
            required
          />
        )}
      </ActForm>
    </div>
  )
}
