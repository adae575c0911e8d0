// REST as one table: Fastify's routes and the OpenAPI document are both made from it.
import { cancelRun, retryStage } from '../../../pipelines/cancel'
import { recheckProject, requestConnection } from '../../../pipelines/connect'
import { Fault } from '../../../pipelines/fault'
import { listDeliveries, readDelivery } from '../../deliveries/read'
import { readBoard, readEnvironment } from '../../environments/read'
import { listProjects, readProject } from '../../projects/read'
import { readLog } from '../../runs/log'
import { listRuns, readRun } from '../../runs/read'
import { actorOf } from '../accounts'
import { readHealth } from '../health'
import { COOKIE, SESSION_MS, signIn, signOut } from '../session'
import { createToken, listTokens, revokeToken } from '../tokens'
import { followLog } from './follow'
import { openApi } from './openapi'
import { type Ask, type RestRoute, route } from './route'
import * as shape from './shapes'

const wantsStream = (ask: Ask<unknown, unknown, unknown>) => (ask.request.headers.accept ?? '').includes('text/event-stream')

const setCookie = (ask: Ask<unknown, unknown, unknown>, value: string, maxAgeS: number) => {
  const secure = ask.door.publicUrl().startsWith('https:') ? '; Secure' : ''
  ask.reply.header('set-cookie', `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeS}${secure}`)
}

