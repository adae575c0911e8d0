'use client'
import { RefreshCw } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { Button } from '../../_ui/button'
import { ask } from '../../rest'

/** @param denied why it cannot be pressed; null: it can */
export function Recheck({ project, denied }: { project: number; denied: string | null }) {
  const t = useTranslations()
  const router = useRouter()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const recheck = async () => {
    setBusy(true)
    setProblem('')
    try {
      await ask('POST', `/api/v1/projects/${project}/recheck`, {}, t('error.offline'))
      router.refresh()
    } catch (error) {
      setProblem((error as Error).message)
    }
    setBusy(false)
  }
  return (
    <div className="flex flex-wrap items-center gap-3">
      {denied && (
        <span id="recheck-denied" className="max-w-72 text-[13px] text-soft">
          {denied}
        </span>
      )}
      {problem && (
        <span role="alert" className="max-w-96 text-[13px] text-fail">
          {problem}
        </span>
      )}
      <Button
        onClick={recheck}
        disabled={busy || denied !== null}
        {...(denied ? { 'aria-describedby': 'recheck-denied' } : {})}
      >
        <RefreshCw aria-hidden="true" className="size-4" />
        {busy ? t('project.rechecking') : t('project.recheck')}
      </Button>
    </div>
  )
}
