// The demo forge: a stand-in for GitLab on real bare repositories and real git, in demo and tests.
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import fastify, { type FastifyInstance } from 'fastify'
import { api } from './api'
import { no, userOf, wrong } from './asker'
import { changeRefs } from './changes'
import { serveGit } from './git-http'
import { githubFace } from './github/face'
import { Limits } from './limits'
import { mergeRequestHooks } from './merge-request-hooks'
import { BadOrders, Mischief, type Orders } from './mischief'
import { type OidcClient, OidcProvider } from './oidc'
import type { OidcLies } from './oidc-claims'
import { projectsPage } from './page'
import { pageOf } from './pages'
import { DEVELOPER, People } from './people'
import { addProject, type WantedProject } from './projects'
import { closedTo } from './protections'
import { pushHooks, pushOptions } from './pushes'
import { levelOf } from './repositories'
import { Turns } from './turns'
import { disable, gitlabHeaders, Sender, type Sent } from './webhooks'
import type { World } from './world'

const MAX_BODY = 1024 * 1024

export interface DemoForge {
  url: string
  addUser(person: {
    username: string
    name: string
    password: string
    admin?: boolean
  }): Promise<{ id: number; token: string }>
  addProject(project: WantedProject): Promise<{ id: number; dir: string }>
  /** Registers who may ask it to sign people in. */
  addOidcClient(client: { redirectUris: readonly string[] }): OidcClient
  /** What a person is called from now on. Their number stays. */
  renameUser(id: number, to: { username?: string; name?: string; email?: string }): void
  /** What it says untruly from now on when it signs people in. */
  lieOfPeople(lies: OidcLies): void
  /** @throws BadOrders */
  misbehave(orders: Orders): void
  /** What was sent, oldest first; the last thousand. */
  readonly deliveries: readonly Sent[]
  /** Resolves when no webhook is under way, nor held back or late by order. */
  idle(): Promise<void>
  /** What is still to be sent is dropped; what is being sent has a second. */
  close(): Promise<void>
}

export interface ForgeOptions {
  /** Folder for its repositories. */
  dir: string
  port?: number
  host?: string
  /** false: it behaves as GitLab 18, which does not sign webhooks. */
  signing?: boolean
  /** Bytes that one request of git's may have. */
  maxPushBytes?: number
}

function newWorld(options: ForgeOptions): World {
  const [signing, mischief] = [options.signing ?? true, new Mischief()]
  const version = signing ? '19.3.0' : '18.11.0'
  let last = 0
  let lastProject = 0
  const world: World = {
    url: '',
    root: options.dir,
    version,
    people: new People(),
    projects: [],
    underConstruction: new Set(),
    namespaces: [],
    hooks: new Map(),
    statuses: new Map(),
    mergeRequests: [],
    environments: new Map(),
    deployments: new Map(),
    listeners: [],
    headRefs: [(iid) => `refs/merge-requests/${iid}/head`],
    sender: new Sender(
      mischief,
      gitlabHeaders(() => world),
    ),
    mischief,
    limits: new Limits(),
    turns: new Turns(),
    signing,
    nextId: () => ++last,
    nextProjectId: () => ++lastProject,
  }
  world.listeners.push(pushHooks(world), mergeRequestHooks(world))
  return world
}

export async function startForge(options: ForgeOptions): Promise<DemoForge> {
  const world = newWorld(options)
  const closing = new AbortController()
  // Percent-encoded slashes stay inside one segment: `group%2Fname` is one id, as on GitLab.
  const app = fastify({ bodyLimit: MAX_BODY, forceCloseConnections: true, routerOptions: { maxParamLength: 1000 } })
  readBodies(app)
  misbehaving(app, world, closing.signal)
  const github = githubFace(world)
  await app.register(async (scope) => api(scope, world), { prefix: '/api/v4' })
  await app.register(github.routes, { prefix: '/api/v3' })
  app.all('/api/*', async (_request, reply) => wrong(reply, '404 Not Found', 404))
  orderRoute(app, world)
  const oidc = new OidcProvider(world)
  await app.register(async (scope) => oidc.routes(scope))
  await app.register(async (scope) => gitRoutes(scope, world, options.maxPushBytes))
  app.get('/favicon.ico', (_request, reply) => reply.code(204).send())
  app.get('/', (_request, reply) => reply.type('text/html').send(projectsPage(world.projects)))
  const host = options.host ?? '127.0.0.1'
  await app.listen({ host, port: options.port ?? 0 })
  world.url = `http://${host}:${(app.server.address() as AddressInfo).port}`
  return {
    url: world.url,
    addUser: async (person) => world.people.add(person),
    addProject: async (project) => {
      const { id, dir } = await addProject(world, project)
      return { id, dir }
    },
    addOidcClient: (client) => oidc.addClient(client),
    renameUser: (id, to) => oidc.rename(id, to),
    lieOfPeople: (lies) => {
      oidc.lies = lies
    },
    misbehave: (orders) => misbehave(world, orders),
    deliveries: world.sender.sent,
    idle: async () => {
      // A push is under way at the one, and sends by the other.
      await world.sender.idle()
      await github.sender.idle()
    },
    close: async () => {
      closing.abort()
      await Promise.all([world.sender.close(), github.sender.close()])
      await app.close()
    },
  }
}