const RUNS = [
  route({
    method: 'GET', path: '/api/v1/runs', action: 'runs.read', summary: 'Runs, newest first', query: shape.RunQuery, status: 200, reply: 'RunPage', faults: [],
    do: ({ door, query }) => listRuns(door.record, query),
  }),
  route({
    method: 'GET', path: '/api/v1/runs/{id}', action: 'runs.read', summary: 'One run: stages, promotions, trail, and why it waits',
    params: shape.IdParams, status: 200, reply: 'RunDetail', faults: ['not.found'],
    do: ({ door, params }) => readRun(door.record, params.id),
  }),
  route({
    method: 'GET', path: '/api/v1/runs/{id}/stages/{name}/log', action: 'runs.read', summary: "A page of a stage's output; or all of it as it comes",
    params: shape.StageParams, query: shape.LogQuery, status: 200, reply: 'LogPage', stream: true, faults: ['not.found', 'too.many'],
    do: async (ask) => {
      const { door, params, query, request, reply, viewer } = ask
      // A browser that lost the stream says how far it had come.
      const after = query.follow === '1' ? (lastEventId(request.headers['last-event-id']) ?? query.after) : query.after
      const { stageId, ...page } = await readLog(door.record, params.id, params.name, { after, ...(query.max_bytes ? { maxBytes: query.max_bytes } : {}) })
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
    method: 'POST', path: '/api/v1/runs/{id}/cancel', action: 'runs.cancel', summary: 'Cancel a run: final when this answers',
    params: shape.IdParams, body: shape.CancelBody, status: 200, reply: 'RunDetail', faults: ['not.found', 'conflict'],
    do: async ({ door, params, body, viewer }) => {
      await cancelRun(door.record, params.id, actorOf(viewer), body.because || `canceled by ${viewer.name}`)
      return readRun(door.record, params.id)
    },
  }),
  route({
    method: 'POST', path: '/api/v1/runs/{id}/stages/{name}/retry', action: 'runs.retry', summary: 'Try an errored stage again, now',
    params: shape.StageParams, body: shape.NoBody, status: 200, reply: 'RunDetail', faults: ['not.found', 'conflict'],
    do: async ({ door, params, viewer }) => {
      await retryStage(door.record, params.id, params.name, actorOf(viewer))
      return readRun(door.record, params.id)
    },
  }),
]

const lastEventId = (header: string | string[] | undefined) => (typeof header === 'string' && header !== '' ? header : undefined)

const PLACES = [
  route({
    method: 'GET', path: '/api/v1/environments', action: 'environments.read', summary: 'The board: what runs where, in the order of the environments',
    status: 200, reply: 'EnvironmentList', faults: [],
    do: async ({ door }) => ({ items: await readBoard(door.record) }),
  }),
  route({
    method: 'GET', path: '/api/v1/environments/{name}', action: 'environments.read', summary: 'The environments of this name, one for each project',
    params: shape.NameParams, query: shape.EnvironmentQuery, status: 200, reply: 'EnvironmentList', faults: ['not.found'],
    do: async ({ door, params, query }) => {
      const items = await readEnvironment(door.record, params.name, query.project)
      if (items.length === 0) throw new Fault('not.found', `there is no environment ${params.name}${query.project ? ` in project ${query.project}` : ''}`)
      return { items }
    },
  }),
  route({
    method: 'GET', path: '/api/v1/deliveries', action: 'deliveries.read', summary: 'The inbox: webhook requests, newest first, and what was made of each',
    query: shape.DeliveryQuery, status: 200, reply: 'DeliveryPage', faults: [],
    do: ({ door, query }) => listDeliveries(door.record, query),
  }),
  route({
    method: 'GET', path: '/api/v1/deliveries/{id}', action: 'deliveries.read', summary: 'One webhook request with its body',
    params: shape.IdParams, status: 200, reply: 'DeliveryDetail', faults: ['not.found'],
    do: ({ door, params }) => readDelivery(door.record, params.id),
  }),
]

const PROJECTS = [
  route({
    method: 'GET', path: '/api/v1/projects', action: 'projects.read', summary: 'Connected repositories, newest first',
    query: shape.PageQuery, status: 200, reply: 'ProjectPage', faults: [],
    do: ({ door, query }) => listProjects(door.record, query),
  }),
  route({
    method: 'POST', path: '/api/v1/projects', action: 'projects.connect', summary: 'Connect a repository; the worker checks it and makes its webhook',
    body: shape.ConnectBody, status: 202, reply: 'Project', faults: ['conflict'],
    do: async ({ door, body, viewer }) => {
      const id = await requestConnection(door.record, door.keys, body, door.environments, actorOf(viewer))
      return readProject(door.record, id)
    },
  }),
  route({
    method: 'GET', path: '/api/v1/projects/{id}', action: 'projects.read', summary: 'One repository and its checks',
    params: shape.IdParams, status: 200, reply: 'Project', faults: ['not.found'],
    do: ({ door, params }) => readProject(door.record, params.id),
  }),
  route({
    method: 'POST', path: '/api/v1/projects/{id}/recheck', action: 'projects.connect', summary: 'Check the repository again, and mend its webhook',
    params: shape.IdParams, body: shape.NoBody, status: 202, reply: 'Project', faults: ['not.found', 'conflict'],
    do: async ({ door, params, viewer }) => {
      await recheckProject(door.record, params.id, actorOf(viewer))
      return readProject(door.record, params.id)
    },
  }),
]

const iso = (date: Date) => date.toISOString()

const ACCOUNT = [
  route({
    method: 'GET', path: '/api/v1/session', action: 'account.session', summary: 'Whose session this is',
    status: 200, reply: 'Session', faults: [],
    do: async ({ viewer }) => ({ account: { id: viewer.accountId, name: viewer.name, role: viewer.role }, expiresAt: null }),
  }),
  route({
    method: 'POST', path: '/api/v1/session', action: null, summary: 'Sign in: sets the session cookie. A form is answered by a redirect to `next`',
    body: shape.SignInBody, status: 200, reply: 'Session', faults: ['not.signed.in', 'too.many'],
    do: async (ask) => {
      const { value, viewer } = await signIn(ask.door.record, { ...ask.body, address: ask.request.ip })
      setCookie(ask, value, SESSION_MS / 1000)
      return { account: { id: viewer.id, name: viewer.name, role: viewer.role }, expiresAt: iso(new Date(Date.now() + SESSION_MS)) }
    },
  }),
  route({
    method: 'DELETE', path: '/api/v1/session', action: 'account.session', summary: 'Sign out', status: 204, reply: null, faults: [],
    do: async (ask) => {
      await signOut(ask.door.record, ask.viewer, ask.request.headers.cookie)
      setCookie(ask, '', 0)
    },
  }),
  route({
    method: 'GET', path: '/api/v1/tokens', action: 'tokens.read', summary: "One's own API tokens", status: 200, reply: 'TokenList', faults: [],
    do: async ({ door, viewer }) => {
      const tokens = await listTokens(door.record, viewer)
      return {
        items: tokens.map((t) => ({
          id: t.id, name: t.name, createdAt: iso(t.createdAt), expiresAt: iso(t.expiresAt), lastUsedAt: t.lastUsedAt ? iso(t.lastUsedAt) : null,
        })),
      }
    },
  }),
  route({
    method: 'POST', path: '/api/v1/tokens', action: 'tokens.create', summary: "Make an API token with one's own role; its text is shown once",
    body: shape.TokenBody, status: 201, reply: 'TokenMade', faults: ['conflict'],
    do: async ({ door, viewer, body }) => {
      const made = await createToken(door.record, viewer, { name: body.name, ...(body.days === undefined ? {} : { days: body.days }) })
      return { ...made, expiresAt: iso(made.expiresAt) }
    },
  }),
  route({
    method: 'DELETE', path: '/api/v1/tokens/{id}', action: 'tokens.revoke', summary: "End one of one's own tokens",
    params: shape.IdParams, status: 204, reply: null, faults: ['not.found'],
    do: ({ door, viewer, params }) => revokeToken(door.record, viewer, params.id),
  }),
]

const ABOUT = [
  route({
    method: 'GET', path: '/api/v1/events', action: 'events.read', summary: 'What changed, as server-sent events `change`: {subject, id, run}',
    status: 200, reply: null, stream: true, faults: ['too.many'],
    do: async ({ door, request, reply, viewer }) => {
      const stream = door.streams.open(request, reply, viewer.accountId)
      const deaf = door.doorbell.onChanges((changes) => {
        // Not awaited: a client that reads slowly fills its own bounded buffer, and is let go when that is full.
        for (const change of changes) void stream.send('change', change)
      })
      stream.ended.addEventListener('abort', deaf, { once: true })
    },
  }),
  route({
    method: 'GET', path: '/api/v1/openapi.json', action: 'openapi.read', summary: 'This description', status: 200, reply: 'OpenApi', faults: [],
    do: async ({ door }) => openApi(ROUTES, door.version, door.publicUrl()),
  }),
  route({
    method: 'GET', path: '/api/health', action: null, summary: 'Alive or not; 503 where the database does not answer', status: 200, reply: 'Health', faults: [],
    do: async ({ door, reply }) => {
      const health = await readHealth(door.record, door.version)
      if (health.status === 'down') reply.code(503)
      return health
    },
  }),
]

export const ROUTES: readonly RestRoute[] = [...RUNS, ...PLACES, ...PROJECTS, ...ACCOUNT, ...ABOUT]
