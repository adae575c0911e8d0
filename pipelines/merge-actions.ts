// What owners ask for on a merge request: written down here, done on the forge by a worker, and only for what was seen.
import type { RecordHandle } from '../prisma/client'
import { type Person, ring, type Tx, tell, transaction } from '../prisma/record'
import { Fault } from './fault'
import { FLOW } from './gitflow'
import type { Pair } from './merge-pair'
import type { MergeActionKind, MergeRequestStatus } from './merge-request'
import { headRun } from './request-run'

interface Asked {
  id: number
  projectId: number
  iid: number
  status: MergeRequestStatus
  source: string
  sourceKind: Pair['sourceKind']
  targetKind: Pair['targetKind']
  fork: boolean
  head: string
  draft: boolean
  authorId: string
  pairOk: boolean
  pairBecause: string
}

/**
 * Asks for a merge request to be approved or merged, as it was seen at `head`. May this person do that? was asked before.
 * @returns the id of what was asked for
 * @throws Fault not.found; not.permitted for one's own change; conflict where the request, its head, its branches or its run
 *   do not allow it, or the same is under way
 */
export async function requestMergeAction(
  handle: RecordHandle,
  { mergeRequestId, kind, head }: { mergeRequestId: number; kind: MergeActionKind; head: string },
  by: Person,
): Promise<number> {
  return transaction(handle, async (tx) => {
    const { rows } = await tx.query<Asked>(
      `SELECT id, "projectId", iid, status, source, "sourceKind", "targetKind", fork, head, draft, "authorId", "pairOk", "pairBecause"
       FROM "MergeRequest" WHERE id = $1 FOR UPDATE`,
      [mergeRequestId],
    )
    const request = rows[0]
    if (request === undefined) throw new Fault('not.found', `there is no merge request ${mergeRequestId} here`)
    if (request.status !== 'opened')
      throw new Fault('conflict', `!${request.iid} is ${request.status}: only one that is open can be ${DONE[kind]}`)
    if (request.head !== head)
      throw new Fault(
        'conflict',
        `!${request.iid} has moved on: you saw ${head.slice(0, 12)}, its head is ${request.head.slice(0, 12)}; look at it again`,
      )
    if (kind === 'approve') await refuseOwn(tx, request, by)
    else {
      const because = await whyNotMerge(tx, request)
      if (because !== null) throw new Fault('conflict', because)
    }
    await refuseTwice(tx, request, kind, by)
    return insert(tx, request, kind, by)
  })
}

const DONE: Record<MergeActionKind, string> = { approve: 'approved', merge: 'merged' }

async function refuseOwn(tx: Tx, request: Asked, by: Person) {
  const { rows } = await tx.query<{ forgeUserId: string | null }>('SELECT "forgeUserId" FROM "Account" WHERE id = $1', [
    by.accountId,
  ])
  const forgeUserId = rows[0]?.forgeUserId ?? null
  if (forgeUserId !== null && forgeUserId === request.authorId)
    throw new Fault('not.permitted', `!${request.iid} is your own change: somebody else approves it`)
}

/**
 * Why this request may not be merged from here, or null where it may: the flow has its arrow, it is no draft, and the run
 * of its head has succeeded. What comes back to develop ran where it comes from.
 */
export async function whyNotMerge(
  tx: Tx,
  request: Pick<
    Asked,
    | 'id'
    | 'projectId'
    | 'iid'
    | 'source'
    | 'sourceKind'
    | 'targetKind'
    | 'fork'
    | 'head'
    | 'draft'
    | 'pairOk'
    | 'pairBecause'
  >,
): Promise<string | null> {
  const { iid } = request
  if (!request.pairOk) return `!${iid} is not for merging: ${request.pairBecause}`
  if (request.draft) return `!${iid} is a draft: mark it as ready on the forge first`
  if (isWayBack(request)) return null
  const run = await headRun(tx, request)
  if (run === null) return `the head of !${iid} has no run yet: it is merged when its checks have passed`
  if (run.status === 'succeeded') return null
  return `run #${run.id} of the head of !${iid} is ${run.status}: it is merged when its checks have passed`
}

/** From a branch that is released, to one whose arrow into develop is only the way back. */
const isWayBack = ({ sourceKind, targetKind }: Pick<Asked, 'sourceKind' | 'targetKind'>) =>
  targetKind === 'develop' && sourceKind !== 'fork' && sourceKind !== 'other' && FLOW[sourceKind].goesTo !== null

async function refuseTwice(tx: Tx, request: Asked, kind: MergeActionKind, by: Person) {
  const { rows } = await tx.query<{ accountId: number; accountName: string }>(
    `SELECT "accountId", "accountName" FROM "MergeAction" WHERE "mergeRequestId" = $1 AND kind = $2 AND head = $3
       AND status IN ('queued', 'doing') AND ($2 = 'merge' OR "accountId" = $4) LIMIT 1`,
    [request.id, kind, request.head, by.accountId],
  )
  const same = rows[0]
  if (same !== undefined)
    throw new Fault('conflict', `!${request.iid} is being ${DONE[kind]} at this moment, as ${same.accountName} asked`)
}

async function insert(tx: Tx, request: Asked, kind: MergeActionKind, by: Person): Promise<number> {
  const { rows } = await tx.query<{ id: number }>(
    `INSERT INTO "MergeAction" ("projectId", "mergeRequestId", kind, head, "accountId", "accountName")
     SELECT $1::int, $2::int, $3, $4, id, name FROM "Account" WHERE id = $5 RETURNING id`,
    [request.projectId, request.id, kind, request.head, by.accountId],
  )
  const id = rows[0]?.id
  if (id === undefined) throw new Error('what was asked for was not written')
  await tell(tx, {
    kind: `mergeRequest.${kind}`,
    subject: 'mergeRequest',
    subjectId: request.id,
    projectId: request.projectId,
    by,
    because: `asked for in Shiplock, at ${request.head.slice(0, 12)}`,
    data: { name: `!${request.iid}`, head: request.head, action: id },
  })
  await ring(tx, `mergeAction:${id}:queued`)
  return id
}