/** Forms, and JSON of which an empty body is none, as clients send it with a DELETE. */
function readBodies(app: FastifyInstance) {
  const read = (type: string, parse: (body: string) => unknown) => {
    app.removeContentTypeParser(type)
    app.addContentTypeParser(type, { parseAs: 'string' }, async (_request: unknown, body: string | Buffer) => {
      try {
        return parse(String(body))
      } catch {
        throw Object.assign(new Error('Problem while parsing request body'), { statusCode: 400 })
      }
    })
  }
  read('application/x-www-form-urlencoded', (body) => Object.fromEntries(new URLSearchParams(body)))
  read('application/json', (body) => (body.trim() === '' ? {} : JSON.parse(body)))
}

/** @throws BadOrders */
function misbehave(world: World, orders: unknown) {
  world.mischief.obey(orders)
  const status = world.mischief.orders.webhooks?.disable
  if (status !== undefined) for (const hook of [...world.hooks.values()].flat()) disable(hook, status)
}

function orderRoute(app: FastifyInstance, world: World) {
  app.post('/demo/misbehave', async (request, reply) => {
    if (userOf(world, request)?.admin !== true) return no(reply, 403, '403 Forbidden')
    try {
      misbehave(world, request.body ?? {})
    } catch (error) {
      if (error instanceof BadOrders) return wrong(reply, error.message)
      throw error
    }
    return reply.code(204).send()
  })
}

/** Orders to misbehave befall the API and git alike; the pages for people stay up. */
function misbehaving(app: FastifyInstance, world: World, closing: AbortSignal) {
  const late = (ms = 0) => (ms > 0 ? pause(ms, undefined, { signal: closing, ref: false }).catch(() => {}) : undefined) // closing: at once
  app.addHook('onRequest', async (request, reply) => {
    if (request.url.startsWith('/demo/')) return
    const { down, slowMs } = world.mischief.orders
    if (down) {
      reply.hijack()
      request.raw.socket.destroy()
      return
    }
    await late(slowMs)
    if (!request.url.startsWith('/api/')) return
    const order = world.mischief.befalls(request.method, request.url)
    if (order === null) return
    await late(order.delayMs)
    if (order.status === undefined) return
    // GitLab's throttle says when to come back and how much is left; limits of single features say nothing.
    if (order.retryAfter !== undefined) reply.header('retry-after', order.retryAfter)
    if (order.status === 429 && order.retryAfter !== undefined) reply.headers(Limits.spent(order.retryAfter))
    const words = order.status === 429 ? 'Retry later\n' : 'GitLab is not responding\n'
    return reply.code(order.status).type('text/plain').send(words)
  })
}

const GIT_PATH = /^\/(.+?)\.git(\/(?:info\/refs|git-upload-pack|git-receive-pack))$/

/** Git over HTTP. Pushes to one repository go one after the other, so that what each changed is known. */
function gitRoutes(app: FastifyInstance, world: World, maxBytes?: number) {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null)) // the body streams to git as it is
  app.route({
    method: ['GET', 'POST'],
    url: '/*',
    handler: async (request, reply) => {
      const url = new URL(request.url, 'http://forge')
      const match = GIT_PATH.exec(url.pathname)
      if (match === null) return page(world, url.pathname, reply)
      const user = world.people.byBasic(request.headers.authorization)
      if (user === null)
        return reply
          .code(401)
          .header('www-authenticate', 'Basic realm="GitLab"')
          .type('text/plain')
          .send('HTTP Basic: Access denied\n')
      const project = world.projects.find((p) => p.path === decodeURIComponent(match[1] ?? ''))
      const level = project === undefined ? 0 : levelOf(project, user)
      if (project === undefined || level === 0)
        return reply.code(404).type('text/plain').send('The project you were looking for could not be found.\n')
      const writes = match[2] === '/git-receive-pack' || url.searchParams.get('service') === 'git-receive-pack'
      if (writes && level < DEVELOPER)
        return reply.code(403).type('text/plain').send('You are not allowed to push code to this project.\n')
      reply.hijack()
      const ask = {
        root: world.root,
        path: `/${project.path}.git${match[2]}`,
        query: url.search.slice(1),
        username: user.username,
        closed: closedTo(project, level),
        maxBytes,
      }
      if (match[2] !== '/git-receive-pack') return serveGit(request.raw, reply.raw, ask)
      const push = () => serveGit(request.raw, reply.raw, ask)
      return changeRefs(world, { project, user }, push, () => pushOptions(project.dir))
    },
  })
}

type Reply = Parameters<typeof no>[0]

async function page(world: World, path: string, reply: Reply) {
  const found = await pageOf(world, decodeURIComponent(path).slice(1))
  if (found === null) return reply.code(404).type('text/plain').send('404: there is no such page\n')
  return reply.type('text/html').send(found)
}
