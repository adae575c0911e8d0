import type { RecordHandle } from '../../prisma/client'
import { whoIsAlive } from './alive'

const ANSWER_WITHIN_MS = 2_000

export interface HealthNow {
  status: 'ok' | 'degraded' | 'down'
  database: boolean
  worker: boolean
  version: string
}

/** Asks the database, for two seconds at most. Never throws. */
export async function readHealth(record: RecordHandle, version: string): Promise<HealthNow> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ANSWER_WITHIN_MS)
  })
  // A refused connection and a late answer mean the same to a load balancer.
  const alive = await Promise.race([whoIsAlive(record).catch(() => null), late])
  clearTimeout(timer)
  if (!alive) return { status: 'down', database: false, worker: false, version }
  return { status: alive.workerAlive ? 'ok' : 'degraded', database: true, worker: alive.workerAlive, version }
}
