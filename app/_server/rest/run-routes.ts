import { allowForkRun } from '../../../pipelines/allow-fork'
import { cancelRun, retryStage } from '../../../pipelines/cancel'
import { listRuns } from '../../runs/read'
import { readWholeRun } from '../../runs/whole'
import { actorOf } from '../accounts'
import { visibleProjects } from '../permit'
import { answerLog } from './follow'
import { route } from './route'
import * as shape from './shapes'
import { at, ofRun } from './where'

export const RUNS = [
  route({
    method: 'GET',
    path: '/api/v1/runs',
    action: 'runs.read',
    lists: true,
    summary: 'Runs, newest first',
    query: shape.RunQuery,
    status: 200,
    reply: 'RunPage',
    faults: [],
    do: ({ door, query, viewer }) => listRuns(door.record, visibleProjects(viewer), query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/runs/{id}',
    action: 'runs.read',
    where: at(ofRun),
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
    where: at(ofRun),
    summary: "A page of a stage's output; or all of it as it comes",
    params: shape.StageParams,
    query: shape.LogQuery,
    status: 200,
    reply: 'LogPage',
    stream: true,
    faults: ['not.found', 'too.many'],
    do: (ask) => answerLog(ask, { run: ask.params.id, stage: ask.params.name }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/runs/{id}/cancel',
    action: 'runs.cancel',
    where: at(ofRun),
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
    where: at(ofRun),
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
    where: at(ofRun),
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
