// Something that work needs fails for a while: the database, the queue, the engine, a forge. Its log is one line when it begins, one a
// minute while it lasts, and one when it is over, however often it is tried meanwhile.
import { setTimeout as sleep } from 'node:timers/promises'
import { pauseMs } from './pause'

const AGAIN_MS = 60_000
/** What fails again within this has not come back: a server that takes every second connection makes no line for each. */
const STEADY_MS = 5_000
const LONGEST_REASON = 300

export class Outage {
  #since = 0
  #away = false
  #told = false
  #failures = 0
  #pauses = 0
  #saidAt = 0
  #over: NodeJS.Timeout | undefined

  /**
   * @param what as a sentence begins with it: "The database"
   * @param say writes one line of the log
   */
  constructor(
    readonly what: string,
    private readonly say: (line: string) => void = (line) => console.warn(line),
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** It failed, and has not answered since. */
  get lasts(): boolean {
    return this.#away
  }

  /** It failed. */
  lost(error: unknown): void {
    clearTimeout(this.#over)
    this.#over = undefined
    const now = this.now()
    this.#away = true
    this.#failures += 1
    if (!this.#told) {
      this.#told = true
      this.#since = now
      this.#saidAt = now
      this.say(`${this.what} fails: ${reasonOf(error)}. It is tried again with growing pauses.`)
    } else if (now - this.#saidAt >= AGAIN_MS) {
      this.#saidAt = now
      this.say(`${this.what} still fails after ${seconds(now - this.#since)}: ${reasonOf(error)}.`)
    }
  }

  /** It answered. */
  back(): void {
    if (!this.#told || !this.#away) return
    this.#away = false
    const lasted = this.now() - this.#since
    const over = () => {
      const failures = this.#failures
      this.#told = false
      this.#failures = 0
      this.#pauses = 0
      this.say(`${this.what} works again after ${seconds(lasted)}${failures > 1 ? ` (${failures} failures)` : ''}.`)
    }
    this.#over = setTimeout(over, STEADY_MS)
    this.#over.unref()
  }

  /** Waits before the next try: longer each time, however many failed at the same moment. Ends at once where the signal does; never throws. */
  async pause(signal?: AbortSignal): Promise<void> {
    this.#pauses += 1
    await sleep(pauseMs(this.#pauses), undefined, { signal, ref: true }).catch(() => {}) // it was told to stop
  }

  /** Nothing more is said. */
  close(): void {
    clearTimeout(this.#over)
  }
}

const known = new Map<string, Outage>()
/** Names hold addresses of forges and numbers of projects: there are not many, and never endlessly many. */
const MOST_KNOWN = 1_000

/** The outage of this process that is called so, for places that do not hold one. */
export function outageOf(what: string): Outage {
  const outage = known.get(what) ?? new Outage(what)
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(what, outage)
  return outage
}

const seconds = (ms: number) => `${Math.max(1, Math.round(ms / 1000))} s`

/** One line, whatever the error: Prisma's messages hold pieces of source, and an AggregateError has none of its own. */
function reasonOf(error: unknown): string {
  const { message, code, errors } = error as { message?: unknown; code?: unknown; errors?: { message?: string }[] }
  const text = String(message || errors?.[0]?.message || code || error)
  const last = text.trim().split('\n').at(-1) ?? ''
  return last.replace(/[.\s]+$/, '').slice(0, LONGEST_REASON)
}
