import {
  type BackendFactory,
  createPostgresBackend,
  createRedisBackend,
  type IQueueBackend,
  Queue,
  type QueueOptions,
  Worker,
  type WorkerOptions,
} from 'bullmq'
import type pg from 'pg'
import { openPool } from '../prisma/client'
import { lossOf } from '../prisma/database-loss'
import { Listener } from '../prisma/listener'
import { Outage } from '../prisma/outage'
import { pauseMs } from '../prisma/pause'
import type { JobName, Lane } from './jobs'
import { QueuePool, SCHEMA } from './queue-pool'
import { Reachable } from './reachable'

/** A doorbell with lanes. Losing all of it loses nothing: the sweep rings again for whatever the record says is due. */
export interface Doorbell {
  /**
   * `epoch`: the row's. A ring that died with its worker does not stand in the way of the next attempt's. `priority`: the
   * row's; lower is answered first. While the queue is away nothing is rung: the sweep does it later.
   */
  ring(lane: Lane, job: JobName, id: number, epoch: number, priority: number): Promise<void>
  /** Starts taking work: `concurrency` rings of a lane are answered at once. */
  answer(lane: Lane, concurrency: number, work: (job: JobName, id: number) => Promise<void>): void
  /** True: what is due cannot be rung at this moment. */
  readonly away: boolean
  /** Rejects, or never answers, where the queue cannot be reached. @returns lanes that are paused */
  paused(): Promise<Lane[]>
  /** @returns lanes that were paused, and are not any more */
  resume(lanes: readonly Lane[]): Promise<Lane[]>
  /** Takes no more; waits for the work in hand. */
  drain(): Promise<void>
  close(): Promise<void>
}

export interface DoorbellOptions {
  databaseUrl: string
  redisUrl?: string | undefined
  instance: string
  /** Connections to the database beside the listening one; with Redis there are none. */
  connections?: number
  /** Where others listen as well: one connection for all. */
  listener?: Listener
  /** Of the database, where others watch it as well. */
  database?: Reachable
}

/** A dead process's ring is answered by another after this, in ms. The claim in the record is what protects the work. */
const LOCK_MS = 10_000
/** No worker waits longer for a notification: it may have been lost, and BullMQ would wait for an hour. */
const LONGEST_BLOCK_S = 5
/** Redis is tried again after this at the latest. */
const LONGEST_RECONNECT_MS = 3_000
/** Longer than Redis is asked to wait for a job. */
const SILENT_MS = 15_000

/** The queue knows no priority below 1, and the record's begin at -10. */
const ORDINARY = 100

/** What carries the queue: how BullMQ reaches it, and whether it can be reached. */
interface Carrier {
  connection: QueueOptions['connection']
  backend: BackendFactory
  prefix: { prefix?: string }
  /** Where the queue lies in the database: what is lost then is not the queue alone. */
  database?: Reachable
  close(): Promise<void>
}

