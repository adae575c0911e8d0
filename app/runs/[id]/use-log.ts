'use client'
import { useEffect, useRef, useState } from 'react'
import { LogLines } from '../../_ui/log/lines'
import type { LogPage } from '../../shapes'

const PAGE_BYTES = 1_000_000
const AGAIN_MS = 3_000

export type LogState = 'loading' | 'following' | 'ended' | 'lost' | 'failed'

/** Whose stage it is: of a run, or of the verification of a promotion. Its address in REST and as a page. */
export type LogOf = `runs/${number}` | `promotions/${number}`

export const logAddress = (of: LogOf, stage: string, query: Record<string, string>) =>
  `/api/v1/${of}/stages/${encodeURIComponent(stage)}/log?${new URLSearchParams(query)}`

/** One page of a log. Throws an Error that says what REST said. */
export async function readPage(of: LogOf, stage: string, after: string, signal?: AbortSignal): Promise<LogPage> {
  const query = { max_bytes: String(PAGE_BYTES), ...(after === '' ? {} : { after }) }
  const response = await fetch(logAddress(of, stage, query), {
    headers: { accept: 'application/json' },
    ...(signal ? { signal } : {}),
  })
  const answer = (await response.json()) as LogPage & { error?: { message: string } }
  if (!response.ok) throw new Error(answer.error?.message ?? String(response.status))
  return answer
}

/** Will nothing more be written? As STAGE has it; what has errored may be tried again. */
const over = (status: string) => ['succeeded', 'failed', 'skipped', 'canceled'].includes(status)

/** Reads a stage's log from its beginning, then follows it until the stage has ended. `again` starts anew. */
export function useLog(of: LogOf, stage: string) {
  const [lines] = useState(() => new LogLines())
  const [version, setVersion] = useState(0)
  const [state, setState] = useState<LogState>('loading')
  const [problem, setProblem] = useState('')
  const [round, setRound] = useState(0)
  const attempt = useRef<number | null>(null)

  useEffect(() => {
    void round // another round reads everything again
    const abort = new AbortController()
    let source: EventSource | undefined
    let frame = 0
    let after = ''
    const draw = () => {
      cancelAnimationFrame(frame)
      frame = requestAnimationFrame(() => setVersion((v) => v + 1))
    }
    const take = (page: LogPage) => {
      // A new attempt writes a new log: what was shown belongs to the one before.
      if (attempt.current !== null && page.attempt !== attempt.current) lines.clear()
      attempt.current = page.attempt
      lines.append(page)
      after = page.next
      draw()
    }
    const follow = () => {
      source = new EventSource(logAddress(of, stage, { after, follow: '1' }))
      source.onopen = () => setState('following')
      source.addEventListener('log', (event) => take(JSON.parse(event.data)))
      source.addEventListener('end', () => {
        source?.close()
        setState('ended')
      })
      source.onerror = () => {
        setState('lost')
        if (source?.readyState === EventSource.CLOSED) setTimeout(() => !abort.signal.aborted && follow(), AGAIN_MS)
      }
    }
    const load = async () => {
      for (;;) {
        const page = await readPage(of, stage, after, abort.signal)
        take(page)
        if (page.more) continue
        if (over(page.status)) return setState('ended')
        return follow()
      }
    }
    lines.clear()
    attempt.current = null
    setState('loading')
    load().catch((error: Error) => {
      if (abort.signal.aborted) return
      setProblem(error.message)
      setState('failed')
    })
    return () => {
      abort.abort()
      source?.close()
      cancelAnimationFrame(frame)
    }
  }, [of, stage, lines, round])

  return { lines, version, state, problem, again: () => setRound((r) => r + 1) }
}
