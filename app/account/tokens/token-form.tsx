'use client'
import { CircleAlert, KeySquare } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { type FormEvent, useState } from 'react'
import type en from '../../_messages/en.json'
import { Button } from '../../_ui/button'
import { Copyable } from '../../_ui/copy'
import { Note } from '../../_ui/page'
import { ask } from '../../rest'

type ScopeName = keyof typeof en.account.scope

/** Makes a token; its text is shown once, here, and nowhere again. */
export function TokenForm({
  scopes,
  standard,
  days,
}: {
  scopes: readonly ScopeName[]
  standard: readonly ScopeName[]
  days: number
}) {
  const t = useTranslations()
  const router = useRouter()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const [token, setToken] = useState<string | null>(null)
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setBusy(true)
    setProblem('')
    try {
      const body = {
        name: String(form.get('name') ?? ''),
        days: Number(form.get('days')),
        scopes: form.getAll('scopes').map(String),
      }
      setToken(((await ask('POST', '/api/v1/tokens', body, t('error.offline'))) as { token: string }).token)
      router.refresh()
    } catch (error) {
      setProblem((error as Error).message)
    }
    setBusy(false)
  }
  if (token !== null)
    return (
      <div className="card space-y-4 p-4" role="status">
        <Note tone="wait" icon={<KeySquare aria-hidden="true" />} title={t('account.token.once')}>
          <Copyable
            text={token}
            shown={token}
            what={t('account.token.name')}
            className="mt-1.5 text-left text-ink wrap-anywhere"
          />
        </Note>
        <Button onClick={() => setToken(null)}>{t('account.token.another')}</Button>
      </div>
    )
  return (
    <form onSubmit={submit} className="card space-y-4 p-4" aria-label={t('account.token.make')}>
      <label className="block text-[13px] font-medium">
        {t('account.token.label')}
        <input name="name" required maxLength={64} className="field mt-1" placeholder="ci" />
      </label>
      <label className="block text-[13px] font-medium">
        {t('account.token.days')}
        <input name="days" type="number" required min={1} max={365} defaultValue={days} className="field mt-1" />
      </label>
      <fieldset className="space-y-1.5">
        <legend className="mb-1 text-[13px] font-medium">{t('account.token.scopes')}</legend>
        {scopes.map((name) => (
          <label key={name} className="flex items-start gap-2">
            <input
              type="checkbox"
              name="scopes"
              value={name}
              defaultChecked={standard.includes(name)}
              className="mt-1 size-4 accent-(--accent)"
            />
            <span>
              <span className="font-medium">{t(`account.scope.${name}`)}</span>
              <span className="block text-[13px] text-soft">{t(`account.scopeHelp.${name}`)}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {problem && (
        <Note tone="fail" live icon={<CircleAlert aria-hidden="true" />} title={t('act.failed')}>
          {problem}
        </Note>
      )}
      <Button type="submit" kind="primary" disabled={busy}>
        {busy ? t('act.working') : t('account.token.make')}
      </Button>
    </form>
  )
}
