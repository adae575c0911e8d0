import { Hourglass, ShieldAlert, ShieldCheck, TriangleAlert } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { Note } from '../_ui/page'
import { Duration, Moment, Time } from '../_ui/time'
import type { TrailHead } from './shapes'

/** An entry is signed within this. */
const LATE_S = 60

/** How much of the trail is signed; loud where that stands still, and louder where it must. */
export function Head({ head }: { head: TrailHead }) {
  const t = useTranslations('trail')
  const { alarm, unsigned } = head
  if (alarm)
    return (
      <Note tone="fail" live className="mb-4" icon={<ShieldAlert aria-hidden="true" />} title={t('alarm')}>
        {t('alarmHelp', { because: alarm.because })}{' '}
        <span className="text-soft">
          {t('alarmSince')} <Moment at={alarm.at} />
        </span>
      </Note>
    )
  if (unsigned.seconds !== null && unsigned.seconds > LATE_S)
    return (
      <Note tone="err" live className="mb-4" icon={<TriangleAlert aria-hidden="true" />} title={t('late')}>
        <Words head={head} /> {t('lateHelp')}
      </Note>
    )
  return (
    <div className="mb-4 space-y-1.5 text-[13px] text-soft">
      <p className="flex items-start gap-2">
        {head.checkpoint === null ? (
          <Hourglass aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-wait" />
        ) : (
          <ShieldCheck aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-ok" />
        )}
        <span>
          <Words head={head} />
        </span>
      </p>
      {!head.separated && (
        <p className="flex items-start gap-2">
          <TriangleAlert aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-err" />
          <span>{t('oneRole')}</span>
        </p>
      )}
    </div>
  )
}

function Words({ head: { size, checkpoint, unsigned } }: { head: TrailHead }) {
  const t = useTranslations('trail')
  if (checkpoint === null) return t('neverSigned', { size })
  return (
    <>
      {t.rich('signedUpTo', {
        size,
        newest: size - 1,
        signed: checkpoint.size,
        last: checkpoint.size - 1,
        time: () => <Time at={checkpoint.at} />,
      })}{' '}
      {unsigned.entries === 0
        ? t('allSigned')
        : t.rich('unsigned', {
            count: unsigned.entries,
            age: () => <Duration ms={(unsigned.seconds ?? 0) * 1_000} moving />,
          })}
    </>
  )
}
