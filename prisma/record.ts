// The only place that writes a status. Compare-and-set, audit entry and doorbell are one statement of one transaction.
import type pg from 'pg'
import type { RecordHandle } from './client'
import { inTransaction } from './connections'

/** A transaction's connection. */
export type Tx = Pick<pg.PoolClient, 'query'>

/** The channel that every change is rung on; the payload is `<subject>:<id>:<status>:<epoch>:<priority>`. */
export const CHANNEL = 'shiplock'
/** The status in `project:<id>:missed`: a webhook of that project could not be stored. */
export const MISSED = 'missed'

/** Who did it, as the trail names them. `actor` is a stable id: account:3, forge:17, worker:w1, shiplock. */
export interface Actor {
  actor: string
  actorName: string
}
/** A person with an account here. */
export interface Person extends Actor {
  accountId: number
  role: string
}
export const SHIPLOCK: Actor = { actor: 'shiplock', actorName: 'Shiplock' }

/** Values that only the database can give: its clock is the one clock that all processes share. */
export const NOW = { sql: 'clock_timestamp()' } as const
export const PLUS_ONE = { plus: 1 } as const
export const inMs = (ms: number) => ({ inMs: ms })
/** Leaves a time alone that was set before. */
export const NOW_IF_NULL = { nowIfNull: true } as const
type Special = typeof NOW | typeof PLUS_ONE | ReturnType<typeof inMs> | typeof NOW_IF_NULL
export type Value = string | number | bigint | boolean | Date | null | Special | { json: unknown }

const TABLE = {
  run: 'Run',
  stage: 'Stage',
  promotion: 'Promotion',
  project: 'Project',
  mergeRequest: 'MergeRequest',
  mergeAction: 'MergeAction',
  tag: 'Tag',
  backMerge: 'BackMerge',
  approval: 'Approval',
  policyChange: 'PolicyChange',
  passkey: 'Passkey',
} as const
export type Subject = keyof typeof TABLE

type Machine = Readonly<Record<string, Readonly<Record<string, string>>>>
type EventFrom<M extends Machine, F extends keyof M> = F extends keyof M ? keyof M[F] & string : never

export interface Change<M extends Machine, F extends keyof M & string> {
  id: number
  /** The status it must have now; another status, or another epoch, and nothing is written. */
  from: F
  event: EventFrom<M, F>
  /** The claim this writer holds. A write with an older one is refused. */
  epoch?: number
  /** Only where its time has come: a ring may be early. */
  ifDue?: boolean
  because?: string
  /** Further columns of the row. */
  set?: Record<string, Value>
  by: Actor
  /** What the trail should keep beside the change; never a secret. */
  data?: Record<string, unknown>
}

export type Row = Record<string, unknown> & { id: number; status: string; epoch: number }

const COLUMN = /^[a-zA-Z]{1,40}$/

/** One SET clause; values travel as parameters, column names come from our own code and are checked all the same. */
function setClause(column: string, value: Value, parameters: unknown[]): string {
  if (!COLUMN.test(column)) throw new Error(`not a column: ${column}`)
  const param = (v: unknown) => `$${parameters.push(v)}`
  if (value !== null && typeof value === 'object' && !(value instanceof Date)) {
    if ('sql' in value) return `"${column}" = ${NOW.sql}`
    if ('plus' in value) return `"${column}" = "${column}" + 1`
    if ('inMs' in value) return `"${column}" = clock_timestamp() + ${param(value.inMs)} * interval '1 millisecond'`
    if ('nowIfNull' in value) return `"${column}" = COALESCE("${column}", clock_timestamp())`
    return `"${column}" = ${param(JSON.stringify(value.json))}::jsonb`
  }
  return `"${column}" = ${param(value)}`
}

/**
 * Takes one arrow of a state machine: status, audit entry and doorbell, together or not at all.
 * @returns the row after the change, or null where it was not (or no longer) in `from`, or the epoch has moved on
 */
export async function record<const M extends Machine, F extends keyof M & string>(
  tx: Tx,
  subject: Subject,
  machine: M,
  change: Change<M, F>,
): Promise<Row | null> {
  const to = machine[change.from]?.[change.event]
  if (to === undefined) throw new Error(`${subject}: no arrow ${change.from} --${change.event}-->`)
  const parameters: unknown[] = [change.id, change.from, to, (change.because ?? '').slice(0, 8000)]
  const sets = [`status = $3`, `because = $4`]
  for (const [column, value] of Object.entries(change.set ?? {})) sets.push(setClause(column, value, parameters))
  const epoch = change.epoch === undefined ? '' : ` AND epoch = $${parameters.push(change.epoch)}`
  const due = change.ifDue ? ' AND "dueAt" <= clock_timestamp()' : ''
  const kind = `$${parameters.push(`${subject}.${change.event}`)}`
  const actor = `$${parameters.push(change.by.actor)}`
  const actorName = `$${parameters.push(change.by.actorName)}`
  const data = `$${parameters.push(JSON.stringify(change.data ?? {}))}::jsonb`
  const { rows } = await tx.query(
    `WITH changed AS (
       UPDATE "${TABLE[subject]}" SET ${sets.join(', ')} WHERE id = $1 AND status = $2${epoch}${due} RETURNING *
     )
     SELECT c.*,
       audit_append(${kind}, ${actor}, ${actorName}, ${PROJECT_OF[subject]}, '${subject}', c.id, ${RUN_OF[subject]}, $2, $3, $4, ${data}${NAME_OF[subject]}) AS entry,
       pg_notify('${CHANNEL}', '${subject}:' || c.id || ':' || c.status || ':' || c.epoch || ':' || ${URGENCY_OF[subject]}) AS rung
     FROM changed c`,
    parameters,
  )
  return (rows[0] as Row | undefined) ?? null
}

