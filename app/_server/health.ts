// What works, what does not, since when and why. Answers quickly whatever is away: the database has two seconds.
import { accessSync, constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lostFault } from '../../pipelines/fault'
import { isFull } from '../../pipelines/full-disk'
import {
  asCode,
  asState,
  type Code,
  fails,
  LIVES_MS,
  overall,
  PARTS,
  type Part,
  type PartName,
  type Seen,
  together,
  WORKS,
} from '../../pipelines/part'
import { FLOOR_MB, shortIn } from '../../pipelines/room'
import type { RecordHandle } from '../../prisma/client'
import { MOST_OFF_MS } from '../../prisma/clock'
import { lossOf } from '../../prisma/database-loss'

const ANSWER_WITHIN_MS = 2_000
/** Strangers may ask: the record is read at most so often, however many do. */
const FRESH_MS = 500
/** While all is well and requests come, it is looked at so often. */
const GLANCE_MS = 2_000
/** So long after a write was refused for lack of room it still counts. */
const FULL_MS = 8_000

export interface HealthNow {
  status: 'ok' | 'degraded' | 'down'
  parts: Record<PartName, Part>
}

interface Told {
  now: Date
  workers: { id: string; seenAt: string }[] | null
  parts:
    | {
        name: string
        worker: string
        state: string
        code: string
        params: Part['params']
        since: string
        seenAt: string
      }[]
    | null
}

const ASK = `SELECT clock_timestamp() AS now,
  (SELECT jsonb_agg(w) FROM (SELECT id, "seenAt" FROM "Worker" ORDER BY "seenAt" DESC LIMIT 200) w) AS workers,
  (SELECT jsonb_agg(p) FROM (SELECT * FROM "Part" WHERE "seenAt" > clock_timestamp() - interval '1 minute' OR code = 'trail.other' LIMIT 4000) p) AS parts`

let refusedAt = Number.NEGATIVE_INFINITY
/** Notes an error that says the database's disk is full: only a write finds it out. */
export function noteFull(error: unknown): void {
  if (isFull(error)) refusedAt = performance.now()
}

export interface HealthOptions {
  record: RecordHandle
  /** Folder of the keys that the web process reads. */
  keys: string
  floorMb?: number | undefined
}

/** One for each process. */
export class Health {
  private last: { at: number; answer: Promise<HealthNow> } | undefined
  /** The database's clock, as last seen, and when by ours: since when it is away is told by it too. */
  private clock: { theirs: number; ours: number } | undefined
  /** The database did not answer when it was last asked. */
  private away = false
  private readonly began = new Map<PartName, { what: string; since: Date | null }>()

  constructor(private readonly options: HealthOptions) {}

  /** Never throws. */
  now(): Promise<HealthNow> {
    if (this.last === undefined || performance.now() - this.last.at > FRESH_MS)
      this.last = { at: performance.now(), answer: this.look() }
    return this.last.answer
  }

  /**
   * For what needs the database: while it is away there is an answer at once, where a question to a server that hangs would wait for half
   * a minute. Looks by itself now and again, so that a loss is known before many wait.
   * @throws Fault database.unreachable, database.busy
   */
  async needDatabase(): Promise<void> {
    if (!this.away) {
      if (this.last === undefined || performance.now() - this.last.at > GLANCE_MS) void this.now()
      return
    }
    const { state, code } = (await this.now()).parts.database
    if (state !== 'down') return
    throw lostFault(code === 'database.busy' ? 'database.busy' : 'database.unreachable')
  }

  private async look(): Promise<HealthNow> {
    const asked = Date.now()
    const [told, disk] = await Promise.all([this.ask(), this.disk()])
    this.away = !('now' in told)
    const parts = 'now' in told ? this.whole(told, (asked + Date.now()) / 2) : this.without(told)
    this.add(parts, 'disk', disk)
    this.add(parts, 'state', this.state())
    return { status: overall(parts), parts }
  }

