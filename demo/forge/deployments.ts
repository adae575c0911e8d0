// Environments and deployments of a project, for every API that the forge speaks.
import type { Deployment, DeploymentState, Environment, Tier } from './deployment'
import { tierOf } from './deployment'
import type { User } from './people'
import type { Project } from './repositories'
import type { World } from './world'

const listOf = <T>(lists: Map<number, T[]>, project: Project): T[] => {
  const list = lists.get(project.id) ?? []
  lists.set(project.id, list)
  return list
}

export const environmentsOf = (world: World, project: Project): Environment[] => listOf(world.environments, project)

export const deploymentsOf = (world: World, project: Project): Deployment[] => listOf(world.deployments, project)

export const environmentNamed = (world: World, project: Project, name: string): Environment | null =>
  environmentsOf(world, project).find((e) => e.name === name) ?? null

/** The caller made sure that there is none of this name. */
export function addEnvironment(
  world: World,
  project: Project,
  wanted: { name: string; externalUrl?: string; tier?: Tier; description?: string },
): Environment {
  const now = new Date().toISOString()
  const environment: Environment = {
    id: world.nextId(),
    name: wanted.name,
    externalUrl: wanted.externalUrl ?? null,
    tier: wanted.tier ?? tierOf(wanted.name),
    description: wanted.description ?? null,
    status: 'available',
    createdAt: now,
    updatedAt: now,
  }
  environmentsOf(world, project).push(environment)
  return environment
}

/** @param wanted sha and ref are there: the caller looked */
export function addDeployment(
  world: World,
  project: Project,
  user: User,
  wanted: {
    environment: Environment
    sha: string
    ref: string
    tag: boolean
    status: DeploymentState
    description?: string
    logUrl?: string
  },
): Deployment {
  const now = new Date().toISOString()
  const list = deploymentsOf(world, project)
  const deployment: Deployment = {
    id: world.nextId(),
    iid: list.length + 1,
    environmentId: wanted.environment.id,
    sha: wanted.sha,
    ref: wanted.ref,
    tag: wanted.tag,
    status: wanted.status,
    description: wanted.description ?? '',
    logUrl: wanted.logUrl ?? null,
    userId: user.id,
    createdAt: now,
    updatedAt: now,
    finishedAt: isOver(wanted.status) ? now : null,
  }
  list.push(deployment)
  return deployment
}

const isOver = (status: DeploymentState) => status !== 'created' && status !== 'running'

/** Whatever the rules of an API say: it looked before. */
export function setDeployment(
  deployment: Deployment,
  status: DeploymentState,
  more: { description?: string; logUrl?: string } = {},
): Deployment {
  const now = new Date().toISOString()
  const finishedAt = isOver(status) ? now : deployment.finishedAt
  return Object.assign(deployment, more, { status, updatedAt: now, finishedAt })
}