const PROJECT_OF: Record<Subject, string> = {
  project: 'c.id',
  run: 'c."projectId"',
  stage: '(SELECT r."projectId" FROM "Run" r WHERE r.id = c."runId")',
  promotion: '(SELECT e."projectId" FROM "Environment" e WHERE e.id = c."environmentId")',
  mergeRequest: 'c."projectId"',
  mergeAction: 'c."projectId"',
  tag: 'c."projectId"',
  backMerge: 'c."projectId"',
  approval: `(SELECT e."projectId" FROM "Environment" e WHERE e.id = COALESCE(
    (SELECT p."environmentId" FROM "Promotion" p WHERE p.id = c."promotionId"),
    (SELECT g."environmentId" FROM "PolicyChange" g WHERE g.id = c."policyChangeId")))`,
  policyChange: '(SELECT e."projectId" FROM "Environment" e WHERE e.id = c."environmentId")',
  passkey: 'NULL::int',
}
/** What a person calls it, beside its number. */
const NAME_OF: Record<Subject, string> = {
  project: '',
  run: '',
  stage: ` || jsonb_build_object('name', c.name)`,
  promotion: ` || jsonb_build_object('name', (SELECT e.name FROM "Environment" e WHERE e.id = c."environmentId"))`,
  mergeRequest: ` || jsonb_build_object('name', '!' || c.iid)`,
  mergeAction: ` || jsonb_build_object('name', c.kind, 'by', c."accountName")`,
  tag: ` || jsonb_build_object('name', c.name)`,
  backMerge: ` || jsonb_build_object('name', c.source)`,
  approval: ` || jsonb_build_object('promotion', c."promotionId", 'policyChange', c."policyChangeId", 'decision', c.decision, 'hash', c.hash, 'account', c."accountId")`,
  policyChange: ` || jsonb_build_object('name', (SELECT e.name FROM "Environment" e WHERE e.id = c."environmentId"))`,
  passkey: ` || jsonb_build_object('account', c."accountId", 'credential', c."credentialId")`,
}
/** Goes along with the ring, so that a hotfix is first in every queue. */
const URGENCY_OF: Record<Subject, string> = {
  project: '10',
  run: 'c.priority',
  stage: 'c.priority',
  promotion: 'c.priority',
  mergeRequest: '10',
  mergeAction: '10',
  tag: '10',
  backMerge: '10',
  approval: '10',
  policyChange: '10',
  passkey: '10',
}
const RUN_OF: Record<Subject, string> = {
  project: 'NULL::int',
  run: 'c.id',
  stage: 'c."runId"',
  promotion: 'c."runId"',
  mergeRequest: 'NULL::int',
  mergeAction: 'NULL::int',
  tag: 'c."runId"',
  backMerge: '(SELECT p."runId" FROM "Promotion" p WHERE p.id = c."promotionId")',
  approval: '(SELECT p."runId" FROM "Promotion" p WHERE p.id = c."promotionId")',
  policyChange: 'NULL::int',
  passkey: 'NULL::int',
}

/** An entry for what is no status change: something made, asked for, or refused. Same transaction as what it tells of. */
export async function tell(
  tx: Tx,
  entry: {
    kind: string
    subject: string
    subjectId: number
    by: Actor
    projectId?: number | null
    runId?: number | null
    before?: string | null
    after?: string | null
    because?: string
    data?: Record<string, unknown>
  },
) {
  await tx.query('SELECT audit_append($1, $2, $3, $4::int, $5, $6::int, $7::int, $8, $9, $10, $11::jsonb)', [
    entry.kind,
    entry.by.actor,
    entry.by.actorName,
    entry.projectId ?? null,
    entry.subject,
    entry.subjectId,
    entry.runId ?? null,
    entry.before ?? null,
    entry.after ?? null,
    (entry.because ?? '').slice(0, 8000),
    JSON.stringify(entry.data ?? {}),
  ])
}

/** Rings for something that is no status change: it is due now. */
export async function ring(tx: Tx, payload: string) {
  await tx.query('SELECT pg_notify($1, $2)', [CHANNEL, payload])
}

const SERIALISATION = new Set(['40001', '40P01'])
const MAX_TRIES = 5

/**
 * Runs `work` in one transaction and gives its answer. Serialisation failures and deadlocks are tried again, five times in
 * all, so `work` must touch nothing but the database. Rejects where the connection is lost (connections.ts): whether it was
 * committed is then not known.
 */
export async function transaction<T>(handle: RecordHandle, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await inTransaction(handle.pool, work)
    } catch (error) {
      const code = (error as { code?: string }).code
      if (tries >= MAX_TRIES || code === undefined || !SERIALISATION.has(code)) throw error
    }
  }
}
