'use client'
import { Ban, RotateCcw } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useId, useRef, useState } from 'react'
import { Button } from '../../_ui/button'
import { ask } from '../../rest'

/** Asks REST for a change, then reads the page again. */
function useChange() {
  const router = useRouter()
  const t = useTranslations('error')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const change = async (path: `/api/v1/${string}`) => {
    setBusy(true)
    setProblem('')
    try {
      await ask('POST', path, {}, t('offline'))
      router.refresh()
    } catch (error) {
      setProblem((error as Error).message)
    }
    setBusy(false)
  }
  return { busy, problem, change }
}

/** Why it cannot be pressed, or what went wrong, beside the button. */
function Beside({ id, denied, problem }: { id: string; denied: string | null; problem: string }) {
  const t = useTranslations('run')
  return (
    <>
      {denied && (
        <span id={id} className="max-w-72 text-[13px] text-soft">
          {denied}
        </span>
      )}
      {problem && (
        <span role="alert" className="max-w-96 text-[13px] text-fail wrap-anywhere">
          {t('failed')}: {problem}
        </span>
      )}
    </>
  )
}

/** @param denied why this viewer may not; null: may */
export function CancelRun({ run, denied }: { run: number; denied: string | null }) {
  const t = useTranslations('run')
  const { busy, problem, change } = useChange()
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const sure = async () => {
    dialog.current?.close()
    await change(`/api/v1/runs/${run}/cancel`)
  }
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Beside id={id} denied={denied} problem={problem} />
      <Button
        kind="danger"
        disabled={denied !== null || busy}
        onClick={() => dialog.current?.showModal()}
        {...(denied ? { 'aria-describedby': id } : {})}
      >
        <Ban aria-hidden="true" className="size-4" />
        {busy ? t('canceling') : t('cancel')}
      </Button>
      <dialog
        ref={dialog}
        aria-labelledby={`${id}-sure`}
        className="m-auto w-[min(92vw,26rem)] rounded-xl border border-line bg-surface p-5 text-ink shadow-2xl backdrop:bg-[rgb(4_12_16/.5)]"
      >
        <p id={`${id}-sure`} className="text-[15px]">
          {t('cancelSure')}
        </p>
        <div className="mt-5 flex flex-wrap justify-end gap-2">
          <Button onClick={() => dialog.current?.close()}>{t('keep')}</Button>
          <Button kind="danger" onClick={sure}>
            {t('cancel')}
          </Button>
        </div>
      </dialog>
    </div>
  )
}

export function RetryStage({
  run,
  stage,
  name,
  denied,
}: {
  run: number
  stage: string
  name: string
  denied: string | null
}) {
  const t = useTranslations('run')
  const { busy, problem, change } = useChange()
  const id = useId()
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Button
        size="small"
        disabled={denied !== null || busy}
        onClick={() => change(`/api/v1/runs/${run}/stages/${stage}/retry`)}
        {...(denied ? { 'aria-describedby': id } : {})}
      >
        <RotateCcw aria-hidden="true" className="size-4" />
        {busy ? t('retrying') : t('retry', { stage: name })}
      </Button>
      <Beside id={id} denied={denied} problem={problem} />
    </div>
  )
}
