'use client'
import { CircleAlert, KeyRound } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { type FormEvent, useState } from 'react'
import { Button, button } from '../../_ui/button'
import { Copyable } from '../../_ui/copy'
import type { RoleName } from '../../_ui/names'
import { Note } from '../../_ui/page'
import { ask } from '../../rest'
import type { AccountMade } from '../shapes'

/** Makes an account; a generated password is shown once, here, and nowhere again. */
export function AccountForm({ roles }: { roles: readonly RoleName[] }) {
  const t = useTranslations()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const [made, setMade] = useState<AccountMade | null>(null)
  const [gives, setGives] = useState(false)
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '').trim()
    setBusy(true)
    setProblem('')
    try {
      const body = {
        name: text('name'),
        role: text('role'),
        forgeUserId: text('forgeUserId') || null,
        // A password may begin or end with a space.
        ...(gives ? { password: String(form.get('password') ?? '') } : {}),
      }
      setMade((await ask('POST', '/api/v1/accounts', body, t('error.offline'))) as AccountMade)
    } catch (error) {
      setProblem((error as Error).message)
    }
    setBusy(false)
  }
  if (made !== null) return <Made account={made} again={() => setMade(null)} />
  return (
    <form onSubmit={submit} className="card space-y-5 p-5" aria-label={t('accounts.create')}>
      <Field name="name" label={t('accounts.name')} help={t('accounts.nameHelp')}>
        <input
          id="name"
          name="name"
          required
          maxLength={64}
          autoCapitalize="none"
          spellCheck={false}
          className="field"
          aria-describedby="name-help"
        />
      </Field>
      <Field name="role" label={t('accounts.role')} help={t('accounts.roleIs')}>
        <select id="role" name="role" defaultValue="developer" className="field" aria-describedby="role-help">
          {roles.map((role) => (
            <option key={role} value={role}>
              {t(`account.role.${role}`)}
            </option>
          ))}
        </select>
      </Field>
      <Field name="forgeUserId" label={t('accounts.forgeUser')} help={t('accounts.forgeUserHelp')}>
        <input
          id="forgeUserId"
          name="forgeUserId"
          inputMode="numeric"
          pattern="[1-9][0-9]{0,18}"
          maxLength={19}
          className="field"
          aria-describedby="forgeUserId-help"
        />
      </Field>
      <fieldset>
        <legend className="mb-1.5 font-medium">{t('accounts.password')}</legend>
        <div className="flex flex-wrap gap-x-6 gap-y-1.5">
          {[false, true].map((value) => (
            <label key={String(value)} className="inline-flex items-center gap-2">
              <input
                type="radio"
                name="gives"
                checked={gives === value}
                onChange={() => setGives(value)}
                className="size-4 accent-(--accent)"
              />
              {t(value ? 'accounts.give' : 'accounts.generate')}
            </label>
          ))}
        </div>
        {gives ? (
          <input
            name="password"
            type="password"
            required
            minLength={10}
            maxLength={512}
            autoComplete="new-password"
            aria-label={t('accounts.password')}
            aria-describedby="password-help"
            className="field mt-2.5"
          />
        ) : null}
        <p id="password-help" className="mt-1.5 text-[13px] text-faint">
          {t(gives ? 'accounts.giveHelp' : 'accounts.generateHelp')}
        </p>
      </fieldset>
      {problem && (
        <Note tone="fail" live icon={<CircleAlert aria-hidden="true" />} title={t('accounts.failed')}>
          {problem}
        </Note>
      )}
      <Button type="submit" kind="primary" disabled={busy}>
        {busy ? t('accounts.submitting') : t('accounts.submit')}
      </Button>
    </form>
  )
}

function Field({
  name,
  label,
  help,
  children,
}: {
  name: string
  label: string
  help: string
  children: React.ReactNode
}) {
  return (
    <div>
      <label htmlFor={name} className="mb-1.5 block font-medium">
        {label}
      </label>
      {children}
      <p id={`${name}-help`} className="mt-1.5 text-[13px] text-faint">
        {help}
      </p>
    </div>
  )
}

function Made({ account, again }: { account: AccountMade; again: () => void }) {
  const t = useTranslations()
  return (
    <section className="card space-y-4 p-5" aria-label={t('accounts.madeTitle', { name: account.name })} role="status">
      <h2 className="text-base font-semibold">{t('accounts.madeTitle', { name: account.name })}</h2>
      {account.password === null ? (
        <p className="text-soft">{t('accounts.madeGiven')}</p>
      ) : (
        <Note tone="wait" icon={<KeyRound aria-hidden="true" />} title={t('accounts.once')}>
          <p className="mt-1.5">
            <Copyable
              text={account.password}
              shown={account.password}
              what={t('accounts.password')}
              className="text-sm text-ink"
            />
          </p>
        </Note>
      )}
      <div className="flex flex-wrap gap-2">
        <Link href="/accounts" className={button({ kind: 'primary' })}>
          {t('accounts.toList')}
        </Link>
        <Button onClick={again}>{t('accounts.another')}</Button>
      </div>
    </section>
  )
}
