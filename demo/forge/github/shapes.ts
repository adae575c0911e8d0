// What GitHub shows of users, repositories and commits, alike in answers and in webhooks.
import { DEVELOPER, MAINTAINER, type User } from '../people'
import { type CommitFacts, levelOf, type Project } from '../repositories'
import type { World } from '../world'

export const userShape = (world: World, user: User) => ({
  login: user.username,
  id: user.id,
  avatar_url: '',
  url: `${world.url}/api/v3/users/${user.username}`,
  html_url: `${world.url}/${user.username}`,
  type: 'User',
  site_admin: user.admin,
})

/** By a number that may be of nobody: GitHub shows null. */
export function userById(world: World, id: number | null) {
  const user = id === null ? null : world.people.byId(id)
  return user === null ? null : userShape(world, user)
}

export function repositoryShape(world: World, project: Project) {
  const [owner = '', name = ''] = project.path.split('/')
  return {
    id: project.id,
    name,
    full_name: project.path,
    private: true,
    owner: { login: owner, id: 1_000_000 + project.id, type: 'Organization' },
    html_url: `${world.url}/${project.path}`,
    description: null,
    fork: project.forkOf !== null,
    url: apiUrl(world, project),
    created_at: project.createdAt,
    clone_url: `${world.url}/${project.path}.git`,
    default_branch: project.defaultBranch,
    archived: false,
    disabled: false,
    visibility: 'private',
  }
}

export const apiUrl = (world: World, project: Project) => `${world.url}/api/v3/repos/${project.path}`

export function permissionsOf(project: Project, user: User) {
  const level = levelOf(project, user)
  const may = (least: number) => level >= least
  return { admin: may(MAINTAINER), maintain: may(MAINTAINER), push: may(DEVELOPER), triage: may(DEVELOPER), pull: true }
}

/** As pushes tell of them. */
export const commitPart = (world: World, project: Project, c: CommitFacts) => ({
  id: c.id,
  message: c.message.trim(),
  timestamp: c.at,
  url: `${world.url}/${project.path}/commit/${c.id}`,
  author: { name: c.authorName, email: c.authorEmail },
  committer: { name: c.authorName, email: c.authorEmail },
  distinct: true,
})
