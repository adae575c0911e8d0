import { createHash } from 'node:crypto'
import type { RecordHandle } from '../prisma/client'
import { CHANNEL, SHIPLOCK } from '../prisma/record'
import { cancelRun } from './cancel'
import type { ForgeEvent } from './forges/forge'
import { badBranchName, branchKind, FLOW, FLOW_IN_WORDS } from './gitflow'
import { type Accepted, type IntakeRow, inboxOf } from './inbox'

/** The project a webhook belongs to, as the intake needs it. */
export interface HookOwner {
  id: number
  name: string
  forgeProjectId: number | null
}

/** What Shiplock makes of an event. Pure: the payload is a hint, and the forge is asked again before anything is built. */
export type Decision =
  | { decision: 'ignored'; because: string; cancelBranch?: string }
  | { decision: 'accepted'; because: string; push: PushEvent; kind: keyof typeof FLOW }
  | { decision: 'refused'; because: string; push: PushEvent }

type PushEvent = Extract<ForgeEvent, { kind: 'push' }>

const SHA = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const ZEROS = /^0+$/

export function decide(event: ForgeEvent, owner: HookOwner): Decision {
  if (event.kind === 'ignored') return { decision: 'ignored', because: event.because }
  if (owner.forgeProjectId !== null && event.forgeProjectId !== owner.forgeProjectId) {
    return {
      decision: 'ignored',
      because: `the payload is of the forge's project ${event.forgeProjectId}, this webhook belongs to project ${owner.forgeProjectId}`,
    }
  }
  if (!SHA.test(event.after) || !SHA.test(event.before))
    return { decision: 'ignored', because: 'the payload names no commit' }
  if (ZEROS.test(event.after))
    return { decision: 'ignored', because: 'the branch was deleted', cancelBranch: event.branch }
  if (event.skip) return { decision: 'ignored', because: 'the push asked for no run (ci.skip)' }
  const bad = badBranchName(event.branch)
  if (bad !== null) return { decision: 'refused', because: `the branch name cannot be used: ${bad}`, push: event }
  const kind = branchKind(event.branch)
  if (kind === null)
    return { decision: 'refused', because: `the branch has no place in the flow: ${FLOW_IN_WORDS}`, push: event }
  if (!FLOW[kind].carried)
    return { decision: 'ignored', because: `${kind} branches are not carried by this version of Shiplock` }
  return { decision: 'accepted', because: `a push to ${event.branch}`, push: event, kind }
}

export interface Delivery {
  owner: HookOwner
  /** The forge's own id of the delivery; null: the hash of the body stands in. */
  key: string | null
  event: string
  body: Buffer
  parsed: ForgeEvent
}

/** Text of a stranger as PostgreSQL can hold it: no NUL, no half of a surrogate pair. */
const storable = (text: string) => Buffer.from(text.replaceAll('\0', '\uFFFD')).toString()

/** The same push through a second webhook, or resent without its key, is the same content. */
const contentKey = (p: PushEvent) =>
  createHash('sha256')
    .update(JSON.stringify(['push', p.branch, p.before, p.after]))
    .digest('hex')

/**
 * Stores a verified delivery, what was decided, and the run it makes, in one transaction; answers only after the commit.
 * The same key, or the same content under another key, gives the run that exists. Rings by itself, after the commit.
 */
