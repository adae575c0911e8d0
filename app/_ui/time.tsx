'use client'
import { useLocale } from 'next-intl'
import { useEffect, useState } from 'react'
import { duration, relative } from './duration'

const TICK_MS = 1_000
const listeners = new Set<(now: number) => void>()
let timer: ReturnType<typeof setInterval> | undefined

/** One clock for all times on the page. Null on the server and until the page is alive. */
export function useNow(): number | null {
  const [now, setNow] = useState<number | null>(null)
  useEffect(() => {
    listeners.add(setNow)
    setNow(Date.now())
    timer ??= setInterval(() => {
      const at = Date.now()
      for (const tell of listeners) tell(at)
    }, TICK_MS)
    return () => {
      listeners.delete(setNow)
      if (listeners.size > 0) return
      clearInterval(timer)
      timer = undefined
    }
  }, [])
  return now
}

/** How long ago, with the moment itself in the reader's own time zone as title. */
export function Time({ at, className }: { at: string; className?: string }) {
  const locale = useLocale()
  const now = useNow()
  const date = new Date(at)
  // The reader's zone is known in the browser alone; the server's first word is UTC and says so.
  const title = now === null ? at : date.toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'long' })
  return (
    <time dateTime={at} title={title} className={className} suppressHydrationWarning>
      {relative(date.getTime() - (now ?? Date.now()), locale)}
    </time>
  )
}

/** The moment itself, in the reader's own time zone. */
export function Moment({ at, className }: { at: string; className?: string }) {
  const locale = useLocale()
  const now = useNow()
  const zone = now === null ? { timeZone: 'UTC' } : {}
  const text = new Date(at).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'medium', ...zone })
  return (
    <time dateTime={at} title={at} className={className} suppressHydrationWarning>
      {text}
    </time>
  )
}

/** A duration; while `moving` it goes on by itself from what the server said, whatever this machine's clock shows. */
export function Duration({ ms, moving = false, className }: { ms: number; moving?: boolean; className?: string }) {
  const locale = useLocale()
  return <span className={className}>{moving ? <Moving key={ms} ms={ms} /> : duration(ms, locale)}</span>
}

function Moving({ ms }: { ms: number }) {
  const locale = useLocale()
  const now = useNow()
  const [began, setBegan] = useState<number | null>(null)
  useEffect(() => setBegan(Date.now()), [])
  return <>{duration(ms + (now === null || began === null ? 0 : Math.max(0, now - began)), locale)}</>
}
