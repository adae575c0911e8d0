import type { Context } from '../pipelines/context'
import { reconcileSoon } from '../pipelines/reconcile'
import { Ear } from './ear'
import { heartbeat } from './heartbeat'
import { DUE, JOBS, type JobName, type Lane, rungBy, USUAL } from './jobs'
import { sweepOrphans } from './orphans'
import { prune } from './prune'
import type { Doorbell } from './queue'
import { Quarantine } from './settle'

const SWEEP_MS = 1_000
const HEARTBEAT_MS = 3_000
const ORPHANS_MS = 15_000
const PRUNE_MS = 600_000
const REPORT_DEBOUNCE_MS = 20
/** What a cache of dependencies may grow to, and how long it is kept when nothing uses it. */
export const CACHE_LIMITS = { unusedMs: 14 * 86_400_000, mostBytes: 2 * 2 ** 30 }

export interface RunningWorker {
  /** Takes no more work and waits for what is in hand; `deadlineMs` later it is given back. */
  drain(deadlineMs: number, stopNow: AbortController): Promise<void>
}

/** Starts answering: hears the record's doorbell, sweeps what a crash left, keeps its sign of life. */
export async function startWorker(
  context: Context,
  doorbell: Doorbell,
  lanes: Record<Lane, number>,
): Promise<RunningWorker> {
  const { pool } = context.record
  const quarantine = new Quarantine()
  const work = async (job: JobName, id: number) => {
    const key = `${job}-${id}`
    if (!quarantine.admits(key)) return
    try {
      await JOBS[job].do(context, id)
      quarantine.passed(key)
    } catch (error) {
      console.error(`${job} ${id}${quarantine.threw(key) ? ' is put aside for five minutes' : ''}:`, error)
    }
  }
  const ring = (job: JobName, id: number, epoch: number, priority: number) =>
    doorbell
      .ring(JOBS[job].lane, job, id, epoch, priority)
      .catch((error: Error) => console.warn(`could not ring ${job} ${id}: ${error.message}`))
  // Named, so that PostgreSQL plans it once for each connection: it is asked every second for ever.
  const ringDue = async (name: string, text: string) => {
    const { rows } = await pool.query<{ job: JobName; id: number; epoch: number; priority: number }>({ name, text })
    const admitted = rows.filter((r) => quarantine.admits(`${r.job}-${r.id}`))
    await Promise.all(admitted.map((r) => ring(r.job, r.id, r.epoch, r.priority)))
  }

  let reportsSoon: NodeJS.Timeout | undefined
  const reports = `SELECT 'report' AS job, id, epoch, ${USUAL} AS priority FROM (${JOBS.report.due} LIMIT 50) d`
  const heard = (payload: string) => {
    // A hint, from anyone who has a connection: what is due, and whether a claim still holds, is read from the rows.
    const [subject = '', number = '', status = '', epoch = '0', priority = String(USUAL)] = payload.split(':')
    const id = asNumber(number)
    if (id < 1) return
    context.leases.heard(subject, id, status)
    for (const job of rungBy(subject, status)) void ring(job, id, asNumber(epoch), asPriority(priority))
    if (subject === 'stage' || subject === 'run') {
      reportsSoon ??= setTimeout(() => {
        reportsSoon = undefined
        ringDue('due-reports', reports).catch(complain)
      }, REPORT_DEBOUNCE_MS)
    }
  }
  const complain = (error: Error) => console.warn(`the record cannot be swept now: ${error.message}`)
  const ear = new Ear(context.record.url, heard)
  await ear.open()
  await reconcileSoon(context.record)
  for (const lane of Object.keys(lanes) as Lane[]) doorbell.answer(lane, lanes[lane], work)

  const timers = [
    every(SWEEP_MS, () => ringDue('due', DUE), complain),
    every(HEARTBEAT_MS, heartbeat(context), complain),
    every(PRUNE_MS, () => prune(context.record), complain),
    every(
      PRUNE_MS,
      () => context.engine.pruneCaches(context.instance, CACHE_LIMITS),
      (error) => console.warn(`caches cannot be pruned now: ${error.message}`),
    ),
    every(
      ORPHANS_MS,
      () => sweepOrphans(context),
      (error) => console.warn(`orphans cannot be swept now: ${error.message}`),
    ),
  ]
  return {
    async drain(deadlineMs, stopNow) {
      for (const stop of timers) stop()
      clearTimeout(reportsSoon)
      const giveBack = setTimeout(() => stopNow.abort(new Error('the worker is stopping')), deadlineMs)
      await doorbell.drain()
      clearTimeout(giveBack)
      await ear.close()
      await pool.query('DELETE FROM "Worker" WHERE id = $1', [context.worker])
    },
  }
}

/** Of a notification; what is no number of the record's is 0. */
const asNumber = (text: string) => (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 31 ? Number(text) : 0)
/** Between the first (a rollback) and the last (a feature branch) of the record. */
const asPriority = (text: string) => (/^-?\d{1,4}$/.test(text) ? Math.max(-10, Math.min(20, Number(text))) : USUAL)

/** Does it now and again `ms` after it is done; never two at once. */
function every(ms: number, act: () => Promise<unknown>, complain: (error: Error) => void): () => void {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  const turn = () => {
    act()
      .catch(complain)
      .finally(() => {
        if (!stopped) timer = setTimeout(turn, ms)
      })
  }
  turn()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
