import type { FastifyInstance, FastifyReply } from 'fastify'
import { askedOf, inProject, missing, no, wrong } from './asker'
import { page } from './paging'
import { MAINTAINER, REPORTER } from './people'
import type { Protection } from './protections'
import type { Project } from './repositories'
import type { World } from './world'

/** What GitLab calls those that a level lets in. */
const LEVELS: Record<string, string> = { 0: 'No one', 30: 'Developers + Maintainers', 40: 'Maintainers', 60: 'Admin' }

export function protectionRoutes(app: FastifyInstance, world: World) {
  const named = (project: Project, request: { params: unknown }) =>
    project.protections.find(({ name }) => name === (request.params as { name: string }).name)
  app.get(
    '/projects/:id/protected_branches',
    inProject(world, MAINTAINER, async ({ project }, request, reply) => {
      const { search = '' } = askedOf(request)
      const found = project.protections.filter(({ name }) => name.includes(search))
      return page(request, reply, found).map(protectionShape)
    }),
  )
  app.get(
    '/projects/:id/protected_branches/:name',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const found = named(project, request)
      return found === undefined ? no(reply, 404, '404 Not found') : protectionShape(found)
    }),
  )
  app.post(
    '/projects/:id/protected_branches',
    inProject(world, MAINTAINER, async ({ project }, request, reply) => {
      const asked = askedOf(request)
      const problem = missing(asked, 'name') ?? levelProblem(asked)
      return problem === null ? protect(world, project, asked, reply) : wrong(reply, problem)
    }),
  )
  app.patch(
    '/projects/:id/protected_branches/:name',
    inProject(world, MAINTAINER, async ({ project }, request, reply) => {
      const found = named(project, request)
      if (found === undefined) return no(reply, 404, '404 Not found')
      const { allow_force_push: force } = askedOf(request)
      if (force !== undefined) found.allowForcePush = force === 'true'
      return protectionShape(found)
    }),
  )
  app.delete(
    '/projects/:id/protected_branches/:name',
    inProject(world, MAINTAINER, async ({ project }, request, reply) => {
      const found = named(project, request)
      if (found === undefined) return no(reply, 404, '404 Not found')
      project.protections = project.protections.filter((each) => each !== found)
      return reply.code(204).send()
    }),
  )
}

const levelProblem = (asked: Record<string, string>): string | null => {
  const bad = ['push_access_level', 'merge_access_level'].filter(
    (name) => asked[name] !== undefined && !Object.hasOwn(LEVELS, asked[name] ?? ''),
  )
  return bad.length === 0 ? null : bad.map((name) => `${name} does not have a valid value`).join(', ')
}

function protect(world: World, project: Project, asked: Record<string, string>, reply: FastifyReply) {
  const { name = '' } = asked
  if (project.protections.some((each) => each.name === name))
    return no(reply, 409, `Protected branch '${name}' already exists`)
  const made: Protection = {
    id: world.nextId(),
    name,
    push: Number(asked.push_access_level ?? MAINTAINER),
    merge: Number(asked.merge_access_level ?? MAINTAINER),
    allowForcePush: asked.allow_force_push === 'true',
  }
  project.protections = [...project.protections, made]
  return reply.code(201).send(protectionShape(made))
}

function protectionShape(p: Protection) {
  const levels = (level: number, n: number) => [
    {
      id: p.id * 10 + n,
      access_level: level,
      access_level_description: LEVELS[level],
      deploy_key_id: null,
      user_id: null,
      group_id: null,
    },
  ]
  return {
    id: p.id,
    name: p.name,
    push_access_levels: levels(p.push, 1),
    merge_access_levels: levels(p.merge, 2),
    allow_force_push: p.allowForcePush,
  }
}
