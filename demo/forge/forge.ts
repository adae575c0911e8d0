// The demo forge: a stand-in for GitLab 19 in demo and tests, on real bare repositories and real git.

import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import fastify, { type FastifyInstance } from 'fastify'
import { api } from './api'
import { no, userOf } from './asker'
import { serveGit } from './git-http'
import { Mischief, type Orders } from './mischief'
import { commitPage, projectPage, projectsPage } from './page'
import { DEVELOPER, People } from './people'
import { changesOf, tellOfPush } from './pushes'
import { makeRepository, type Project, readRefs, resolve } from './repositories'
import { Sender, type Sent } from './webhooks'
import type { World } from './world'

const MAX_BODY = 1024 * 1024
const CLOSE_MS = 5_000

export interface DemoForge {
  url: string
  addUser(person: {
    username: string
    name: string
    password: string
    admin?: boolean
  }): Promise<{ id: number; token: string }>
  /** `members`: access level by user name (30 Developer, 40 Maintainer). `seed`: a folder whose files are the first commit on master and develop. */
  addProject(project: {
    path: string
    members: Record<string, number>
    seed?: string
  }): Promise<{ id: number; dir: string }>
  misbehave(orders: Orders): void
  /** What was sent, oldest first; the last thousand. */
  readonly deliveries: readonly Sent[]
  /** Resolves when no webhook is under way. */
  idle(): Promise<void>
  close(): Promise<void>
}

export async function startForge(options: {
  dir: string
  port?: number
  host?: string
  signing?: boolean
}): Promise<DemoForge> {
  const mischief = new Mischief()
  let last = 0
  const world: World = {
    url: '',
    people: new People(),
    projects: [],
    hooks: new Map(),
    statuses: new Map(),
    mischief,
    signing: options.signing ?? true,
    sender: new Sender(() => world.url, mischief),
    nextId: () => ++last,
  }
  // Percent-encoded slashes stay inside one segment: `group%2Fname` is one id, as on GitLab.
  const app = fastify({ bodyLimit: MAX_BODY, forceCloseConnections: true, routerOptions: { maxParamLength: 1000 } })
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  )
  misbehaving(app, world)
  await app.register(async (scope) => api(scope, world), { prefix: '/api/v4' })
  app.post('/demo/misbehave', async (request, reply) => {
    if (userOf(world, request)?.admin !== true) return no(reply, 403, '403 Forbidden')
    mischief.obey((request.body ?? {}) as Orders)
    return reply.code(204).send()
  })
  await app.register(async (scope) => gitRoutes(scope, world, options.dir))
  pages(app, world)
  await app.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 })
  world.url = `http://${options.host ?? '127.0.0.1'}:${(app.server.address() as AddressInfo).port}`
  return {
    url: world.url,
    addUser: async (person) => world.people.add(person),
    addProject: (project) => addProject(world, options.dir, project),
    misbehave: (orders) => mischief.obey(orders),
    deliveries: world.sender.sent,
    idle: () => world.sender.idle(),
    close: async () => {
      await Promise.race([world.sender.idle(), new Promise((done) => setTimeout(done, CLOSE_MS).unref())])
      await app.close()
    },
  }
}

async function addProject(
  world: World,
  dir: string,
  wanted: { path: string; members: Record<string, number>; seed?: string },
) {
  if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)+$/.test(wanted.path)) throw new Error(`not a path of a project: ${wanted.path}`)
  if (world.projects.some((p) => p.path === wanted.path)) throw new Error(`there is a project ${wanted.path} already`)
  const project: Project = {
    id: world.projects.length + 1,
    path: wanted.path,
    name: wanted.path.split('/').at(-1) ?? wanted.path,
    defaultBranch: 'master',
    members: { ...wanted.members },
    dir: join(dir, `${wanted.path}.git`),
  }
  await makeRepository(project.dir, wanted.seed)
  world.projects.push(project)
  return { id: project.id, dir: project.dir }
}

/** Orders to misbehave befall the API and git alike; the pages for people stay up. */
function misbehaving(app: FastifyInstance, world: World) {
  app.addHook('onRequest', async (request, reply) => {
    if (request.url.startsWith('/demo/')) return
    const { down, slowMs } = world.mischief.orders
    if (down) {
      reply.hijack()
      request.raw.socket.destroy()
      return
    }
    if (slowMs) await new Promise((done) => setTimeout(done, slowMs))
    if (!request.url.startsWith('/api/')) return
    const order = world.mischief.befalls(request.method, request.url)
    if (order === null) return
    if (order.retryAfter !== undefined) reply.header('retry-after', order.retryAfter)
    return reply
      .code(order.status)
      .type('text/plain')
      .send(order.status === 429 ? 'Retry later\n' : 'GitLab is not responding\n')
  })
}

const GIT_PATH = /^\/(.+?)\.git(\/(?:info\/refs|git-upload-pack|git-receive-pack))$/

/** Git over HTTP. Pushes to one repository go one after the other, so that what each changed is known. */
function gitRoutes(app: FastifyInstance, world: World, root: string) {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null)) // the body streams to git as it is
  const pushes = new Map<number, Promise<void>>()
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
      const level = project === undefined ? 0 : user.admin ? 50 : (project.members[user.username] ?? 0)
      if (project === undefined || level === 0)
        return reply.code(404).type('text/plain').send('The project you were looking for could not be found.\n')
      const writes = match[2] === '/git-receive-pack' || url.searchParams.get('service') === 'git-receive-pack'
      if (writes && level < DEVELOPER)
        return reply.code(403).type('text/plain').send('You are not allowed to push code to this project.\n')
      reply.hijack()
      const ask = { root, path: `/${project.path}.git${match[2]}`, query: url.search.slice(1), username: user.username }
      if (match[2] !== '/git-receive-pack') return serveGit(request.raw, reply.raw, ask)
      const turn = (pushes.get(project.id) ?? Promise.resolve()).then(async () => {
        const before = await readRefs(project.dir)
        await serveGit(request.raw, reply.raw, ask)
        const changes = changesOf(before, await readRefs(project.dir))
        await tellOfPush(project, user, changes, world.hooks.get(project.id) ?? [], world.sender, world.url)
      })
      const quiet = turn.catch((error: Error) => console.warn(`demo forge: ${error.message}`))
      pushes.set(project.id, quiet)
      world.sender.track(quiet)
      return turn
    },
  })
}

type Reply = Parameters<typeof no>[0]

function pages(app: FastifyInstance, world: World) {
  app.get('/', (_request, reply) => reply.type('text/html').send(projectsPage(world.projects)))
}

async function page(world: World, path: string, reply: Reply) {
  const [projectPath = '', rest] = decodeURIComponent(path).slice(1).split('/-/commit/')
  const project = world.projects.find((p) => p.path === projectPath)
  const sha = project === undefined || rest === undefined ? null : await resolve(project.dir, rest)
  if (project === undefined || (rest !== undefined && sha === null))
    return reply.code(404).type('text/plain').send('404: there is no such page\n')
  const statuses = (of: string) =>
    (world.statuses.get(project.id) ?? []).filter((row) => row.sha === of && !row.retried)
  return reply
    .type('text/html')
    .send(sha === null ? await projectPage(project, world.url, statuses) : await commitPage(project, sha, statuses))
}
