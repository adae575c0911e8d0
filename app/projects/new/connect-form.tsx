'use client'
import { CircleAlert } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { type ComponentProps, type FormEvent, useState } from 'react'
import { Button } from '../../_ui/button'
import { Note } from '../../_ui/page'
import { ask } from '../../rest'

/** Connects a repository, then goes to its page, where the checks appear. */
export function ConnectForm() {
  const t = useTranslations()
  const router = useRouter()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '').trim()
    setBusy(true)
    setProblem('')
    try {
      const body = {
        forge: 'gitlab',
        forgeUrl: text('forgeUrl'),
        path: text('path').replace(/^\/+|\/+$/g, ''),
        token: text('token'),
      }
      const project = (await ask('POST', '/api/v1/projects', body, t('error.offline'))) as { id: number }
      router.push(`/projects/${project.id}`)
    } catch (error) {
      setProblem((error as Error).message)
      setBusy(false)
    }
  }
  return (
    <form onSubmit={submit} className="card space-y-5 p-5" aria-label={t('connect.title')}>
      <div>
        <p className="mb-1.5 font-medium">{t('connect.forge')}</p>
        <p className="inline-flex h-9 items-center rounded-[7px] border border-accent bg-accent-ground px-3.5 font-medium text-accent">
          GitLab
        </p>
      </div>
      <Field
        name="forgeUrl"
        label={t('connect.address')}
        help={t('connect.addressHelp')}
        type="url"
        placeholder="https://gitlab.example.com"
        maxLength={500}
      />
      <Field
        name="path"
        label={t('connect.path')}
        help={t('connect.pathHelp')}
        placeholder="shop/checkout"
        maxLength={500}
        autoCapitalize="none"
        spellCheck={false}
      />
      <Field
        name="token"
        label={t('connect.token')}
        help={t('connect.tokenHelp')}
        type="password"
        autoComplete="off"
        maxLength={500}
      />
      {problem && (
        <Note tone="fail" live icon={<CircleAlert aria-hidden="true" />} title={t('connect.failed')}>
          {problem}
        </Note>
      )}
      <Button type="submit" kind="primary" disabled={busy}>
        {busy ? t('connect.submitting') : t('connect.submit')}
      </Button>
    </form>
  )
}

function Field({
  name,
  label,
  help,
  ...rest
}: ComponentProps<'input'> & { name: string; label: string; help: string }) {
  return (
    <div>
      <label htmlFor={name} className="mb-1.5 block font-medium">
        {label}
      </label>
      <input id={name} name={name} required aria-describedby={`${name}-help`} className="field" {...rest} />
      <p id={`${name}-help`} className="mt-1.5 text-[13px] text-faint">
        {help}
      </p>
    </div>
  )
}
