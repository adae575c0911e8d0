// Deliveries on their way into the record. What arrives while a commit is under way shares the next one.
import type { RecordHandle } from '../prisma/client'

export interface Accepted {
  delivery: number
  decision: string
  because: string
  run: number | null
}

/** A delivery as it is stored, with what was decided and the run that it makes. The body travels beside it. */
export interface IntakeRow {
  projectId: number
  key: string
  event: string
  decision: string
  because: string
  contentKey: string | null
  origin: string
  replayOf: number | null
  service: string
  branch: string
  branchKind: string
  commit: string
  before: string
  title: string
  pusherId: string
  pusherName: string
  status: string
  priority: number
  actor: string
  actorName: string
}

interface Waiting {
  row: IntakeRow
  body: Buffer
  resolve: (stored: Accepted | undefined) => void
  reject: (error: Error) => void
}

/** Rows of one statement, and their bytes: what arrives while one is being committed shares the next one's commit. */
const MOST_ROWS = 32
const MOST_BYTES = 1024 * 1024
/** Statements under way at once. */
const AT_ONCE = 2

/** Deliveries on their way into the record. Nobody waits for company: an inbox with nothing under way stores at once. */
class Inbox {
  private waiting: Waiting[] = []
  private underWay = 0

  constructor(private readonly record: RecordHandle) {}

  store(row: IntakeRow, body: Buffer): Promise<Accepted | undefined> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ row, body, resolve, reject })
      this.pump()
    })
  }

  private pump() {
    while (this.underWay < AT_ONCE && this.waiting.length > 0) {
      this.underWay++
      void this.flush(this.take()).finally(() => {
        this.underWay--
        this.pump()
      })
    }
  }

  /** No two of one key or content in one statement: neither would see the other. */
  private take(): Waiting[] {
    const taken: Waiting[] = []
    const left: Waiting[] = []
    const seen = new Set<string>()
    let bytes = 0
    for (const one of this.waiting) {
      const { projectId, key, contentKey: content } = one.row
      const names = [`key ${projectId}:${key}`, ...(content === null ? [] : [`content ${projectId}:${content}`])]
      const fits = taken.length < MOST_ROWS && (taken.length === 0 || bytes + one.body.length <= MOST_BYTES)
      if (!fits || names.some((name) => seen.has(name))) {
        left.push(one)
        continue
      }
      for (const name of names) seen.add(name)
      bytes += one.body.length
      taken.push(one)
    }
    this.waiting = left
    return taken
  }

  private async flush(taken: Waiting[]): Promise<void> {
    try {
      const stored = await this.insert(taken)
      for (const { row, resolve } of taken) resolve(stored.get(`${row.projectId}:${row.key}`))
    } catch (error) {
      if (taken.length === 1) return taken[0]?.reject(error as Error)
      // One that cannot be stored must not take the others with it.
      for (const one of taken) await this.flush([one])
    }
  }

  private async insert(taken: readonly Waiting[]): Promise<Map<string, Accepted>> {
    let start = 1
    const rows = taken.map(({ row, body }) => {
      const at = start
      start += body.length
      return { ...row, start: at, bytes: body.length }
    })
    const values = [JSON.stringify(rows), taken.length === 1 ? taken[0]?.body : Buffer.concat(taken.map((t) => t.body))]
    const answer = await this.record.pool.query<Accepted & { projectId: number; key: string }>({
      name: 'accept-deliveries',
      text: ACCEPT,
      values,
    })
    return new Map(answer.rows.map(({ projectId, key, ...stored }) => [`${projectId}:${key}`, stored]))
  }
}

const inboxes = new WeakMap<RecordHandle, Inbox>()

/** The inbox of this process for a record. */
export function inboxOf(record: RecordHandle): Inbox {
  const inbox = inboxes.get(record) ?? new Inbox(record)
  inboxes.set(record, inbox)
  return inbox
}

// One statement, so one round trip and one commit. A key that was seen before inserts nothing and answers nothing; content
// that was seen before finds its run. A refused branch makes a run too, so that the commit and the page can say why.
// Bodies travel as one value, each row naming its part. Scalar subqueries: a join could be planned as a scan.
const ACCEPT = `
WITH input AS MATERIALIZED (
  SELECT i.*, (SELECT r.id FROM "Run" r WHERE r."projectId" = i."projectId" AND r."contentKey" = i."contentKey") AS twin,
    (SELECT d.id FROM "Delivery" d WHERE d."projectId" = i."projectId" AND d.key = i.key) AS seen
  FROM json_to_recordset($1::json) AS i("projectId" int, key text, event text, decision text, because text, start int, bytes int, "contentKey" text, origin text, "replayOf" int,
    service text, branch text, "branchKind" text, "commit" text, before text, title text, "pusherId" text, "pusherName" text, status text,
    priority int, actor text, "actorName" text)
), made AS (
  INSERT INTO "Run" ("projectId", "contentKey", origin, service, branch, "branchKind", "commit", before, title, "pusherId", "pusherName", status, because, priority, "finishedAt")
  SELECT "projectId", "contentKey", origin, service, branch, "branchKind", "commit", before, title, "pusherId", "pusherName", status,
    CASE WHEN status = 'refused' THEN because ELSE '' END, priority, CASE WHEN status = 'refused' THEN clock_timestamp() END
  FROM input WHERE "contentKey" IS NOT NULL AND seen IS NULL AND twin IS NULL
  ON CONFLICT ("projectId", "contentKey") DO NOTHING
  RETURNING id, "projectId", "contentKey"
), known AS MATERIALIZED (
  SELECT i.*, m.id AS made,
    CASE WHEN m.id IS NOT NULL THEN audit_append(CASE WHEN i.status = 'refused' THEN 'run.refuse' ELSE 'run.accept' END, i.actor, i."actorName",
      i."projectId", 'run', m.id, m.id, NULL, i.status, i.because, '{}') END AS entry
  FROM input i LEFT JOIN made m ON m."projectId" = i."projectId" AND m."contentKey" = i."contentKey"
), owed AS (
  INSERT INTO "Report" ("projectId", "runId", name, wanted, description)
  SELECT "projectId", made, 'shiplock', 'failed', left(because, 200) FROM known WHERE made IS NOT NULL AND status = 'refused'
)
INSERT INTO "Delivery" ("projectId", key, event, decision, because, bytes, body, "runId", "replayOf")
SELECT "projectId", key, event, CASE WHEN twin IS NULL THEN decision ELSE 'duplicate' END,
  CASE WHEN twin IS NULL THEN because ELSE 'the same content as run #' || twin END,
  bytes, substring($2::bytea FROM start FOR bytes), COALESCE(made, twin), "replayOf"
FROM known
ON CONFLICT ("projectId", key) DO NOTHING
RETURNING id AS delivery, "projectId", key, decision, because, "runId" AS run`
