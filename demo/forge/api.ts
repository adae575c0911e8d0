// The part of GitLab's API v4 that Shiplock uses and what stands around it: same paths, shapes, codes and words.
import type { FastifyError, FastifyInstance } from 'fastify'
import { branchRoutes } from './api-branches'
import { commitRoutes } from './api-commits'
import { compareRoutes } from './api-compare'
import { deploymentRoutes } from './api-deployments'
import { environmentRoutes } from './api-environments'
import { fileRoutes } from './api-files'
import { hookRoutes } from './api-hooks'
import { mergeRequestRoutes } from './api-merge-requests'
import { noteRoutes } from './api-notes'
import { projectRoutes } from './api-projects'
import { protectionRoutes } from './api-protections'
import { statusRoutes } from './api-statuses'
import { tagRoutes } from './api-tags'
import { known, userOf, wrong } from './asker'
import { checkPage } from './paging'
import type { World } from './world'

const YEAR_MS = 365 * 86_400_000

export async function api(app: FastifyInstance, world: World) {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(world.limits.count(userOf(world, request)?.id ?? null))
    return checkPage(request, reply)
  })
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error.statusCode ?? 500
    if (status < 500) return wrong(reply, error.message, status)
    console.warn(`demo forge: ${error.message}`)
    return reply.code(500).send({ message: '500 Internal Server Error' })
  })
  app.all('/*', async (_request, reply) => wrong(reply, '404 Not Found', 404))
  selfRoutes(app, world)
  projectRoutes(app, world)
  protectionRoutes(app, world)
  branchRoutes(app, world)
  commitRoutes(app, world)
  fileRoutes(app, world)
  statusRoutes(app, world)
  tagRoutes(app, world)
  mergeRequestRoutes(app, world)
  noteRoutes(app, world)
  environmentRoutes(app, world)
  deploymentRoutes(app, world)
  compareRoutes(app, world)
  hookRoutes(app, world)
}

function selfRoutes(app: FastifyInstance, world: World) {
  app.get(
    '/user',
    known(world, async (user) => ({
      id: user.id,
      username: user.username,
      name: user.name,
      state: 'active',
      web_url: `${world.url}/${user.username}`,
      is_admin: user.admin,
    })),
  )
  app.get(
    '/personal_access_tokens/self',
    known(world, async (user) => ({
      id: user.id,
      name: user.username,
      revoked: false,
      created_at: user.createdAt,
      description: null,
      scopes: ['api', 'read_repository', 'write_repository'],
      user_id: user.id,
      last_used_at: new Date().toISOString(),
      active: true,
      expires_at: new Date(Date.parse(user.createdAt) + YEAR_MS).toISOString().slice(0, 10),
    })),
  )
  for (const path of ['/version', '/metadata'])
    app.get(
      path,
      known(world, async () => ({ version: world.version, revision: 'demo', enterprise: false })),
    )
}
