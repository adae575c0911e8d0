// What BullMQ is given in place of a pool of its own. Left to itself it opens four connections for each of its eight objects,
// remembers a failed start for ever, and asks again without a pause while the database is away. Here all of it shares one small
// pool and one listening connection, and waits while the database is away, as its Redis client does.
import { runMigrations } from 'bullmq'
import type pg from 'pg'
import { withClient } from '../prisma/connections'
import { lossOf } from '../prisma/database-loss'
import type { Listener } from '../prisma/listener'
import type { Reachable } from './reachable'

export const SCHEMA = 'bullmq'
/** What BullMQ notifies when a job was added; the payload is the queue's name. */
const JOBS = 'bullmq_jobs'

type Notified = (message: { channel: string; payload: string }) => void

export class QueuePool {
  /** BullMQ asks whether a connection that died silently would be noticed. */
  readonly options = { keepAlive: true }
  readonly #waiting = new Set<Notified>()
  #ready: Promise<void> | undefined
  #subscribed: Promise<unknown> | undefined

  /** @param queues names, all of which look again when notifications may have been missed */
  constructor(
    private readonly pool: pg.Pool,
    private readonly listener: Listener,
    private readonly database: Reachable,
    private readonly queues: () => Iterable<string>,
  ) {}

  async query(text: string, values?: unknown[]): Promise<pg.QueryResult> {
    await this.#made()
    return this.#ask(() => this.pool.query(text, values))
  }

  /** BullMQ takes one client to look at its tables, and one for each worker that listens: it needs no connection for either. */
  async connect() {
    await this.#made()
    let hears: Notified | undefined
    return {
      query: async (text: string, values?: unknown[]) => {
        if (text.includes(`LISTEN ${JOBS}`)) {
          await this.#listen()
          return EMPTY
        }
        // It names its connection; this one is everybody's.
        if (text.includes('set_config')) return EMPTY
        return this.#untilAnswered(() => this.pool.query(text, values))
      },
      on: (event: string, hear: Notified) => {
        if (event !== 'notification') return
        hears = hear
        this.#waiting.add(hear)
      },
      removeListener: (_event: string, hear: Notified) => void this.#waiting.delete(hear),
      removeAllListeners: () => {
        if (hears) this.#waiting.delete(hears)
      },
      release: () => {
        if (hears) this.#waiting.delete(hears)
      },
    }
  }

  /** Errors are told by the queries that meet them. */
  on() {
    return this
  }

  end(): Promise<void> {
    return Promise.resolve() // it is shared: its owner closes it
  }

  #listen() {
    const tell = (payload: string) => {
      for (const hear of [...this.#waiting]) hear({ channel: JOBS, payload })
    }
    const missed = () => {
      for (const queue of this.queues()) tell(queue)
    }
    this.#subscribed ??= this.listener.on(JOBS, tell, missed)
    return this.#subscribed
  }

  /** BullMQ's tables. A start that failed is tried again by the next who asks. */
  #made(): Promise<void> {
    this.#ready ??= this.#untilAnswered(() => withClient(this.pool, (client) => runMigrations(client, SCHEMA))).then(
      () => {},
      (error: unknown) => {
        this.#ready = undefined
        throw error
      },
    )
    return this.#ready
  }

  async #ask<T>(query: () => Promise<T>): Promise<T> {
    await this.database.back()
    try {
      return await query()
    } catch (error) {
      if (lossOf(error) !== null) this.database.lost(error)
      throw error
    }
  }

  /** Only for what may be done twice. */
  async #untilAnswered<T>(query: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await this.#ask(query)
      } catch (error) {
        if (lossOf(error) === null) throw error
      }
    }
  }
}

const EMPTY = { rows: [], rowCount: 0 }
