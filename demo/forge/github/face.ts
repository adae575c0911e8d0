// GitHub's face of the demo forge, below /api/v3 as GitHub Enterprise has it: the part of the API that Shiplock uses, with
// GitHub's paths, codes and words, over the same repositories, people and merge requests as GitLab's face.
import { createHmac } from 'node:crypto'
import type { FastifyError, FastifyInstance } from 'fastify'
import { Sender } from '../webhooks'
import type { World } from '../world'
import { known, no } from './asked'
import { commentRoutes } from './comments'
import { deploymentRoutes } from './deployments'
import { listening } from './events'
import { hookRoutes } from './hooks'
import { pullRoutes } from './pulls'
import { refRoutes } from './refs'
import { repositoryRoutes } from './repository'
import { reviewRoutes } from './reviews'
import { userShape } from './shapes'
import type { Github, GithubHook } from './state'
import { statusRoutes } from './statuses'

/** A face, and what it tells webhooks of. Added to a world once; its routes are registered below /api/v3. */
export function githubFace(world: World): Github & { routes: (app: FastifyInstance) => Promise<void> } {
  const github: Github = {
    world,
    sender: new Sender(world.mischief, headersOf),
    hooks: new Map(),
    statuses: new Map(),
    deployments: new Map(),
    methods: new Map(),
    reviews: new Map(),
  }
  world.listeners.push(listening(github))
  world.headRefs.push((iid) => `refs/pull/${iid}/head`)
  return { ...github, routes: (app) => routes(app, github) }
}

function headersOf(hook: GithubHook, event: string, body: string, key: string): Record<string, string> {
  const mac = (algorithm: string) =>
    createHmac(algorithm, hook.secret ?? '')
      .update(body)
      .digest('hex')
  return {
    'content-type': 'application/json',
    'user-agent': 'GitHub-Hookshot/demo',
    accept: '*/*',
    'x-github-event': event,
    'x-github-delivery': key,
    'x-github-hook-id': String(hook.id),
    'x-github-hook-installation-target-id': String(hook.projectId),
    'x-github-hook-installation-target-type': 'repository',
    ...(hook.secret === null
      ? {}
      : { 'x-hub-signature': `sha1=${mac('sha1')}`, 'x-hub-signature-256': `sha256=${mac('sha256')}` }),
  }
}

async function routes(app: FastifyInstance, github: Github) {
  app.addHook('onSend', async (_request, reply) => {
    reply.headers({ 'x-github-media-type': 'github.v3; format=json', 'x-github-request-id': 'DEMO:1', ...HOURLY })
  })
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error.statusCode ?? 500
    if (status < 500) return no(reply, status, 'Problems parsing JSON')
    console.warn(`demo forge: ${error.message}`)
    return no(reply, 500, 'Server Error')
  })
  app.all('/*', async (_request, reply) => no(reply, 404, 'Not Found'))
  app.get(
    '/user',
    known(github.world, (user) => userShape(github.world, user)),
  )
  repositoryRoutes(app, github)
  refRoutes(app, github)
  hookRoutes(app, github)
  statusRoutes(app, github)
  pullRoutes(app, github)
  reviewRoutes(app, github)
  commentRoutes(app, github)
  deploymentRoutes(app, github)
}

/** The demo counts nothing; a limit that is used up is ordered by `misbehave`. */
const HOURLY = { 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '4999', 'x-ratelimit-resource': 'core' }
