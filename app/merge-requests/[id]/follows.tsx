import { Ban, Check, Hourglass } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { cn } from '../../_ui/classes'
import { environmentName, gateName } from '../../_ui/names'
import type { MergeRequestDetail } from '../shapes'

const GATE = {
  open: { icon: Check, look: 'text-ok' },
  waiting: { icon: Hourglass, look: 'text-wait' },
  shut: { icon: Ban, look: 'text-refuse' },
} as const

/** What the gates of the next environment would say, if it were merged now. What is shut or waits comes first. */
export function Follows({ mergeRequest: m }: { mergeRequest: MergeRequestDetail }) {
  const t = useTranslations()
  if (m.fork) return <p className="card px-4 py-3 text-soft">{t('fork.nothingFollows')}</p>
  if (m.next === null)
    return <p className="card px-4 py-3 text-soft">{t('mergeRequest.nothingFollows', { target: m.target })}</p>
  const environment = environmentName(t, m.next.environment)
  const closed = m.next.verdicts.filter((v) => v.state !== 'open')
  const open = m.next.verdicts.filter((v) => v.state === 'open')
  return (
    <article className="card" aria-label={environment}>
      <p className="px-4 py-3">{t('mergeRequest.goesTo', { target: m.target, environment })}</p>
      {closed.length > 0 && <Gates verdicts={closed} label={t('mergeRequest.gatesClosed')} />}
      <details className="border-t border-line">
        <summary className="px-4 py-2.5 text-[13px] text-soft hover:text-ink">
          {t('mergeRequest.gatesOpen', { count: open.length })}
        </summary>
        <Gates verdicts={open} label={t('mergeRequest.gatesOpen', { count: open.length })} />
      </details>
    </article>
  )
}

function Gates({ verdicts, label }: { verdicts: NonNullable<MergeRequestDetail['next']>['verdicts']; label: string }) {
  const t = useTranslations()
  return (
    <ul aria-label={label} className="divide-y divide-line border-t border-line">
      {verdicts.map((verdict) => {
        const { icon: Icon, look } = GATE[verdict.state]
        return (
          <li key={verdict.gate} className="flex gap-2.5 px-4 py-2 text-[13px]">
            <Icon aria-hidden="true" className={cn('mt-0.5 size-4 shrink-0', look)} strokeWidth={2.25} />
            <span className="min-w-0 flex-1">
              <span className="font-medium">{gateName(t, verdict.gate)}</span>{' '}
              <span className={cn('text-xs', look)}>{t(`gate.${verdict.state}`)}</span>
              <span className="block text-soft wrap-anywhere">{verdict.because}</span>
              {verdict.who && (
                <span className="block text-soft wrap-anywhere">
                  {t('waiting.who')}: {verdict.who}
                </span>
              )}
            </span>
          </li>
        )
      })}
    </ul>
  )
}
