import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { Fault, isFault } from '../../../pipelines/fault'
import { isOpen, may, PERMITS, type Viewer } from '../permit'
import { viewerFromBearer, viewerFromCookie } from '../session'
import { answerError } from './answer'
import type { Ask, Door, RestRoute } from './route'

const BODY_LIMIT = 1024 * 1024
const FORM = 'application/x-www-form-urlencoded'
/** For the few routes that are open, and look at no viewer. */
const ANYBODY: Viewer = { kind: 'account', id: 0, accountId: 0, name: 'anybody', role: 'member', grants: [] }
const viewers = new WeakMap<FastifyRequest, Viewer>()

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

/** Who is asking, before a byte of the body is read. Throws not.signed.in or not.permitted. */
async function admit(request: FastifyRequest, line: RestRoute, door: Door): Promise<void> {
  const unsafe = !SAFE.has(request.method)
  if (line.action === null) {
    if (unsafe) refuseForeign(request, door, false)
    return
  }
  const { authorization, cookie } = request.headers
  const viewer =
    authorization === undefined
      ? await viewerFromCookie(door.record, cookie)
      : await viewerFromBearer(door.record, authorization)
  if (!viewer) throw new Fault('not.signed.in', 'sign in at /login, or send `Authorization: Bearer slk_…`')
  if (viewer.kind === 'account' && unsafe) refuseForeign(request, door, true)
  if (!may(viewer, line.action)) {
    const who =
      viewer.kind === 'token' && may({ ...viewer, kind: 'account' }, line.action)
        ? 'an API token'
        : `the role ${viewer.role}`
    throw new Fault('not.permitted', `${who} may not do this (${line.action})`)
  }
  viewers.set(request, viewer)
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
    const ask = { door, viewer: viewers.get(request) ?? ANYBODY, request, reply, ...parse(line, request) } as Ask<
      unknown,
      unknown,
      unknown
    >
    reply.code(line.status)
    const answer = await line.do(ask)
    if (reply.sent) return reply // a stream has taken it over
    if (isForm(request))
      return reply
        .code(303)
        .header('location', localPath(formTarget(request, 'next'), '/'))
        .send()
    return reply.send(answer)
  }
}

/** A form's answer is a page: the browser goes back to it, with the code of what went wrong. */
function answerForm(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const fallback = request.url.startsWith('/api/v1/session') ? '/login' : '/'
  const back = new URL(localPath(formTarget(request, 'back'), fallback), 'http://own.invalid')
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
    app.route({
      method: line.method,
      url: fastifyPath(line.path),
      bodyLimit: BODY_LIMIT,
      // HEAD of a stream would never end.
      exposeHeadRoute: line.method === 'GET' && !line.stream,
      config: { action: line.action },
      onRequest: (request) => admit(request, line, door),
      handler: handler(line, door),
    })
  }
}
