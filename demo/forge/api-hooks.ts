import type { FastifyInstance } from 'fastify'
import { inProject, no, page } from './asker'
import { MAINTAINER } from './people'
import type { Hook } from './webhooks'
import type { World } from './world'

type Body = Record<string, unknown>

/** The 32-byte key of a `whsec_…` token; undefined where it is not one. */
function signingKeyOf(token: unknown): Buffer | undefined {
  const encoded = /^whsec_([A-Za-z0-9+/]+=*)$/.exec(String(token))?.[1]
  const key = encoded === undefined ? undefined : Buffer.from(encoded, 'base64')
  return key?.length === 32 ? key : undefined
}

const validUrl = (url: unknown) =>
  typeof url === 'string' && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)

/** Lays the asked fields over a hook. @returns the words of GitLab's 422 where one is wrong */
function change(hook: Hook, body: Body, signing: boolean): object | null {
  if ('url' in body && !validUrl(body.url)) return { url: ['Invalid url given'] }
  if (signing && body.signing_token != null && signingKeyOf(body.signing_token) === undefined)
    return { signing_token: ['must be whsec_ and 32 bytes in base64'] }
  if (typeof body.url === 'string') hook.url = body.url
  if (typeof body.token === 'string') hook.token = body.token
  if (typeof body.name === 'string') hook.name = body.name
  if (signing && body.signing_token != null) hook.signingKey = signingKeyOf(body.signing_token) ?? null
  const flags = {
    push_events: 'pushEvents',
    tag_push_events: 'tagPushEvents',
    merge_requests_events: 'mergeRequestsEvents',
    enable_ssl_verification: 'sslVerification',
  } as const
  for (const [name, field] of Object.entries(flags))
    if (body[name] !== undefined) hook[field as 'pushEvents'] = String(body[name]) === 'true'
  return null
}

export function hookRoutes(app: FastifyInstance, world: World) {
  const hooksOf = (project: number) => {
    const hooks = world.hooks.get(project) ?? []
    world.hooks.set(project, hooks)
    return hooks
  }
  const shape = (projectId: number, h: Hook) => ({
    id: h.id,
    url: h.url,
    name: h.name,
    description: null,
    project_id: projectId,
    created_at: h.createdAt,
    push_events: h.pushEvents,
    tag_push_events: h.tagPushEvents,
    merge_requests_events: h.mergeRequestsEvents,
    enable_ssl_verification: h.sslVerification,
    push_events_branch_filter: '',
    branch_filter_strategy: 'all_branches',
    custom_webhook_template: null,
    url_variables: [],
    custom_headers: [],
    alert_status: 'executable',
    disabled_until: null,
    token_present: h.token !== null,
    ...(world.signing ? { signing_token_present: h.signingKey !== null } : {}),
  })
  const find = (project: number, id: string) => hooksOf(project).find((h) => String(h.id) === id)
  type Params = { hook: string; event: string }

  app.get(
    '/projects/:id/hooks',
    inProject(world, MAINTAINER, async ({ project }, request, reply) =>
      page(
        request,
        reply,
        hooksOf(project.id).map((h) => shape(project.id, h)),
      ),
    ),
  )
  app.get(
    '/projects/:id/hooks/:hook',
    inProject(world, MAINTAINER, async ({ project }, request, reply) => {
      const hook = find(project.id, (request.params as Params).hook)
      return hook === undefined ? no(reply, 404, '404 Not found') : shape(project.id, hook)
    }),
  )
  app.post(
    '/projects/:id/hooks',
    inProject(world, MAINTAINER, async ({ project }, request, reply) => {
      const hook: Hook = {
        id: world.nextId(),
        url: '',
        token: null,
        signingKey: null,
        pushEvents: true,
        tagPushEvents: false,
        mergeRequestsEvents: false,
        sslVerification: true,
        name: '',
        createdAt: new Date().toISOString(),
      }
      const wrong = change(hook, { url: '', ...(request.body as Body | undefined) }, world.signing)
      if (wrong !== null) return no(reply, 422, wrong)
      hooksOf(project.id).push(hook)
      return reply.code(201).send(shape(project.id, hook))
    }),
  )
  app.put(
    '/projects/:id/hooks/:hook',
    inProject(world, MAINTAINER, async ({ project }, request, reply) => {
      const hook = find(project.id, (request.params as Params).hook)
      if (hook === undefined) return no(reply, 404, '404 Not found')
      const wrong = change(hook, (request.body as Body | undefined) ?? {}, world.signing)
      return wrong !== null ? no(reply, 422, wrong) : shape(project.id, hook)
    }),
  )
  app.delete(
    '/projects/:id/hooks/:hook',
    inProject(world, MAINTAINER, async ({ project }, request, reply) => {
      const hooks = hooksOf(project.id)
      const at = hooks.findIndex((h) => String(h.id) === (request.params as Params).hook)
      if (at < 0) return no(reply, 404, '404 Not found')
      hooks.splice(at, 1)
      return reply.code(204).send()
    }),
  )
  app.get(
    '/projects/:id/hooks/:hook/events',
    inProject(world, MAINTAINER, async (_asker, request, reply) => {
      const sent = world.sender.sent.filter((s) => String(s.hookId) === (request.params as Params).hook).reverse()
      return page(
        request,
        reply,
        sent.map((s) => ({
          id: s.id,
          trigger: s.event === 'Push Hook' ? 'push_hooks' : 'tag_push_hooks',
          response_status: String(s.status),
          created_at: s.at,
          request_data: JSON.parse(s.body),
        })),
      )
    }),
  )
  app.post(
    '/projects/:id/hooks/:hook/events/:event/resend',
    inProject(world, MAINTAINER, async ({ project }, request, reply) => {
      const { hook: hookId, event } = request.params as Params
      const hook = find(project.id, hookId)
      const sent = world.sender.sent.find((s) => String(s.id) === event)
      if (hook === undefined || sent === undefined) return no(reply, 404, '404 Not found')
      const again = await world.sender.resend(hook, sent)
      return reply.code(201).send({ response_status: again.status })
    }),
  )
}
