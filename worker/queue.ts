import { createPostgresBackend, Queue, type QueueOptions, Worker, type WorkerOptions } from 'bullmq'
import type { JobName, Lane } from './jobs'

/** A doorbell with lanes. Losing all of it loses nothing: the sweep rings again for whatever the record says is due. */
export interface Doorbell {
  /**
   * `epoch`: the row's. A ring that died with its worker does not stand in the way of the next attempt's. `priority`: the
   * row's; lower is answered first.
   */
  ring(lane: Lane, job: JobName, id: number, epoch: number, priority: number): Promise<void>
  /** Starts taking work: `concurrency` rings of a lane are answered at once. */
  answer(lane: Lane, concurrency: number, work: (job: JobName, id: number) => Promise<void>): void
  /** Takes no more; waits for the work in hand. */
  drain(): Promise<void>
  close(): Promise<void>
}

export interface DoorbellOptions {
  databaseUrl: string
  redisUrl?: string | undefined
  instance: string
}

/** A dead process's ring is answered by another after this, in ms. The claim in the record is what protects the work. */
const LOCK_MS = 10_000

/** The queue knows no priority below 1, and the record's begin at -10. */
const ORDINARY = 100

export function openDoorbell(options: DoorbellOptions): Doorbell {
  const queues = new Map<Lane, Queue>()
  const workers: Worker[] = []
  const connection =
    options.redisUrl === undefined
      ? { connectionString: options.databaseUrl, migrate: true, max: 3 }
      : { url: options.redisUrl, maxRetriesPerRequest: null }
  const backend = options.redisUrl === undefined ? createPostgresBackend : undefined
  const common = { connection, ...(options.redisUrl === undefined ? {} : { prefix: `shiplock-${options.instance}` }) }
  const complain = (what: string) => (error: Error) => console.warn(`queue ${what}: ${error.message}`)

  const queueOf = (lane: Lane) => {
    let queue = queues.get(lane)
    if (queue === undefined) {
      queue = new Queue(`shiplock-${lane}`, common as QueueOptions, backend as never)
      queue.on('error', complain(lane))
      queues.set(lane, queue)
    }
    return queue
  }

  return {
    async ring(lane, job, id, epoch, priority) {
      // The same ring twice is one: the id is the queue's own until the work is done.
      await queueOf(lane).add(
        job,
        { id },
        { jobId: `${job}-${id}-${epoch}`, priority: ORDINARY + priority, removeOnComplete: true, removeOnFail: true },
      )
    },
    answer(lane, concurrency, work) {
      const worker = new Worker(
        `shiplock-${lane}`,
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
      worker.on('error', complain(lane))
      workers.push(worker)
    },
    async drain() {
      await Promise.all(workers.map((w) => w.close()))
    },
    async close() {
      await Promise.all([...workers.map((w) => w.close(true)), ...[...queues.values()].map((q) => q.close())])
    },
  }
}
