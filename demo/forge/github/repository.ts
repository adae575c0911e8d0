import type { FastifyInstance } from 'fastify'
import type { User } from '../people'
import { addProject } from '../projects'
import type { Project } from '../repositories'
import { ADMIN, bodyOf, inRepository, no, READ } from './asked'
import { permissionsOf, repositoryShape } from './shapes'
import { type Github, methodsOf } from './state'

export function repositoryRoutes(app: FastifyInstance, github: Github) {
  const { world } = github
  const show = inRepository(world, READ, ({ project, user }) => fullShape(github, project, user))
  app.get('/repos/:owner/:repo', show)
  app.get('/repositories/:id', show)
  app.patch(
    '/repos/:owner/:repo',
    inRepository(world, ADMIN, ({ project, user }, request) => {
      const asked = bodyOf(request)
      const methods = { ...methodsOf(github, project) }
      for (const [field, name] of Object.entries(ALLOW))
        if (typeof asked[name] === 'boolean') methods[field as keyof typeof ALLOW] = asked[name]
      github.methods.set(project.id, methods)
      return fullShape(github, project, user)
    }),
  )
  app.post(
    '/repos/:owner/:repo/forks',
    inRepository(world, READ, async ({ project, user }, _request, reply) => {
      const path = `${user.username}/${project.path.split('/').at(-1)}`
      if (path === project.path)
        return no(reply, 403, 'A single user account cannot own both a parent and fork repository.')
      const before = world.projects.find((p) => p.path === path)
      const wanted = { path, members: { [user.username]: ADMIN }, forkOf: project.path, protect: false }
      const fork = before ?? (await addProject(world, wanted))
      return reply.code(202).send(fullShape(github, fork, user))
    }),
  )
}

const ALLOW = { merge: 'allow_merge_commit', squash: 'allow_squash_merge', rebase: 'allow_rebase_merge' } as const

function fullShape(github: Github, project: Project, user: User) {
  const permissions = permissionsOf(project, user)
  const methods = methodsOf(github, project)
  return {
    ...repositoryShape(github.world, project),
    permissions,
    // GitHub tells these to those alone who may push.
    ...(permissions.push
      ? Object.fromEntries(Object.entries(ALLOW).map(([field, name]) => [name, methods[field as keyof typeof ALLOW]]))
      : {}),
  }
}
