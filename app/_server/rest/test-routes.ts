// What stages came to, of a run and of the verification of a promotion: cases, files, output.
import { z } from 'zod'
import { openArtifact, promotionArtifacts, runArtifacts } from '../../runs/artifacts'
import { readTests } from '../../runs/tests'
import { answerLog } from './follow'
import { download, type RestRoute, route } from './route'
import * as shape from './shapes'
import { at, ofArtifact, ofPromotion, ofRun } from './where'

const TestQuery = shape.PageQuery.extend({
  status: z.enum(['passed', 'failed', 'errored', 'skipped']).optional(),
})

export const TESTS: readonly RestRoute[] = [
  route({
    method: 'GET',
    path: '/api/v1/runs/{id}/stages/{name}/tests',
    action: 'artifacts.read',
    where: at(ofRun),
    summary: 'The test cases of a stage, in the order of its reports',
    params: shape.StageParams,
    query: TestQuery,
    status: 200,
    reply: 'TestPage',
    faults: ['not.found'],
    do: ({ door, params, query }) => readTests(door.record, { run: params.id, stage: params.name }, query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/runs/{id}/artifacts',
    action: 'artifacts.read',
    where: at(ofRun),
    summary: 'The files that the stages of a run left, by stage and path',
    params: shape.IdParams,
    status: 200,
    reply: 'ArtifactList',
    faults: ['not.found'],
    do: async ({ door, params }) => ({ items: await runArtifacts(door.record, params.id) }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/promotions/{id}/stages/{name}/log',
    action: 'runs.read',
    where: at(ofPromotion),
    summary: 'A page of the output of a stage that verified a promotion; or all of it as it comes',
    params: shape.StageParams,
    query: shape.LogQuery,
    status: 200,
    reply: 'LogPage',
    stream: true,
    faults: ['not.found', 'too.many'],
    do: (ask) => answerLog(ask, { promotion: ask.params.id, stage: ask.params.name }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/promotions/{id}/stages/{name}/tests',
    action: 'artifacts.read',
    where: at(ofPromotion),
    summary: 'The test cases of a stage that verified a promotion',
    params: shape.StageParams,
    query: TestQuery,
    status: 200,
    reply: 'TestPage',
    faults: ['not.found'],
    do: ({ door, params, query }) => readTests(door.record, { promotion: params.id, stage: params.name }, query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/promotions/{id}/artifacts',
    action: 'artifacts.read',
    where: at(ofPromotion),
    summary: 'The files that the verification of a promotion left, of its latest round',
    params: shape.IdParams,
    status: 200,
    reply: 'ArtifactList',
    faults: ['not.found'],
    do: async ({ door, params }) => ({ items: await promotionArtifacts(door.record, params.id) }),
  }),
  download({
    path: '/api/v1/artifacts/{id}',
    action: 'artifacts.read',
    where: at(ofArtifact),
    summary: 'The bytes of one file that a stage left',
    params: shape.IdParams,
    faults: ['not.found'],
    do: ({ door, params }) => openArtifact(door.record, params.id),
  }),
]
