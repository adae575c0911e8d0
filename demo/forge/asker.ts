// Who asks, whether they may, and how lists are paged.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { User } from './people'
import type { Project } from './repositories'
import type { World } from './world'

export type Asker = { user: User; project: Project; level: number }
export type Handler = (asker: Asker, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

export const no = (reply: FastifyReply, status: number, message: unknown) => reply.code(status).send({ message })

export function userOf(world: World, request: FastifyRequest): User | null {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const token = request.headers['private-token'] ?? bearer
  return typeof token === 'string' ? world.people.byToken(token) : null
}

/** A route below a project: the asker is known, is a member, and has the level that the verb needs. */
export function inProject(world: World, level: number, handle: Handler) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const user = userOf(world, request)
    if (user === null) return no(reply, 401, '401 Unauthorized')
    const { id } = request.params as { id: string }
    const project = world.projects.find((p) => String(p.id) === id || p.path === id)
    const has = project === undefined ? 0 : user.admin ? 50 : (project.members[user.username] ?? 0)
    if (project === undefined || has === 0) return no(reply, 404, '404 Project Not Found')
    if (has < level) return no(reply, 403, '403 Forbidden')
    return handle({ user, project, level: has }, request, reply)
  }
}

/** Offset paging with GitLab's headers. */
export function page<T>(request: FastifyRequest, reply: FastifyReply, all: T[]): T[] {
  const query = request.query as { page?: string; per_page?: string }
  const size = Math.min(100, Math.max(1, Number(query.per_page ?? 20)))
  const number = Math.max(1, Number(query.page ?? 1))
  const pages = Math.max(1, Math.ceil(all.length / size))
  const next = number < pages ? number + 1 : null
  reply.headers({
    'x-total': all.length,
    'x-total-pages': pages,
    'x-page': number,
    'x-per-page': size,
    'x-next-page': next ?? '',
    'x-prev-page': number > 1 ? number - 1 : '',
  })
  if (next !== null) {
    const url = new URL(request.url, 'http://forge')
    url.searchParams.set('page', String(next))
    reply.header('link', `<http://${request.headers.host}${url.pathname}${url.search}>; rel="next"`)
  }
  return all.slice((number - 1) * size, number * size)
}
