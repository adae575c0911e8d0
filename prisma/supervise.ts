// Keeps the embedded PostgreSQL running: one that was killed, or could not start, is started again.
import { setTimeout as sleep } from 'node:timers/promises'
import { isHeld, lockFile, withFileLock } from './file-lock.mjs'
import { Outage } from './outage'
import { ensurePostgres, type Postgres } from './postgres'

/** Two small files are read each time. */
const LOOK_MS = 250

export interface Supervisor {
  /** Starts it no more, and waits for a start that is under way. */
  stop(): Promise<void>
}

type Ensure = Parameters<typeof ensurePostgres>[0]

/**
 * Watches over a server that was started before. One supervisor at a time, whatever the number of processes: the next takes over
 * when it ends. It never gives up: a full disk or a missing right may be mended while it tries, with growing pauses.
 */
export function supervise(
  postgres: Postgres,
  options: Ensure,
  outage = new Outage('The embedded database'),
): Supervisor {
  const stopping = new AbortController()
  const { signal } = stopping
  const ended = withFileLock(lockFile(options.dir, 'supervise'), () => watch(postgres, options, outage, signal), {
    timeoutMs: Number.POSITIVE_INFINITY,
    signal,
  }).catch((error: unknown) => {
    if (!signal.aborted) console.error('The embedded database is not watched over any more:', error)
  })
  return {
    stop: async () => {
      stopping.abort()
      await ended
      outage.close()
    },
  }
}

/** Does a process keep it running that would start it again? */
export const isSupervised = (dir: string) => isHeld(lockFile(dir, 'supervise'))

async function watch(postgres: Postgres, options: Ensure, outage: Outage, signal: AbortSignal) {
  while (!signal.aborted) {
    if (postgres.runs()) {
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {}) // it is told to stop
      continue
    }
    outage.lost(new Error('its server ended unasked'))
    while (!signal.aborted) {
      try {
        // An empty database in the place of one whose folder is not there would be taken for it.
        await ensurePostgres({ ...options, make: false })
        outage.back()
        break
      } catch (error) {
        outage.lost(error)
        await outage.pause(signal)
      }
    }
  }
}
