// Making projects: their place, their repository, and which of their branches are protected.
import { join } from 'node:path'
import type { MergeMethod } from './merge-request'
import { maintainersOnly } from './protections'
import { git, makeRepository, type Project } from './repositories'
import type { World } from './world'

export interface WantedProject {
  path: string
  /** Access level by user name (30 Developer, 40 Maintainer). */
  members: Record<string, number>
  /** A folder whose files are the first commit on the default branch and on develop. */
  seed?: string
  name?: string
  defaultBranch?: string
  /**
   * Whether only Maintainers push to the default branch and develop. Left out: those that there are at the start, and
   * the default branch of an empty project, as GitLab has it.
   */
  protect?: boolean
  /** Left out: merge commits. */
  mergeMethod?: MergeMethod
  /** Whether a push to the source takes a merge request's approvals away. */
  resetApprovalsOnPush?: boolean
  /** Full path of the project it is a fork of; it begins with that one's branches, tags and default branch. */
  forkOf?: string
}

/** One that is known to be there: no project ever goes. */
export const findProject = (world: World, id: number): Project => {
  const found = world.projects.find((p) => p.id === id)
  if (found === undefined) throw new Error(`there is no project ${id}`)
  return found
}

/** Each part like a name of GitLab's: it can be no option, no hidden folder, and no repository's folder itself. */
const PART = /^[A-Za-z0-9_][\w.-]*(?<!\.git|\.atom|\.|-)$/
/** Where the forge itself answers. */
const RESERVED = ['api', 'demo']

/** Whether a project may have this full path: a group or user, and a name. */
export function isProjectPath(path: string): boolean {
  const parts = path.split('/')
  return (
    parts.length > 1 && !RESERVED.includes(parts[0] ?? '') && path.length <= 255 && parts.every((p) => PART.test(p))
  )
}

export const isTaken = (world: World, path: string) =>
  world.projects.some((p) => p.path.toLowerCase() === path.toLowerCase()) || world.underConstruction.has(path)

/** The path of a group or a user by its id, which it is given here when it is new. */
export function namespaceId(world: World, path: string): number {
  if (!world.namespaces.includes(path)) world.namespaces.push(path)
  return world.namespaces.indexOf(path) + 1
}

export const namespaceOf = (path: string) => path.split('/').slice(0, -1).join('/')

/** @throws Error where the path is none, or is taken */
export async function addProject(world: World, wanted: WantedProject): Promise<Project> {
  const { path, seed, protect, forkOf } = wanted
  if (!isProjectPath(path)) throw new Error(`not a path of a project: ${path}`)
  if (isTaken(world, path)) throw new Error(`there is a project ${path} already`)
  const parent = world.projects.find((p) => p.path === forkOf) ?? null
  if (forkOf !== undefined && parent === null) throw new Error(`there is no project ${forkOf} to fork`)
  const defaultBranch = wanted.defaultBranch ?? parent?.defaultBranch ?? 'master'
  const both = [...new Set([defaultBranch, 'develop'])]
  const closed = protect === false ? [] : protect === true || seed !== undefined ? both : [defaultBranch]
  const project: Project = {
    id: world.nextProjectId(),
    path,
    name: wanted.name ?? path.split('/').at(-1) ?? path,
    defaultBranch,
    members: { ...wanted.members },
    dir: join(world.root, `${path}.git`),
    createdAt: new Date().toISOString(),
    protections: closed.map((name) => maintainersOnly(world.nextId(), name)),
    mergeMethod: wanted.mergeMethod ?? 'merge',
    resetApprovalsOnPush: wanted.resetApprovalsOnPush ?? false,
    forkOf: parent?.id ?? null,
  }
  world.underConstruction.add(path)
  try {
    await makeRepository(project.dir, defaultBranch, seed, both.slice(1))
    if (parent !== null) await fork(parent, project)
  } finally {
    world.underConstruction.delete(path)
  }
  namespaceId(world, namespaceOf(path))
  world.projects.push(project)
  return project
}

const fork = (parent: Project, project: Project) =>
  git(project.dir, ['fetch', '--quiet', '--', parent.dir, '+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'])
