'use client'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { passkeyWords } from '../../_ui/passkey'

/** Something with a passkey that may go wrong: what it is at, and why it did not work. */
export function usePasskeyDeed() {
  const t = useTranslations()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  /** @returns whether it worked */
  const attempt = async (work: () => Promise<void>): Promise<boolean> => {
    setBusy(true)
    setProblem('')
    try {
      await work()
      return true
    } catch (error) {
      setProblem(passkeyWords(t, error))
      return false
    } finally {
      setBusy(false)
    }
  }
  return { busy, problem, attempt, offline: t('error.offline') }
}

export function Trouble({ text }: { text: string }) {
  if (text === '') return null
  return (
    <p role="alert" className="text-[13px] text-fail wrap-anywhere">
      {text}
    </p>
  )
}

/** Where scripts do not run there is no passkey either. */
export function NeedsScript() {
  const t = useTranslations('passkeys')
  return (
    <noscript>
      <p className="text-[13px] text-fail">{t('noScript')}</p>
    </noscript>
  )
}
