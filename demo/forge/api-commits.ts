import type { FastifyInstance } from 'fastify'
import { askedOf, inProject, no, wrong } from './asker'
import { pageUncounted } from './paging'
import { REPORTER } from './people'
import { type CommitFacts, log, type Project, resolve } from './repositories'
import type { World } from './world'

export function commitRoutes(app: FastifyInstance, world: World) {
  app.get(
    '/projects/:id/repository/commits',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const asked = askedOf(request)
      const times = [asked.since, asked.until].filter((time) => time !== undefined)
      if (times.some((time) => Number.isNaN(Date.parse(time)))) return wrong(reply, 'since or until is invalid')
      const all = asked.all === 'true'
      const from = all ? null : await resolve(project.dir, asked.ref_name || project.defaultBranch)
      // A name that stands for nothing has no commits: GitLab says so by an empty list.
      const read = async (skip: number, most: number) =>
        from === null && !all
          ? []
          : log(project.dir, from ?? [], most, [`--skip=${skip}`, ...filtersOf(asked)], asked.path)
      const commits = await pageUncounted(request, reply, read)
      return commits.map((commit) => commitShape(world, project, commit))
    }),
  )
  app.get(
    '/projects/:id/repository/commits/:sha',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const id = await resolve(project.dir, (request.params as { sha: string }).sha)
      const [commit] = id === null ? [] : await log(project.dir, id, 1)
      return commit === undefined ? no(reply, 404, '404 Commit Not Found') : commitShape(world, project, commit)
    }),
  )
}

const filtersOf = ({ since, until, all, first_parent: firstParent }: Record<string, string>) => [
  ...(since === undefined ? [] : [`--since=${new Date(since).toISOString()}`]),
  ...(until === undefined ? [] : [`--until=${new Date(until).toISOString()}`]),
  ...(all === 'true' ? ['--branches', '--tags'] : []),
  ...(firstParent === 'true' ? ['--first-parent'] : []),
]

export const commitShape = (world: World, p: Project, c: CommitFacts) => ({
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
