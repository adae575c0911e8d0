// Who asks, whether they may, and in what words they ask.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { User } from './people'
import { levelOf, type Project } from './repositories'
import type { World } from './world'

export type Asker = { user: User; project: Project; level: number }
export type Handler = (asker: Asker, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

export const no = (reply: FastifyReply, status: number, message: unknown) => reply.code(status).send({ message })

/** What GitLab's checks of parameters answer. */
export const wrong = (reply: FastifyReply, words: string, status = 400) => reply.code(status).send({ error: words })

function tokenOf(request: FastifyRequest): string | null {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const token = request.headers['private-token'] ?? bearer
  return typeof token === 'string' ? token : null
}

/** Whether somebody says who they are, truly or not. */
export const isNamed = (request: FastifyRequest) => tokenOf(request) !== null

export function userOf(world: World, request: FastifyRequest): User | null {
  const token = tokenOf(request)
  return token === null ? null : world.people.byToken(token)
}

/** A route for whoever is known. */
export function known(
  world: World,
  handle: (user: User, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const user = userOf(world, request)
    return user === null ? no(reply, 401, '401 Unauthorized') : handle(user, request, reply)
  }
}

/** A route below a project: the asker is known, is a member, and has the level that the verb needs. */
export function inProject(world: World, level: number, handle: Handler) {
  return known(world, async (user, request, reply) => {
    const { id } = request.params as { id: string }
    const project = world.projects.find((p) => String(p.id) === id || p.path === id)
    const has = project === undefined ? 0 : levelOf(project, user)
    if (project === undefined || has === 0) return no(reply, 404, '404 Project Not Found')
    if (has < level) return no(reply, 403, '403 Forbidden')
    return handle({ user, project, level: has }, request, reply)
  })
}

/** The parameters of the address and of the body: texts, numbers and booleans, each as text. */
export function askedOf(request: FastifyRequest): Record<string, string> {
  const all = { ...(request.query as object), ...(request.body as object | null | undefined) }
  const plain = Object.entries(all).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
  return Object.fromEntries(plain.map(([name, value]) => [name, String(value)]))
}

/** The refusal where one of the required parameters is absent or blank; null where all are there. */
export function missing(asked: Record<string, string>, ...names: string[]): string | null {
  const problems = names.flatMap((name) =>
    asked[name] === undefined ? [`${name} is missing`] : asked[name]?.trim() === '' ? [`${name} is empty`] : [],
  )
  return problems.length === 0 ? null : problems.join(', ')
}
