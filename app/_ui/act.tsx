'use client'
// Buttons that change something. Each is a form that posts to REST, so that it works before the page is alive; where the page
// is alive it asks by itself, says what went wrong beside the button, and reads the page again.
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { type ComponentProps, type FormEvent, type ReactNode, useId, useRef, useState } from 'react'
import { ask } from '../rest'
import { Button } from './button'
import { cn } from './classes'

type Kind = ComponentProps<typeof Button>['kind']

interface Deed {
  /** Where it is asked for. */
  path: `/api/v1/${string}`
  /** What is sent along. */
  fields?: Record<string, string | number>
  /** This page's own address. */
  back: `/${string}`
  /** Where it leads once done; `:id` is that of the answer. This page where it is absent. */
  next?: `/${string}`
}

/** Asks REST for the form's deed, then reads the page again or goes where it leads. */
function useDeed({ path, next }: Deed, done?: () => void) {
  const router = useRouter()
  const t = useTranslations('error')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const { next: _, back: __, ...body } = Object.fromEntries(new FormData(event.currentTarget))
    setBusy(true)
    setProblem('')
    try {
      const answer = await ask('POST', path, body, t('offline'))
      done?.()
      const id = (answer as { id?: number } | undefined)?.id
      if (next) router.push(next.replace(':id', String(id ?? '')))
      else router.refresh()
    } catch (error) {
      setProblem((error as Error).message)
    }
    setBusy(false)
  }
  return { busy, problem, submit }
}

function Hidden({ fields = {}, back, next }: Deed) {
  // Without a script the answer's id is not known: then the list is where it leads.
  const after = (next ?? back).replace('/:id', '')
  return (
    <>
      {Object.entries({ ...fields, back, next: after }).map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
    </>
  )
}

function Problem({ text }: { text: string }) {
  const t = useTranslations('act')
  if (text === '') return null
  return (
    <p role="alert" className="text-[13px] text-fail wrap-anywhere">
      {t('failed')}: {text}
    </p>
  )
}

/** Why it cannot be pressed, beside the button. */
function Why({ id, denied }: { id: string; denied: string | null }) {
  if (denied === null) return null
  return (
    <span id={id} className="max-w-96 text-[13px] text-soft wrap-anywhere">
      {denied}
    </span>
  )
}

interface Look {
  text: string
  kind?: Kind
  size?: 'normal' | 'small'
  icon?: ReactNode
  /** Why it cannot be pressed; null: it can. */
  denied: string | null
}

/** The verb, the thing and the place are long on a phone. */
const WRAPS = {
  normal: 'h-auto min-h-9 py-1.5 text-left whitespace-normal wrap-anywhere',
  small: 'h-auto min-h-8 py-1 text-left whitespace-normal wrap-anywhere',
}

/** A form that stands on the page, with what is asked for in it. */
export function ActForm({ children, className, ...props }: Deed & Look & { children?: ReactNode; className?: string }) {
  const { text, kind, size, icon, denied, path } = props
  const t = useTranslations('act')
  const { busy, problem, submit } = useDeed(props)
  const id = useId()
  return (
    <form method="post" action={path} onSubmit={submit} className={cn('space-y-3', className)}>
      <Hidden {...props} />
      {children}
      <div className="flex flex-wrap items-center gap-3">
        <Button
          type="submit"
          kind={kind}
          size={size}
          disabled={denied !== null || busy}
          className={WRAPS[size ?? 'normal']}
          {...(denied === null ? {} : { 'aria-describedby': id })}
        >
          {icon}
          {busy ? t('working') : text}
        </Button>
        <Why id={id} denied={denied} />
      </div>
      <Problem text={problem} />
    </form>
  )
}

interface Question {
  title: string
  text: string
  /** The button that does it; absent: the one that asked. */
  confirm?: string
  /** The name of the field that takes the reason, and whether there must be one. */
  reason?: { field: string; label?: string; required: boolean }
}

/** A button that asks first, and where it must be, for a reason. */
export function AskFirst({ question, children, ...props }: Deed & Look & { question: Question; children?: ReactNode }) {
  const { text, kind, size, icon, denied, path } = props
  const t = useTranslations('act')
  const dialog = useRef<HTMLDialogElement>(null)
  const { busy, problem, submit } = useDeed(props, () => dialog.current?.hidePopover())
  const id = useId()
  const { title, text: words, confirm, reason } = question
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Button
        kind={kind}
        size={size}
        disabled={denied !== null}
        className={WRAPS[size ?? 'normal']}
        popoverTarget={`${id}-ask`}
        {...(denied === null ? {} : { 'aria-describedby': `${id}-why` })}
      >
        {icon}
        {text}
      </Button>
      <Why id={`${id}-why`} denied={denied} />
      <dialog
        ref={dialog}
        id={`${id}-ask`}
        popover="auto"
        aria-labelledby={`${id}-title`}
        className="fixed inset-0 m-auto h-fit w-[min(92vw,30rem)] rounded-xl border border-line bg-surface p-5 text-ink shadow-2xl backdrop:bg-[rgb(4_12_16/.5)]"
      >
        <h2 id={`${id}-title`} className="text-base font-semibold wrap-anywhere">
          {title}
        </h2>
        <p className="mt-1.5 text-soft">{words}</p>
        <form method="post" action={path} onSubmit={submit} className="mt-4 space-y-4">
          <Hidden {...props} />
          {children}
          {reason && (
            <Reason
              id={`${id}-reason`}
              name={reason.field}
              label={reason.label ?? t('reason')}
              required={reason.required}
            />
          )}
          <Problem text={problem} />
          <div className="flex flex-wrap justify-end gap-2">
            <Button popoverTarget={`${id}-ask`} popoverTargetAction="hide">
              {t('keep')}
            </Button>
            <Button type="submit" kind={kind === 'danger' ? 'danger' : 'primary'} disabled={busy}>
              {busy ? t('working') : (confirm ?? text)}
            </Button>
          </div>
        </form>
      </dialog>
    </div>
  )
}

/** A few lines of reason or comment. */
export function Reason(props: { id: string; name: string; label: string; required: boolean; help?: string }) {
  const t = useTranslations('act')
  const { id, name, label, required, help } = props
  return (
    <div>
      <label htmlFor={id} className="text-[13px] font-medium">
        {label}
      </label>
      <textarea
        id={id}
        name={name}
        required={required}
        maxLength={2000}
        rows={3}
        aria-describedby={`${id}-help`}
        className="field mt-1 h-auto min-h-20 py-2"
      />
      <p id={`${id}-help`} className="mt-1 text-xs text-faint">
        {help ?? t('reasonHelp')}
      </p>
    </div>
  )
}
