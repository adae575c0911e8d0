import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { Fault, faultOf, isFault } from '../../../pipelines/fault'
import { noteFull } from '../health'
import { type Action, isOpen, may, PERMITS, sees, type Viewer, type Where, whyNotPermitted } from '../permit'
import { viewerFromBearer, viewerFromCookie } from '../session'
import { answerError } from './answer'
import { tellRefused } from './refusals'
import type { Asked, Door, RestRoute } from './route'
import type { Subject } from './where'

const BODY_LIMIT = 1024 * 1024
const FORM = 'application/x-www-form-urlencoded'
/** For the few routes that are open, and look at no viewer. */
const ANYBODY: Viewer = { kind: 'account', id: 0, accountId: 0, name: 'anybody', role: 'member', grants: [] }
const viewers = new WeakMap<FastifyRequest, Viewer>()
/** What the request turned out to be about. */
const abouts = new WeakMap<FastifyRequest, Subject>()

const SAFE = new Set(['GET', 'HEAD'])

/** A path of our own, for redirects: no scheme, no host, nothing that a browser would read as one. */
export function localPath(text: unknown, otherwise: string): string {
  if (typeof text !== 'string' || text.length > 2000 || !/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text))
    return otherwise
  const url = new URL(text, 'http://own.invalid')
  return url.host === 'own.invalid' ? `${url.pathname}${url.search}` : otherwise
}

/** Refuses a change that a browser sends from anywhere but our own pages. `Origin: null` is somewhere else. */
function refuseForeign(request: FastifyRequest, door: Door, mustHave: boolean) {
  const { origin } = request.headers
  if (origin === undefined && !mustHave) return
  const own = [door.publicUrl(), `${request.protocol}://${request.headers.host ?? ''}`]
  if (origin === undefined || !own.includes(origin))
    throw new Fault(
      'not.permitted',
      'this change was asked for from another origin: use the dashboard, or an API token',
    )
}

const viewerOf = ({ headers }: FastifyRequest, door: Door) =>
  headers.authorization === undefined
    ? viewerFromCookie(door.record, headers.cookie)
    : viewerFromBearer(door.record, headers.authorization)

/** Who is asking, before a byte of the body is read. Throws not.signed.in or not.permitted. */
async function admit(request: FastifyRequest, line: RestRoute, door: Door): Promise<void> {
  const unsafe = !SAFE.has(request.method)
  if (line.action !== null || unsafe) await door.health.needDatabase()
  if (line.action === null) {
    if (unsafe) refuseForeign(request, door, false)
    return
  }
  const viewer = await viewerOf(request, door)
  if (!viewer) throw new Fault('not.signed.in', 'sign in at /login, or send `Authorization: Bearer slk_…`')
  viewers.set(request, viewer)
  if (viewer.kind === 'account' && unsafe) refuseForeign(request, door, true)
  if (!may(viewer, line.action)) throw notPermitted(viewer, line.action)
}

const notPermitted = (viewer: Viewer, action: Action, where?: Where) =>
  new Fault('not.permitted', `${whyNotPermitted(viewer, action, where)} (${action})`)

/**
 * The same, for the very thing that is asked about. What is not to be seen is not there.
 * Throws not.found or not.permitted.
 * @returns where it lies; undefined where the route is about no one thing
 */
async function admitThere(
  request: FastifyRequest,
  line: RestRoute,
  door: Door,
  asked: Asked<unknown, unknown, unknown>,
) {
  if (!line.where || line.action === null) return undefined
  const { what, where } = await line.where(asked)(door.record)
  abouts.set(request, { what, where })
  if (where === null || !sees(asked.viewer, where.projectId)) throw new Fault('not.found', `there is no ${what}`)
  if (!may(asked.viewer, line.action, where)) throw notPermitted(asked.viewer, line.action, where)
  return where
}

/** What a request is about that was refused before its body was read. */
async function aboutByPath(request: FastifyRequest, line: RestRoute, viewer: Viewer, door: Door): Promise<Subject> {
  const params = line.params?.safeParse(request.params)
  if (!line.where || !params?.success) return { what: '', where: null }
  return line.where({ viewer, params: params.data, query: {}, body: {} })(door.record)
}

/** Tells of a change that somebody known was refused. Throws where the database is away. */
async function tellOf(error: unknown, request: FastifyRequest, line: RestRoute, door: Door): Promise<void> {
  const viewer = viewers.get(request)
  if (!viewer || line.action === null || SAFE.has(request.method) || !isFault(error)) return
  if (error.code !== 'not.permitted' && error.code !== 'not.found') return
  const { what, where } = abouts.get(request) ?? (await aboutByPath(request, line, viewer, door))
  const hidden = where !== null && !sees(viewer, where.projectId)
  // Not found, and there all the same: somebody tries the ids of others.
  if (error.code === 'not.found' && !hidden) return
  const because = hidden ? `${what} is of a project that they have no role in` : error.message
  const route = `${line.method} ${line.path}`
  await tellRefused(door.record, { viewer, action: line.action, route, what, where, because })
}

/** Checks all three at once, so that every problem is told at once. Throws input.invalid. */
function parse(line: RestRoute, request: FastifyRequest) {
  const problems: string[] = []
  const one = (schema: z.ZodObject | undefined, given: unknown, where: string): unknown => {
    if (!schema) return undefined
    const parsed = schema.safeParse(given ?? {})
    if (parsed.success) return parsed.data
    for (const issue of parsed.error.issues) problems.push(`${issue.path.join('.') || where}: ${issue.message}`)
    return undefined
  }
  const input = {
    params: one(line.params, request.params, 'path'),
    query: one(line.query ?? z.strictObject({}), request.query, 'query'),
    body: one(line.body, isForm(request) ? formFields(request.body) : request.body, 'body'),
  }
  if (problems.length > 0) throw new Fault('input.invalid', problems.join('; '))
  return input
}

