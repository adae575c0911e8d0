// The part of GitLab's API v4 that Shiplock uses: same paths, shapes, codes and words.
import type { FastifyInstance } from 'fastify'
import { hookRoutes } from './api-hooks'
import { inProject, no, page, userOf } from './asker'
import { DEVELOPER } from './people'
import { type CommitFacts, git, log, type Project, readRefs, resolve } from './repositories'
import { type CommitStatus, isState, setStatus } from './statuses'
import type { World } from './world'

export async function api(app: FastifyInstance, world: World) {
  app.get('/user', (request, reply) => {
    const user = userOf(world, request)
    return user === null
      ? no(reply, 401, '401 Unauthorized')
      : reply.send({
          id: user.id,
          username: user.username,
          name: user.name,
          state: 'active',
          web_url: `${world.url}/${user.username}`,
          is_admin: user.admin,
        })
  })
  for (const path of ['/version', '/metadata']) {
    app.get(path, (request, reply) =>
      userOf(world, request) === null
        ? no(reply, 401, '401 Unauthorized')
        : reply.send({ version: '19.3.0', revision: 'demo', enterprise: false }),
    )
  }
  app.get(
    '/projects/:id',
    inProject(world, 10, async ({ project, level }) => projectShape(world, project, level)),
  )
  app.get(
    '/projects/:id/repository/branches',
    inProject(world, 20, async ({ project }, request, reply) => {
      const refs = [...(await readRefs(project.dir))].filter(([ref]) => ref.startsWith('refs/heads/'))
      return page(
        request,
        reply,
        await Promise.all(refs.map(([ref, id]) => branchShape(world, project, ref.slice('refs/heads/'.length), id))),
      )
    }),
  )
  app.get(
    '/projects/:id/repository/branches/:branch',
    inProject(world, 20, async ({ project }, request, reply) => {
      const { branch } = request.params as { branch: string }
      const id = (await readRefs(project.dir)).get(`refs/heads/${branch}`)
      return id === undefined ? no(reply, 404, '404 Branch Not Found') : branchShape(world, project, branch, id)
    }),
  )
  app.post(
    '/projects/:id/repository/branches',
    inProject(world, DEVELOPER, async ({ project }, request, reply) => {
      const { branch = '', ref = '' } = {
        ...(request.query as Record<string, string>),
        ...(request.body as Record<string, string> | undefined),
      }
      const id = await resolve(project.dir, ref)
      if (id === null) return no(reply, 400, 'Invalid reference name: ' + ref)
      if ((await readRefs(project.dir)).has(`refs/heads/${branch}`)) return no(reply, 400, 'Branch already exists')
      await git(project.dir, ['update-ref', '--', `refs/heads/${branch}`, id])
      return reply.code(201).send(await branchShape(world, project, branch, id))
    }),
  )
  app.get(
    '/projects/:id/repository/commits/:sha',
    inProject(world, 20, async ({ project }, request, reply) => {
      const id = await resolve(project.dir, (request.params as { sha: string }).sha)
      const [commit] = id === null ? [] : await log(project.dir, id, 1)
      return commit === undefined ? no(reply, 404, '404 Commit Not Found') : commitShape(world, project, commit)
    }),
  )
  app.get(
    '/projects/:id/repository/files/:file/raw',
    inProject(world, 20, async ({ project }, request, reply) => {
      const { file } = request.params as { file: string }
      const id = await resolve(project.dir, (request.query as { ref?: string }).ref ?? 'HEAD')
      if (id === null) return no(reply, 404, '404 Commit Not Found')
      const text = await git(project.dir, ['cat-file', 'blob', `${id}:${file}`]).catch(() => null) // not a file of that commit
      return text === null ? no(reply, 404, '404 File Not Found') : reply.type('text/plain').send(text)
    }),
  )
  statusRoutes(app, world)
  hookRoutes(app, world)
}

function statusRoutes(app: FastifyInstance, world: World) {
  app.get(
    '/projects/:id/repository/commits/:sha/statuses',
    inProject(world, 20, async ({ project }, request, reply) => {
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
    inProject(world, DEVELOPER, async ({ user, project }, request, reply) => {
      const { sha } = request.params as { sha: string }
      const asked = {
        ...(request.query as Record<string, string>),
        ...(request.body as Record<string, string> | undefined),
      }
      const { state = '' } = asked
      if (!isState(state)) return reply.code(400).send({ error: 'state does not have a valid value' })
      if ((await resolve(project.dir, sha)) !== sha) return no(reply, 404, '404 Commit Not Found')
      const ref =
        asked.ref ??
        [...(await readRefs(project.dir))]
          .find(([name, id]) => id === sha && name.startsWith('refs/heads/'))?.[0]
          .slice('refs/heads/'.length)
      if (ref === undefined) return no(reply, 404, '404 References for commit Not Found')
      const rows = world.statuses.get(project.id) ?? []
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

const projectShape = (world: World, p: Project, level: number) => ({
  id: p.id,
  name: p.name,
  path: p.path.split('/').at(-1),
  path_with_namespace: p.path,
  default_branch: p.defaultBranch,
  visibility: 'private',
  archived: false,
  web_url: `${world.url}/${p.path}`,
  http_url_to_repo: `${world.url}/${p.path}.git`,
  ssh_url_to_repo: '',
  permissions: { project_access: { access_level: level }, group_access: null },
})

const commitShape = (world: World, p: Project, c: CommitFacts) => ({
  id: c.id,
  short_id: c.id.slice(0, 8),
  title: c.title,
  message: c.message,
  author_name: c.authorName,
  author_email: c.authorEmail,
  authored_date: c.at,
  committed_date: c.at,
  created_at: c.at,
  parent_ids: c.parents,
  web_url: `${world.url}/${p.path}/-/commit/${c.id}`,
})

async function branchShape(world: World, p: Project, name: string, id: string) {
  const [commit] = await log(p.dir, id, 1)
  return {
    name,
    merged: false,
    protected: ['master', 'main', 'develop'].includes(name),
    default: name === p.defaultBranch,
    can_push: true,
    developers_can_push: true,
    developers_can_merge: true,
    web_url: `${world.url}/${p.path}/-/tree/${name}`,
    commit: commit === undefined ? null : commitShape(world, p, commit),
  }
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
