'use client'
import { KeyRound } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useLocale, useTranslations } from 'next-intl'
import { type ReactNode, useId, useRef, useState } from 'react'
import { Button } from '../../_ui/button'
import { Frame } from '../../_ui/frame'
import { roleName } from '../../_ui/names'
import { signWithPasskey } from '../../_ui/passkey'
import { Moment, Time } from '../../_ui/time'
import { ask } from '../../rest'
import type { PasskeyWaiting, VouchStatement } from './shapes'
import { Trouble, usePasskeyDeed } from './trouble'

/** What the statement says, read out of the very bytes that are signed. */
interface Said {
  account: number
  account_name: string
  roles: string[]
  spki_sha256: string
  exp: string
}

/** Somebody else's passkey, and a signature that it is theirs. */
export function VouchRow({ waiting, denied }: { waiting: PasskeyWaiting; denied: string | null }) {
  const t = useTranslations()
  const router = useRouter()
  const roles = useRoles()
  const dialog = useRef<HTMLDialogElement>(null)
  const [made, setMade] = useState<VouchStatement | null>(null)
  const { busy, problem, attempt, offline } = usePasskeyDeed()
  const id = useId()
  const { account, name } = waiting
  const begin = () =>
    attempt(async () => {
      setMade((await ask('POST', `/api/v1/passkeys/${waiting.id}/vouch-statement`, {}, offline)) as VouchStatement)
      dialog.current?.showModal()
    })
  const sign = async (statement: VouchStatement) => {
    const worked = await attempt(async () => {
      const assertion = await signWithPasskey(statement)
      await ask('POST', `/api/v1/passkeys/${waiting.id}/vouch`, { challenge: statement.challenge, assertion }, offline)
    })
    if (!worked) return
    dialog.current?.close()
    router.refresh()
  }
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-5 gap-y-2 px-4 py-3.5">
      <div className="min-w-0 flex-[1_1_18rem]">
        <p className="font-medium wrap-anywhere">{t('passkeys.of', { account: account.name, name })}</p>
        <p className="text-[13px] text-soft wrap-anywhere">
          {t('passkeys.wouldSign', { roles: roles(waiting.roles) })} · <Time at={waiting.createdAt} />
        </p>
        {waiting.because !== '' && (
          <p className="text-[13px] text-fail wrap-anywhere">
            {t('passkeys.turnedDown')} {waiting.because}
          </p>
        )}
        <p className="mt-0.5 font-mono text-xs text-soft wrap-anywhere">{waiting.words.join(' ')}</p>
      </div>
      <div className="flex flex-wrap items-center gap-3">
        <Button
          size="small"
          onClick={begin}
          disabled={denied !== null || busy}
          {...(denied === null ? {} : { 'aria-describedby': `${id}-why` })}
        >
          {t('passkeys.vouch', { account: account.name })}
        </Button>
        {denied !== null && (
          <span id={`${id}-why`} className="max-w-72 text-[13px] text-soft">
            {denied}
          </span>
        )}
        {made === null && <Trouble text={problem} />}
      </div>
      <dialog
        ref={dialog}
        aria-labelledby={`${id}-title`}
        onClose={() => setMade(null)}
        className="fixed inset-0 m-auto max-h-[92dvh] w-[min(94vw,36rem)] overflow-y-auto rounded-xl border border-line bg-surface p-5 text-ink shadow-2xl backdrop:bg-[rgb(4_12_16/.5)]"
      >
        {made !== null && (
          <div className="space-y-4">
            <h2 id={`${id}-title`} className="text-base font-semibold wrap-anywhere">
              {t('passkeys.vouchTitle', { account: account.name })}
            </h2>
            <p className="text-soft">{t('passkeys.vouchText', { account: account.name })}</p>
            <Statement made={made} words={waiting.words} />
            <Trouble text={problem} />
            <div className="flex flex-wrap justify-end gap-2">
              <Button onClick={() => dialog.current?.close()}>{t('act.keep')}</Button>
              <Button kind="primary" disabled={busy} onClick={() => sign(made)}>
                <KeyRound aria-hidden="true" className="size-4" />
                {busy ? t('act.working') : t('passkeys.vouchSign')}
              </Button>
            </div>
          </div>
        )}
      </dialog>
    </li>
  )
}

function useRoles() {
  const t = useTranslations()
  const list = new Intl.ListFormat(useLocale(), { type: 'conjunction' })
  return (roles: readonly string[]) => list.format(roles.map((role) => roleName(t, role)))
}

function Statement({ made, words }: { made: VouchStatement; words: readonly string[] }) {
  const t = useTranslations('passkeys')
  const roles = useRoles()
  const said = JSON.parse(made.text) as Said
  const rows: [string, ReactNode][] = [
    [t('whose'), `${said.account_name} (${said.account})`],
    [t('signsAs'), roles(said.roles)],
    [
      t('words'),
      <span key="w" className="font-mono text-xs">
        {words.join(' ')}
      </span>,
    ],
    [t('until'), <Moment key="u" at={said.exp} />],
  ]
  return (
    <>
      <dl className="divide-y divide-line rounded-lg border border-line text-[13px]">
        {rows.map(([name, value]) => (
          <div key={name} className="grid grid-cols-[minmax(0,8.5rem)_minmax(0,1fr)] gap-x-3 px-3 py-1.5">
            <dt className="text-soft">{name}</dt>
            <dd className="wrap-anywhere">{value}</dd>
          </div>
        ))}
      </dl>
      <details className="text-[13px]">
        <summary className="cursor-pointer text-accent hover:underline">{t('bytes')}</summary>
        <Frame
          label={t('bytes')}
          text={made.text}
          className="mt-2 max-h-48 rounded-lg [&_pre]:whitespace-pre-wrap [&_pre]:wrap-anywhere"
        />
      </details>
    </>
  )
}
