'use client'
import { Check, GitMerge } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { useId, useRef } from 'react'
import { Button } from '../../_ui/button'
import { useChange } from '../../use-change'

interface Permission {
  may: boolean
  because: string
}

interface Props {
  id: number
  /** What is seen on this page: another head on the forge refuses what is asked for here. */
  head: string
  source: string
  target: string
  approve: Permission
  merge: Permission
  /** What follows the merge, in words. */
  follows: string
}

/** Approve and merge, each for exactly the head that is shown; whoever may not sees why. */
export function Decide({ id, head, source, target, approve, merge, follows }: Props) {
  const t = useTranslations('mergeRequest')
  const { busy, problem, change } = useChange()
  const dialog = useRef<HTMLDialogElement>(null)
  const name = useId()
  const shown = head.slice(0, 8)
  const mergeWords = t('merge', { head: shown, target })
  const sure = async () => {
    dialog.current?.close()
    await change(`/api/v1/merge-requests/${id}/merge`, { head })
  }
  return (
    <div className="card divide-y divide-line">
      <Deed id={`${name}-approve`} because={approve.because}>
        <Button
          disabled={busy || !approve.may}
          aria-describedby={`${name}-approve`}
          onClick={() => change(`/api/v1/merge-requests/${id}/approve`, { head })}
        >
          <Check aria-hidden="true" className="size-4" />
          {t('approve', { head: shown })}
        </Button>
      </Deed>
      <Deed id={`${name}-merge`} because={merge.because}>
        <Button
          kind="primary"
          disabled={busy || !merge.may}
          aria-describedby={`${name}-merge`}
          onClick={() => dialog.current?.showModal()}
          className="h-auto min-h-9 max-w-full py-1.5 whitespace-normal"
        >
          <GitMerge aria-hidden="true" className="size-4 shrink-0" />
          <span className="wrap-anywhere">{mergeWords}</span>
        </Button>
      </Deed>
      {problem && (
        <p role="alert" className="px-4 py-3 text-[13px] text-fail wrap-anywhere">
          {t('failed')}: {problem}
        </p>
      )}
      <dialog
        ref={dialog}
        aria-labelledby={`${name}-sure`}
        className="m-auto w-[min(92vw,30rem)] rounded-xl border border-line bg-surface p-5 text-ink shadow-2xl backdrop:bg-[rgb(4_12_16/.5)]"
      >
        <h2 id={`${name}-sure`} className="text-[15px] font-semibold wrap-anywhere">
          {t('sure', { head: shown, source, target })}
        </h2>
        <p className="mt-2 text-soft">{follows}</p>
        <p className="mt-2 text-[13px] text-soft">{t('sureHelp')}</p>
        <div className="mt-5 flex flex-wrap justify-end gap-2">
          <Button onClick={() => dialog.current?.close()}>{t('notNow')}</Button>
          <Button kind="primary" onClick={sure} className="h-auto min-h-9 py-1.5 whitespace-normal">
            <span className="wrap-anywhere">{mergeWords}</span>
          </Button>
        </div>
      </dialog>
    </div>
  )
}

function Deed({ id, because, children }: { id: string; because: string; children: React.ReactNode }) {
  return (
    <div className="space-y-2 px-4 py-3.5">
      {children}
      <p id={id} className="text-[13px] text-soft wrap-anywhere">
        {because}
      </p>
    </div>
  )
}
