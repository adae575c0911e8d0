'use client'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { ask } from './rest'

/** Asks REST for a change, then reads the page again; `problem` is why it did not work, in words. */
export function useChange() {
  const router = useRouter()
  const t = useTranslations('error')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  /** @returns whether it was done */
  const change = async (path: `/api/v1/${string}`, body: unknown = {}): Promise<boolean> => {
    setBusy(true)
    setProblem('')
    try {
      await ask('POST', path, body, t('offline'))
      router.refresh()
      return true
    } catch (error) {
      setProblem((error as Error).message)
      return false
    } finally {
      setBusy(false)
    }
  }
  return { busy, problem, change }
}
