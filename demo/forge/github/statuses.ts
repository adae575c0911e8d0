import type { FastifyInstance } from 'fastify'
import { resolve } from '../repositories'
import { inRepository, invalid, page, param, READ, textAsked, WRITE } from './asked'
import { userById } from './shapes'
import { type Github, listOf, type Status } from './state'

const STATES = ['error', 'failure', 'pending', 'success']
const MAX_DESCRIPTION = 140
/** Of one context of one commit. */
const MOST_STATUSES = 1_000

export function statusRoutes(app: FastifyInstance, github: Github) {
  const { world } = github
  const at = '/repos/:owner/:repo'
  const shape = (row: Status) => ({
    id: row.id,
    state: row.state,
    context: row.context,
    description: row.description,
    target_url: row.targetUrl,
    creator: userById(world, row.creatorId),
    created_at: row.createdAt,
    updated_at: row.createdAt,
  })
  app.get(
    `${at}/commits/:sha/statuses`,
    inRepository(world, READ, ({ project }, request, reply) => {
      const rows = listOf(github.statuses, project.id).filter((row) => row.sha === param(request, 'sha'))
      return page(request, reply, rows.reverse()).map(shape)
    }),
  )
  app.post(
    `${at}/statuses/:sha`,
    inRepository(world, WRITE, async ({ project, user }, request, reply) => {
      const sha = param(request, 'sha')
      const [state = '', context = 'default', description, targetUrl] = [
        'state',
        'context',
        'description',
        'target_url',
      ].map((name) => textAsked(request, name))
      if ((await resolve(project.dir, sha)) !== sha) return invalid(reply, [], `No commit found for SHA: ${sha}`)
      const wrong = (field: string, message: string) =>
        invalid(reply, [{ resource: 'Status', field, code: 'custom', message }])
      if (!STATES.includes(state)) return wrong('state', 'state is not included in the list')
      if ((description?.length ?? 0) > MAX_DESCRIPTION)
        return wrong('description', `description is too long (maximum is ${MAX_DESCRIPTION} characters)`)
      if (targetUrl !== undefined && !/^https?:/.test(targetUrl))
        return wrong('target_url', 'target_url must use http(s) scheme')
      const rows = listOf(github.statuses, project.id)
      if (rows.filter((row) => row.sha === sha && row.context === context).length >= MOST_STATUSES)
        return wrong('base', 'This SHA and context has reached the maximum number of statuses.')
      const row: Status = {
        id: world.nextId(),
        sha,
        state,
        context,
        description: description ?? null,
        targetUrl: targetUrl ?? null,
        creatorId: user.id,
        createdAt: new Date().toISOString(),
      }
      rows.push(row)
      return reply.code(201).send(shape(row))
    }),
  )
}
