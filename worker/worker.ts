import type { Context } from '../pipelines/context'
import { isFull } from '../pipelines/full-disk'
import { reconcileSoon } from '../pipelines/reconcile'
import { lossOf } from '../prisma/database-loss'
import { Listener } from '../prisma/listener'
import { Outage } from '../prisma/outage'
import { CHANNEL } from '../prisma/record'
import { untilReachable } from '../prisma/until-reachable'
import { hearing } from './hear'
import { heartbeat } from './heartbeat'
import { DUE, JOBS, type JobName, type Lane, USUAL } from './jobs'
import { Movement } from './movement'
import { sweepOrphans } from './orphans'
import { Parts } from './parts'
import { probes } from './probes'
import { prune } from './prune'
import { type Doorbell, databaseReachable } from './queue'
import type { Reachable } from './reachable'
import { Quarantine } from './settle'

const SWEEP_MS = 1_000
const HEARTBEAT_MS = 2_000
const ORPHANS_MS = 15_000
const PRUNE_MS = 600_000
const REPORT_DEBOUNCE_MS = 20
/** What a cache of dependencies may grow to, and how long it is kept when nothing uses it. */
export const CACHE_LIMITS = { unusedMs: 14 * 86_400_000, mostBytes: 2 * 2 ** 30 }

export interface RunningWorker {
  /** Takes no more work and waits for what is in hand; `deadlineMs` later it is given back. */
  drain(deadlineMs: number, stopNow: AbortController): Promise<void>
}

/** What a worker shares with its queue, so that the database is watched once and listened to once. */
export interface Shared {
  listener: Listener
  database: Reachable
}

/**
 * Starts answering: hears the record's doorbell, sweeps what a crash left, keeps its sign of life. While the database is away it
 * does none of it.
 */
export async function startWorker(
  context: Context,
  doorbell: Doorbell,
  lanes: Record<Lane, number>,
  shared?: Shared,
): Promise<RunningWorker> {
  const { pool } = context.record
  const { listener, database } = shared ?? {
    listener: new Listener(context.record.url, 'shiplock ear'),
    database: databaseReachable(pool),
  }
  const quarantine = new Quarantine()
  const movement = new Movement(lanes)
  const inRecord = besides('The sweep of the record', database)
  const storing = besides('Storing what was done', database)
  const work = async (job: JobName, id: number) => {
    const key = `${job}-${id}`
    // The sweep rings again for what is left.
    if (database.away || !quarantine.admits(key)) return
    const ended = movement.began(JOBS[job].lane)
    try {
      await JOBS[job].do(context, id)
      quarantine.passed(key)
      storing.done()
    } catch (error) {
      // It is no fault of this row: it is tried again as soon as there is a database.
      if (lossOf(error) !== null) return database.lost(error)
      // A disk without room is no fault of this row's: it goes on as soon as there is some.
      if (isFull(error)) return storing.lost(error)
      console.error(`${job} ${id}${quarantine.threw(key) ? ' is put aside for five minutes' : ''}:`, error)
    } finally {
      ended()
    }
  }
  const ring = (job: JobName, id: number, epoch: number, priority: number) =>
    doorbell.ring(JOBS[job].lane, job, id, epoch, priority)
  // Named, so that PostgreSQL plans it once for each connection: it is asked every second for ever.
  const ringDue = async (name: string, text: string) => {
    if (doorbell.away) return
    const { rows } = await pool.query<{ job: JobName; id: number; epoch: number; priority: number }>({ name, text })
    const admitted = rows.filter((r) => quarantine.admits(`${r.job}-${r.id}`))
    if (name === 'due') movement.swept(admitted.map((r) => ({ lane: JOBS[r.job].lane, key: `${r.job}-${r.id}` })))
    await Promise.all(admitted.map((r) => ring(r.job, r.id, r.epoch, r.priority)))
  }

  let reportsSoon: NodeJS.Timeout | undefined
  const reports = `SELECT 'report' AS job, id, epoch, ${USUAL} AS priority FROM (${JOBS.report.due} LIMIT 50) d`
  const lookAgain = (project?: number) =>
    reconcileSoon(context.record, project).catch((error: unknown) => database.lost(error))
  const heard = hearing({
    ring,
    lookAgain,
    claim: (subject, id, status) => context.leases.heard(subject, id, status),
    reportSoon: () => {
      reportsSoon ??= setTimeout(() => {
        reportsSoon = undefined
        ringDue('due-reports', reports).catch((error: unknown) => database.lost(error))
      }, REPORT_DEBOUNCE_MS)
    },
  })
  // Notifications are lost while the database is away, and so are webhooks.
  await listener.on(CHANNEL, heard, () => void lookAgain())
  await listener.open()
  const alive = heartbeat(context)
  await untilReachable(alive, database.outage)
  await untilReachable(() => reconcileSoon(context.record), database.outage)
  for (const lane of Object.keys(lanes) as Lane[]) doorbell.answer(lane, lanes[lane], work)

  const inEngine = besides('The engine', database)
  const parts = new Parts(context, probes(context, doorbell, movement))
  const timers = [
    every(HEARTBEAT_MS, () => Promise.all([alive(), parts.write()]), inRecord),
    every(SWEEP_MS, () => ringDue('due', DUE), inRecord),
    every(PRUNE_MS, () => prune(context.record), inRecord),
    every(PRUNE_MS, () => context.engine.pruneCaches(context.instance, CACHE_LIMITS), inEngine),
    every(ORPHANS_MS, () => sweepOrphans(context), inEngine),
  ]
  return {
    async drain(deadlineMs, stopNow) {
      for (const stop of timers) stop()
      clearTimeout(reportsSoon)
      const giveBack = setTimeout(() => stopNow.abort(new Error('the worker is stopping')), deadlineMs)
      await doorbell.drain()
      clearTimeout(giveBack)
      if (shared === undefined) await listener.close()
      database.close()
      await parts.close().catch((error: unknown) => {
        if (lossOf(error) === null) throw error
      })
      // Where it cannot be told, the row grows old by itself.
      await pool.query('DELETE FROM "Worker" WHERE id = $1', [context.worker]).catch((error: unknown) => {
        if (lossOf(error) === null) throw error
      })
    },
  }
}

interface Watch {
  reachable: Reachable
  lost(error: unknown): void
  done(): void
}

/** A lost database is the database's; what else fails has a line of its own in the log. */
function besides(what: string, database: Reachable): Watch {
  const outage = new Outage(what)
  return {
    reachable: database,
    lost: (error) => (lossOf(error) === null ? outage.lost(error) : database.lost(error)),
    done: () => outage.back(),
  }
}

/** Does it now and again `ms` after it is done; never two at once, and not while the database is away. */
function every(ms: number, act: () => Promise<unknown>, watch: Watch): () => void {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  const turn = async () => {
    try {
      await watch.reachable.back()
      await act()
      watch.done()
    } catch (error) {
      if (!stopped) watch.lost(error)
    }
    if (!stopped) timer = setTimeout(() => void turn(), ms)
  }
  void turn()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
