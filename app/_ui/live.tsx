'use client'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useEffect, useState } from 'react'
import { hearChanges } from './changes'
import { cn } from './classes'

/** A burst of changes makes one reading, and a steady stream of them at most one a second. */
const GATHER_MS = 300
const AT_MOST_MS = 1_000

/** How it stands: not connected yet, listening, or connected no more. */
type State = 'wait' | 'on' | 'off'
const DOT: Record<State, string> = { wait: 'bg-mute-fill', on: 'bg-ok-fill', off: 'bg-err-fill' }

/**
 * Reads the page again when something changed, and says whether it is listening.
 * @param run only changes of this run count
 */
export function Live({ run }: { run?: number }) {
  const t = useTranslations('live')
  const router = useRouter()
  const [state, setState] = useState<State>('wait')

  useEffect(() => {
    let gather: ReturnType<typeof setTimeout> | undefined
    let read = 0
    const refresh = () => {
      clearTimeout(gather)
      gather = setTimeout(
        () => {
          read = Date.now()
          router.refresh()
        },
        Math.max(GATHER_MS, AT_MOST_MS - (Date.now() - read)),
      )
    }
    const deaf = hearChanges({
      onChange: (change) => {
        if (run === undefined || change.run === run || change.subject === 'all') refresh()
      },
      onState: (open) => setState(open ? 'on' : 'off'),
    })
    return () => {
      deaf()
      clearTimeout(gather)
    }
  }, [router, run])

  return (
    <span
      role="status"
      className="inline-flex items-center gap-1.5 text-xs text-faint"
      title={state === 'off' ? t('offHelp') : undefined}
    >
      <span aria-hidden="true" className={cn('size-1.5 rounded-full', DOT[state])} />
      {t(state)}
    </span>
  )
}
