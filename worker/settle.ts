// What becomes of a job that throws. Verbs settle their own faults in the record; what still comes out is a bug, or the
// database is away. It must neither stop the worker nor be tried for ever without a pause.

const TRIES = 3
const REST_MS = 300_000
const MOST_REMEMBERED = 10_000

/** Rows whose work threw are left alone for a while after the third time. */
export class Quarantine {
  private readonly throws = new Map<string, { times: number; until: number }>()

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** May this row's work be tried now? */
  admits(key: string): boolean {
    const seen = this.throws.get(key)
    return seen === undefined || seen.times < TRIES || seen.until <= this.now()
  }

  /** Notes that it threw; true when it is put aside from now on. */
  threw(key: string): boolean {
    if (this.throws.size >= MOST_REMEMBERED) this.throws.clear()
    const times = (this.throws.get(key)?.times ?? 0) + 1
    this.throws.set(key, { times, until: this.now() + REST_MS })
    return times >= TRIES
  }

  passed(key: string) {
    this.throws.delete(key)
  }
}
