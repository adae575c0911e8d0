'use client'
import { CircleAlert } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { type ComponentProps, type FormEvent, useState } from 'react'
import { Button } from '../../_ui/button'
import { Note } from '../../_ui/page'
import { ask } from '../../rest'

const FORGES = ['gitlab', 'github'] as const
type Forge = (typeof FORGES)[number]
const NAMES: Record<Forge, string> = { gitlab: 'GitLab', github: 'GitHub' }

/** Connects a repository, then goes to its page, where the checks appear. */
export function ConnectForm() {
  const t = useTranslations()
  const router = useRouter()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const [forge, setForge] = useState<Forge>('gitlab')
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '').trim()
    setBusy(true)
    setProblem('')
    try {
      const body = {
        forge,
        ...(text('forgeUrl') === '' ? {} : { forgeUrl: text('forgeUrl') }),
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
      <fieldset>
        <legend className="mb-1.5 font-medium">{t('connect.forge')}</legend>
        <div className="flex gap-2">
          {FORGES.map((kind) => (
            <label
              key={kind}
              className="inline-flex h-9 cursor-pointer items-center gap-2 rounded-[7px] border border-line-strong px-3.5 font-medium has-checked:border-accent has-checked:bg-accent-ground has-checked:text-accent has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent"
            >
              <input
                type="radio"
                name="forge"
                value={kind}
                checked={forge === kind}
                onChange={() => setForge(kind)}
                className="size-4 accent-(--accent)"
              />
              {NAMES[kind]}
            </label>
          ))}
        </div>
      </fieldset>
      <Field
        name="forgeUrl"
        label={t('connect.address')}
        help={t(forge === 'github' ? 'connect.addressHelpGithub' : 'connect.addressHelp')}
        type="url"
        placeholder={forge === 'github' ? 'https://github.com' : 'https://gitlab.example.com'}
        required={forge === 'gitlab'}
        maxLength={500}
      />
      <Field
        name="path"
        label={t('connect.path')}
        help={t(forge === 'github' ? 'connect.pathHelpGithub' : 'connect.pathHelp')}
        placeholder={forge === 'github' ? 'harbour/checkout' : 'shop/checkout'}
        maxLength={500}
        autoCapitalize="none"
        spellCheck={false}
      />
      <Field
        name="token"
        label={t('connect.token')}
        help={`${t(forge === 'github' ? 'connect.tokenGithub' : 'connect.tokenGitlab')} ${t('connect.tokenHelp')}`}
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
