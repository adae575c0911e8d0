import { Check, CircleX, Flame, Hourglass, KeyRound, Minus, ShieldAlert } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { cn } from '../_ui/classes'
import { Copyable } from '../_ui/copy'
import { roleName } from '../_ui/names'
import { Moment, Time } from '../_ui/time'
import type { EligibleShape, VoteShape } from './shapes'

const LOOK = {
  approve: { icon: Check, text: 'text-ok' },
  reject: { icon: CircleX, text: 'text-refuse' },
  override: { icon: ShieldAlert, text: 'text-fail' },
  'break-glass': { icon: Flame, text: 'text-fail' },
} as const

/** Every answer with its words, whether it counts, until when, and if not, why not. */
export function Votes({ votes }: { votes: readonly VoteShape[] }) {
  const t = useTranslations()
  if (votes.length === 0) return null
  return (
    <ul className="divide-y divide-line border-t border-line text-[13px]" aria-label={t('answer.votes')}>
      {votes.map((vote) => (
        <Vote key={vote.approval} vote={vote} />
      ))}
    </ul>
  )
}

function Vote({ vote }: { vote: VoteShape }) {
  const t = useTranslations()
  const { icon, text } = LOOK[vote.decision]
  const Icon = vote.counts ? icon : Minus
  return (
    <li className="flex gap-2.5 px-4 py-2">
      <Icon
        aria-hidden="true"
        className={cn('mt-0.5 size-4 shrink-0', vote.counts ? text : 'text-mute')}
        strokeWidth={2.25}
      />
      <div className="min-w-0 flex-1 wrap-anywhere">
        <p>
          <span className="font-medium">{vote.account}</span>{' '}
          <span className={cn('font-medium', vote.counts ? text : 'text-mute')}>
            {t(`answer.voted.${vote.decision}`)}
          </span>{' '}
          <span className="text-soft">
            {roleName(t, vote.role)} · <Time at={vote.at} />
          </span>
        </p>
        <p className={vote.comment ? 'text-ink' : 'text-faint'}>{vote.comment || t('promotion.saidNothing')}</p>
        <p className="flex flex-wrap items-center gap-x-3 text-xs text-soft">
          {vote.signed ? (
            <span className="inline-flex items-center gap-1">
              <KeyRound aria-hidden="true" className="size-3.5" />
              {t('answer.signed')}
            </span>
          ) : (
            <span>{t('answer.unsigned')}</span>
          )}
          {vote.status === 'given' && vote.counts && vote.decision !== 'reject' && (
            <span>
              {t('answer.countsUntil')} <Moment at={vote.expiresAt} />
            </span>
          )}
          {vote.status === 'used' && <span>{t('answer.used')}</span>}
          {vote.hash && <Copyable text={vote.hash} shown={vote.hash.slice(0, 12)} what={t('answer.hash')} />}
        </p>
        {!vote.counts && (
          <p className="text-err">
            {t('answer.doesNotCount')}: {vote.because}
          </p>
        )}
      </div>
    </li>
  )
}

/** Whom to ask, and why not the others: everybody may see it. */
export function Eligible({ people }: { people: readonly EligibleShape[] }) {
  const t = useTranslations()
  return (
    <section className="border-t border-line px-4 py-3 text-[13px]" aria-label={t('answer.eligible')}>
      <h3 className="font-medium">{t('answer.eligible')}</h3>
      {people.length === 0 ? (
        <p className="mt-1 text-err">{t('answer.nobodyEligible')}</p>
      ) : (
        <ul className="mt-1 space-y-0.5">
          {people.map(({ account, roles, may, because }) => (
            <li key={account} className={cn('flex flex-wrap items-baseline gap-x-2', !may && 'text-faint')}>
              {may ? (
                <Hourglass aria-hidden="true" className="size-3.5 self-center text-wait" />
              ) : (
                <Minus aria-hidden="true" className="size-3.5 self-center" />
              )}
              <span className={cn('wrap-anywhere', may && 'font-medium text-ink')}>{account}</span>
              <span className={may ? 'text-soft' : ''}>{roles.map((role) => roleName(t, role)).join(', ')}</span>
              {!may && <span className="wrap-anywhere">– {because}</span>}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
