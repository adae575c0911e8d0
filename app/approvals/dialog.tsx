'use client'
import { KeyRound, RotateCcw } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { Reason } from '../_ui/act'
import { Button } from '../_ui/button'
import { Note } from '../_ui/page'
import { Countdown, StatementView, useOver } from './statement'
import type { Deed, Step, useAnswer } from './use-answer'

interface Props {
  what: string
  environment: string
  place: string
  overriding: boolean
  glassReason: number
  answer: ReturnType<typeof useAnswer>
}

const WRAPS = 'h-auto min-h-9 py-1.5 text-left whitespace-normal wrap-anywhere'

/** One dialog for all answers. Escape leaves it; nothing was said then. While an answer is being sent it stays. */
export function AnswerDialog(props: Props) {
  const t = useTranslations('answer')
  const { answer, what, place } = props
  const { step, close } = answer
  const dialog = useRef<HTMLDialogElement>(null)
  const title = useRef<HTMLHeadingElement>(null)
  const id = useId()
  const sending = step.at === 'shown' && step.busy === 'sending'
  useEffect(() => {
    const shown = dialog.current
    if (step.at === 'closed') shown?.close()
    else if (shown?.open === false) shown.showModal()
    // Whoever listens is told where they are now; what is typed into takes the focus by itself.
    if (step.at === 'shown' || step.at === 'stuck') title.current?.focus()
  }, [step.at])
  const deed = step.at === 'closed' ? 'approve' : step.deed
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        if (!sending) close()
      }}
      onClose={() => step.at !== 'closed' && !sending && close()}
      className="fixed inset-0 m-auto max-h-[92dvh] w-[min(94vw,38rem)] overflow-y-auto rounded-xl border border-line bg-surface p-5 text-ink shadow-2xl backdrop:bg-[rgb(4_12_16/.5)]"
    >
      <h2 ref={title} id={id} tabIndex={-1} className="text-base font-semibold outline-none wrap-anywhere">
        {t(`title.${deed}`, { what, place })}
      </h2>
      <p role="status" className="sr-only">
        {told(t, step)}
      </p>
      {step.at === 'asked' && <Asked {...props} deed={step.deed} />}
      {step.at === 'preparing' && <p className="mt-3 text-soft">{t('preparing')}</p>}
      {step.at === 'stuck' && (
        <>
          <Problem text={step.problem} />
          <Foot>
            <Button onClick={close}>{t('close')}</Button>
          </Foot>
        </>
      )}
      {step.at === 'shown' && <Shown {...props} step={step} />}
    </dialog>
  )
}

function told(t: ReturnType<typeof useTranslations<'answer'>>, step: Step): string {
  if (step.at === 'preparing') return t('preparing')
  if (step.at !== 'shown') return ''
  if (step.busy !== null) return t(step.busy)
  return t('ready', { words: step.made.words.join(' ') })
}

/** What it costs: a reason, and where a barrier is broken, the place's name by one's own hand. */
function Asked({ answer, deed, environment, place, what, overriding, glassReason }: Props & { deed: Deed }) {
  const t = useTranslations('answer')
  const id = useId()
  const [typed, setTyped] = useState('')
  const [reason, setReason] = useState('')
  const breaks = deed === 'override' || deed === 'break-glass'
  const missing =
    breaks && typed !== environment
      ? t('typeIt', { environment })
      : deed === 'break-glass' && reason.trim().length < glassReason
        ? t('reasonLonger', { count: glassReason, given: reason.trim().length })
        : reason.trim() === ''
          ? t('reasonMissing')
          : null
  return (
    <form
      className="mt-1.5 space-y-4"
      onSubmit={(event) => {
        event.preventDefault()
        if (missing === null) answer.prepare(deed, reason)
      }}
    >
      <p className="text-soft">
        {t(deed === 'override' && overriding ? 'costs.overrideToo' : `costs.${deed}`, { what, place })}
      </p>
      {breaks && (
        <div>
          <label htmlFor={`${id}-name`} className="text-[13px] font-medium">
            {t('typeName', { environment })}
          </label>
          <input
            id={`${id}-name`}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            className="field mt-1"
          />
        </div>
      )}
      <div onInput={(event) => setReason((event.target as HTMLTextAreaElement).value)}>
        <Reason
          id={`${id}-reason`}
          name="reason"
          label={t('reason')}
          required
          help={deed === 'break-glass' ? t('reasonGlass', { count: glassReason }) : t('reasonHelp')}
        />
      </div>
      <Foot>
        <Button onClick={answer.close}>{t('leave')}</Button>
        <Button
          type="submit"
          kind={breaks ? 'alarm' : 'danger'}
          disabled={missing !== null}
          className={WRAPS}
          {...(missing === null ? {} : { 'aria-describedby': `${id}-missing` })}
        >
          {t('goOn')}
        </Button>
      </Foot>
      {missing !== null && (
        <p id={`${id}-missing`} className="text-right text-[13px] text-soft">
          {missing}
        </p>
      )}
    </form>
  )
}

function Shown({ answer, step, what, place }: Props & { step: Extract<Step, { at: 'shown' }> }) {
  const t = useTranslations('answer')
  const { made, deed, busy, changed, problem, reason } = step
  const { required, credentials } = made.passkey
  const over = useOver(made.expiresAt)
  const words = { what, place }
  const kind = deed === 'approve' ? 'primary' : deed === 'reject' ? 'danger' : 'alarm'
  return (
    <div className="mt-2 space-y-4">
      {changed !== '' && (
        <Note tone="err" title={t('changed')}>
          <p className="text-[13px]">{changed}</p>
        </Note>
      )}
      <p className="text-soft">{t('exactly')}</p>
      <StatementView made={made} />
      {/* Above what is copied from the statement, which lies above the row that it stands in. */}
      <div className="sticky -bottom-5 z-20 -mx-5 -mb-5 border-t border-line bg-surface px-5 pt-2.5 pb-5">
        {problem !== '' && <Problem text={problem} />}
        <Countdown until={made.expiresAt} />
        <Foot>
          <Button onClick={answer.close} disabled={busy === 'sending'}>
            {t('leave')}
          </Button>
          {over ? (
            <Button kind="primary" onClick={() => answer.prepare(deed, reason)}>
              <RotateCcw aria-hidden="true" className="size-4" />
              {t('again')}
            </Button>
          ) : (
            <>
              {!required && (
                <Button
                  kind={credentials.length > 0 ? 'plain' : kind}
                  disabled={busy !== null}
                  className={WRAPS}
                  onClick={() => answer.give(step, false)}
                >
                  {busy === 'sending'
                    ? t('sending')
                    : t(credentials.length > 0 ? 'withoutPasskey' : `plain.${deed}`, words)}
                </Button>
              )}
              {credentials.length > 0 && (
                <Button kind={kind} disabled={busy !== null} className={WRAPS} onClick={() => answer.give(step, true)}>
                  <KeyRound aria-hidden="true" className="size-4 shrink-0" />
                  {busy === null ? t('sign') : t(busy)}
                </Button>
              )}
            </>
          )}
        </Foot>
        {required && credentials.length === 0 && <Problem text={t('noPasskey')} />}
      </div>
    </div>
  )
}

const Foot = ({ children }: { children: ReactNode }) => (
  <div className="mt-3 flex flex-wrap justify-end gap-2">{children}</div>
)

function Problem({ text }: { text: string }) {
  const t = useTranslations('act')
  return (
    <p role="alert" className="mt-2 mb-1.5 text-[13px] text-fail wrap-anywhere">
      {t('failed')}: {text}
    </p>
  )
}
