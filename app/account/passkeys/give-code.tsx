'use client'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import type { FormEvent } from 'react'
import { Button } from '../../_ui/button'
import { proofWithCode } from '../../_ui/passkey'
import { ask } from '../../rest'
import { CodeField } from './code-field'
import type { PasskeyShape } from './shapes'
import { Trouble, usePasskeyDeed } from './trouble'

/** An enrolment code for a passkey that is there already. */
export function GiveCode({ passkey }: { passkey: PasskeyShape }) {
  const t = useTranslations('passkeys')
  const router = useRouter()
  const { busy, problem, attempt, offline } = usePasskeyDeed()
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const code = String(new FormData(event.currentTarget).get('code') ?? '')
    const worked = await attempt(async () => {
      const proof = await proofWithCode(code, passkey)
      await ask('POST', `/api/v1/passkeys/${passkey.id}/code`, { proof }, offline)
    })
    if (worked) router.refresh()
  }
  return (
    <details className="text-[13px]">
      <summary className="inline-flex h-8 cursor-pointer items-center rounded-[7px] border border-line-strong bg-surface px-2.5 font-medium hover:bg-raised">
        {t('giveCode')}
      </summary>
      <form onSubmit={submit} className="mt-2 w-80 max-w-full space-y-3" aria-label={t('giveCode')}>
        <CodeField required />
        <Button type="submit" size="small" disabled={busy}>
          {busy ? t('giving') : t('give')}
        </Button>
        <Trouble text={problem} />
      </form>
    </details>
  )
}
