// Approvals and merges that owners asked for, done on the forge. The worker looks at everything again: what the web process
// wrote down is a wish.
import { inMs, NOW, PLUS_ONE, record, transaction } from '../prisma/record'
import { asWorker, type Context } from './context'
import { mayBeDone } from './explained-action'
import { isBug } from './fault'
import { connectedForge } from './forge-of'
import type { Done, Forge, ForgeMergeRequest } from './forges/forge'
import { LEASE_MS, lapsedClaim } from './lease'
import { whyNotMerge } from './merge-actions'
import { judgePair } from './merge-pair'
import { MERGE_ACTION, type MergeActionKind } from './merge-request'
import { retryAfter } from './retry'
import { firstLine } from './title'
import { dueMergeRequest } from './touch-merge-requests'

const MAX_ATTEMPTS = 8

interface Doing {
  id: number
  projectId: number
  mergeRequestId: number
  kind: MergeActionKind
  head: string
  accountName: string
  epoch: number
  attempts: number
}

/** Does what an owner asked for, while the request's head is what the owner saw. The forge's no is kept, word for word. */
export async function doMergeAction(context: Context, id: number): Promise<void> {
  const action = await transaction(context.record, async (tx) => {
    const row = await record(tx, 'mergeAction', MERGE_ACTION, {
      id,
      from: 'queued',
      event: 'claim',
      ifDue: true,
      set: { epoch: PLUS_ONE, attempts: PLUS_ONE, leaseUntil: inMs(LEASE_MS), worker: context.worker },
      by: asWorker(context),
    })
    const claimed = row as unknown as Doing | null
    return claimed !== null && (await mayBeDone(tx, claimed, asWorker(context))) ? claimed : null
  })
  if (action === null) return
  await context.leases.hold('mergeAction', id, action.epoch, async (lost) => {
    try {
      const done = await act(context, action)
      if (!lost.aborted) await end(context, action, done)
    } catch (error) {
      if (!lost.aborted) await errored(context, action, error)
    }
  })
}

const no = (because: string): Done => ({ ok: false, because })

async function act(context: Context, action: Doing): Promise<Done> {
  const { forge, project } = await connectedForge(context, action.projectId)
  const { rows } = await context.record.pool.query<{ iid: number }>('SELECT iid FROM "MergeRequest" WHERE id = $1', [
    action.mergeRequestId,
  ])
  const iid = rows[0]?.iid
  if (iid === undefined) throw new Error(`merge action ${action.id} is of no merge request`)
  const seen = await forge.mergeRequest(project.forgeProjectId, iid)
  if (seen === null) return no(`the forge has no merge request !${iid} any more`)
  if (seen.head !== action.head)
    return no(`!${iid} has moved on from ${action.head.slice(0, 12)} to ${seen.head.slice(0, 12)}: look at it again`)
  if (action.kind === 'approve')
    return seen.status === 'opened'
      ? forge.approve(project.forgeProjectId, iid, action.head)
      : no(`!${iid} is ${seen.status} on the forge`)
  if (seen.status === 'merged') return { ok: true, because: `!${iid} is merged` }
  if (seen.status === 'closed') return no(`!${iid} is closed on the forge`)
  return merge(context, action, { forge, seen, project })
}

async function merge(
  context: Context,
  action: Doing,
  at: {
    forge: Forge
    seen: ForgeMergeRequest
    project: { forgeProjectId: number; path: string; flow: Parameters<typeof judgePair>[1] }
  },
): Promise<Done> {
  const { forge, seen, project } = at
  const pair = judgePair(seen, project.flow)
  const because = await transaction(context.record, (tx) =>
    whyNotMerge(tx, {
      id: action.mergeRequestId,
      projectId: action.projectId,
      iid: seen.iid,
      source: seen.source,
      fork: seen.fork,
      head: seen.head,
      draft: seen.draft,
      sourceKind: pair.sourceKind,
      targetKind: pair.targetKind,
      pairOk: pair.ok,
      pairBecause: pair.because,
    }),
  )
  if (because !== null) return no(because)
  const message = `Merge ${firstLine(seen.source)} into ${firstLine(seen.target)}

${firstLine(seen.title)}

Merged by ${firstLine(action.accountName, 100)} in Shiplock
See merge request ${project.path}!${seen.iid}`
  return forge.merge(project.forgeProjectId, seen.iid, action.head, message)
}

async function end(context: Context, action: Doing, { ok, because }: Done) {
  await transaction(context.record, async (tx) => {
    const row = await record(tx, 'mergeAction', MERGE_ACTION, {
      id: action.id,
      from: 'doing',
      event: ok ? 'do' : 'refuse',
      epoch: action.epoch,
      because,
      set: { leaseUntil: null, finishedAt: NOW },
      by: asWorker(context),
    })
    if (row !== null) await readAgain(tx, action)
  })
}

/** Whatever came of it, the page shows the request as it is now. */
async function readAgain(tx: Parameters<typeof dueMergeRequest>[0], action: Doing) {
  const { rows } = await tx.query<{ iid: number }>('SELECT iid FROM "MergeRequest" WHERE id = $1', [
    action.mergeRequestId,
  ])
  if (rows[0] !== undefined) await dueMergeRequest(tx, action.projectId, rows[0].iid)
}

async function errored(context: Context, action: Doing, error: unknown) {
  const { again, attempts, waitMs, because, data } = retryAfter(error, action.attempts, MAX_ATTEMPTS)
  if (isBug(error)) console.error(`a bug while doing merge action ${action.id}:`, error)
  const at = { id: action.id, from: 'doing', epoch: action.epoch, because, by: asWorker(context), data } as const
  await transaction(context.record, async (tx) => {
    if (again)
      await record(tx, 'mergeAction', MERGE_ACTION, {
        ...at,
        event: 'lose',
        set: { leaseUntil: null, dueAt: inMs(waitMs), attempts },
      })
    else {
      await record(tx, 'mergeAction', MERGE_ACTION, { ...at, event: 'err', set: { leaseUntil: null, finishedAt: NOW } })
      await readAgain(tx, action)
    }
  })
}

/** Takes a lapsed action away from a worker that gave no sign of life; the next finds what is done already. */
export async function loseMergeAction(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const lapsed = await lapsedClaim(tx, 'mergeAction', id)
    if (lapsed === null) return
    await record(tx, 'mergeAction', MERGE_ACTION, {
      id,
      from: 'doing',
      event: 'lose',
      epoch: lapsed.epoch,
      because: 'its worker gave no sign of life',
      set: { leaseUntil: null, attempts: lapsed.attempts },
      by: asWorker(context),
    })
  })
}