export async function acceptDelivery(record: RecordHandle, delivery: Delivery): Promise<Accepted> {
  const decided = decide(delivery.parsed, delivery.owner)
  const key =
    delivery.key !== null
      ? storable(delivery.key)
      : `sha256:${createHash('sha256').update(delivery.body).digest('hex')}`
  const push = 'push' in decided ? decided.push : null
  const status = decided.decision === 'accepted' ? 'queued' : 'refused'
  const row: IntakeRow = {
    projectId: delivery.owner.id,
    key,
    event: storable(delivery.event.slice(0, 100)),
    decision: decided.decision,
    because: storable(decided.because),
    contentKey: push ? contentKey(push) : null,
    service: delivery.owner.name,
    branch: storable(push?.branch.slice(0, 1024) ?? ''),
    branchKind: decided.decision === 'accepted' ? decided.kind : 'other',
    commit: push?.after ?? '',
    before: push?.before ?? '',
    title: storable(push?.title ?? ''),
    pusherId: push?.pusherId ?? '',
    pusherName: storable(push?.pusherName ?? ''),
    status,
    priority: decided.decision === 'accepted' ? FLOW[decided.kind].priority : 10,
    actor: push ? `forge:${push.pusherId}` : SHIPLOCK.actor,
    actorName: storable(push?.pusherName ?? SHIPLOCK.actorName),
  }
  const stored = (await inboxOf(record).store(row, delivery.body)) ?? (await earlier(record, delivery.owner.id, key))
  const accepted =
    stored.run === null && push ? await linkTwin(record, stored, delivery.owner.id, contentKey(push)) : stored
  if (accepted.decision === 'accepted' || accepted.decision === 'refused') ringSoon(record, accepted.run)
  if ('cancelBranch' in decided && decided.cancelBranch !== undefined)
    await cancelBranch(record, delivery, decided.cancelBranch)
  return accepted
}

async function earlier(record: RecordHandle, project: number, key: string): Promise<Accepted> {
  const { rows } = await record.pool.query<Accepted>(
    `SELECT id AS delivery, 'duplicate' AS decision, 'this delivery came before' AS because, "runId" AS run
     FROM "Delivery" WHERE "projectId" = $1 AND key = $2`,
    [project, key],
  )
  if (rows[0] === undefined) throw new Error('a delivery was neither stored nor found')
  return rows[0]
}

/** The same content arrived twice at the same instant: the statement could not see the run that the other was making. */
async function linkTwin(record: RecordHandle, stored: Accepted, project: number, content: string): Promise<Accepted> {
  const { rows } = await record.pool.query<Accepted>(
    `UPDATE "Delivery" d SET "runId" = r.id, decision = 'duplicate', because = 'the same content as run #' || r.id
     FROM "Run" r WHERE d.id = $1 AND r."projectId" = $2 AND r."contentKey" = $3
     RETURNING d.id AS delivery, d.decision, d.because, d."runId" AS run`,
    [stored.delivery, project, content],
  )
  if (rows[0] === undefined) throw new Error('a push was stored without a run')
  return rows[0]
}

const RING_EVERY_MS = 2
const rings = new WeakMap<RecordHandle, Set<number>>()

/**
 * A notification makes commits queue behind one another in PostgreSQL, so the intake rings after its commit, and once for
 * many. A ring that is lost costs the second until the sweep.
 */
function ringSoon(record: RecordHandle, run: number | null) {
  if (run === null) return
  const waiting = rings.get(record)
  if (waiting) return void waiting.add(run)
  const runs = new Set([run])
  rings.set(record, runs)
  setTimeout(() => {
    rings.delete(record)
    record.pool
      .query(`SELECT pg_notify('${CHANNEL}', 'run:' || id || ':queued') FROM unnest($1::int[]) AS r(id)`, [[...runs]])
      .catch((error: Error) =>
        console.warn(`could not ring; the sweep will find ${runs.size} run(s): ${error.message}`),
      )
  }, RING_EVERY_MS)
}

async function cancelBranch(record: RecordHandle, delivery: Delivery, branch: string) {
  const { rows } = await record.pool.query<{ id: number }>(
    `SELECT id FROM "Run" WHERE "projectId" = $1 AND branch = $2 AND status IN ('queued', 'planning', 'running', 'errored') ORDER BY id LIMIT 50`,
    [delivery.owner.id, branch],
  )
  for (const { id } of rows) await cancelRun(record, id, SHIPLOCK, 'the branch was deleted')
}
