'use client'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useEffect, useState } from 'react'
import { cn } from './classes'

/** A burst of changes makes one reading, and a steady stream of them at most one a second. */
const GATHER_MS = 300
const AT_MOST_MS = 1_000
const AGAIN_MS = 5_000

/**
 * Reads the page again when something changed, and says whether it is listening.
 * @param run only changes of this run count
 */
export function Live({ run }: { run?: number }) {
  const t = useTranslations('live')
  const router = useRouter()
  const [lost, setLost] = useState(false)

  useEffect(() => {
    let source: EventSource | undefined
    let gather: ReturnType<typeof setTimeout> | undefined
    let again: ReturnType<typeof setTimeout> | undefined
    let read = 0
    let missed = false
    const refresh = () => {
      clearTimeout(gather)
      gather = setTimeout(() => {
        read = Date.now()
        router.refresh()
      }, Math.max(GATHER_MS, AT_MOST_MS - (Date.now() - read)))
    }
    const open = () => {
      source = new EventSource('/api/v1/events')
      source.onopen = () => {
        setLost(false)
        // What was rung while nobody listened was not heard.
        if (missed) refresh()
        missed = false
      }
      source.addEventListener('change', (event) => {
        const change = JSON.parse(event.data) as { subject: string; run: number | null }
        if (run === undefined || change.run === run || change.subject === 'all') refresh()
      })
      source.onerror = () => {
        missed = true
        setLost(true)
        // The browser comes again by itself unless the answer was no stream: signed out, or a proxy's error page.
        if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, AGAIN_MS)
      }
    }
    const close = () => {
      source?.close()
      source = undefined
      clearTimeout(again)
    }
    // A browser gives six connections to a server, for all tabs together: who is not looked at lets go.
    const look = () => {
      if (document.hidden) {
        missed = true
        close()
      } else if (!source) open()
    }
    look()
    document.addEventListener('visibilitychange', look)
    return () => {
      document.removeEventListener('visibilitychange', look)
      clearTimeout(gather)
      close()
    }
  }, [router, run])

  return (
    <span role="status" className="inline-flex items-center gap-1.5 text-xs text-faint" title={lost ? t('offHelp') : undefined}>
      <span aria-hidden="true" className={cn('size-1.5 rounded-full', lost ? 'bg-err-fill' : 'bg-ok-fill')} />
      {lost ? t('off') : t('on')}
    </span>
  )
}