export function openDoorbell(options: DoorbellOptions): Doorbell {
  const queues = new Map<Lane, Queue>()
  const workers = new Map<Lane, Worker>()
  const carrier: Carrier =
    options.redisUrl === undefined
      ? inPostgres(options, () => [...workers.keys()].map(nameOf))
      : inRedis(options.redisUrl, options.instance)
  const any = () => [...workers.values(), ...queues.values()][0]?.getBackend()
  const queue = new Reachable(new Outage('The queue'), async () => any()?.getQueueMetaField('version'))
  const both = carrier.database === undefined ? [queue] : [carrier.database, queue]
  const isAway = () => both.some((r) => r.away)
  const back = async () => {
    for (const r of both) await r.back()
  }
  const lost = (error: Error) => {
    if (isStale(error)) return
    if (carrier.database !== undefined && lossOf(error) !== null) carrier.database.lost(error)
    else queue.lost(error)
  }
  const backend: BackendFactory = (...given) => patient(carrier.backend(...given), back, lost)
  const common = { connection: carrier.connection, ...carrier.prefix }

  const queueOf = (lane: Lane) => {
    const known = queues.get(lane)
    if (known !== undefined) return known
    const made = new Queue(nameOf(lane), common as QueueOptions, backend as never)
    made.on('error', lost)
    queues.set(lane, made)
    return made
  }

  return {
    get away() {
      return isAway()
    },
    async ring(lane, job, id, epoch, priority) {
      if (isAway()) return
      // The same ring twice is one: the id is the queue's own until the work is done.
      await queueOf(lane)
        .add(
          job,
          { id },
          { jobId: `${job}-${id}-${epoch}`, priority: ORDINARY + priority, removeOnComplete: true, removeOnFail: true },
        )
        .catch(lost)
    },
    answer(lane, concurrency, work) {
      const worker = new Worker(
        nameOf(lane),
        async (job) => work(job.name as JobName, (job.data as { id: number }).id),
        {
          ...common,
          concurrency,
          lockDuration: LOCK_MS,
          stalledInterval: LOCK_MS / 2,
          maxStalledCount: 1_000_000,
          removeOnComplete: { count: 0 },
          removeOnFail: { count: 0 },
        } as WorkerOptions,
        backend as never,
      )
      worker.on('error', lost)
      workers.set(lane, worker)
    },
    async paused() {
      const lanes = [...queues.keys(), ...workers.keys()]
      const seen = await Promise.all(
        [...new Set(lanes)].map(async (lane) => ((await queueOf(lane).isPaused()) ? [lane] : [])),
      )
      return seen.flat()
    },
    async resume(lanes) {
      const resumed: Lane[] = []
      for (const lane of lanes) {
        const queue = queueOf(lane)
        if (!(await queue.isPaused())) continue
        await queue.resume()
        resumed.push(lane)
      }
      return resumed
    },
    async drain() {
      // What waits for it to come back would keep the process.
      for (const r of both) if (r.away) r.close()
      await Promise.all([...workers.values()].map((w) => w.close()))
    },
    async close() {
      for (const r of both) r.close()
      await Promise.all([
        ...[...workers.values()].map((w) => w.close(true)),
        ...[...queues.values()].map((q) => q.close()),
      ])
      await carrier.close()
    },
  }
}

const nameOf = (lane: Lane) => `shiplock-${lane}`

function inPostgres(options: DoorbellOptions, names: () => string[]): Carrier {
  const pool = openPool(options.databaseUrl, {
    max: options.connections ?? 2,
    name: 'shiplock queue',
    searchPath: SCHEMA,
    // A thousand rings at once wait for two connections: that is no outage.
    waitMs: 30_000,
  })
  const listener = options.listener ?? new Listener(options.databaseUrl, 'shiplock queue')
  void listener.open()
  const database = options.database ?? databaseReachable(pool)
  return {
    connection: new QueuePool(pool, listener, database, names) as never,
    backend: createPostgresBackend as BackendFactory,
    prefix: {},
    database,
    close: async () => {
      if (options.listener === undefined) await listener.close()
      await pool.end()
    },
  }
}

function inRedis(url: string, instance: string): Carrier {
  return {
    connection: {
      url,
      maxRetriesPerRequest: null,
      retryStrategy: (times: number) => Math.min(LONGEST_RECONNECT_MS, pauseMs(times)),
      // A server that vanished without a word.
      socketTimeout: SILENT_MS,
    } as never,
    backend: createRedisBackend as BackendFactory,
    prefix: { prefix: `shiplock-${instance}` },
    close: () => Promise.resolve(),
  }
}

/** Whether the database answers through this pool. */
export const databaseReachable = (pool: pg.Pool) =>
  new Reachable(new Outage('The database'), () => pool.query('SELECT'))

/**
 * BullMQ asks for the next job again at once when the answer is an error, whatever the error: full memory, a read-only replica, a
 * disk that takes no writes. Here it waits until the queue answers, and longer each time.
 */
function patient<B extends IQueueBackend>(backend: B, back: () => Promise<void>, lost: (error: Error) => void): B {
  const take = backend.moveToActive.bind(backend)
  const wait = backend.waitForJob.bind(backend)
  backend.moveToActive = async (token, name) => {
    await back()
    try {
      return await take(token, name)
    } catch (error) {
      lost(error as Error)
      await back()
      throw error
    }
  }
  backend.waitForJob = async (seconds) => {
    await back()
    return wait(Math.min(seconds, LONGEST_BLOCK_S))
  }
  return backend
}

/** A job that was taken over while its worker could not be heard. The claim in the record decides whose it is. */
const isStale = (error: Error) => STALE.test(error.message)
const STALE = /^(Missing lock|Lock mismatch|Missing key|could not renew lock) for job|^Job \S+ is not in the \w+ state/i
