// REST as one table: Fastify's routes and the OpenAPI document are both made from it.
import { recheckProject, requestConnection } from '../../../pipelines/connect'
import { changeFlow } from '../../../pipelines/flow-settings'
import { FlowSettings } from '../../../pipelines/gitflow'
import { replayDelivery } from '../../../pipelines/replay'
import { listDeliveries, readDelivery } from '../../deliveries/read'
import { listProjects, readProject } from '../../projects/read'
import { actorOf } from '../accounts'
import { hears } from '../events'
import { inPublic, inWhole } from '../health'
import { visibleProjects } from '../permit'
import { ACCOUNT } from './account-routes'
import { APPROVALS } from './approval-routes'
import { EXPORTS } from './export-routes'
import { MEMBERSHIPS } from './membership-routes'
import { MERGE_REQUESTS } from './merge-request-routes'
import { OIDC } from './oidc-routes'
import { openApi } from './openapi'
import { PASSKEYS } from './passkey-routes'
import { PEOPLE } from './people-routes'
import { PLACES } from './place-routes'
import { POLICIES } from './policy-routes'
import { PROMOTIONS } from './promotion-routes'
import { RELEASES } from './release-routes'
import { type RestRoute, route } from './route'
import { RUNS } from './run-routes'
import { SESSIONS } from './session-routes'
import * as shape from './shapes'
import { STOPS } from './stop-routes'
import { TESTS } from './test-routes'
import { TRAIL } from './trail-routes'
import { at, ofDelivery, ofProject } from './where'

const DELIVERIES = [
  route({
    method: 'GET',
    path: '/api/v1/deliveries',
    action: 'deliveries.read',
    lists: true,
    summary: 'The inbox: webhook requests, newest first, and what was made of each',
    query: shape.DeliveryQuery,
    status: 200,
    reply: 'DeliveryPage',
    faults: [],
    do: ({ door, query, viewer }) => listDeliveries(door.record, visibleProjects(viewer), query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/deliveries/{id}',
    action: 'deliveries.read',
    where: at(ofDelivery),
    summary: 'One webhook request with its body',
    params: shape.IdParams,
    status: 200,
    reply: 'DeliveryDetail',
    faults: ['not.found'],
    do: ({ door, params }) => readDelivery(door.record, params.id),
  }),
  route({
    method: 'POST',
    path: '/api/v1/deliveries/{id}/replay',
    action: 'deliveries.replay',
    where: at(ofDelivery),
    summary: 'Have a webhook request judged again, by the flow as it is now',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 202,
    reply: 'DeliveryReplay',
    faults: ['not.found', 'conflict'],
    do: ({ door, params, viewer }) => replayDelivery(door.record, params.id, actorOf(viewer)),
  }),
]

const PROJECTS = [
  route({
    method: 'GET',
    path: '/api/v1/projects',
    action: 'projects.read',
    lists: true,
    summary: 'Connected repositories, newest first',
    query: shape.PageQuery,
    status: 200,
    reply: 'ProjectPage',
    faults: [],
    do: ({ door, query, viewer }) => listProjects(door.record, visibleProjects(viewer), query),
  }),
  route({
    method: 'POST',
    path: '/api/v1/projects',
    action: 'projects.connect',
    summary: 'Connect a repository; the worker checks it and makes its webhook',
    body: shape.ConnectBody,
    status: 202,
    reply: 'ProjectDetail',
    faults: ['conflict'],
    do: async ({ door, body, viewer }) => {
      const id = await requestConnection(door.record, door.keys, body, door.environments, actorOf(viewer))
      return readProject(door.record, id)
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/projects/{id}',
    action: 'projects.read',
    where: at(ofProject),
    summary: 'One repository: its checks, its flow as settings and as a table, its environments',
    params: shape.IdParams,
    status: 200,
    reply: 'ProjectDetail',
    faults: ['not.found'],
    do: ({ door, params }) => readProject(door.record, params.id),
  }),
  route({
    method: 'POST',
    path: '/api/v1/projects/{id}/recheck',
    action: 'projects.connect',
    where: at(ofProject),
    summary: 'Check the repository again, and mend its webhook',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 202,
    reply: 'ProjectDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, viewer }) => {
      await recheckProject(door.record, params.id, actorOf(viewer))
      return readProject(door.record, params.id)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/projects/{id}/flow',
    action: 'projects.flow',
    where: at(ofProject),
    summary: 'Change the names and policies of a project: the whole settings, what is left out is as Git-flow comes',
    params: shape.IdParams,
    body: FlowSettings,
    status: 200,
    reply: 'ProjectDetail',
    faults: ['not.found'],
    do: async ({ door, params, body, viewer }) => {
      await changeFlow(door.record, params.id, body, actorOf(viewer))
      return readProject(door.record, params.id)
    },
  }),
]

const ABOUT = [
  route({
    method: 'GET',
    path: '/api/v1/events',
    action: 'events.read',
    summary: 'What changed, as server-sent events `change`: {subject, id, run}',
    status: 200,
    reply: null,
    stream: true,
    faults: ['too.many'],
    do: async (ask) => {
      const { door } = ask
      const stream = door.streams.open(ask.request, ask.reply, ask)
      const deaf = door.doorbell.onChanges((changes) => {
        // Not awaited: a client that reads slowly fills its own bounded buffer, and is let go when that is full.
        for (const { project, ...change } of changes)
          if (hears(stream.viewer, { ...change, project })) void stream.send('change', change)
      })
      stream.ended.addEventListener('abort', deaf, { once: true })
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/openapi.json',
    action: 'openapi.read',
    summary: 'This description',
    status: 200,
    reply: 'OpenApi',
    faults: [],
    do: async ({ door }) => openApi(ROUTES, door.version, door.publicUrl()),
  }),
  route({
    method: 'GET',
    path: '/api/health',
    action: null,
    summary: 'What works: a state, a code and since when for each part; 503 where the database does not answer',
    status: 200,
    reply: 'Health',
    faults: [],
    do: async ({ door, reply }) => {
      const health = inPublic(await door.health.now(), door.version)
      if (health.status === 'down') reply.code(503)
      return health
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/installation/health',
    action: 'health.read',
    summary:
      'The same with what each code is about: folders, addresses, names; where an older database was put back, the difference',
    status: 200,
    reply: 'Health',
    faults: [],
    do: async ({ door }) => inWhole(await door.health.now(), door.version),
  }),
]

export const ROUTES: readonly RestRoute[] = [
  ...RUNS,
  ...TESTS,
  ...APPROVALS,
  ...POLICIES,
  ...STOPS,
  ...PASSKEYS,
  ...OIDC,
  ...SESSIONS,
  ...MEMBERSHIPS,
  ...TRAIL,
  ...EXPORTS,
  ...MERGE_REQUESTS,
  ...RELEASES,
  ...PROMOTIONS,
  ...PLACES,
  ...DELIVERIES,
  ...PROJECTS,
  ...PEOPLE,
  ...ACCOUNT,
  ...ABOUT,
]
