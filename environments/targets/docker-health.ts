import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Container } from './docker-replica'
import type { Healthcheck } from './target'

/** Without a healthcheck, a replica counts as healthy once it has run this long (ms) without exiting. */
const SETTLED = 2_000
/** While starting it is asked more often than `interval` says: the first (ms), growing to the second. Only failures that
 *  are an interval apart count against `retries`. */
const ASK_FIRST = 40
const ASK_LATER = 250
/** Added to the longest time that a healthcheck allows, for the engine's own answers (ms). */
const MARGIN = 5_000

/** How long a new replica may take at most until it is healthy (ms). */
export const longestWait = (h: Healthcheck | null) =>
  (h ? h.startPeriod + (h.interval + h.timeout) * Math.max(1, h.retries) : SETTLED) + MARGIN

export const urlOf = (address: string, port: number) =>
  `http://${address.includes(':') ? `[${address}]` : address}:${port}`

/** Asks once, without following redirects. Null: healthy (2xx or 3xx); else what came instead, in words. */
export function probe(url: string, timeout: number, signal?: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const late = AbortSignal.timeout(Math.max(1, timeout))
    const request = get(url, { agent: false, signal: signal ? AbortSignal.any([signal, late]) : late }, (response) => {
      const status = response.statusCode ?? 0
      resolve(status >= 200 && status < 400 ? null : `status ${status}`)
      response.destroy()
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      resolve(late.aborted ? `no answer within ${seconds(timeout)}` : (SOCKET_WORDS[error.code ?? ''] ?? error.message))
    })
  })
}

const SOCKET_WORDS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  // The engine's proxy takes every connection, and closes it where nothing listens behind.
  ECONNRESET: 'nothing listens on the port yet',
  EHOSTUNREACH: 'no route to the address',
  ETIMEDOUT: 'no answer',
}

export const seconds = (ms: number) => `${Math.round(ms / 100) / 10} s`

/** A paused one has not ended, and its exit code says nothing. */
export function whyNotRunning(c: Pick<Container, 'name' | 'paused' | 'outOfMemory' | 'exitCode'>): string {
  if (c.paused) return `is paused: \`docker unpause ${c.name}\` lets it go on`
  return c.outOfMemory ? 'ran out of memory' : `does not run (exit code ${c.exitCode})`
}

/** Is this replica healthy now? Null: yes; else why not. */
export async function judge(
  c: Container,
  address: string,
  health: Healthcheck | null,
  signal?: AbortSignal,
): Promise<string | null> {
  if (!c.running) return whyNotRunning(c)
  if (!health) return null
  const port = c.hostPorts.get(health.port)
  if (!port) return `port ${health.port} is not published`
  // Put together as text: as a relative URL, `//host/` would lead to another machine.
  return probe(`${urlOf(address, port)}/${health.http.replace(/^\//, '')}`, health.timeout, signal)
}

/**
 * Waits until a replica is healthy. Null: it is; else the end of a sentence that starts with "replica 1 of 2 ".
 * `look` reads the container again (null: it is gone). Throws only what `look` throws, or the signal's AbortError.
 */
export async function untilHealthy(
  look: () => Promise<Container | null>,
  address: string,
  health: Healthcheck | null,
  signal: AbortSignal,
): Promise<string | null> {
  const began = Date.now()
  const counts = countFailures(began, health)
  for (let pause = ASK_FIRST; ; pause = Math.min(ASK_LATER, pause * 1.5)) {
    signal.throwIfAborted()
    const c = await look()
    const waited = Date.now() - began
    const asked = health ? ` before it answered on ${health.http}` : ''
    if (!c) return `was removed by somebody else${asked}`
    if (c.paused) return `${whyNotRunning(c)}${asked}`
    if (!c.running) return c.outOfMemory ? `ran out of memory${asked}` : `exited with code ${c.exitCode}${asked}`
    const problem = await judge(c, address, health, signal)
    signal.throwIfAborted()
    if (!problem && (health || waited >= SETTLED)) return null
    if (problem && (counts(Date.now()) || waited > longestWait(health))) {
      return `never answered 200 on ${health?.http} within ${seconds(Date.now() - began)} (last: ${problem})`
    }
    await sleep(pause, undefined, { signal })
  }
}

/** Compose's meaning: failures in the start period do not count, `retries` failures that are an interval apart are too many. */
function countFailures(began: number, health: Healthcheck | null): (now: number) => boolean {
  let failures = 0
  let nextAt = began + (health ? health.startPeriod + health.interval : 0)
  return (now) => {
    if (!health || now < nextAt) return false
    nextAt = now + health.interval
    failures += 1
    return failures >= Math.max(1, health.retries)
  }
}
