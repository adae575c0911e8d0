import { createHash } from 'node:crypto'
import type { RecordHandle } from '../prisma/client'
import { outageOf } from '../prisma/outage'
import { CHANNEL, SHIPLOCK } from '../prisma/record'
import { cancelRun } from './cancel'
import { type Delivery, type HookOwner, keyOf, storable } from './delivery'
import type { ForgeEvent } from './forges/forge'
import { type BranchKind, FLOW, placeOf } from './gitflow'
import { type Accepted, type IntakeRow, inboxOf } from './inbox'
import { acceptMergeRequestEvent, acceptTagEvent } from './merge-request-events'

/** What Shiplock makes of an event. Pure: the payload is a hint, and the forge is asked again before anything is built. */
export type Decision =
  | { decision: 'ignored'; because: string; cancelBranch?: string; seen?: PushEvent }
  | { decision: 'accepted'; because: string; push: PushEvent; kind: BranchKind }
  | { decision: 'refused'; because: string; push: PushEvent }

type PushEvent = Extract<ForgeEvent, { kind: 'push' }>

const SHA = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const ZEROS = /^0+$/

/** Why an event is not this project's business; null: it is. */
function whyForeign(event: ForgeEvent, owner: HookOwner): string | null {
  if (event.kind === 'ignored') return event.because
  if (owner.forgeProjectId === null || event.forgeProjectId === owner.forgeProjectId) return null
  return `the payload is of the forge's project ${event.forgeProjectId}, this webhook belongs to project ${owner.forgeProjectId}`
}

export function decide(event: PushEvent | Extract<ForgeEvent, { kind: 'ignored' }>, owner: HookOwner): Decision {
  const foreign = whyForeign(event, owner)
  if (event.kind === 'ignored' || foreign !== null) return { decision: 'ignored', because: foreign ?? '' }
  if (!SHA.test(event.after) || !SHA.test(event.before))
    return { decision: 'ignored', because: 'the payload names no commit' }
  if (ZEROS.test(event.after))
    return { decision: 'ignored', because: 'the branch was deleted', cancelBranch: event.branch }
  if (event.skip) return { decision: 'ignored', because: 'the push asked for no run (ci.skip)', seen: event }
  const place = placeOf(event.branch, owner.flow)
  if ('because' in place) return { decision: 'refused', because: place.because, push: event }
  return { decision: 'accepted', because: `a push to ${event.branch}`, push: event, kind: place.kind }
}

/** The same push through a second webhook, or resent without its key, is the same content. */
const contentKey = (p: PushEvent, replay: string | null) =>
  createHash('sha256')
    .update(JSON.stringify(['push', p.branch, p.before, p.after, ...(replay === null ? [] : [replay])]))
    .digest('hex')

/**
 * Stores a verified delivery, what was decided, and the run it makes, in one transaction; answers only after the commit.
 * The same key, or the same content under another key, gives the run that exists. Rings by itself, after the commit.
 */
export async function acceptDelivery(record: RecordHandle, delivery: Delivery): Promise<Accepted> {
  const { parsed } = delivery
  const foreign = whyForeign(parsed, delivery.owner)
  if (parsed.kind === 'merge-request' && foreign === null) return acceptMergeRequestEvent(record, delivery, parsed)
  if (parsed.kind === 'tag' && foreign === null) return acceptTagEvent(record, delivery, parsed)
  const event = parsed.kind === 'push' ? parsed : { kind: 'ignored' as const, because: foreign ?? '' }
  return acceptPush(record, delivery, decide(event, delivery.owner))
}

async function acceptPush(record: RecordHandle, delivery: Delivery, decided: Decision): Promise<Accepted> {
  const key = keyOf(delivery)
  const replayOf = delivery.replayOf ?? null
  const push = 'push' in decided ? decided.push : null
  const content = push === null ? null : contentKey(push, replayOf === null ? null : key)
  const status = decided.decision === 'accepted' ? 'queued' : 'refused'
  const row: IntakeRow = {
    projectId: delivery.owner.id,
    key,
    event: storable(delivery.event.slice(0, 100)),
    decision: decided.decision,
    because: storable(decided.because),
    contentKey: content,
    origin: replayOf === null ? 'push' : 'replay',
    replayOf,
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
    stored.run === null && content !== null ? await linkTwin(record, stored, delivery.owner.id, content) : stored
  if (accepted.decision === 'accepted' || accepted.decision === 'refused') ringSoon(record, accepted.run)
  if (decided.decision === 'ignored') {
    if (decided.cancelBranch !== undefined) await cancelBranch(record, delivery, decided.cancelBranch)
    if (decided.seen !== undefined) await noteHead(record, delivery.owner.id, decided.seen)
  }
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
      .then(
        () => ringing().back(),
        // The sweep will find them.
        (error: unknown) => ringing().lost(error),
      )
  }, RING_EVERY_MS)
}

const ringing = () => outageOf('The notification of new runs')

/** A push that asked for no run was seen all the same: the reconciler must not take it for one that was missed. */
async function noteHead(record: RecordHandle, projectId: number, push: PushEvent) {
  await record.pool.query(
    `INSERT INTO "BranchHead" ("projectId", branch, "commit") VALUES ($1, $2, $3)
     ON CONFLICT ("projectId", branch) DO UPDATE SET "commit" = EXCLUDED."commit", "seenAt" = clock_timestamp()`,
    [projectId, storable(push.branch), push.after],
  )
}

async function cancelBranch(record: RecordHandle, delivery: Delivery, branch: string) {
  const { rows } = await record.pool.query<{ id: number }>(
    `SELECT id FROM "Run" WHERE "projectId" = $1 AND branch = $2 AND status IN ('held', 'queued', 'planning', 'running', 'errored') ORDER BY id LIMIT 50`,
    [delivery.owner.id, branch],
  )
  for (const { id } of rows) await cancelRun(record, id, SHIPLOCK, 'the branch was deleted')
}
