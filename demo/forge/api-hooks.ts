import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Asker, askedOf, inProject, missing, no, wrong } from './asker'
import { type BranchFilter, isFilter, isStrategy } from './branch-names'
import { mergeRequestPayload } from './merge-request-hooks'
import { mergeRequestsOf } from './merge-requests'
import { page } from './paging'
import { MAINTAINER } from './people'
import { samplePush } from './pushes'
import { alertOf, type Hook } from './webhooks'
import type { World } from './world'

type Asked = Record<string, string>

/** The 32-byte key of a `whsec_…` token; undefined where it is not one. */
function signingKeyOf(token: unknown): Buffer | undefined {
  const encoded = /^whsec_([A-Za-z0-9+/]+=*)$/.exec(String(token))?.[1]
  const key = encoded === undefined ? undefined : Buffer.from(encoded, 'base64')
  return key?.length === 32 ? key : undefined
}

const isAddress = (url: string) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)

const FLAGS = {
  push_events: 'pushEvents',
  tag_push_events: 'tagPushEvents',
  merge_requests_events: 'mergeRequestsEvents',
  enable_ssl_verification: 'sslVerification',
} as const

const filterAsked = (hook: Hook, asked: Asked) => ({
  strategy: asked.branch_filter_strategy ?? hook.filter.strategy,
  pattern: asked.push_events_branch_filter ?? hook.filter.pattern,
})

const isAnyFilter = (filter: { strategy: string; pattern: string }): filter is BranchFilter =>
  isStrategy(filter.strategy) && isFilter(filter as BranchFilter)

/** GitLab's code and words for what of the wish is wrong; null where nothing is. */
function refusalOf(hook: Hook, asked: Asked, signing: boolean): { status: number; body: object } | null {
  const refused = (status: number, body: object) => ({ status, body })
  if (asked.url !== undefined && !isAddress(asked.url)) return refused(422, { error: 'Invalid url given' })
  if (asked.branch_filter_strategy !== undefined && !isStrategy(asked.branch_filter_strategy))
    return refused(400, { error: 'branch_filter_strategy does not have a valid value' })
  if (!isAnyFilter(filterAsked(hook, asked))) return refused(422, { error: 'Invalid branch filter given' })
  if (signing && asked.signing_token !== undefined && signingKeyOf(asked.signing_token) === undefined)
    return refused(422, { message: { signing_token: ['must be whsec_ and 32 bytes in base64'] } })
  return null
}

/** Lays the asked fields over a hook, all of them or none. @returns why none */
function change(hook: Hook, asked: Asked, signing: boolean): ReturnType<typeof refusalOf> {
  const refusal = refusalOf(hook, asked, signing)
  if (refusal !== null) return refusal
  const filter = filterAsked(hook, asked)
  if (isAnyFilter(filter)) hook.filter = filter
  hook.url = asked.url ?? hook.url
  hook.name = asked.name ?? hook.name
  if (asked.token !== undefined) hook.token = asked.token || null
  if (signing && asked.signing_token !== undefined) hook.signingKey = signingKeyOf(asked.signing_token) ?? null
  for (const [name, field] of Object.entries(FLAGS)) if (asked[name] !== undefined) hook[field] = asked[name] === 'true'
  return null
}

function newHook(id: number): Hook {
  return {
    id,
    url: '',
    token: null,
    signingKey: null,
    pushEvents: true,
    tagPushEvents: false,
    mergeRequestsEvents: false,
    sslVerification: true,
    filter: { strategy: 'wildcard', pattern: '' },
    name: '',
    createdAt: new Date().toISOString(),
    disabled: null,
  }
}

