import type { RecordHandle } from '../prisma/client'
import type { Tx } from '../prisma/record'

/** How long a claim lasts without a sign of life, in ms. A dead worker's work is taken up after this. */
export const LEASE_MS = 15_000
const RENEW_MS = 4_000
/** A worker that could not renew for this long stops its own work before anybody else may start it. */
const FENCE_MS = LEASE_MS - 4_000

const HELD = {
  run: { table: 'Run', status: 'planning' },
  stage: { table: 'Stage', status: 'running' },
  promotion: { table: 'Promotion', status: 'deploying' },
  project: { table: 'Project', status: 'checking' },
  mergeAction: { table: 'MergeAction', status: 'doing' },
  tag: { table: 'Tag', status: 'making' },
} as const
type Held = keyof typeof HELD

/**
 * The claim on a row that lapsed: its worker gave no sign of life, or it has no end. Null: it has not, or there is none.
 * @returns `attempts` without this one where that very process lives: it could not reach the database, which is not the work's doing
 */
export async function lapsedClaim(
  tx: Tx,
  subject: Held,
  id: number,
): Promise<{ epoch: number; attempts: number } | null> {
  const { table, status } = HELD[subject]
  const { rows } = await tx.query<{ epoch: number; attempts: number }>(
    // Seen after the lapse, and started before the last renewal.
    `SELECT t.epoch, GREATEST(t.attempts - EXISTS (
       SELECT 1 FROM "Worker" w WHERE w.id = t.worker AND w."seenAt" > t."leaseUntil"
         AND w."startedAt" < t."leaseUntil" - $3 * interval '1 millisecond')::int, 0) AS attempts
     FROM "${table}" t WHERE t.id = $1 AND t.status = $2 AND (t."leaseUntil" IS NULL OR t."leaseUntil" < clock_timestamp())`,
    [id, status, LEASE_MS],
  )
  return rows[0] ?? null
}

interface Claim {
  subject: Held
  id: number
  epoch: number
  lost: AbortController
  renewedAt: number
}

/** The claims that this process holds, renewed together, one statement per kind. */
export class Leases {
  private readonly claims = new Set<Claim>()
  private readonly timer: NodeJS.Timeout
  /** Kinds of rows that are being looked at because of a notification, and those that are to be looked at once more. */
  private readonly looking = new Set<Held>()
  private readonly again = new Set<Held>()

  constructor(private readonly record: RecordHandle) {
    this.timer = setInterval(() => void this.renew(), RENEW_MS)
    this.timer.unref()
  }

  /** Keeps the claim alive while `work` runs. The signal ends when the claim is lost: canceled, taken over, or out of reach. */
  async hold<T>(subject: Held, id: number, epoch: number, work: (lost: AbortSignal) => Promise<T>): Promise<T> {
    const claim: Claim = { subject, id, epoch, lost: new AbortController(), renewedAt: performance.now() }
    this.claims.add(claim)
    try {
      return await work(claim.lost.signal)
    } finally {
      this.claims.delete(claim)
    }
  }

  /**
   * A change was notified: what is held and has left its status need not wait for the next renewal. Anyone with a connection
   * may notify anything, so that it is the row that is asked, by renewing at once.
   */
  heard(subject: string, id: number, status: string) {
    for (const claim of this.claims)
      if (claim.subject === subject && claim.id === id && status !== HELD[claim.subject].status)
        this.lookSoon(claim.subject)
  }

  private lookSoon(subject: Held) {
    if (this.looking.has(subject)) return void this.again.add(subject)
    this.looking.add(subject)
    void this.renewOne(subject).finally(() => {
      this.looking.delete(subject)
      if (this.again.delete(subject)) this.lookSoon(subject)
    })
  }

  /** What is held of one kind is not to be ended by this process any more. */
  giveUp(subject: string, why: Error) {
    for (const claim of this.claims) if (claim.subject === subject) claim.lost.abort(why)
  }

  get held() {
    return this.claims.size
  }

  close() {
    clearInterval(this.timer)
  }

  private async renew() {
    for (const subject of Object.keys(HELD) as Held[]) await this.renewOne(subject)
  }

  private async renewOne(subject: Held) {
    const mine = [...this.claims].filter((c) => c.subject === subject)
    if (mine.length === 0) return
    const { table, status } = HELD[subject]
    try {
      const { rows } = await this.record.pool.query<{ id: number; epoch: number }>(
        `UPDATE "${table}" t SET "leaseUntil" = clock_timestamp() + $3 * interval '1 millisecond'
           FROM unnest($1::int[], $2::int[]) AS m(id, epoch)
           WHERE t.id = m.id AND t.epoch = m.epoch AND t.status = $4 RETURNING t.id, t.epoch`,
        [mine.map((c) => c.id), mine.map((c) => c.epoch), LEASE_MS, status],
      )
      for (const claim of mine) {
        if (rows.some((r) => r.id === claim.id && r.epoch === claim.epoch)) claim.renewedAt = performance.now()
        else claim.lost.abort(new Error('the claim was lost'))
      }
    } catch (error) {
      for (const claim of mine) {
        if (performance.now() - claim.renewedAt > FENCE_MS) {
          claim.lost.abort(new Error('the database could not be reached in time', { cause: error }))
        }
      }
    }
  }
}
