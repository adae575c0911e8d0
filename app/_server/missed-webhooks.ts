// Webhooks that could not be stored. Forges send them once: as soon as the database can be reached, workers are told whose they were.
import { isFull } from '../../pipelines/full-disk'
import type { RecordHandle } from '../../prisma/client'
import { lossOf } from '../../prisma/database-loss'
import { CHANNEL, MISSED } from '../../prisma/record'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000
/** Unknown names are kept too, for a stranger can send them: beyond so many, all projects are named. */
const MOST_HOOKS = 1_000

export class MissedWebhooks {
  #hooks = new Set<string>()
  #all = false
  #pauseMs = FIRST_PAUSE_MS
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** @param complain hears of errors that are no lost database and no full disk */
  constructor(
    private readonly record: RecordHandle,
    private readonly complain: (error: unknown) => void,
  ) {}

  /** @param hook the name in its address, whether there is one called so or not */
  note(hook: string): void {
    if (this.#hooks.size < MOST_HOOKS) this.#hooks.add(hook)
    else this.#all = true
    this.#later()
  }

  noteAll(): void {
    this.#all = true
    this.#later()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #later() {
    if (this.#closed || this.#timer !== undefined) return
    this.#timer = setTimeout(() => void this.#tell(), this.#pauseMs)
    this.#timer.unref()
  }

  async #tell() {
    const [hooks, all] = [this.#hooks, this.#all]
    this.#hooks = new Set()
    this.#all = false
    this.#timer = undefined
    try {
      await this.record.pool.query(
        `SELECT pg_notify($1, 'project:' || id || ':' || $2) FROM "Project"
         WHERE status = 'connected' AND ($3 OR hook = ANY($4))`,
        [CHANNEL, MISSED, all, [...hooks]],
      )
      this.#pauseMs = FIRST_PAUSE_MS
    } catch (error) {
      // What lasts is in health and in the log already: here it is only tried again.
      if (lossOf(error) === null && !isFull(error)) this.complain(error)
      this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2)
      if (all) this.noteAll()
      for (const hook of hooks) this.note(hook)
    }
  }
}
