import type { FastifyInstance } from 'fastify'
import { commitShape } from './api-commits'
import { type Asker, askedOf, inProject, missing, no, wrong } from './asker'
import { isBranchName } from './branch-names'
import { changeRefs } from './changes'
import { HEADS } from './happening'
import { pageEither } from './paging'
import { DEVELOPER, REPORTER } from './people'
import { isClosed, isProtected, mayMerge } from './protections'
import { git, log, readRefs, resolve } from './repositories'
import type { World } from './world'

export function branchRoutes(app: FastifyInstance, world: World) {
  app.get(
    '/projects/:id/repository/branches',
    inProject(world, REPORTER, async (asker, request, reply) => {
      const { search = '' } = askedOf(request)
      const heads = [...(await readRefs(asker.project.dir))]
        .filter(([ref]) => ref.startsWith(HEADS))
        .map(([ref, id]) => ({ name: ref.slice(HEADS.length), id }))
        .filter(({ name }) => name.includes(search))
      const paged = pageEither(request, reply, heads, ({ name }) => name)
      return Promise.all(paged.map(({ name, id }) => branchShape(world, asker, name, id)))
    }),
  )
  app.get(
    '/projects/:id/repository/branches/:branch',
    inProject(world, REPORTER, async (asker, request, reply) => {
      const { branch } = request.params as { branch: string }
      const id = (await readRefs(asker.project.dir)).get(HEADS + branch)
      return id === undefined ? no(reply, 404, '404 Branch Not Found') : branchShape(world, asker, branch, id)
    }),
  )
  app.post(
    '/projects/:id/repository/branches',
    inProject(world, DEVELOPER, async (asker, request, reply) => {
      const asked = askedOf(request)
      const absent = missing(asked, 'branch', 'ref')
      if (absent !== null) return wrong(reply, absent)
      const { branch = '', ref = '' } = asked
      const made = await changeRefs(world, asker, () => create(asker, branch, ref))
      if ('problem' in made) return no(reply, made.status, made.problem)
      return reply.code(201).send(await branchShape(world, asker, branch, made.id))
    }),
  )
  app.delete(
    '/projects/:id/repository/branches/:branch',
    inProject(world, DEVELOPER, async (asker, request, reply) => {
      const { branch } = request.params as { branch: string }
      const refused = await changeRefs(world, asker, () => remove(asker, branch))
      return refused === null ? reply.code(204).send() : no(reply, refused.status, refused.problem)
    }),
  )
}

type Refusal = { status: number; problem: string }

async function create({ project, level }: Asker, branch: string, ref: string): Promise<Refusal | { id: string }> {
  const refused = (problem: string, status = 400) => ({ status, problem })
  if (!isBranchName(branch)) return refused('Branch name is invalid')
  if ((await readRefs(project.dir)).has(HEADS + branch)) return refused('Branch already exists')
  const id = await resolve(project.dir, ref)
  if (id === null) return refused(`Failed to create branch '${branch}': invalid reference name '${ref}'`)
  if (isClosed(project, branch, level)) return refused('403 Forbidden', 403)
  try {
    await git(project.dir, ['update-ref', '--', HEADS + branch, id, '0'.repeat(id.length)])
  } catch (error) {
    // `feature` in the way of `feature/x`, or the other way round
    const why =
      /: ('refs\/heads\/.+)$/m.exec(String((error as { stderr?: string }).stderr))?.[1] ?? 'reference update failed'
    return refused(`Failed to create branch '${branch}': ${why}`)
  }
  return { id }
}

/** @returns why not, or null when it is gone */
async function remove({ project, level }: Asker, branch: string): Promise<Refusal | null> {
  const id = (await readRefs(project.dir)).get(HEADS + branch)
  if (id === undefined) return { status: 404, problem: '404 Branch Not Found' }
  if (branch === project.defaultBranch)
    return { status: 400, problem: 'The default branch of a project cannot be deleted.' }
  if (isClosed(project, branch, level)) return { status: 405, problem: "You don't have push access to this branch" }
  await git(project.dir, ['update-ref', '-d', '--', HEADS + branch, id])
  return null
}

async function branchShape(world: World, { project, level }: Asker, name: string, id: string) {
  const [commit] = await log(project.dir, id, 1)
  return {
    name,
    merged: false,
    protected: isProtected(project, name),
    default: name === project.defaultBranch,
    can_push: level >= DEVELOPER && !isClosed(project, name, level),
    developers_can_push: isProtected(project, name) && !isClosed(project, name, DEVELOPER),
    developers_can_merge: isProtected(project, name) && mayMerge(project, name, DEVELOPER),
    web_url: `${world.url}/${project.path}/-/tree/${name}`,
    commit: commit === undefined ? null : commitShape(world, project, commit),
  }
}