  private async ask(): Promise<Told | Seen> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Seen>((resolve) => {
      timer = setTimeout(() => resolve(fails('down', 'database.away')), ANSWER_WITHIN_MS)
    })
    const asked = this.options.record.pool.query<Told>(ASK).then(
      ({ rows }) => rows[0] ?? fails('down', 'database.away'),
      // A refused connection and a late answer mean the same to who asks.
      (error: { code?: string }) =>
        fails('down', lossOf(error) === 'database.busy' ? 'database.busy' : 'database.away'),
    )
    const answer = await Promise.race([asked, late])
    clearTimeout(timer)
    if ('now' in answer) this.clock = { theirs: answer.now.getTime(), ours: performance.now() }
    return answer
  }

  /** With the database away the rest is not known: what workers saw stands there. */
  private without(database: Seen): Record<PartName, Part> {
    const since = this.since('database', database)
    const unknown: Part = { ...fails('degraded', 'unknown'), since }
    const parts = Object.fromEntries(PARTS.map((name) => [name, unknown])) as Record<PartName, Part>
    return { ...parts, database: { ...database, since } }
  }

  private whole({ now, workers, parts }: Told, ours: number): Record<PartName, Part> {
    const alive = (seenAt: string) => now.getTime() - Date.parse(seenAt) < LIVES_MS
    const living = (workers ?? []).filter(({ seenAt }) => alive(seenAt)).map(({ id }) => id)
    const found = (parts ?? []).map((row) => ({
      ...row,
      state: asState(row.state),
      code: asCode(row.code),
      since: new Date(row.since),
    }))
    const of = (name: PartName) =>
      found.filter(
        (row) =>
          row.name === name && (row.code === 'trail.other' || (alive(row.seenAt) && living.includes(row.worker))),
      )
    const latest = (workers ?? [])[0]
    const last = latest === undefined ? null : new Date(latest.seenAt)
    const answer = Object.fromEntries(
      PARTS.map((name): [PartName, Part] => {
        const seen = of(name)
        return [name, seen.length > 0 ? together(name, seen) : { ...fails('degraded', 'unknown'), since: last }]
      }),
    ) as Record<PartName, Part>
    answer.workers = this.workers(living, last, of('workers'))
    answer.database = this.part(
      'database',
      performance.now() - refusedAt < FULL_MS ? fails('degraded', 'database.full') : WORKS,
    )
    const off = Math.round((ours - now.getTime()) / 1000)
    if (Math.abs(off) * 1000 > MOST_OFF_MS)
      this.add(answer, 'clock', fails('degraded', 'clock.off', { seconds: off, who: 'web' }))
    return answer
  }

  private workers(living: readonly string[], last: Date | null, said: readonly Part[]): Part {
    if (living.length === 0)
      return {
        ...(last === null ? fails('down', 'workers.none') : fails('down', 'workers.silent')),
        since: last ?? this.since('workers', fails('down', 'workers.none')),
      }
    const instances = new Set(said.map(({ params }) => String(params.instance)))
    return this.part(
      'workers',
      instances.size > 1 ? fails('degraded', 'workers.strange', { instances: instances.size }) : WORKS,
    )
  }

  private async disk(): Promise<Seen> {
    const { keys, floorMb = FLOOR_MB } = this.options
    const seen = await Promise.all([keys, tmpdir()].map((folder) => shortIn(folder, floorMb)))
    return seen.find((one) => one !== null) ?? WORKS
  }

  private state(): Seen {
    for (const name of ['worker.pub', 'intake.key']) {
      try {
        accessSync(join(this.options.keys, name), constants.R_OK)
      } catch {
        return fails('down', 'state.keys', { file: name }) // missing, or not this user's: no webhook can be checked
      }
    }
    return WORKS
  }

  /** What this process sees itself counts where it is the worse of the two. */
  private add(parts: Record<PartName, Part>, name: PartName, seen: Seen) {
    const mine = this.part(name, seen)
    const known = parts[name]
    if (seen.state === 'ok') return
    parts[name] =
      known.state === 'ok' || known.code === 'unknown' || known.code === seen.code
        ? { ...mine, since: earliest(known, mine) }
        : known
  }

  private part = (name: PartName, seen: Seen): Part => ({ ...seen, since: this.since(name, seen) })

  /** Since when this process has seen it so, by the database's clock. */
  private since(name: PartName, { state, code }: Seen): Date | null {
    const what = `${state} ${code}`
    const known = this.began.get(name)
    if (known?.what === what) return known.since
    const since = this.clock === undefined ? null : new Date(this.clock.theirs + performance.now() - this.clock.ours)
    this.began.set(name, { what, since })
    return since
  }
}

const earliest = (a: Part, b: Part) =>
  a.code === b.code && a.since !== null && b.since !== null && a.since < b.since ? a.since : b.since

/** For who may not see details: addresses, folders and names stay here. */
export const inPublic = ({ status, parts }: HealthNow, version: string) => ({
  status,
  database: parts.database.state !== 'down',
  worker: parts.database.state !== 'down' && parts.workers.state !== 'down',
  version,
  parts: eachPart(parts, () => ({})),
})

/** For who operates Shiplock, or looks after it. */
export const inWhole = (health: HealthNow, version: string) => ({
  ...inPublic(health, version),
  parts: eachPart(health.parts, ({ params }) => (Object.keys(params).length === 0 ? {} : { params })),
})

type Shaped = { state: Part['state']; because: { code: Code; params?: Part['params'] } | null; since: string | null }

const eachPart = (parts: HealthNow['parts'], more: (part: Part) => { params?: Part['params'] }) =>
  Object.fromEntries(
    PARTS.map((name): [PartName, Shaped] => {
      const part = parts[name]
      const because = part.code === null ? null : { code: part.code, ...more(part) }
      return [name, { state: part.state, because, since: part.since?.toISOString() ?? null }]
    }),
  ) as Record<PartName, Shaped>
