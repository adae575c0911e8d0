import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Project } from '../repositories'
import { ADMIN, type Asker, bodyOf, inRepository, invalid, no, page, param } from './asked'
import { apiUrl, repositoryShape, userShape } from './shapes'
import { type Github, type GithubHook, listOf } from './state'

const isAddress = (url: unknown) =>
  typeof url === 'string' && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)

/** Lays what is asked over a hook, all of it or nothing. `config` is replaced as a whole: a secret that is left out is gone. */
function change(hook: GithubHook, asked: Record<string, unknown>): boolean {
  const config = asked.config as Record<string, unknown> | undefined
  if (config !== undefined && !isAddress(config.url)) return false
  if (config !== undefined)
    Object.assign(hook, {
      url: String(config.url),
      contentType: String(config.content_type ?? 'form'),
      secret: typeof config.secret === 'string' && config.secret !== '' ? config.secret : null,
      insecureSsl: String(config.insecure_ssl ?? '0'),
    })
  if (Array.isArray(asked.events)) hook.events = asked.events.map(String)
  if (typeof asked.active === 'boolean') hook.active = asked.active
  return true
}

export function hookRoutes(app: FastifyInstance, github: Github) {
  const { world, sender } = github
  const at = '/repos/:owner/:repo/hooks'
  const shape = (project: Project, hook: GithubHook) => hookShape(github, project, hook)
  const onHook = (handle: (asker: Asker, hook: GithubHook, request: FastifyRequest, reply: FastifyReply) => unknown) =>
    inRepository(world, ADMIN, (asker, request, reply) => {
      const hook = listOf(github.hooks, asker.project.id).find((h) => String(h.id) === param(request, 'hook'))
      return hook === undefined ? no(reply, 404, 'Not Found') : handle(asker, hook, request, reply)
    })

  app.get(
    at,
    inRepository(world, ADMIN, ({ project }, request, reply) =>
      page(request, reply, listOf(github.hooks, project.id)).map((hook) => shape(project, hook)),
    ),
  )
  app.post(
    at,
    inRepository(world, ADMIN, ({ project, user }, request, reply) => {
      const hook = newHook(world.nextId(), project)
      if (!change(hook, { config: {}, ...bodyOf(request) }))
        return invalid(reply, [{ resource: 'Hook', field: 'url', code: 'custom', message: 'url is not a valid URL' }])
      const hooks = listOf(github.hooks, project.id)
      const isTwin = (h: GithubHook) => h.url === hook.url && h.contentType === hook.contentType
      if (hooks.some(isTwin))
        return invalid(reply, [{ resource: 'Hook', code: 'custom', message: 'Hook already exists on this repository' }])
      hooks.push(hook)
      sender.send(hook, 'ping', {
        zen: 'Keep it logically awesome.',
        hook_id: hook.id,
        hook: shape(project, hook),
        repository: repositoryShape(world, project),
        sender: userShape(world, user),
      })
      return reply.code(201).send(shape(project, hook))
    }),
  )
  app.get(
    `${at}/:hook`,
    onHook(({ project }, hook) => shape(project, hook)),
  )
  app.patch(
    `${at}/:hook`,
    onHook(({ project }, hook, request, reply) =>
      change(hook, bodyOf(request))
        ? shape(project, hook)
        : invalid(reply, [{ resource: 'Hook', field: 'url', code: 'custom', message: 'url is not a valid URL' }]),
    ),
  )
  app.delete(
    `${at}/:hook`,
    onHook(({ project }, hook, _request, reply) => {
      github.hooks.set(
        project.id,
        listOf(github.hooks, project.id).filter((each) => each !== hook),
      )
      return reply.code(204).send()
    }),
  )
  const sentTo = (hook: GithubHook) => sender.sent.filter((sent) => sent.hookId === hook.id)
  app.get(
    `${at}/:hook/deliveries`,
    onHook((_asker, hook, request, reply) =>
      page(request, reply, sentTo(hook).reverse()).map((sent) => ({
        id: sent.id,
        guid: sent.key,
        delivered_at: sent.at,
        event: sent.event,
        status_code: typeof sent.status === 'number' ? sent.status : 0,
        status: sent.error ?? 'OK',
      })),
    ),
  )
  app.post(
    `${at}/:hook/deliveries/:delivery/attempts`,
    onHook(async (_asker, hook, request, reply) => {
      const sent = sentTo(hook).find(({ id }) => String(id) === param(request, 'delivery'))
      if (sent === undefined) return no(reply, 404, 'Not Found')
      sender.track(sender.resend(hook, sent))
      return reply.code(202).send({})
    }),
  )
}

const newHook = (id: number, project: Project): GithubHook => ({
  id,
  url: '',
  projectId: project.id,
  contentType: 'form',
  secret: null,
  insecureSsl: '0',
  events: ['push'],
  active: true,
  disabled: null,
  createdAt: new Date().toISOString(),
})

function hookShape({ world, sender }: Github, project: Project, hook: GithubHook) {
  const last = sender.sent.filter((sent) => sent.hookId === hook.id).at(-1)
  const code = typeof last?.status === 'number' ? last.status : null
  return {
    type: 'Repository',
    id: hook.id,
    name: 'web',
    active: hook.active,
    events: hook.events,
    config: {
      url: hook.url,
      content_type: hook.contentType,
      insecure_ssl: hook.insecureSsl,
      // It is never told again.
      ...(hook.secret === null ? {} : { secret: '********' }),
    },
    created_at: hook.createdAt,
    url: `${apiUrl(world, project)}/hooks/${hook.id}`,
    last_response: { code, status: last === undefined ? 'unused' : 'active', message: last?.error ?? null },
  }
}
