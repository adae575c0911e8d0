'use client'
// A statement before it is agreed to: each thing that it binds, eight words to compare, and the bytes themselves.
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import type { Statement } from '../../environments/statement'
import { cn } from '../_ui/classes'
import { Copyable } from '../_ui/copy'
import { shortCommit, shortDigest, size } from '../_ui/duration'
import { Frame } from '../_ui/frame'
import { environmentName, roleName } from '../_ui/names'
import { Moment, useNow } from '../_ui/time'
import type { StatementMade } from './shapes'

type T = ReturnType<typeof useTranslations<never>>

export function StatementView({ made }: { made: StatementMade }) {
  const t = useTranslations()
  // Our own server made these bytes a moment ago; what is shown is read out of them, and out of nothing else.
  const statement = JSON.parse(made.text) as Statement
  return (
    <div className="space-y-4">
      <dl className="divide-y divide-line rounded-lg border border-line text-[13px]">
        {rowsOf(t, statement).map(([name, value]) => (
          <div key={name} className="grid grid-cols-[minmax(0,8.5rem)_minmax(0,1fr)] gap-x-3 px-3 py-1.5">
            <dt className="text-soft">{name}</dt>
            <dd className="wrap-anywhere">{value}</dd>
          </div>
        ))}
      </dl>
      <Words made={made} />
      <details className="text-[13px]">
        <summary className="cursor-pointer text-accent hover:underline">{t('answer.bytes')}</summary>
        <Frame
          label={t('answer.bytes')}
          text={made.text}
          className="mt-2 max-h-48 rounded-lg [&_pre]:whitespace-pre-wrap [&_pre]:wrap-anywhere"
        />
      </details>
    </div>
  )
}

/** What stands for the whole of it, short enough to be read out. */
function Words({ made }: { made: StatementMade }) {
  const t = useTranslations('answer')
  return (
    <section aria-label={t('words')} className="rounded-lg bg-accent-ground px-3 py-2.5">
      <p className="text-[13px] font-medium text-accent">{t('words')}</p>
      <ol className="mt-1.5 grid grid-cols-4 gap-x-3 gap-y-0.5 font-mono text-[15px] font-semibold tracking-wide">
        {made.words.map((word, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a word may come twice, and the order is what counts
          <li key={at}>{word}</li>
        ))}
      </ol>
      <p className="mt-1.5 text-xs text-soft">
        {t('wordsHelp')}{' '}
        <Copyable text={made.hash} shown={made.hash.slice(0, 16)} what={t('hash')} className="text-ink" />
      </p>
    </section>
  )
}

const short = (t: T, hash: string) => <Copyable text={hash} shown={shortDigest(hash)} what={t('answer.hash')} />

type Rows = [name: string, value: ReactNode][]

function rowsOf(t: T, statement: Statement): Rows {
  const { decision, reason, approver, checkpoint, bound } = statement
  const field = (name: Parameters<typeof fieldName>[1]) => fieldName(t, name)
  return [
    [field('decision'), <strong key="d">{t(`answer.decision.${decision}`)}</strong>],
    [field('reason'), reason || <span className="text-faint">{t('answer.saidNothing')}</span>],
    [field('place'), `${environmentName(t, bound.environment.name)} · ${bound.project.path}`],
    ...('release' in bound ? ofPromotion(t, bound) : ofChange(t, bound)),
    [
      field('policy'),
      <>
        {t('answer.version', { version: bound.policy.version })} {short(t, bound.policy.sha256)}
      </>,
    ],
    [field('excluded'), excluded(t, bound.excluded)],
    [field('approver'), t('answer.approverAs', { account: approver.account, role: roleName(t, approver.role) })],
    [
      field('checkpoint'),
      checkpoint === null ? (
        t('answer.noCheckpoint')
      ) : (
        <>
          {t('answer.checkpointOf', { size: checkpoint.size })} {short(t, checkpoint.root)}
        </>
      ),
    ],
    [field('until'), <Moment key="u" at={statement.exp} />],
  ]
}

type Field =
  | 'decision'
  | 'reason'
  | 'place'
  | 'promotion'
  | 'release'
  | 'image'
  | 'commit'
  | 'built'
  | 'configuration'
  | 'tests'
  | 'mergeRequests'
  | 'replaces'
  | 'change'
  | 'proposed'
  | 'policy'
  | 'excluded'
  | 'approver'
  | 'checkpoint'
  | 'until'
const fieldName = (t: T, name: Field) => t(`answer.field.${name}`)

type Promoted = Extract<Statement, { type: 'shiplock.signoff' }>['bound']
type Changed = Extract<Statement, { type: 'shiplock.policy' }>['bound']

function ofPromotion(t: T, bound: Promoted): Rows {
  const { promotion, release, git, previous_digest: previous } = bound
  return [
    [fieldName(t, 'promotion'), t('answer.promotionOf', { id: promotion.id, ask: promotion.ask })],
    [
      fieldName(t, 'release'),
      <>
        <span className="font-medium">{release.tag}</span> {short(t, release.tree)}
      </>,
    ],
    [
      fieldName(t, 'image'),
      <>
        <Copyable text={bound.digest} shown={shortDigest(bound.digest)} what={t('word.digest')} />{' '}
        <span className="text-soft">{bound.size === null ? t('answer.noSize') : size(bound.size)}</span>
      </>,
    ],
    [
      fieldName(t, 'commit'),
      <>
        <Copyable text={git.commit} shown={shortCommit(git.commit)} what={t('word.commit')} />{' '}
        <span className="text-soft">{git.branch}</span>
      </>,
    ],
    [fieldName(t, 'built'), short(t, bound.build_sha256)],
    [fieldName(t, 'configuration'), short(t, bound.config_sha256)],
    [fieldName(t, 'tests'), short(t, bound.tests_sha256)],
    [
      fieldName(t, 'mergeRequests'),
      bound.merge_requests.length === 0 ? t('answer.none') : bound.merge_requests.map((iid) => `!${iid}`).join(', '),
    ],
    [fieldName(t, 'replaces'), previous === null ? t('answer.nothing') : short(t, previous)],
  ]
}

function ofChange(t: T, bound: Changed): Rows {
  return [
    [fieldName(t, 'change'), `#${bound.change}`],
    [fieldName(t, 'proposed'), short(t, bound.policy_sha256)],
  ]
}

function excluded(t: T, { accounts, forge }: Promoted['excluded']) {
  if (accounts.length + forge.length === 0) return t('answer.nobody')
  return [
    ...(accounts.length > 0 ? [t('answer.accounts', { ids: accounts.join(', ') })] : []),
    ...(forge.length > 0 ? [t('answer.forgeUsers', { ids: forge.join(', ') })] : []),
  ].join('; ')
}

/** How long it can still be agreed to; told aloud once it is short, and once it is over. */
export function Countdown({ until }: { until: string }) {
  const t = useTranslations('answer')
  const now = useNow()
  const left = Math.max(0, Math.ceil((Date.parse(until) - (now ?? Date.now())) / 1000))
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`
  return (
    <p className={cn('text-[13px]', left <= 60 ? 'font-medium text-err' : 'text-soft')}>
      <span aria-hidden="true">{left > 0 ? t('within', { clock }) : t('over')}</span>
      <span role="status" className="sr-only">
        {left === 0 ? t('over') : left <= 60 ? t('lastMinute') : t('minutes', { count: Math.ceil(left / 60) })}
      </span>
    </p>
  )
}

/** Over on this machine's clock: the server decides, and says the same. */
export function useOver(until: string | null): boolean {
  const now = useNow()
  return until !== null && now !== null && now >= Date.parse(until)
}
