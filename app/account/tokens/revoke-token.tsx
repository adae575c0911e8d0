'use client'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useId, useState } from 'react'
import { Button } from '../../_ui/button'
import { ask } from '../../rest'

/** Asks first: whatever uses the token stops working at once. */
export function RevokeToken({ id, name }: { id: number; name: string }) {
  const t = useTranslations()
  const router = useRouter()
  const dialog = useId()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const revoke = async () => {
    setBusy(true)
    setProblem('')
    try {
      await ask('DELETE', `/api/v1/tokens/${id}`, undefined, t('error.offline'))
      document.getElementById(dialog)?.hidePopover()
      router.refresh()
    } catch (error) {
      setProblem((error as Error).message)
    }
    setBusy(false)
  }
  return (
    <>
      <Button kind="danger" size="small" popoverTarget={dialog}>
        {t('account.token.revoke')}
      </Button>
      <dialog
        id={dialog}
        popover="auto"
        aria-labelledby={`${dialog}-title`}
        className="fixed inset-0 m-auto h-fit w-[min(92vw,30rem)] rounded-xl border border-line bg-surface p-5 text-ink shadow-2xl backdrop:bg-[rgb(4_12_16/.5)]"
      >
        <h2 id={`${dialog}-title`} className="text-base font-semibold wrap-anywhere">
          {t('account.token.revokeTitle', { name })}
        </h2>
        <p className="mt-1.5 text-soft">{t('account.token.revokeText')}</p>
        {problem && (
          <p role="alert" className="mt-3 text-[13px] text-fail">
            {problem}
          </p>
        )}
        <div className="mt-4 flex flex-wrap justify-end gap-2">
          <Button popoverTarget={dialog} popoverTargetAction="hide">
            {t('act.keep')}
          </Button>
          <Button kind="danger" disabled={busy} onClick={revoke}>
            {busy ? t('act.working') : t('account.token.revoke')}
          </Button>
        </div>
      </dialog>
    </>
  )
}
