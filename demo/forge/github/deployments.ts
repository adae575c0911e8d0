import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HEADS } from '../happening'
import { readRefs, resolve } from '../repositories'
import { type Asker, bodyOf, inRepository, invalid, no, page, param, queryOf, READ, textAsked, WRITE } from './asked'
import { userById } from './shapes'
import { type Deployment, type DeploymentStatus, type Github, listOf } from './state'

const STATES = ['error', 'failure', 'inactive', 'in_progress', 'queued', 'pending', 'success']
const MAX_DESCRIPTION = 140

export function deploymentRoutes(app: FastifyInstance, github: Github) {
  const { world } = github
  const at = '/repos/:owner/:repo/deployments'
  const onDeployment = (
    level: number,
    handle: (asker: Asker, deployment: Deployment, request: FastifyRequest, reply: FastifyReply) => unknown,
  ) =>
    inRepository(world, level, (asker, request, reply) => {
      const all = listOf(github.deployments, asker.project.id)
      const found = all.find(({ id }) => String(id) === param(request, 'deployment'))
      return found === undefined ? no(reply, 404, 'Not Found') : handle(asker, found, request, reply)
    })
  app.get(
    at,
    inRepository(world, READ, ({ project }, request, reply) => {
      const query = queryOf(request)
      const fields = ['sha', 'ref', 'task', 'environment'] as const
      const found = listOf(github.deployments, project.id).filter((each) =>
        fields.every((field) => query[field] === undefined || query[field] === each[field]),
      )
      return page(request, reply, found.reverse()).map((each) => shapeOf(github, each))
    }),
  )
  app.post(
    at,
    inRepository(world, WRITE, (asker, request, reply) => make(github, asker, request, reply)),
  )
  app.get(
    `${at}/:deployment/statuses`,
    onDeployment(READ, (_asker, { statuses }, request, reply) =>
      page(request, reply, [...statuses].reverse()).map((status) => statusShape(github, status)),
    ),
  )
  app.post(
    `${at}/:deployment/statuses`,
    onDeployment(WRITE, (asker, deployment, request, reply) => tell(github, asker, deployment, request, reply)),
  )
}

async function make(github: Github, { project, user }: Asker, request: FastifyRequest, reply: FastifyReply) {
  const asked = bodyOf(request)
  const text = (name: string, otherwise = '') => textAsked(request, name) ?? otherwise
  const ref = text('ref')
  const sha = await resolve(project.dir, ref)
  if (sha === null) return invalid(reply, [], `No ref found for: ${ref}`)
  if (text('description').length > MAX_DESCRIPTION)
    return invalid(reply, [{ resource: 'Deployment', field: 'description', code: 'custom', message: 'is too long' }])
  // What is left out is switched on: GitHub would merge the default branch in, and wait for every status.
  const isBranch = (await readRefs(project.dir)).has(HEADS + ref)
  if (asked.auto_merge !== false && isBranch && ref !== project.defaultBranch)
    return reply.code(202).send({ message: `Auto-merged ${project.defaultBranch} into ${ref} on deployment.` })
  const failing = failingContexts(github, project.id, sha)
  const required = Array.isArray(asked.required_contexts) ? asked.required_contexts : failing
  if (required.some((context) => failing.includes(String(context))))
    return no(reply, 409, `Conflict: Commit status checks failed for ${ref}.`)
  const environment = text('environment', 'production')
  const deployment: Deployment = {
    id: github.world.nextId(),
    sha,
    ref,
    task: text('task', 'deploy'),
    environment,
    payload: asked.payload ?? {},
    description: text('description'),
    isProduction:
      asked.production_environment === true ||
      (environment === 'production' && asked.production_environment === undefined),
    isTransient: asked.transient_environment === true,
    creatorId: user.id,
    createdAt: new Date().toISOString(),
    statuses: [],
  }
  listOf(github.deployments, project.id).push(deployment)
  return reply.code(201).send(shapeOf(github, deployment))
}

/** The contexts of a commit whose newest status is no success. */
function failingContexts(github: Github, projectId: number, sha: string): string[] {
  const rows = listOf(github.statuses, projectId).filter((row) => row.sha === sha)
  const newest = new Map(rows.map((row) => [row.context, row.state]))
  return [...newest].filter(([, state]) => state !== 'success').map(([context]) => context)
}

function tell(github: Github, asker: Asker, deployment: Deployment, request: FastifyRequest, reply: FastifyReply) {
  const text = (name: string) => textAsked(request, name) ?? ''
  const state = text('state')
  if (!STATES.includes(state))
    return invalid(reply, [{ resource: 'DeploymentStatus', field: 'state', code: 'invalid' }])
  if (text('description').length > MAX_DESCRIPTION)
    return invalid(reply, [
      { resource: 'DeploymentStatus', field: 'description', code: 'custom', message: 'is too long' },
    ])
  const add = (
    to: Deployment,
    wanted: Pick<DeploymentStatus, 'state' | 'description' | 'logUrl' | 'environmentUrl'>,
  ) => {
    const status = {
      id: github.world.nextId(),
      creatorId: asker.user.id,
      createdAt: new Date().toISOString(),
      ...wanted,
    }
    to.statuses.push(status)
    return status
  }
  const description = text('description')
  const made = add(deployment, { state, description, logUrl: text('log_url'), environmentUrl: text('environment_url') })
  if (state === 'success' && bodyOf(request).auto_inactive !== false)
    for (const earlier of replacedBy(github, asker.project.id, deployment))
      add(earlier, { state: 'inactive', description: '', logUrl: '', environmentUrl: '' })
  return reply.code(201).send(statusShape(github, made))
}

/** GitHub switches off what was a success before, in environments that are neither production nor transient. */
const replacedBy = (github: Github, projectId: number, { id, environment }: Deployment) =>
  listOf(github.deployments, projectId).filter(
    (each) =>
      each.id < id &&
      each.environment === environment &&
      !each.isProduction &&
      !each.isTransient &&
      each.statuses.at(-1)?.state === 'success',
  )

const shapeOf = ({ world }: Github, d: Deployment) => ({
  id: d.id,
  sha: d.sha,
  ref: d.ref,
  task: d.task,
  environment: d.environment,
  original_environment: d.environment,
  payload: d.payload,
  description: d.description,
  creator: userById(world, d.creatorId),
  production_environment: d.isProduction,
  transient_environment: d.isTransient,
  created_at: d.createdAt,
  updated_at: d.statuses.at(-1)?.createdAt ?? d.createdAt,
})

const statusShape = ({ world }: Github, s: DeploymentStatus) => ({
  id: s.id,
  state: s.state,
  description: s.description,
  log_url: s.logUrl,
  target_url: s.logUrl,
  environment_url: s.environmentUrl,
  creator: userById(world, s.creatorId),
  created_at: s.createdAt,
  updated_at: s.createdAt,
})
