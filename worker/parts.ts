// Keeps what this worker sees of each part in the record, with its sign of life: health is read from there.
import type { Context } from '../pipelines/context'
import type { PartName, Seen } from '../pipelines/part'
import type { Probe } from './probes'

/** A probe that has not answered by then says what that means. With the pause before it, it is known within ten seconds. */
const LATE_MS = 5_000

const WRITE = `WITH written AS (
    INSERT INTO "Part" (name, worker, state, code, params)
    SELECT p.name, $1, p.state, COALESCE(p.code, ''), p.params FROM jsonb_to_recordset($2::jsonb) AS p(name text, state text, code text, params jsonb)
    ON CONFLICT (name, worker) DO UPDATE SET state = EXCLUDED.state, code = EXCLUDED.code, params = EXCLUDED.params, "seenAt" = clock_timestamp(),
      since = CASE WHEN ("Part".state = 'ok') = (EXCLUDED.state = 'ok') AND "Part".code = EXCLUDED.code THEN "Part".since ELSE clock_timestamp() END
    RETURNING name)
  SELECT CASE WHEN $3 THEN pg_notify('shiplock', 'installation:1:health') END FROM (SELECT count(*) FROM written) w`

/** What a worker of the same memory left behind that is no more: this one has looked itself. */
const TIDY = `DELETE FROM "Part" WHERE name = 'trail' AND worker <> $1 AND params->>'memory' = $2
  AND "seenAt" < clock_timestamp() - interval '10 seconds'`

export class Parts {
  private readonly seen = new Map<PartName, Seen>()
  private readonly stops: (() => void)[] = []
  private told = ''

  constructor(
    private readonly context: Context,
    probes: readonly Probe[],
  ) {
    for (const probe of probes) this.stops.push(this.watch(probe))
  }

  /** Writes all of it in one statement, and notifies where something is another than before. */
  async write(): Promise<void> {
    const { record, worker } = this.context
    const rows = [...this.seen].map(([name, { state, code, params }]) => ({ name, state, code, params }))
    if (rows.length === 0) return
    const tells = rows.map(({ name, state, code }) => `${name} ${state} ${code}`).join('\n')
    await record.pool.query({ name: 'parts', text: WRITE, values: [worker, JSON.stringify(rows), tells !== this.told] })
    this.told = tells
    const memory = this.seen.get('trail')?.params.memory
    if (memory !== undefined) await record.pool.query({ name: 'parts-tidy', text: TIDY, values: [worker, memory] })
  }

  /** Stops looking. What it saw goes, but not that the database is another one: no other worker may have seen that. */
  async close(): Promise<void> {
    for (const stop of this.stops) stop()
    await this.context.record.pool.query(
      `DELETE FROM "Part" WHERE worker = $1 AND NOT (name = 'trail' AND code = 'trail.other')`,
      [this.context.worker],
    )
  }

  /** Looks again and again, one look at a time; a look that is late counts as its answer until it comes. */
  private watch({ part, everyMs, look, late }: Probe): () => void {
    let stopped = false
    let timer: NodeJS.Timeout | undefined
    const turn = () => {
      const tooLate = setTimeout(() => this.seen.set(part, late), LATE_MS)
      look()
        .then(
          (seen) => void this.seen.set(part, seen),
          // The database is away, which health sees itself; what was seen before is not written meanwhile.
          () => void this.seen.delete(part),
        )
        .finally(() => {
          clearTimeout(tooLate)
          if (!stopped) timer = setTimeout(turn, everyMs)
        })
    }
    turn()
    return () => {
      stopped = true
      clearTimeout(timer)
    }
  }
}
