'use client'
// The buttons of an answer. Each opens the same dialog: what is given along, the exact statement, and the yes to it.
import { CircleX, Flame, PenLine, ShieldAlert } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useTranslations } from 'next-intl'
import { type ReactNode, useEffect, useId, useState } from 'react'
import { Reason } from '../_ui/act'
import { Button } from '../_ui/button'
import { type AnswerTo, type Deed, useAnswer } from './use-answer'

// Most visits only read: what answering takes is fetched by the first answer.
const AnswerDialog = dynamic(() => import('./dialog').then((it) => it.AnswerDialog), { ssr: false })

/** Why each cannot be pressed; null: it can; absent: it is not offered. */
export type Denied = Partial<Record<Deed, string | null>>

interface Props {
  to: AnswerTo
  /** What is answered to, as people call it: a tag, or a change of a policy. */
  what: string
  /** The environment's own name, which is typed before a barrier is broken, and its name in a sentence. */
  environment: string
  place: string
  denied: Denied
  /** Somebody asks for an override already: this would be the second. */
  overriding: boolean
  /** Characters that breaking the glass takes. */
  glassReason: number
}

const ICON = 'size-4 shrink-0'

export function AnswerButtons(props: Props) {
  const t = useTranslations('answer')
  const { to, what, place, denied } = props
  const answer = useAnswer(to)
  // Before the page is alive nothing here can work: a statement must be shown before it is agreed to.
  const [alive, setAlive] = useState(false)
  useEffect(() => setAlive(true), [])
  const id = useId()
  const words = { what, place }
  return (
    <div className="grid gap-3">
      <noscript>
        <p className="text-[13px] text-err">{t('noScript')}</p>
      </noscript>
      {denied.approve !== undefined && (
        <form
          className="space-y-3"
          onSubmit={(event) => {
            event.preventDefault()
            void answer.prepare('approve', String(new FormData(event.currentTarget).get('comment') ?? ''))
          }}
        >
          {denied.approve === null && (
            <Reason id={`${id}-comment`} name="comment" label={t('comment')} help={t('commentHelp')} required={false} />
          )}
          <Press
            type="submit"
            kind="primary"
            text={t('approve', words)}
            icon={<PenLine aria-hidden="true" className={ICON} />}
            denied={denied.approve}
            alive={alive}
          />
        </form>
      )}
      {denied.reject !== undefined && (
        <Press
          kind="danger"
          text={t('reject', words)}
          icon={<CircleX aria-hidden="true" className={ICON} />}
          denied={denied.reject}
          alive={alive}
          onClick={() => answer.begin('reject')}
        />
      )}
      <p role="status" className="text-[13px] font-medium text-ok empty:hidden">
        {answer.said}
      </p>
      {(denied.override !== undefined || denied['break-glass'] !== undefined) && (
        <Emergency>
          {denied.override !== undefined && (
            <Barrier help={t('overrideHelp')}>
              <Press
                kind="alarm"
                text={t(props.overriding ? 'overrideToo' : 'override', words)}
                icon={<ShieldAlert aria-hidden="true" className={ICON} />}
                denied={denied.override}
                alive={alive}
                onClick={() => answer.begin('override')}
              />
            </Barrier>
          )}
          {denied['break-glass'] !== undefined && (
            <Barrier help={t('glassHelp')}>
              <Press
                kind="alarm"
                text={t('break-glass', words)}
                icon={<Flame aria-hidden="true" className={ICON} />}
                denied={denied['break-glass']}
                alive={alive}
                onClick={() => answer.begin('break-glass')}
              />
            </Barrier>
          )}
        </Emergency>
      )}
      {answer.began && <AnswerDialog {...props} answer={answer} />}
    </div>
  )
}

/** Another way in than the one beside it: it stands apart, and is opened on purpose. */
function Emergency({ children }: { children: ReactNode }) {
  const t = useTranslations('answer')
  return (
    <details className="rounded-lg border border-fail/30 open:bg-fail-ground/40">
      <summary className="flex cursor-pointer items-center gap-2 rounded-lg px-3 py-2 text-[13px] font-medium text-fail">
        <Flame aria-hidden="true" className="size-4 shrink-0" />
        {t('emergency')}
      </summary>
      <div className="space-y-4 px-3 pt-1 pb-3">{children}</div>
    </details>
  )
}

function Barrier({ help, children }: { help: string; children: ReactNode }) {
  return (
    <div className="space-y-2">
      <p className="text-[13px] text-soft">{help}</p>
      {children}
    </div>
  )
}

interface PressProps {
  text: string
  kind: 'primary' | 'danger' | 'alarm'
  icon: ReactNode
  denied: string | null
  alive: boolean
  type?: 'submit'
  onClick?: () => void
}

/** A button, and beside it why it cannot be pressed. */
function Press({ text, kind, icon, denied, alive, type, onClick }: PressProps) {
  const id = useId()
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
      <Button
        type={type ?? 'button'}
        kind={kind}
        disabled={denied !== null || !alive}
        className="h-auto min-h-9 py-1.5 text-left whitespace-normal wrap-anywhere"
        {...(onClick ? { onClick } : {})}
        {...(denied === null ? {} : { 'aria-describedby': id })}
      >
        {icon}
        {text}
      </Button>
      {denied !== null && (
        <span id={id} className="max-w-96 text-[13px] text-soft wrap-anywhere">
          {denied}
        </span>
      )}
    </div>
  )
}
