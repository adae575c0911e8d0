// Who asks GitHub's face of the forge, whether they may, and in what codes and words it answers.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { DEVELOPER, MAINTAINER, type User } from '../people'
import { levelOf, type Project } from '../repositories'
import type { World } from '../world'

const DOCS = 'https://docs.github.com/rest'
const MOST_PER_PAGE = 100

export const no = (reply: FastifyReply, status: number, message: string) =>
  reply.code(status).send({ message, documentation_url: DOCS, status: String(status) })

type Problem = { resource: string; field?: string; code: string; message?: string } | string

/** What GitHub's checks of a body answer. */
export const invalid = (reply: FastifyReply, errors: readonly Problem[], message = 'Validation Failed') =>
  reply.code(422).send({ message, errors, documentation_url: DOCS, status: '422' })

export function userOf(world: World, request: FastifyRequest): User | null {
  const token = /^(?:Bearer|token) (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  return token === undefined ? null : world.people.byToken(token)
}

export interface Asker {
  user: User
  project: Project
  level: number
}
type Handler = (asker: Asker, request: FastifyRequest, reply: FastifyReply) => unknown

/** A route for whoever is known. */
export function known(world: World, handle: (user: User, request: FastifyRequest, reply: FastifyReply) => unknown) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    if (request.headers.authorization === undefined) return no(reply, 401, 'Requires authentication')
    const user = userOf(world, request)
    return user === null ? no(reply, 401, 'Bad credentials') : handle(user, request, reply)
  }
}

export const READ = 1
export const WRITE = DEVELOPER
export const ADMIN = MAINTAINER

/** A route below a repository. Whoever may not see it, or may not do what is asked, is told that there is nothing. */
export const inRepository = (world: World, level: number, handle: Handler) =>
  known(world, async (user, request, reply) => {
    const { owner, repo, id } = request.params as { owner?: string; repo?: string; id?: string }
    const project = world.projects.find((p) => (id === undefined ? p.path === `${owner}/${repo}` : String(p.id) === id))
    const has = project === undefined ? 0 : levelOf(project, user)
    if (project === undefined || has < level) return no(reply, 404, 'Not Found')
    return handle({ user, project, level: has }, request, reply)
  })

/** A field of the JSON body. Undefined: it is not there, or is no text. */
export function textAsked(request: FastifyRequest, name: string): string | undefined {
  const value = bodyOf(request)[name]
  return typeof value === 'string' ? value : undefined
}

export const bodyOf = (request: FastifyRequest): Record<string, unknown> =>
  typeof request.body === 'object' && request.body !== null ? (request.body as Record<string, unknown>) : {}

export const param = (request: FastifyRequest, name: string): string =>
  (request.params as Record<string, string>)[name] ?? ''

export const queryOf = (request: FastifyRequest) => request.query as Record<string, string | undefined>

/** Pages by number, with a Link alone: GitHub tells no totals. */
export function page<T>(request: FastifyRequest, reply: FastifyReply, all: readonly T[]): T[] {
  const query = queryOf(request)
  const size = Math.min(MOST_PER_PAGE, Math.max(1, Number(query.per_page ?? 30) || 30))
  const number = Math.max(1, Number(query.page ?? 1) || 1)
  const last = Math.max(1, Math.ceil(all.length / size))
  const to = (rel: string, n: number) => {
    const url = new URL(request.url, `http://${request.headers.host}`)
    url.searchParams.set('page', String(n))
    return `<${url.href}>; rel="${rel}"`
  }
  const links = [
    ...(number > 1 ? [to('prev', number - 1)] : []),
    ...(number < last ? [to('next', number + 1), to('last', last)] : []),
    ...(number > 1 ? [to('first', 1)] : []),
  ]
  if (links.length > 0) reply.header('link', links.join(', '))
  return all.slice((number - 1) * size, number * size)
}