export function hookRoutes(app: FastifyInstance, world: World) {
  const hooksOf = (project: number) => {
    const hooks = world.hooks.get(project) ?? []
    world.hooks.set(project, hooks)
    return hooks
  }
  const shape = (projectId: number, hook: Hook) => hookShape(projectId, hook, world.signing)
  /** A route below one hook. */
  const onHook = (handle: (asker: Asker, hook: Hook, request: FastifyRequest, reply: FastifyReply) => unknown) =>
    inProject(world, MAINTAINER, async (asker, request, reply) => {
      const { hook: id } = request.params as Params
      const hook = hooksOf(asker.project.id).find((h) => String(h.id) === id)
      return hook === undefined ? no(reply, 404, '404 Not found') : handle(asker, hook, request, reply)
    })

  app.get(
    '/projects/:id/hooks',
    inProject(world, MAINTAINER, async ({ project }, request, reply) =>
      page(request, reply, hooksOf(project.id)).map((h) => shape(project.id, h)),
    ),
  )
  app.post(
    '/projects/:id/hooks',
    inProject(world, MAINTAINER, async ({ project }, request, reply) => {
      const asked = askedOf(request)
      if (asked.url === undefined) return wrong(reply, missing(asked, 'url') ?? '')
      const hook = newHook(world.nextId())
      const refusal = change(hook, asked, world.signing)
      if (refusal !== null) return reply.code(refusal.status).send(refusal.body)
      hooksOf(project.id).push(hook)
      return reply.code(201).send(shape(project.id, hook))
    }),
  )
  app.get(
    '/projects/:id/hooks/:hook',
    onHook(({ project }, hook) => shape(project.id, hook)),
  )
  app.put(
    '/projects/:id/hooks/:hook',
    onHook(({ project }, hook, request, reply) => {
      const refusal = change(hook, askedOf(request), world.signing)
      return refusal === null ? shape(project.id, hook) : reply.code(refusal.status).send(refusal.body)
    }),
  )
  app.delete(
    '/projects/:id/hooks/:hook',
    onHook(({ project }, hook, _request, reply) => {
      world.hooks.set(
        project.id,
        hooksOf(project.id).filter((each) => each !== hook),
      )
      return reply.code(204).send()
    }),
  )
  deliveryRoutes(app, world, onHook)
}

type Params = { hook: string; event: string; trigger: string }
type OnHook = (
  handle: (asker: Asker, hook: Hook, request: FastifyRequest, reply: FastifyReply) => unknown,
) => (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

/** What GitLab can be asked to try. */
const TRIGGERS: Record<string, string> = {
  push_events: 'Push Hook',
  tag_push_events: 'Tag Push Hook',
  merge_requests_events: 'Merge Request Hook',
}

/** The names of the same in the list of events. */
const EVENT_TRIGGERS: Record<string, string> = {
  'Push Hook': 'push_hooks',
  'Tag Push Hook': 'tag_push_hooks',
  'Merge Request Hook': 'merge_request_hooks',
}

/** What to try a hook with, of what there is; or GitLab's words where there is nothing. */
async function sampleOf(world: World, { project, user }: Asker, event: string): Promise<object | string> {
  if (event !== 'Merge Request Hook')
    return (await samplePush(project, user, world.url)) ?? 'Ensure the project has at least one commit.'
  const mergeRequest = mergeRequestsOf(world, project).at(-1)
  if (mergeRequest === undefined) return 'Ensure the project has merge requests.'
  const told = { kind: 'merge-request', action: 'open', mergeRequest, user, oldHead: null } as const
  return mergeRequestPayload(world, { ...told, changes: {}, system: false })
}

function deliveryRoutes(app: FastifyInstance, world: World, onHook: OnHook) {
  const sentTo = (hook: Hook) => world.sender.sent.filter((s) => s.hookId === hook.id)
  app.post(
    '/projects/:id/hooks/:hook/test/:trigger',
    onHook(async (asker, hook, request, reply) => {
      const event = TRIGGERS[(request.params as Params).trigger]
      if (event === undefined) return wrong(reply, 'trigger does not have a valid value')
      const payload = await sampleOf(world, asker, event)
      if (typeof payload === 'string') return no(reply, 422, payload)
      const sent = await world.sender.sendNow(hook, event, payload)
      const well = typeof sent.status === 'number' && sent.status >= 200 && sent.status < 300
      if (well) hook.disabled = null
      return well ? reply.code(201).send({ message: '201 Created' }) : no(reply, 422, sent.error ?? sent.answer ?? '')
    }),
  )
  app.get(
    '/projects/:id/hooks/:hook/events',
    onHook((_asker, hook, request, reply) =>
      page(request, reply, sentTo(hook).reverse()).map((s) => ({
        id: s.id,
        trigger: EVENT_TRIGGERS[s.event],
        response_status: String(s.status),
        response_body: s.answer ?? s.error ?? '',
        created_at: s.at,
        request_data: JSON.parse(s.body),
      })),
    ),
  )
  app.post(
    '/projects/:id/hooks/:hook/events/:event/resend',
    onHook(async (_asker, hook, request, reply) => {
      const sent = sentTo(hook).find((s) => String(s.id) === (request.params as Params).event)
      if (sent === undefined) return no(reply, 404, '404 Not found')
      const again = await world.sender.resend(hook, sent)
      return reply.code(201).send({ response_status: again.status })
    }),
  )
}

const hookShape = (projectId: number, h: Hook, signing: boolean) => ({
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
  push_events_branch_filter: h.filter.pattern,
  branch_filter_strategy: h.filter.strategy,
  custom_webhook_template: null,
  url_variables: [],
  custom_headers: [],
  ...alertOf(h),
  token_present: h.token !== null,
  ...(signing ? { signing_token_present: h.signingKey !== null } : {}),
})
