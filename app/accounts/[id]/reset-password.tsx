'use client'
import { KeyRound } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useId, useState } from 'react'
import { Button } from '../../_ui/button'
import { Copyable } from '../../_ui/copy'
import { Note } from '../../_ui/page'
import { ask } from '../../rest'

/** Makes a new password; it is shown once, here, and nowhere again. */
export function ResetPassword({ account, name }: { account: number; name: string }) {
  const t = useTranslations()
  const router = useRouter()
  const id = useId()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const [password, setPassword] = useState<string | null>(null)
  const reset = async () => {
    setBusy(true)
    setProblem('')
    try {
      const made = await ask('POST', `/api/v1/accounts/${account}/reset-password`, {}, t('error.offline'))
      setPassword((made as { password: string }).password)
      document.getElementById(id)?.hidePopover()
      router.refresh()
    } catch (error) {
      setProblem((error as Error).message)
    }
    setBusy(false)
  }
  if (password !== null)
    return (
      <Note tone="wait" live icon={<KeyRound aria-hidden="true" />} title={t('accounts.once')}>
        <Copyable text={password} shown={password} what={t('accounts.password')} className="mt-1.5 text-sm text-ink" />
      </Note>
    )
  return (
    <>
      <Button popoverTarget={id} size="small">
        {t('accounts.reset.button')}
      </Button>
      <dialog
        id={id}
        popover="auto"
        aria-labelledby={`${id}-title`}
        className="fixed inset-0 m-auto h-fit w-[min(92vw,30rem)] rounded-xl border border-line bg-surface p-5 text-ink shadow-2xl backdrop:bg-[rgb(4_12_16/.5)]"
      >
        <h2 id={`${id}-title`} className="text-base font-semibold wrap-anywhere">
          {t('accounts.reset.title', { name })}
        </h2>
        <p className="mt-1.5 text-soft">{t('accounts.reset.text')}</p>
        {problem && (
          <p role="alert" className="mt-3 text-[13px] text-fail">
            {problem}
          </p>
        )}
        <div className="mt-4 flex flex-wrap justify-end gap-2">
          <Button popoverTarget={id} popoverTargetAction="hide">
            {t('act.keep')}
          </Button>
          <Button kind="danger" disabled={busy} onClick={reset}>
            {busy ? t('act.working') : t('accounts.reset.button')}
          </Button>
        </div>
      </dialog>
    </>
  )
}
