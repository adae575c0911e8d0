import type { FastifyInstance } from 'fastify'
import { askedOf, inProject, no, wrong } from './asker'
import { page } from './paging'
import { DEVELOPER, REPORTER } from './people'
import { isClosed } from './protections'
import { readRefs, resolve } from './repositories'
import { type CommitStatus, isState, setStatus } from './statuses'
import type { World } from './world'

export function statusRoutes(app: FastifyInstance, world: World) {
  app.get(
    '/projects/:id/repository/commits/:sha/statuses',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const { sha } = request.params as { sha: string }
      const all = (request.query as { all?: string }).all === 'true'
      const shown = (world.statuses.get(project.id) ?? []).filter((row) => row.sha === sha && (all || !row.retried))
      return page(
        request,
        reply,
        shown.map((row) => statusShape(world, row)),
      )
    }),
  )
  app.post(
    '/projects/:id/statuses/:sha',
    inProject(world, DEVELOPER, async ({ user, project, level }, request, reply) => {
      const { sha } = request.params as { sha: string }
      const asked = askedOf(request)
      const { state = '' } = asked
      if (!isState(state)) return wrong(reply, 'state does not have a valid value')
      if ((await resolve(project.dir, sha)) !== sha) return no(reply, 404, '404 Commit Not Found')
      const ref =
        asked.ref ??
        [...(await readRefs(project.dir))]
          .find(([name, id]) => id === sha && name.startsWith('refs/heads/'))?.[0]
          .slice('refs/heads/'.length)
      if (ref === undefined) return no(reply, 404, '404 References for commit Not Found')
      if (isClosed(project, ref, level)) return no(reply, 403, '403 Forbidden')
      const rows = world.statuses.get(project.id) ?? []
      // What has a pipeline already is found by it; no new one begins for a ref that is gone.
      const isKnown = rows.some((row) => row.sha === sha && row.ref === ref)
      if (!isKnown && (await resolve(project.dir, ref)) === null)
        return no(reply, 400, { ref: ['The branch or tag does not exist'] })
      world.statuses.set(project.id, rows)
      const outcome = setStatus(
        rows,
        {
          sha,
          ref,
          name: asked.name ?? asked.context ?? 'default',
          userId: user.id,
          state,
          ...(asked.target_url === undefined ? {} : { targetUrl: asked.target_url }),
          ...(asked.description === undefined ? {} : { description: asked.description }),
          ...(asked.pipeline_id === undefined ? {} : { pipelineId: Number(asked.pipeline_id) }),
        },
        new Date().toISOString(),
      )
      return outcome.kind === 'refused'
        ? no(reply, outcome.http, outcome.message)
        : reply.code(201).send(statusShape(world, outcome.status))
    }),
  )
}

const statusShape = (world: World, s: CommitStatus) => ({
  id: s.id,
  sha: s.sha,
  ref: s.ref,
  status: s.status,
  name: s.name,
  target_url: s.targetUrl,
  description: s.description,
  created_at: s.createdAt,
  started_at: s.startedAt,
  finished_at: s.finishedAt,
  allow_failure: false,
  coverage: s.coverage,
  pipeline_id: s.pipelineId,
  author: { id: s.userId, username: world.people.byId(s.userId)?.username },
})
