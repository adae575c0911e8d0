import { Aborted } from './docker-api'

export type Clock = ReturnType<typeof until>

/** One signal for two ends, the caller's abort and a time limit, that remembers which came first. Clear it when done. */
export function until(signal: AbortSignal, timeMs: number) {
  const cut = new AbortController()
  let why: 'canceled' | 'late' | null = null
  const end = (reason: 'canceled' | 'late') => {
    why ??= reason
    cut.abort()
  }
  const onAbort = () => end('canceled')
  const timer = setTimeout(() => end('late'), timeMs)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  return {
    signal: cut.signal,
    why: () => why,
    clear: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    },
  }
}

/** What `work` gives, unless the clock ends first: then Aborted, and whatever the work still does is nobody's. */
export function within<T>(clock: Clock, work: () => Promise<T>): Promise<T> {
  return orAborted(clock.signal, work())
}

export function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new Aborted())
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
