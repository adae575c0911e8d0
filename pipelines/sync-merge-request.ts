// A merge request, read from its forge whenever something may have happened to it, judged by the flow, and told what was found.
import type { RecordHandle } from '../prisma/client'
import type { Context } from './context'
import { canRetry, type Fault, isFault } from './fault'
import { connectedForge } from './forge-of'
import { judgePair } from './merge-pair'
import { closeUnknown, type KnownRequest, writeMirror } from './mirror-merge-request'
import { tellMergeRequest } from './tell-merge-request'

/** Longer than all calls of one look together. */
const LEASE = `interval '120 seconds'`
const MAX_ATTEMPTS = 12
/** A forge announces a request before it answers for it, and takes its time to say whether it can be merged. */
const NOT_YET_MS = 5_000
const LAST_WAIT_MS = 300_000

/**
 * Reads a merge request from the forge, writes what it is, and tells the forge what the flow says of it: one status on its
 * head and one note. Due again where the forge could not be asked or told, a limited number of times.
 */
export async function syncMergeRequest(context: Context, mergeRequestId: number): Promise<void> {
  const known = await claim(context.record, mergeRequestId, context.worker)
  if (known === null) return
  try {
    const { forge, project } = await connectedForge(context, known.projectId)
    const seen = await forge.mergeRequest(project.forgeProjectId, known.iid)
    if (seen === null) {
      if (known.syncedAt === null && known.attempts < MAX_ATTEMPTS) return await finish(context, known, '', NOT_YET_MS)
      await closeUnknown(context, known)
      return await finish(context, known, 'the forge has no such merge request', null)
    }
    const pair = judgePair(seen, project.flow)
    const runs = seen.fork && seen.status === 'opened' && pair.ok && project.flow.forks === 'ask'
    const target = runs ? await forge.head(project.forgeProjectId, seen.target) : null
    const written = await writeMirror(context, known, { seen, pair, project, definitionCommit: target?.commit ?? null })
    if (written === null) return
    const refused = await tellMergeRequest(context, known, { seen, pair, project, forge, because: written.because })
    const moving = seen.status === 'locked' || (seen.status === 'opened' && seen.mergeable === 'checking')
    const again = refused.some(canRetry) ? backOff(known, refused) : moving ? NOT_YET_MS : null
    const because = refused.map((fault) => fault.message).join('; ')
    await finish(context, known, because, known.attempts < MAX_ATTEMPTS ? again : null)
  } catch (error) {
    if (!isFault(error)) {
      await finish(context, known, `a fault of Shiplock itself: ${String(error)}`, null)
      throw error
    }
    const again = canRetry(error) && known.attempts < MAX_ATTEMPTS ? backOff(known, [error]) : null
    await finish(context, known, error.message, again)
  }
}

const backOff = ({ attempts }: KnownRequest, faults: readonly Fault[]) =>
  faults.find((f) => f.retryAfterMs !== undefined)?.retryAfterMs ?? Math.min(1000 * 2 ** attempts, LAST_WAIT_MS)

/** While it is read it is due when the lease ends: news meanwhile move that, and it is read once more. */
async function claim(record: RecordHandle, id: number, worker: string): Promise<KnownRequest | null> {
  const { rows } = await record.pool.query<Omit<KnownRequest, 'noteForgeId'> & { noteForgeId: string | null }>(
    `UPDATE "MergeRequest" m SET epoch = m.epoch + 1, attempts = m.attempts + 1, "leaseUntil" = n.t, "dueAt" = n.t, worker = $2
     FROM (SELECT date_trunc('milliseconds', clock_timestamp()) + ${LEASE} AS t) n
     WHERE m.id = $1 AND m."dueAt" <= clock_timestamp() AND (m."leaseUntil" IS NULL OR m."leaseUntil" < clock_timestamp())
     RETURNING m.id, m."projectId", m.iid, m.status, m.head, m."syncedAt", m."noteForgeId", m."noteSent", m."flowSent", m.epoch, m.attempts`,
    [id, worker],
  )
  const row = rows[0]
  return row === undefined ? null : { ...row, noteForgeId: row.noteForgeId === null ? null : BigInt(row.noteForgeId) }
}

/** `again`: in ms; null: nothing is left to do, unless something happened meanwhile. */
async function finish(context: Context, known: KnownRequest, because: string, again: number | null) {
  await context.record.pool.query(
    `WITH done AS (
       UPDATE "MergeRequest" SET "forgeBecause" = left($3, 1000), "leaseUntil" = NULL,
         attempts = CASE WHEN $4::int IS NULL THEN 0 ELSE attempts END,
         "dueAt" = CASE WHEN "dueAt" IS DISTINCT FROM "leaseUntil" THEN clock_timestamp() ELSE clock_timestamp() + $4::int * interval '1 millisecond' END
       WHERE id = $1 AND epoch = $2 RETURNING id, status)
     SELECT pg_notify('shiplock', 'mergeRequest:' || id || ':' || status) FROM done`,
    [known.id, known.epoch, because, again],
  )
}
