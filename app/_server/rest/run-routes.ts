import { allowForkRun } from '../../../pipelines/allow-fork'
import { cancelRun, retryStage } from '../../../pipelines/cancel'
import { readLog } from '../../runs/log'
import { listRuns } from '../../runs/read'
import { readWholeRun } from '../../runs/whole'
import { actorOf } from '../accounts'
import { followLog } from './follow'
import { type Ask, route } from './route'
import * as shape from './shapes'

const wantsStream = (ask: Ask<unknown, unknown, unknown>) =>
  (ask.request.headers.accept ?? '').includes('text/event-stream')

const lastEventId = (header: string | string[] | undefined) =>
  typeof header === 'string' && header !== '' ? header : undefined

export const RUNS = [
  route({
    method: 'GET',
    path: '/api/v1/runs',
    action: 'runs.read',
    summary: 'Runs, newest first',
    query: shape.RunQuery,
    status: 200,
    reply: 'RunPage',
    faults: [],
    do: ({ door, query }) => listRuns(door.record, query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/runs/{id}',
    action: 'runs.read',
    summary: 'One run: stages, promotions, trail, and why it waits',
    params: shape.IdParams,
    status: 200,
    reply: 'RunDetail',
    faults: ['not.found'],
    do: ({ door, params }) => readWholeRun(door.record, params.id),
  }),
  route({
    method: 'GET',
    path: '/api/v1/runs/{id}/stages/{name}/log',
    action: 'runs.read',
    summary: "A page of a stage's output; or all of it as it comes",
    params: shape.StageParams,
    query: shape.LogQuery,
    status: 200,
    reply: 'LogPage',
    stream: true,
    faults: ['not.found', 'too.many'],
    do: async (ask) => {
      const { door, params, query, request, reply, viewer } = ask
      // A browser that lost the stream says how far it had come.
      const after = query.follow === '1' ? (lastEventId(request.headers['last-event-id']) ?? query.after) : query.after
      const { stageId, ...page } = await readLog(door.record, params.id, params.name, {
        after,
        ...(query.max_bytes ? { maxBytes: query.max_bytes } : {}),
      })
      if (query.follow !== '1' || !wantsStream(ask)) return page
      const stream = door.streams.open(request, reply, viewer.accountId)
      followLog(door, stream, { run: params.id, stage: params.name, stageId, after }).catch((error: Error) => {
        request.log.error(error, 'a log stream broke')
        stream.end()
      })
      return undefined
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/runs/{id}/cancel',
    action: 'runs.cancel',
    summary: 'Cancel a run: final when this answers',
    params: shape.IdParams,
    body: shape.CancelBody,
    status: 200,
    reply: 'RunDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, body, viewer }) => {
      await cancelRun(door.record, params.id, actorOf(viewer), body.because || `canceled by ${viewer.name}`)
      return readWholeRun(door.record, params.id)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/runs/{id}/stages/{name}/retry',
    action: 'runs.retry',
    summary: 'Try an errored stage again, now',
    params: shape.StageParams,
    body: shape.NoBody,
    status: 200,
    reply: 'RunDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, viewer }) => {
      await retryStage(door.record, params.id, params.name, actorOf(viewer))
      return readWholeRun(door.record, params.id)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/runs/{id}/allow',
    action: 'runs.allow',
    summary: "Say go for the static checks of a fork's merge request, for exactly this run's commit",
    params: shape.IdParams,
    body: shape.NoBody,
    status: 200,
    reply: 'RunDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, viewer }) => {
      await allowForkRun(door.record, params.id, actorOf(viewer))
      return readWholeRun(door.record, params.id)
    },
  }),
]
