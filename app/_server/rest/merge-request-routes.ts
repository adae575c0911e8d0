import { z } from 'zod'
import { Fault } from '../../../pipelines/fault'
import { requestMergeAction } from '../../../pipelines/merge-actions'
import { MERGE_REQUEST, type MergeActionKind } from '../../../pipelines/merge-request'
import { listMergeRequests, readMergeRequest } from '../../merge-requests/read'
import { actorOf } from '../accounts'
import { type Viewer, visibleProjects } from '../permit'
import { type Door, route } from './route'
import * as shape from './shapes'
import { at, ofMergeRequest } from './where'

const STATUSES = Object.keys(MERGE_REQUEST) as [keyof typeof MERGE_REQUEST, ...(keyof typeof MERGE_REQUEST)[]]

const MergeRequestQuery = shape.PageQuery.extend({ project: shape.id.optional(), status: z.enum(STATUSES).optional() })

const SeenBody = z.strictObject({
  head: z
    .string()
    .regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, 'the whole commit that was seen, 40 or 64 hex digits')
    .describe('The head that was seen: another one on the forge refuses it'),
})

/** Asks for it where the page would let this viewer press the button; whatever changes in between is judged again. */
async function act(door: Door, viewer: Viewer, id: number, kind: MergeActionKind, head: string) {
  const seen = await readMergeRequest(door.record, id, viewer)
  const permission = seen.can[kind]
  // Another head than the one that was judged has its own refusal, which names both.
  if (seen.head === head && !permission.may) throw new Fault('conflict', `!${seen.iid}: ${permission.because}`)
  const by = { ...actorOf(viewer), accountId: viewer.accountId, role: viewer.role }
  await requestMergeAction(door.record, { mergeRequestId: id, kind, head }, by)
  return readMergeRequest(door.record, id, viewer)
}

export const MERGE_REQUESTS = [
  route({
    method: 'GET',
    path: '/api/v1/merge-requests',
    action: 'merge-requests.read',
    lists: true,
    summary: 'Merge requests, newest first, and whether the flow has their arrow',
    query: MergeRequestQuery,
    status: 200,
    reply: 'MergeRequestPage',
    faults: [],
    do: ({ door, query, viewer }) => listMergeRequests(door.record, visibleProjects(viewer), query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/merge-requests/{id}',
    action: 'merge-requests.read',
    where: at(ofMergeRequest),
    summary: 'One merge request: its run, what would follow, its approvals, and what who asks may do',
    params: shape.IdParams,
    status: 200,
    reply: 'MergeRequestDetail',
    faults: ['not.found'],
    do: ({ door, params, viewer }) => readMergeRequest(door.record, params.id, viewer),
  }),
  route({
    method: 'POST',
    path: '/api/v1/merge-requests/{id}/approve',
    action: 'merge-requests.approve',
    where: at(ofMergeRequest),
    summary: 'Approve the head that was seen; a worker does it on the forge',
    params: shape.IdParams,
    body: SeenBody,
    status: 202,
    reply: 'MergeRequestDetail',
    faults: ['not.found', 'conflict', 'not.permitted'],
    do: ({ door, params, body, viewer }) => act(door, viewer, params.id, 'approve', body.head),
  }),
  route({
    method: 'POST',
    path: '/api/v1/merge-requests/{id}/merge',
    action: 'merge-requests.merge',
    where: at(ofMergeRequest),
    summary: 'Merge the head that was seen; a worker does it on the forge',
    params: shape.IdParams,
    body: SeenBody,
    status: 202,
    reply: 'MergeRequestDetail',
    faults: ['not.found', 'conflict', 'not.permitted'],
    do: ({ door, params, body, viewer }) => act(door, viewer, params.id, 'merge', body.head),
  }),
]
