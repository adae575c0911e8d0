'use client'
import { CircleAlert, CircleCheck } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { type FormEvent, type ReactNode, useState } from 'react'
import { Button } from '../../_ui/button'
import { Note } from '../../_ui/page'
import { ask } from '../../rest'
import { problemsByField } from '../problems'
import type { ProjectDetail } from '../shapes'

const KINDS = ['feature', 'develop', 'release', 'master', 'hotfix'] as const
const CHOICES = {
  tag: ['made', 'awaited'],
  hotfix_debt: ['blocks', 'shown'],
  forks: ['ask', 'never'],
  service_file: ['required', 'optional'],
} as const
type Choice = keyof typeof CHOICES
const SWITCHES = Object.keys(CHOICES) as Choice[]
const FIELDS = [...KINDS.map((k) => `branches.${k}`), 'branches', 'tickets', 'back_merge', ...SWITCHES]

interface Props {
  project: number
  flow: ProjectDetail['flow']
  /** What Git-flow calls them; an empty field means that. */
  standard: Record<(typeof KINDS)[number], string>
  /** Why this viewer may not change it; null: may. */
  denied: string | null
}

/** The whole settings, always sent together: what is left empty is as Git-flow comes. */
export function FlowForm({ project, flow, standard, denied }: Props) {
  const t = useTranslations()
  const router = useRouter()
  const [busy, setBusy] = useState(false)
  const [saved, setSaved] = useState(false)
  const [problems, setProblems] = useState<Map<string, string>>(new Map())
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setBusy(true)
    setSaved(false)
    setProblems(new Map())
    try {
      await ask('POST', `/api/v1/projects/${project}/flow`, settingsOf(form), t('error.offline'))
      setSaved(true)
      router.refresh()
    } catch (error) {
      setProblems(problemsByField((error as Error).message, FIELDS))
    }
    setBusy(false)
  }
  const general = problems.get('') ?? problems.get('branches')
  return (
    <form
      onSubmit={submit}
      className="space-y-6 px-4 py-4"
      aria-label={t('flow.settings')}
      onChange={() => setSaved(false)}
    >
      {denied && <p className="text-[13px] text-soft">{denied}</p>}
      <fieldset disabled={denied !== null || busy} className="space-y-6">
        <fieldset>
          <legend className="font-medium">{t('flow.names')}</legend>
          <p className="mt-0.5 mb-3 text-[13px] text-faint">{t('flow.namesHelp')}</p>
          <div className="grid gap-x-4 gap-y-3 sm:grid-cols-2 lg:grid-cols-5">
            {KINDS.map((kind) => (
              <Field
                key={kind}
                id={`branches.${kind}`}
                label={t(`flow.kind.${kind}`)}
                problem={problems.get(`branches.${kind}`)}
              >
                {(props) => (
                  <input
                    {...props}
                    defaultValue={flow.branches[kind] ?? ''}
                    placeholder={standard[kind]}
                    maxLength={100}
                    autoCapitalize="none"
                    spellCheck={false}
                    className="field"
                  />
                )}
              </Field>
            ))}
          </div>
        </fieldset>
        <Field id="tickets" label={t('flow.tickets')} help={t('flow.ticketsHelp')} problem={problems.get('tickets')}>
          {(props) => (
            <textarea
              {...props}
              defaultValue={flow.tickets.join('\n')}
              rows={3}
              maxLength={1300}
              autoCapitalize="none"
              spellCheck={false}
              placeholder="SHOP-#-*"
              className="field h-auto py-2 font-mono text-[13px] sm:max-w-md"
            />
          )}
        </Field>
        <div className="grid gap-x-4 gap-y-4 sm:grid-cols-2">
          {SWITCHES.map((name) => (
            <Field key={name} id={name} label={t(`flow.choice.${name}.label`)} problem={problems.get(name)}>
              {(props) => (
                <select {...props} defaultValue={flow[name]} className="field">
                  {CHOICES[name].map((value) => (
                    <option key={value} value={value}>
                      {words(t, name, value)}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          ))}
        </div>
        <label className="flex items-start gap-2.5">
          <input
            type="checkbox"
            name="back_merge"
            defaultChecked={flow.back_merge}
            className="mt-0.5 size-4 accent-(--accent)"
          />
          <span>
            <span className="font-medium">{t('flow.backMerge')}</span>
            <span className="block text-[13px] text-faint">{t('flow.backMergeHelp')}</span>
          </span>
        </label>
      </fieldset>
      {general && (
        <Note tone="fail" live icon={<CircleAlert aria-hidden="true" />} title={t('flow.failed')}>
          {general}
        </Note>
      )}
      <div className="flex flex-wrap items-center gap-3">
        <Button type="submit" kind="primary" disabled={denied !== null || busy}>
          {busy ? t('flow.saving') : t('flow.save')}
        </Button>
        <span role="status" className="inline-flex items-center gap-1.5 text-[13px] text-ok">
          {saved && (
            <>
              <CircleCheck aria-hidden="true" className="size-4" />
              {t('flow.saved')}
            </>
          )}
        </span>
        {problems.size > 0 && !general && (
          <span role="alert" className="text-[13px] text-fail">
            {t('flow.failed')}
          </span>
        )}
      </div>
    </form>
  )
}

/** What the form holds, as REST takes it. */
function settingsOf(form: FormData) {
  const text = (name: string) => String(form.get(name) ?? '').trim()
  return {
    branches: Object.fromEntries(
      KINDS.map((k) => [k, text(`branches.${k}`)] as const).filter(([, name]) => name !== ''),
    ),
    tickets: text('tickets')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
    back_merge: form.get('back_merge') !== null,
    ...Object.fromEntries(SWITCHES.map((name) => [name, text(name)])),
  }
}

/** Each choice has its own two answers; the messages know them by name. */
function words(t: ReturnType<typeof useTranslations<never>>, name: Choice, value: string): string {
  switch (name) {
    case 'tag':
      return t(value === 'made' ? 'flow.choice.tag.made' : 'flow.choice.tag.awaited')
    case 'hotfix_debt':
      return t(value === 'blocks' ? 'flow.choice.hotfix_debt.blocks' : 'flow.choice.hotfix_debt.shown')
    case 'forks':
      return t(value === 'ask' ? 'flow.choice.forks.ask' : 'flow.choice.forks.never')
    case 'service_file':
      return t(value === 'required' ? 'flow.choice.service_file.required' : 'flow.choice.service_file.optional')
  }
}

interface Naming {
  id: string
  name: string
  'aria-describedby'?: string
  'aria-invalid'?: true
}

/** A field with its problem beside it, read out with it. */
function Field({
  id,
  label,
  help,
  problem,
  children,
}: {
  id: string
  label: string
  help?: string
  problem: string | undefined
  children: (props: Naming) => ReactNode
}) {
  const described = [help && `${id}-help`, problem && `${id}-problem`].filter(Boolean).join(' ')
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block font-medium">
        {label}
      </label>
      {children({
        id,
        name: id,
        ...(described === '' ? {} : { 'aria-describedby': described }),
        ...(problem ? { 'aria-invalid': true as const } : {}),
      })}
      {problem && (
        <p id={`${id}-problem`} className="mt-1.5 text-[13px] text-fail wrap-anywhere">
          {problem}
        </p>
      )}
      {help && (
        <p id={`${id}-help`} className="mt-1.5 text-[13px] text-faint">
          {help}
        </p>
      )}
    </div>
  )
}
