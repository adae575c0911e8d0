import { BadgeCheck, CircleX, CloudUpload, KeyRound, Loader, type LucideIcon, TriangleAlert } from 'lucide-react'
import { useLocale, useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { AskFirst } from '../../_ui/act'
import { cn } from '../../_ui/classes'
import { roleName } from '../../_ui/names'
import { Time } from '../../_ui/time'
import { GiveCode } from './give-code'
import { Rename } from './rename'
import type { PasskeyShape } from './shapes'

type T = ReturnType<typeof useTranslations<never>>

const LOOKS: Record<PasskeyShape['state'], { icon: LucideIcon; tone: string; moving?: true }> = {
  admitted: { icon: BadgeCheck, tone: 'text-ok' },
  checking: { icon: Loader, tone: 'text-run', moving: true },
  proposed: { icon: KeyRound, tone: 'text-wait' },
  'no-role': { icon: KeyRound, tone: 'text-mute' },
  refused: { icon: CircleX, tone: 'text-fail' },
  uncertified: { icon: TriangleAlert, tone: 'text-fail' },
}

/** One passkey: what it is good for in words, and what can be done with it. */
export function PasskeyRow({ passkey, vouchers }: { passkey: PasskeyShape; vouchers: readonly string[] }) {
  const t = useTranslations()
  const { id, name, state } = passkey
  const { icon: Icon, tone, moving } = LOOKS[state]
  const grows = state !== 'checking' && state !== 'uncertified' && passkey.lacks.length > 0
  return (
    <li className="px-4 py-4">
      <div className="flex flex-wrap items-start justify-between gap-x-5 gap-y-2">
        <h3 className="text-[15px] font-semibold wrap-anywhere">{name}</h3>
        <span className="text-[13px] text-soft">
          {t('passkeys.made')} <Time at={passkey.createdAt} />
        </span>
      </div>
      <p className={cn('mt-1.5 flex gap-2', tone)}>
        <Icon aria-hidden="true" className={cn('mt-0.5 size-4 shrink-0', moving && 'animate-spin')} />
        <span className="font-medium wrap-anywhere">
          <State passkey={passkey} />
        </span>
      </p>
      {state === 'refused' && (
        <p className="mt-0.5 pl-6 text-[13px] text-soft wrap-anywhere first-letter:uppercase">{passkey.because}</p>
      )}
      {grows && (
        <p className="mt-0.5 pl-6 text-[13px] text-soft wrap-anywhere">
          <WhatNext passkey={passkey} vouchers={vouchers} />
        </p>
      )}
      <dl className="mt-3 grid gap-x-6 gap-y-1 pl-6 text-[13px] sm:grid-cols-2">
        <Fact name={t('passkeys.used')}>
          {passkey.lastUsedAt === null ? t('passkeys.never') : <Time at={passkey.lastUsedAt} />}
        </Fact>
        <Fact name={t('passkeys.kept')}>{kept(t, passkey)}</Fact>
        <div className="sm:col-span-2">
          <Fact name={t('passkeys.words')}>
            <span className="font-mono text-xs">{passkey.words.join(' ')}</span>
          </Fact>
        </div>
      </dl>
      <div className="mt-3 flex flex-wrap items-start gap-2 pl-6">
        {grows && <GiveCode passkey={passkey} />}
        <Rename id={id} name={name} />
        <AskFirst
          text={t('passkeys.remove')}
          kind="danger"
          size="small"
          path={`/api/v1/passkeys/${id}/remove`}
          back="/account/passkeys"
          denied={null}
          question={{
            title: t('passkeys.removeTitle', { name }),
            text: t('passkeys.removeText'),
            confirm: t('passkeys.removeConfirm'),
            reason: { field: 'because', required: false },
          }}
        />
      </div>
    </li>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap gap-x-2">
      <dt className="text-soft">{name}</dt>
      <dd className="min-w-0 wrap-anywhere">{children}</dd>
    </div>
  )
}

const kept = (t: T, { backupEligible, backedUp }: PasskeyShape): ReactNode =>
  backedUp ? (
    <span className="inline-flex items-center gap-1.5">
      <CloudUpload aria-hidden="true" className="size-3.5" />
      {t('passkeys.backedUp')}
    </span>
  ) : (
    t(backupEligible ? 'passkeys.mayBeCopied' : 'passkeys.oneDevice')
  )

/** Roles as a reader would list them. */
function useRoles() {
  const t = useTranslations()
  const list = new Intl.ListFormat(useLocale(), { type: 'conjunction' })
  return (roles: readonly string[]) => list.format(roles.map((role) => roleName(t, role)))
}

function State({ passkey: { state, roles } }: { passkey: PasskeyShape }) {
  const t = useTranslations('passkeys.state')
  const inWords = useRoles()
  return <>{state === 'admitted' ? t('admitted', { roles: inWords(roles) }) : t(state)}</>
}

function WhatNext({ passkey: { state, lacks }, vouchers }: { passkey: PasskeyShape; vouchers: readonly string[] }) {
  const t = useTranslations('passkeys')
  const inWords = useRoles()
  const names = new Intl.ListFormat(useLocale(), { type: 'disjunction' }).format(vouchers)
  const how = vouchers.length === 0 ? t('codeOnly') : t('codeOrVouch', { names })
  return <>{state === 'admitted' ? t('notYetAs', { roles: inWords(lacks), how }) : how}</>
}