const isForm = (request: FastifyRequest) => (request.headers['content-type'] ?? '').toLowerCase().startsWith(FORM)

/** `next` and `back` say where the browser goes afterwards; they are no part of what is asked. */
function formFields(body: unknown): unknown {
  const { next: _, back: __, ...fields } = (body ?? {}) as Record<string, unknown>
  return fields
}

const formTarget = (request: FastifyRequest, name: 'next' | 'back') =>
  ((request.body ?? {}) as Record<string, unknown>)[name]

function handler(line: RestRoute, door: Door) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const asked = { viewer: viewers.get(request) ?? ANYBODY, ...parse(line, request) }
    const where = await admitThere(request, line, door, asked)
    const again = async () => {
      const viewer = await viewerOf(request, door)
      return viewer && line.action !== null && may(viewer, line.action, where) ? viewer : null
    }
    reply.code(line.status)
    const answer = await line.do({ ...asked, door, request, reply, again })
    if (reply.sent) return reply // a stream has taken it over
    if (isForm(request))
      return reply
        .code(303)
        .header('location', localPath(formTarget(request, 'next'), '/'))
        .send()
    return reply.send(answer)
  }
}

/** Runs it, and tells the trail where it is refused. */
const telling =
  <A extends [FastifyRequest, ...unknown[]], T>(line: RestRoute, door: Door, work: (...args: A) => Promise<T>) =>
  async (...args: A): Promise<T> => {
    try {
      return await work(...args)
    } catch (error) {
      // Nothing that fails here may keep the answer back.
      await tellOf(error, args[0], line, door).catch((e: Error) =>
        args[0].log.error(e, 'a refused attempt could not be told in the trail'),
      )
      throw error
    }
  }

/** A form's answer is a page: the browser goes back to it, with the code of what went wrong. */
function answerForm(thrown: unknown, request: FastifyRequest, reply: FastifyReply) {
  const error = faultOf(thrown)
  const fallback = request.url.startsWith('/api/v1/session') ? '/login' : '/'
  const back = new URL(localPath(formTarget(request, 'back'), fallback), 'http://own.invalid')
  noteFull(error)
  back.searchParams.set('problem', isFault(error) ? error.code : 'internal')
  const next = localPath(formTarget(request, 'next'), '')
  if (next !== '') back.searchParams.set('next', next)
  if (!isFault(error)) request.log.error(error, 'a form was not answered')
  return reply.code(303).header('location', `${back.pathname}${back.search}`).send()
}

/** What stands beside the table, and why it may: these ask for themselves. */
const BESIDE: Record<string, string> = {
  '/webhooks/:hook': 'asks for a signature',
  '/api/*': 'answers 404',
  '/*': 'pages: ask for a session, see pages.ts',
}

/** A route that is neither in the table nor known to ask for itself stops the start. Called before any route is made. */
export function refuseUnlisted(app: FastifyInstance) {
  app.addHook('onRoute', ({ method, url, config }) => {
    const { action } = (config ?? {}) as { action?: string | null }
    const listed =
      action === null ? isOpen(String(method), url) : action !== undefined && Object.hasOwn(PERMITS, action)
    if (!listed && !Object.hasOwn(BESIDE, url))
      throw new Error(`${String(method)} ${url} is not in the route table: nothing says who may ask for it`)
  })
}

const fastifyPath = (path: string) => path.replace(/\{(\w+)\}/g, ':$1')

/** Why nobody could say where this is asked for; null: it is in order. Lists show, they do not change. */
export function whyUnplaced({ method, action, where, lists }: RestRoute): string | null {
  const held = action === null ? 'self' : PERMITS[action].at
  if (held !== 'project' && held !== 'environment') return null
  if (where || (lists && method === 'GET')) return null
  return `its action ${action} is held in ${held === 'project' ? 'a project' : 'an environment'}, and it says neither \`where\` nor \`lists\``
}

/** The routes of the table, and nothing else. A route without an action must be among the few that are open. */
export function mountRest(app: FastifyInstance, routes: readonly RestRoute[], door: Door) {
  app.addContentTypeParser(FORM, { parseAs: 'string', bodyLimit: 64 * 1024 }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))))
  })
  app.setErrorHandler((error, request, reply) =>
    isForm(request) && request.body !== undefined
      ? answerForm(error, request, reply)
      : answerError(error, request, reply),
  )
  for (const line of routes) {
    if (line.action === null && !isOpen(line.method, line.path))
      throw new Error(`${line.method} ${line.path} names no action, and is not among the open routes of permit.ts`)
    const unplaced = whyUnplaced(line)
    if (unplaced !== null) throw new Error(`${line.method} ${line.path}: ${unplaced}`)
    app.route({
      method: line.method,
      url: fastifyPath(line.path),
      bodyLimit: BODY_LIMIT,
      // HEAD of a stream would never end.
      exposeHeadRoute: line.method === 'GET' && !line.stream,
      config: { action: line.action },
      onRequest: telling(line, door, (request: FastifyRequest) => admit(request, line, door)),
      handler: telling(line, door, handler(line, door)),
    })
  }
}
