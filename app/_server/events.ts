import type { RecordHandle } from '../../prisma/client'
import { Listener } from '../../prisma/listener'
import { Outage } from '../../prisma/outage'
import { CHANNEL } from '../../prisma/record'
import { sees, type Viewer } from './permit'

/** What was rung: `<subject>:<id>:<status>`, or `log:<stage's id>`. */
export interface Ring {
  subject: string
  id: number
}

/** What a dashboard hears: something changed, go and read it. `run` is the run it belongs to, where there is one. */
export interface Change extends Ring {
  run: number | null
  /** Null: it is of no project, or of none any more. */
  project: number | null
}

/** Rings may have been missed: whoever shows anything should read it again. */
const EVERYTHING: Change = { subject: 'all', id: 0, run: null, project: null }
/** Concerns everybody, and says nothing of any project. */
const OF_ALL = new Set(['all', 'installation', 'trail'])

/** May this viewer hear of it? */
export const hears = (viewer: Viewer, change: Change): boolean =>
  OF_ALL.has(change.subject) || sees(viewer, change.project)

/** By subject: columns id, project and run, and where to find them by id. What is not here is of no project. */
const BELONGS: Record<string, string> = {
  project: 'id, id AS project, NULL::int AS run FROM "Project" WHERE id',
  environment: 'id, "projectId" AS project, NULL::int AS run FROM "Environment" WHERE id',
  run: 'id, "projectId" AS project, id AS run FROM "Run" WHERE id',
  onward: 'id, "projectId" AS project, id AS run FROM "Run" WHERE id',
  stage: 's.id, r."projectId" AS project, r.id AS run FROM "Stage" s JOIN "Run" r ON r.id = s."runId" WHERE s.id',
  release: 'id, "projectId" AS project, NULL::int AS run FROM "Release" WHERE id',
  promotion:
    'p.id, e."projectId" AS project, p."runId" AS run FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" WHERE p.id',
  approval: `a.id, e."projectId" AS project, p."runId" AS run FROM "Approval" a LEFT JOIN "Promotion" p ON p.id = a."promotionId"
    LEFT JOIN "PolicyChange" c ON c.id = a."policyChangeId"
    JOIN "Environment" e ON e.id = COALESCE(p."environmentId", c."environmentId") WHERE a.id`,
  policyChange:
    'c.id, e."projectId" AS project, NULL::int AS run FROM "PolicyChange" c JOIN "Environment" e ON e.id = c."environmentId" WHERE c.id',
  mergeRequest: 'id, "projectId" AS project, NULL::int AS run FROM "MergeRequest" WHERE id',
  mergeAction: 'id, "projectId" AS project, NULL::int AS run FROM "MergeAction" WHERE id',
  tag: 'id, "projectId" AS project, NULL::int AS run FROM "Tag" WHERE id',
  backMerge: 'id, "projectId" AS project, NULL::int AS run FROM "BackMerge" WHERE id',
}

export const COALESCE_MS = 200
/** Different things in one flush; beyond it one "all" is cheaper for everybody than the list. */
const MAX_PENDING = 500

export function parseRing(payload: string): Ring | null {
  const parts = /^([a-zA-Z]{1,20}):(\d{1,10})(?::|$)/.exec(payload)
  return parts ? { subject: parts[1] ?? '', id: Number(parts[2]) } : null
}

/** One LISTEN connection for all clients of this process. It comes back by itself when the database was away. */
export class Doorbell {
  readonly #rings = new Set<(ring: Ring) => void>()
  readonly #changes = new Set<(changes: readonly Change[]) => void>()
  #pending = new Map<string, Ring>()
  #timer: NodeJS.Timeout | undefined
  readonly #listener: Listener

  constructor(
    private readonly record: RecordHandle,
    private readonly complain: (message: string) => void,
  ) {
    this.#listener = new Listener(
      record.url,
      'shiplock web doorbell',
      new Outage('The connection that listens to the database', complain),
    )
  }

  /** True: rings are being heard at this moment. */
  get listening() {
    return this.#listener.listening
  }

  /** Each ring as it comes. @returns how to stop hearing */
  onRing(hear: (ring: Ring) => void): () => void {
    this.#rings.add(hear)
    return () => void this.#rings.delete(hear)
  }

  /** What changed, at most every 200 ms, each thing once. @returns how to stop hearing */
  onChanges(hear: (changes: readonly Change[]) => void): () => void {
    this.#changes.add(hear)
    return () => void this.#changes.delete(hear)
  }

  /** Connects; when that fails it goes on trying in the background. */
  async start(): Promise<void> {
    const missed = () => {
      for (const hear of this.#changes) hear([EVERYTHING])
    }
    await this.#listener.on(CHANNEL, (payload) => this.#hear(payload), missed)
    await this.#listener.open()
  }

  #hear(payload: string) {
    const ring = parseRing(payload)
    if (!ring) return
    for (const hear of this.#rings) hear(ring)
    if (ring.subject === 'log' || this.#changes.size === 0) return
    if (this.#pending.size <= MAX_PENDING) this.#pending.set(`${ring.subject}:${ring.id}`, ring)
    this.#timer ??= setTimeout(() => void this.#flush(), COALESCE_MS)
  }

  async #flush() {
    const rings = [...this.#pending.values()]
    this.#pending = new Map()
    this.#timer = undefined
    const changes = rings.length > MAX_PENDING ? [EVERYTHING] : await this.#located(rings)
    for (const hear of this.#changes) hear(changes)
  }

  /** Pages know runs, and people projects. One query for a whole flush, whatever the number of clients. */
  async #located(rings: readonly Ring[]): Promise<Change[]> {
    const parts: string[] = []
    const ids: number[][] = []
    for (const [subject, sql] of Object.entries(BELONGS)) {
      const of = rings.filter((r) => r.subject === subject).map((r) => r.id)
      if (of.length > 0) parts.push(`SELECT '${subject}' AS subject, ${sql} = ANY($${ids.push(of)}::int[])`)
    }
    const found = new Map<string, { project: number; run: number | null }>()
    if (parts.length > 0) {
      try {
        const { rows } = await this.record.pool.query<{ subject: string; id: number; project: number; run: number }>(
          parts.join(' UNION ALL '),
          ids,
        )
        for (const row of rows) found.set(`${row.subject}:${row.id}`, row)
      } catch (error) {
        this.complain(`could not find the projects of ${rings.length} changes: ${(error as Error).message}`)
        return [EVERYTHING]
      }
    }
    return rings.map((r) => {
      const { project = null, run = null } = found.get(`${r.subject}:${r.id}`) ?? {}
      return { ...r, run, project }
    })
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#listener.close()
  }
}
