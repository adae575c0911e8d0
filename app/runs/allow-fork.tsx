'use client'
import { Play } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { useId } from 'react'
import { Button } from '../_ui/button'
import { useChange } from '../use-change'

/**
 * Says go for the static checks of a fork's commit.
 * @param denied why this viewer may not; null: may
 */
export function AllowFork({ run, head, denied }: { run: number; head: string; denied: string | null }) {
  const t = useTranslations('fork')
  const { busy, problem, change } = useChange()
  const id = useId()
  return (
    <div className="mt-2.5 flex flex-wrap items-center gap-x-3 gap-y-2">
      <Button
        disabled={busy || denied !== null}
        onClick={() => change(`/api/v1/runs/${run}/allow`)}
        aria-describedby={id}
      >
        <Play aria-hidden="true" className="size-4" />
        {busy ? t('going') : t('go', { head: head.slice(0, 8) })}
      </Button>
      <span id={id} className="text-[13px] text-soft">
        {denied ?? t('goHelp')}
      </span>
      {problem && (
        <span role="alert" className="basis-full text-[13px] text-fail wrap-anywhere">
          {problem}
        </span>
      )}
    </div>
  )
}
