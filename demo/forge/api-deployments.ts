import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Asker, askedOf, inProject, missing, no, wrong } from './asker'
import {
  blockedEvent,
  DEPLOYMENT_STATES,
  type Deployment,
  type DeploymentState,
  type Environment,
  nameProblem,
} from './deployment'
import {
  addDeployment,
  addEnvironment,
  deploymentsOf,
  environmentNamed,
  environmentsOf,
  setDeployment,
} from './deployments'
import { userShape } from './merge-request-shape'
import { page } from './paging'
import { DEVELOPER, REPORTER } from './people'
import { type Project, resolve } from './repositories'
import type { World } from './world'

type Asked = Record<string, string>
/** What can be asked for; `created` is where GitLab itself begins. */
type Wanted = Exclude<DeploymentState, 'created'>

const isWanted = (text: string | undefined): text is Wanted =>
  text !== 'created' && (DEPLOYMENT_STATES as readonly (string | undefined)[]).includes(text)

export function deploymentRoutes(app: FastifyInstance, world: World) {
  const onDeployment = (
    level: number,
    handle: (asker: Asker, deployment: Deployment, request: FastifyRequest, reply: FastifyReply) => unknown,
  ) =>
    inProject(world, level, async (asker, request, reply) => {
      const { deployment: id } = request.params as { deployment: string }
      const found = deploymentsOf(world, asker.project).find((d) => String(d.id) === id)
      return found === undefined ? no(reply, 404, '404 Not found') : handle(asker, found, request, reply)
    })
  app.get(
    '/projects/:id/deployments',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const asked = askedOf(request)
      const problem = listProblem(asked)
      if (problem !== null) return wrong(reply, problem)
      const found = listed(world, project, asked)
      return page(request, reply, found).map((d) => deploymentShape(world, project, d))
    }),
  )
  app.get(
    '/projects/:id/deployments/:deployment',
    onDeployment(REPORTER, ({ project }, deployment) => deploymentShape(world, project, deployment)),
  )
  app.post(
    '/projects/:id/deployments',
    inProject(world, DEVELOPER, async (asker, request, reply) => {
      const asked = askedOf(request)
      const absent = missing(asked, 'environment', 'sha', 'ref', 'tag', 'status')
      if (absent !== null) return wrong(reply, absent)
      if (!isWanted(asked.status)) return wrong(reply, 'status does not have a valid value')
      return create(world, asker, asked, asked.status, reply)
    }),
  )
  app.put(
    '/projects/:id/deployments/:deployment',
    onDeployment(DEVELOPER, ({ project }, deployment, request, reply) => {
      const asked = askedOf(request)
      const absent = missing(asked, 'status')
      if (absent !== null) return wrong(reply, absent)
      if (!isWanted(asked.status)) return wrong(reply, 'status does not have a valid value')
      const event = blockedEvent(deployment.status, asked.status)
      if (event !== null) return no(reply, 400, { status: [`cannot transition via "${event}"`] })
      return deploymentShape(world, project, setDeployment(deployment, asked.status))
    }),
  )
}

/** In the environment of that name, which is made where there is none. */
async function create(world: World, { project, user }: Asker, asked: Asked, status: Wanted, reply: FastifyReply) {
  const { environment: name = '', ref = '' } = asked
  if ((await resolve(project.dir, ref)) === null) return no(reply, 400, { ref: ['The branch or tag does not exist'] })
  const sha = await resolve(project.dir, asked.sha ?? '')
  if (sha === null || !sha.startsWith(asked.sha ?? '')) return no(reply, 400, { sha: ['The commit does not exist'] })
  const problem = nameProblem(name)
  if (problem !== null) return no(reply, 400, { name: [problem] })
  const environment = environmentNamed(world, project, name) ?? addEnvironment(world, project, { name })
  environment.status = 'available'
  const made = addDeployment(world, project, user, { environment, sha, ref, tag: asked.tag === 'true', status })
  return reply.code(201).send(deploymentShape(world, project, made))
}

const ORDERS: Record<string, (d: Deployment) => string | number> = {
  id: (d) => d.id,
  iid: (d) => d.iid,
  created_at: (d) => d.createdAt,
  updated_at: (d) => d.updatedAt,
  finished_at: (d) => d.finishedAt ?? '',
  ref: (d) => d.ref,
}

function listProblem({ status, order_by: by = 'id', sort = 'asc' }: Asked): string | null {
  if (status !== undefined && ![...DEPLOYMENT_STATES, 'blocked'].includes(status as DeploymentState))
    return 'status does not have a valid value'
  if (!Object.hasOwn(ORDERS, by)) return 'order_by does not have a valid value'
  return sort === 'asc' || sort === 'desc' ? null : 'sort does not have a valid value'
}

function listed(world: World, project: Project, asked: Asked): Deployment[] {
  const keyOf = ORDERS[asked.order_by ?? 'id'] ?? ((d: Deployment) => d.id)
  const environment = asked.environment === undefined ? null : environmentNamed(world, project, asked.environment)
  const found = deploymentsOf(world, project)
    .filter((d) => asked.environment === undefined || d.environmentId === environment?.id)
    .filter((d) => asked.status === undefined || d.status === asked.status)
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : a.id - b.id))
  return asked.sort === 'desc' ? found.reverse() : found
}

const slugOf = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 24)
    .replace(/^-+|-+$/g, '')

export const environmentPart = (e: Environment) => ({
  id: e.id,
  name: e.name,
  slug: slugOf(e.name),
  external_url: e.externalUrl,
})

export function deploymentShape(world: World, project: Project, d: Deployment) {
  const environment = environmentsOf(world, project).find((e) => e.id === d.environmentId)
  return {
    id: d.id,
    iid: d.iid,
    ref: d.ref,
    sha: d.sha,
    created_at: d.createdAt,
    updated_at: d.updatedAt,
    finished_at: d.finishedAt,
    user: userShape(world, d.userId),
    environment: environment === undefined ? null : environmentPart(environment),
    deployable: null,
    status: d.status,
  }
}
