'use client'
import { KeyRound } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { type FormEvent, useId, useState } from 'react'
import { Button } from '../../_ui/button'
import { type EnrolOptions, enrolPasskey, proofWithCode } from '../../_ui/passkey'
import { ask } from '../../rest'
import { CodeField } from './code-field'
import { NeedsScript, Trouble, usePasskeyDeed } from './trouble'

/** Makes a passkey on this device. A code stays in this page: only a proof of it is sent. */
export function AddPasskey() {
  const t = useTranslations('passkeys')
  const router = useRouter()
  const { busy, problem, attempt, offline } = usePasskeyDeed()
  const [added, setAdded] = useState('')
  const id = useId()
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const given = new FormData(form)
    const [name, code] = [String(given.get('name') ?? ''), String(given.get('code') ?? '').trim()]
    setAdded('')
    const worked = await attempt(async () => {
      const options = (await ask('POST', '/api/v1/passkeys/challenge', {}, offline)) as EnrolOptions
      const made = await enrolPasskey(options)
      const proof = code === '' ? {} : { proof: await proofWithCode(code, { ...made, accountId: options.account }) }
      await ask('POST', '/api/v1/passkeys', { name, response: made.response, ...proof }, offline)
    })
    if (!worked) return
    form.reset()
    setAdded(name)
    router.refresh()
  }
  return (
    <form onSubmit={submit} className="card space-y-4 p-5" aria-label={t('add')}>
      <div>
        <h2 className="text-base font-semibold">{t('add')}</h2>
        <p className="mt-1 text-[13px] text-soft">{t('addHelp')}</p>
      </div>
      <div>
        <label htmlFor={`${id}-name`} className="mb-1.5 block font-medium">
          {t('name')}
        </label>
        <input
          id={`${id}-name`}
          name="name"
          required
          maxLength={60}
          placeholder={t('nameExample')}
          autoComplete="off"
          className="field"
        />
      </div>
      <CodeField required={false} />
      <div className="space-y-2">
        <Button type="submit" kind="primary" disabled={busy} className="w-full">
          <KeyRound aria-hidden="true" className="size-4" />
          {busy ? t('making') : t('make')}
        </Button>
        <Trouble text={problem} />
        <NeedsScript />
        <p role="status" className="text-[13px] text-ok">
          {added === '' ? '' : t('added', { name: added })}
        </p>
      </div>
    </form>
  )
}
