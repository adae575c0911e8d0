import { Ban, CircleX, Info, MessageSquareQuote, ShieldCheck, Snowflake } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { environmentName } from '../../_ui/names'
import { Note } from '../../_ui/page'
import { Moment } from '../../_ui/time'
import { WhyWaiting } from '../../_ui/waiting'
import type { PromotionDetail } from '../shapes'

const TONE = { failed: 'fail', errored: 'err', refused: 'refuse' } as const
const hasTone = (status: string): status is keyof typeof TONE => Object.hasOwn(TONE, status)

/** What a reader must know first: whose turn it is, or how it ended and why. */
export function Outcome({ promotion }: { promotion: PromotionDetail }) {
  const t = useTranslations()
  const { waiting, status, because, reason, refused, replacedBy } = promotion
  return (
    <>
      {reason && (
        <Note icon={<MessageSquareQuote aria-hidden="true" />}>
          <span className="text-soft">{t('promotion.reason')}:</span> {reason}
        </Note>
      )}
      {refused && (
        <Note
          tone="refuse"
          icon={<Ban aria-hidden="true" />}
          title={t('promotion.refusedTitle', { name: refused.by, because: refused.because })}
        />
      )}
      {waiting && <WhyWaiting waiting={waiting} />}
      {!waiting && because && status !== 'verified' && (
        <Note
          tone={hasTone(status) ? TONE[status] : 'info'}
          icon={hasTone(status) ? <CircleX aria-hidden="true" /> : <Info aria-hidden="true" />}
          title={because}
        >
          {replacedBy !== null && (
            <Link href={`/promotions/${replacedBy}`} className="text-accent hover:underline">
              {t('promotion.replacedBy', { id: replacedBy })}
            </Link>
          )}
        </Note>
      )}
      {status === 'verified' && promotion.observed === promotion.release.digest && !promotion.can.rollback.may && (
        <Note
          tone="ok"
          icon={<ShieldCheck aria-hidden="true" />}
          title={t('promotion.done', { environment: environmentName(t, promotion.environment) })}
        />
      )}
      {promotion.forge.because && (
        <Note
          tone="err"
          icon={<Info aria-hidden="true" />}
          title={t('promotion.forgeTrouble', { because: promotion.forge.because })}
        />
      )}
    </>
  )
}

/** A time in which nothing is deployed there: it is one, with the hour it reopens, or it comes soon. */
export function Freeze({ promotion }: { promotion: PromotionDetail }) {
  const t = useTranslations()
  const { now, next } = promotion.frozen
  const place = environmentName(t, promotion.environment)
  if (now !== null)
    return (
      <Note
        tone="refuse"
        icon={<Snowflake aria-hidden="true" />}
        title={t('answer.frozenNow', { place, reason: now.reason })}
      >
        {t('answer.frozenUntil')} <Moment at={now.until} className="font-medium" />
      </Note>
    )
  if (next === null) return null
  return (
    <Note
      tone="err"
      icon={<Snowflake aria-hidden="true" />}
      title={t('answer.freezeSoon', { place, reason: next.reason })}
    >
      {t('answer.freezeFrom')} <Moment at={next.since} className="font-medium" />
    </Note>
  )
}
