import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { askedOf, inProject, isNamed, known, no, userOf, wrong } from './asker'
import { isBranchName } from './branch-names'
import { isKeyset, page, pageByKey } from './paging'
import { MAINTAINER, OWNER, REPORTER, type User } from './people'
import { addProject, isProjectPath, isTaken, namespaceId, namespaceOf } from './projects'
import { levelOf, type Project } from './repositories'
import type { World } from './world'

export function projectRoutes(app: FastifyInstance, world: World) {
  app.get('/projects', async (request, reply) => {
    const user = userOf(world, request)
    // Every project here is private: who does not say who they are sees none.
    if (user === null) return isNamed(request) ? no(reply, 401, '401 Unauthorized') : page(request, reply, [])
    return listed(world, user, request, reply).then((found) => found.map((p) => projectShape(world, p, user)))
  })
  app.post(
    '/projects',
    known(world, (user, request, reply) => make(world, user, request, reply)),
  )
  app.get(
    '/projects/:id',
    inProject(world, 10, async ({ project, user }) => projectShape(world, project, user)),
  )
  app.get(
    '/projects/:id/protected_branches',
    inProject(world, MAINTAINER, async ({ project }, request, reply) => {
      const shapes = project.protectedBranches.map((name, n) => protectionShape(project.id * 100 + n, name))
      return page(request, reply, shapes)
    }),
  )
  app.get(
    '/projects/:id/protected_branches/:name',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const at = project.protectedBranches.indexOf((request.params as { name: string }).name)
      return at < 0
        ? no(reply, 404, '404 Not found')
        : protectionShape(project.id * 100 + at, project.protectedBranches[at] ?? '')
    }),
  )
}

async function listed(world: World, user: User, request: FastifyRequest, reply: FastifyReply): Promise<Project[]> {
  const asked = askedOf(request)
  const least = Number(asked.min_access_level ?? 0)
  const isMember = (p: Project) => Object.hasOwn(p.members, user.username)
  const direction = asked.sort === 'asc' ? 1 : -1
  const found = world.projects
    .filter((p) => levelOf(p, user) > 0 && (asked.membership !== 'true' || isMember(p)))
    .filter((p) => levelOf(p, user) >= least && (asked.owned !== 'true' || p.members[user.username] === OWNER))
    .filter((p) => p.path.toLowerCase().includes((asked.search ?? '').toLowerCase()))
    .filter((p) => p.id > Number(asked.id_after ?? 0) && p.id < Number(asked.id_before ?? Number.MAX_SAFE_INTEGER))
    .sort((a, b) => direction * compare(a, b, asked.order_by))
  if (!isKeyset(request)) return page(request, reply, found)
  if (asked.order_by !== undefined && asked.order_by !== 'id') {
    await wrong(reply, 'Keyset pagination is not yet available for this type of request', 405)
    return []
  }
  return pageByKey(request, reply, found, (p) => String(p.id), direction > 0 ? 'id_after' : 'id_before')
}

function compare(a: Project, b: Project, by: string | undefined): number {
  if (by === 'name') return a.name.localeCompare(b.name)
  if (by === 'path') return a.path.localeCompare(b.path)
  return a.id - b.id // ids are given in the order of creation
}

/** Makes a project for its asker, who owns it; in a group only where they maintain something already. */
async function make(world: World, user: User, request: FastifyRequest, reply: FastifyReply) {
  const asked = askedOf(request)
  const name = asked.name ?? asked.path
  if (name === undefined) return wrong(reply, 'name, path are missing, at least one parameter must be provided')
  const namespace = namespaceAsked(world, user, asked.namespace_id)
  if (namespace === null) return no(reply, 400, { namespace: ['is not valid'] })
  const path = `${namespace}/${asked.path ?? slugOf(name)}`
  if (asked.default_branch !== undefined && !isBranchName(asked.default_branch))
    return no(reply, 400, { default_branch: ['is not a valid branch name'] })
  if (!isProjectPath(path) || path.split('/').length !== namespace.split('/').length + 1)
    return no(reply, 400, {
      path: [
        "can contain only letters, digits, '_', '-' and '.'. Cannot start with '-', end in '.git' or end in '.atom'",
      ],
    })
  if (isTaken(world, path)) {
    const taken = ['has already been taken']
    return no(reply, 400, { 'project_namespace.name': taken, name: taken, path: taken })
  }
  const { default_branch: defaultBranch } = asked
  const wanted = { path, name, members: { [user.username]: OWNER }, ...(defaultBranch && { defaultBranch }) }
  const project = await addProject(world, wanted)
  return reply.code(201).send(projectShape(world, project, user))
}

const slugOf = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9_.]+/g, '-')
    .replace(/^-+|-+$/g, '')

/** The full path of the asked namespace, the user's own where none is asked; null: it is none, or not theirs. */
function namespaceAsked(world: World, user: User, id: string | undefined): string | null {
  if (id === undefined) return user.username
  const path = world.namespaces[Number(id) - 1]
  if (path === undefined) return null
  const theirs = world.projects.some((p) => namespaceOf(p.path) === path && levelOf(p, user) >= MAINTAINER)
  return theirs || path === user.username ? path : null
}

function projectShape(world: World, p: Project, user: User) {
  const namespace = namespaceOf(p.path)
  return {
    id: p.id,
    name: p.name,
    path: p.path.split('/').at(-1),
    path_with_namespace: p.path,
    name_with_namespace: `${namespace.split('/').join(' / ')} / ${p.name}`,
    namespace: {
      id: namespaceId(world, namespace),
      name: namespace.split('/').at(-1),
      path: namespace.split('/').at(-1),
      kind: world.people.byName(namespace) === null ? 'group' : 'user',
      full_path: namespace,
    },
    default_branch: p.defaultBranch,
    visibility: 'private',
    archived: false,
    created_at: p.createdAt,
    web_url: `${world.url}/${p.path}`,
    http_url_to_repo: `${world.url}/${p.path}.git`,
    ssh_url_to_repo: '',
    permissions: { project_access: { access_level: levelOf(p, user) }, group_access: null },
  }
}

function protectionShape(id: number, name: string) {
  const maintainers = (n: number) => [
    {
      id: id * 10 + n,
      access_level: MAINTAINER,
      access_level_description: 'Maintainers',
      deploy_key_id: null,
      user_id: null,
      group_id: null,
    },
  ]
  return { id, name, push_access_levels: maintainers(1), merge_access_levels: maintainers(2), allow_force_push: false }
}
