import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { askedOf, inProject, isNamed, known, no, userOf, wrong } from './asker'
import { isBranchName } from './branch-names'
import { HEADS } from './happening'
import { isMergeMethod } from './merge-request'
import { isKeyset, page, pageByKey } from './paging'
import { MAINTAINER, OWNER, type User } from './people'
import { addProject, isProjectPath, isTaken, namespaceId, namespaceOf } from './projects'
import { git, levelOf, type Project, readRefs } from './repositories'
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
  app.put(
    '/projects/:id',
    inProject(world, MAINTAINER, async (asker, request, reply) => {
      const refused = await change(asker.project, askedOf(request))
      return refused === null ? projectShape(world, asker.project, asker.user) : no(reply, 400, refused)
    }),
  )
}

/** Lays the asked fields over a project, all of them or none. @returns why none */
async function change(project: Project, asked: Record<string, string>): Promise<object | null> {
  const { name = project.name, default_branch: defaultBranch = project.defaultBranch } = asked
  const { merge_method: mergeMethod = project.mergeMethod } = asked
  if (!isMergeMethod(mergeMethod)) return { merge_method: ['is not included in the list'] }
  if (defaultBranch !== project.defaultBranch && !(await readRefs(project.dir)).has(HEADS + defaultBranch))
    return { base: [`Could not change HEAD: branch '${defaultBranch}' does not exist`] }
  await git(project.dir, ['symbolic-ref', 'HEAD', HEADS + defaultBranch])
  Object.assign(project, { name, defaultBranch, mergeMethod })
  return null
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
  const parent = world.projects.find(({ id }) => id === p.forkOf)
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
    merge_method: p.mergeMethod,
    merge_requests_enabled: true,
    ...(parent === undefined ? {} : { forked_from_project: parentShape(world, parent) }),
    visibility: 'private',
    archived: false,
    created_at: p.createdAt,
    web_url: `${world.url}/${p.path}`,
    http_url_to_repo: `${world.url}/${p.path}.git`,
    ssh_url_to_repo: '',
    permissions: { project_access: { access_level: levelOf(p, user) }, group_access: null },
  }
}

const parentShape = (world: World, p: Project) => ({
  id: p.id,
  name: p.name,
  path: p.path.split('/').at(-1),
  path_with_namespace: p.path,
  web_url: `${world.url}/${p.path}`,
})
