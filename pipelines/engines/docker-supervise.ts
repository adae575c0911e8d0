import { setTimeout as pause } from 'node:timers/promises'
import { type DockerApi, hasStatus } from './docker-api'
import { type Written, watchDisk } from './docker-disk'
import type { Limits } from './engine'

export type Why = 'canceled' | 'late' | 'disk'

const KILL_MS = 10_000
/** After SIGKILL a process is gone at once, unless the engine or its disk hangs. */
const GONE_MS = 20_000

export interface Supervised {
  /** Why it was told to stop; null: it was not. */
  why: () => Why | null
  /** Rejects when the container cannot be stopped. */
  stuck: Promise<never>
  /** No more watching: it has ended. Safe twice. */
  end: () => void
}

/** Watches a running container: the caller's signal, its time, what is written. The first of them stops it. */
export function superviseStep(
  api: DockerApi,
  id: string,
  limits: Limits,
  writing: Written,
  signal: AbortSignal,
): Supervised {
  const watching = new AbortController()
  let why: Why | null = null
  let stuck: (error: unknown) => void = () => {}
  const stuckPromise = new Promise<never>((_, reject) => {
    stuck = reject
  })
  stuckPromise.catch(() => {}) // nobody may be waiting any more

  const stop = (reason: Why, graceMs: number) => {
    if (why || watching.signal.aborted) return
    why = reason
    endContainer(api, id, graceMs, watching.signal).catch((error: unknown) => {
      if (!watching.signal.aborted) stuck(error)
    })
  }
  const onAbort = () => stop('canceled', limits.graceMs)
  const timer = setTimeout(() => stop('late', limits.graceMs), limits.timeMs)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  void watchDisk(api, writing, limits.diskBytes, watching.signal, () => stop('disk', 0)) // without grace: it is filling the disk

  return {
    why: () => why,
    stuck: stuckPromise,
    end: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      watching.abort()
    },
  }
}

/** SIGTERM, the grace, SIGKILL; rejects when it is still there after that. Ended by `ended`. */
async function endContainer(api: DockerApi, id: string, graceMs: number, ended: AbortSignal): Promise<void> {
  if (graceMs > 0) {
    await kill(api, id, 'SIGTERM')
    await pause(graceMs, undefined, { signal: ended })
  }
  await kill(api, id, 'SIGKILL')
  await pause(GONE_MS, undefined, { signal: ended })
  throw api.unreachable(new Error(`the container ${id.slice(0, 12)} does not end on SIGKILL`))
}

async function kill(api: DockerApi, id: string, name: string): Promise<void> {
  const ask = { method: 'POST' as const, path: `/containers/${id}/kill`, query: { signal: name }, deadlineMs: KILL_MS }
  await api.text(ask).catch((error: unknown) => {
    if (!hasStatus(error, 404, 409)) throw error // it has just ended: the wait tells
  })
}
