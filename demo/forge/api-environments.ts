import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { deploymentShape, environmentPart } from './api-deployments'
import { type Asker, askedOf, inProject, missing, no, wrong } from './asker'
import { type Environment, nameProblem, TIERS, type Tier } from './deployment'
import { addEnvironment, deploymentsOf, environmentNamed, environmentsOf } from './deployments'
import { page } from './paging'
import { DEVELOPER, REPORTER } from './people'
import type { Project } from './repositories'
import type { World } from './world'

type Asked = Record<string, string>

export function environmentRoutes(app: FastifyInstance, world: World) {
  const onEnvironment = (
    level: number,
    handle: (asker: Asker, environment: Environment, request: FastifyRequest, reply: FastifyReply) => unknown,
  ) =>
    inProject(world, level, async (asker, request, reply) => {
      const { environment: id } = request.params as { environment: string }
      const found = environmentsOf(world, asker.project).find((e) => String(e.id) === id)
      return found === undefined ? no(reply, 404, '404 Not found') : handle(asker, found, request, reply)
    })
  app.get(
    '/projects/:id/environments',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const { name, search = '', states } = askedOf(request)
      const found = environmentsOf(world, project)
        .filter((e) => (name === undefined || e.name === name) && e.name.includes(search))
        .filter((e) => states === undefined || e.status === states)
        .sort((a, b) => a.name.localeCompare(b.name))
      return page(request, reply, found).map((e) => environmentShape(e))
    }),
  )
  app.post(
    '/projects/:id/environments',
    inProject(world, DEVELOPER, async ({ project }, request, reply) => {
      const asked = askedOf(request)
      const problem = missing(asked, 'name') ?? tierProblem(asked)
      if (problem !== null) return wrong(reply, problem)
      const refused = nameRefused(world, project, asked.name ?? '') ?? urlProblem(asked)
      if (refused !== null) return no(reply, 400, refused)
      const made = addEnvironment(world, project, { name: asked.name ?? '', ...wishOf(asked) })
      return reply.code(201).send(environmentShape(made))
    }),
  )
  app.get(
    '/projects/:id/environments/:environment',
    onEnvironment(REPORTER, ({ project }, environment) => {
      const last = deploymentsOf(world, project).findLast(
        (d) => d.environmentId === environment.id && d.status === 'success',
      )
      return {
        ...environmentShape(environment),
        last_deployment: last === undefined ? null : deploymentShape(world, project, last),
      }
    }),
  )
  app.put(
    '/projects/:id/environments/:environment',
    onEnvironment(DEVELOPER, (_asker, environment, request, reply) => {
      const asked = askedOf(request)
      const problem = tierProblem(asked)
      if (problem !== null) return wrong(reply, problem)
      const refused = urlProblem(asked)
      if (refused !== null) return no(reply, 400, refused)
      Object.assign(environment, wishOf(asked), { updatedAt: new Date().toISOString() })
      return environmentShape(environment)
    }),
  )
  app.post(
    '/projects/:id/environments/:environment/stop',
    onEnvironment(DEVELOPER, (_asker, environment) => {
      Object.assign(environment, { status: 'stopped', updatedAt: new Date().toISOString() })
      return environmentShape(environment)
    }),
  )
  app.delete(
    '/projects/:id/environments/:environment',
    onEnvironment(DEVELOPER, ({ project }, environment, _request, reply) => {
      if (environment.status !== 'stopped') return no(reply, 403, '403 Forbidden')
      world.environments.set(
        project.id,
        environmentsOf(world, project).filter((each) => each !== environment),
      )
      return reply.code(204).send()
    }),
  )
}

const wishOf = (asked: Asked) => ({
  ...(asked.external_url === undefined ? {} : { externalUrl: asked.external_url }),
  ...(asked.tier === undefined ? {} : { tier: asked.tier as Tier }),
  ...(asked.description === undefined ? {} : { description: asked.description }),
})

const tierProblem = ({ tier }: Asked) =>
  tier === undefined || TIERS.includes(tier) ? null : 'tier does not have a valid value'

const urlProblem = ({ external_url: url }: Asked) =>
  url === undefined || (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))
    ? null
    : { external_url: ['javascript: scheme is not allowed or the URL is invalid'] }

/** What keeps an environment from being called so; null: nothing. */
function nameRefused(world: World, project: Project, name: string): object | null {
  const problem = nameProblem(name)
  if (problem !== null) return { name: [problem] }
  const taken = ['has already been taken']
  return environmentNamed(world, project, name) === null ? null : { name: taken, slug: taken }
}

const environmentShape = (e: Environment) => ({
  ...environmentPart(e),
  state: e.status,
  tier: e.tier,
  description: e.description,
  created_at: e.createdAt,
  updated_at: e.updatedAt,
  auto_stop_at: null,
  auto_stop_setting: 'always',
})
