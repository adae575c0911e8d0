'use client'
import { Repeat } from 'lucide-react'
import Link from 'next/link'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useId, useState } from 'react'
import { Button } from '../../_ui/button'
import { ask } from '../../rest'
import type { Replayed } from '../shapes'

/**
 * Has a delivery judged again, and says what came of it.
 * @param denied why it cannot be pressed; null: it can
 */
export function Replay({ delivery, denied }: { delivery: number; denied: string | null }) {
  const t = useTranslations()
  const router = useRouter()
  const id = useId()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const [outcome, setOutcome] = useState<Replayed | null>(null)
  const replay = async () => {
    setBusy(true)
    setProblem('')
    setOutcome(null)
    try {
      setOutcome((await ask('POST', `/api/v1/deliveries/${delivery}/replay`, {}, t('error.offline'))) as Replayed)
      router.refresh()
    } catch (error) {
      setProblem((error as Error).message)
    }
    setBusy(false)
  }
  return (
    <div className="flex flex-wrap items-center gap-x-3 sm:justify-end gap-y-2">
      <div id={id} className="max-w-96 text-[13px] text-soft wrap-anywhere">
        {denied ?? t('inbox.replayHelp')}
      </div>
      <Button onClick={replay} disabled={busy || denied !== null} aria-describedby={id}>
        <Repeat aria-hidden="true" className="size-4" />
        {busy ? t('inbox.replaying') : t('inbox.replay', { id: delivery })}
      </Button>
      <div aria-live="polite" className="basis-full text-[13px] sm:text-right empty:hidden">
        {problem && <span className="text-fail wrap-anywhere">{problem}</span>}
        {outcome && (
          <span className="wrap-anywhere">
            <Link href={`/deliveries/${outcome.delivery}`} className="font-medium text-accent hover:underline">
              {t('inbox.number', { id: outcome.delivery })}
            </Link>{' '}
            {outcome.decision}: {outcome.because}
          </span>
        )}
      </div>
    </div>
  )
}
