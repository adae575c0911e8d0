import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Asker, askedOf, inProject, missing, no, wrong } from './asker'
import { isRefusal, type MergeRequest, type Refusal } from './merge-request'
import { mergeRequestShape, wholeMergeRequestShape } from './merge-request-shape'
import {
  closeMergeRequest,
  editMergeRequest,
  mergeRequestOf,
  mergeRequestsOf,
  openMergeRequest,
  reopenMergeRequest,
} from './merge-requests'
import { merge } from './merging'
import { page } from './paging'
import { DEVELOPER, REPORTER } from './people'
import { levelOf, type Project } from './repositories'
import type { World } from './world'

type Asked = Record<string, string>

/** A route below one merge request. */
export const onMergeRequest = (
  world: World,
  level: number,
  handle: (asker: Asker, mr: MergeRequest, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
) =>
  inProject(world, level, async (asker, request, reply) => {
    const mr = mergeRequestOf(world, asker.project, Number((request.params as { iid: string }).iid))
    return mr === null ? no(reply, 404, '404 Not found') : handle(asker, mr, request, reply)
  })

/** GitLab's code and words for what cannot be, of one that is made or changed. */
export function refuse(reply: FastifyReply, { refused, because }: Refusal) {
  if (refused === 'exists') return no(reply, 409, [because])
  if (refused === 'same-branch') return no(reply, 422, [because])
  if (refused === 'not-allowed') return no(reply, 403, '403 Forbidden')
  return no(reply, 400, [because])
}

export function mergeRequestRoutes(app: FastifyInstance, world: World) {
  app.get(
    '/projects/:id/merge_requests',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const asked = askedOf(request)
      const problem = listProblem(asked)
      if (problem !== null) return wrong(reply, problem)
      const found = listed(mergeRequestsOf(world, project), asked, iidsOf(request))
      return Promise.all(page(request, reply, found).map((mr) => mergeRequestShape(world, mr)))
    }),
  )
  app.post(
    '/projects/:id/merge_requests',
    inProject(world, REPORTER, async (asker, request, reply) => {
      const asked = askedOf(request)
      const absent = missing(asked, 'title', 'source_branch', 'target_branch')
      if (absent !== null) return wrong(reply, absent)
      if (asker.level < DEVELOPER) return no(reply, 403, '403 Forbidden')
      const target = targetOf(world, asker, asked)
      return target === null ? no(reply, 404, '404 Project Not Found') : open(world, asker, target, asked, reply)
    }),
  )
  app.get(
    '/projects/:id/merge_requests/:iid',
    onMergeRequest(world, REPORTER, async ({ user }, mr) => wholeMergeRequestShape(world, mr, user)),
  )
  app.put(
    '/projects/:id/merge_requests/:iid',
    onMergeRequest(world, REPORTER, async ({ user }, mr, request, reply) => {
      const asked = askedOf(request)
      const event = asked.state_event
      if (event !== undefined && event !== 'close' && event !== 'reopen')
        return wrong(reply, 'state_event does not have a valid value')
      if (asked.title?.trim() === '') return no(reply, 400, { title: ["can't be blank"] })
      const edited = await editMergeRequest(world, user, mr, editOf(asked))
      if (isRefusal(edited)) return refuse(reply, edited)
      // What is so already is no error.
      if (event === 'close' && mr.status === 'opened') await closeMergeRequest(world, user, mr)
      const opened = event === 'reopen' && mr.status === 'closed' ? await reopenMergeRequest(world, user, mr) : mr
      return isRefusal(opened) ? refuse(reply, opened) : wholeMergeRequestShape(world, mr, user)
    }),
  )
  app.put(
    '/projects/:id/merge_requests/:iid/merge',
    onMergeRequest(world, REPORTER, async ({ user }, mr, request, reply) => {
      const merged = await merge(world, user, mr, mergeOf(askedOf(request)))
      return isRefusal(merged) ? refuseMerge(reply, merged) : wholeMergeRequestShape(world, mr, user)
    }),
  )
}

function refuseMerge(reply: FastifyReply, { refused, because }: Refusal) {
  if (refused === 'not-allowed') return no(reply, 401, '401 Unauthorized')
  if (refused === 'stale-head') return no(reply, 409, because)
  return no(reply, 405, '405 Method Not Allowed')
}

/** Where the merge request is to go: here, or to another project that the asker sees. */
function targetOf(world: World, { user, project }: Asker, asked: Asked): Project | null {
  if (asked.target_project_id === undefined) return project
  const target = world.projects.find(({ id }) => String(id) === asked.target_project_id)
  return target === undefined || levelOf(target, user) === 0 ? null : target
}

async function open(world: World, { user, project }: Asker, target: Project, asked: Asked, reply: FastifyReply) {
  // Branches of projects that have nothing in common are no merge request: one is the other's fork, or both one's.
  if (![target.id, target.forkOf].includes(project.id) && project.forkOf !== target.id)
    return no(reply, 422, ['Source project is not a fork of the target project'])
  const { squash, removeSource, description = '' } = editOf(asked)
  const mr = await openMergeRequest(world, user, {
    source: { project, branch: asked.source_branch ?? '' },
    target: { project: target, branch: asked.target_branch ?? '' },
    title: asked.title ?? '',
    description,
    squash: squash ?? false,
    removeSource: removeSource ?? false,
  })
  return isRefusal(mr) ? refuse(reply, mr) : reply.code(201).send(await wholeMergeRequestShape(world, mr, user))
}

const editOf = (asked: Asked) => ({
  ...(asked.title === undefined ? {} : { title: asked.title }),
  ...(asked.description === undefined ? {} : { description: asked.description }),
  ...(asked.target_branch === undefined ? {} : { target: asked.target_branch }),
  ...(asked.squash === undefined ? {} : { squash: asked.squash === 'true' }),
  ...(asked.remove_source_branch === undefined ? {} : { removeSource: asked.remove_source_branch === 'true' }),
})

const mergeOf = (asked: Asked) => ({
  ...(asked.sha === undefined ? {} : { head: asked.sha }),
  ...(asked.squash === undefined ? {} : { squash: asked.squash === 'true' }),
  ...(asked.should_remove_source_branch === undefined
    ? {}
    : { removeSource: asked.should_remove_source_branch === 'true' }),
  ...(asked.merge_commit_message === undefined ? {} : { message: asked.merge_commit_message }),
  ...(asked.squash_commit_message === undefined ? {} : { squashMessage: asked.squash_commit_message }),
})

const VALUES: Record<string, readonly string[]> = {
  state: ['opened', 'closed', 'locked', 'merged', 'all'],
  order_by: [
    'created_at',
    'updated_at',
    'merged_at',
    'title',
    'label_priority',
    'priority',
    'milestone_due',
    'popularity',
  ],
  sort: ['asc', 'desc'],
}

function listProblem(asked: Asked): string | null {
  const bad = Object.keys(VALUES).find(
    (name) => asked[name] !== undefined && !VALUES[name]?.includes(asked[name] ?? ''),
  )
  return bad === undefined ? null : `${bad} does not have a valid value`
}

/** `iids[]=1&iids[]=2`; null where none is asked for. */
function iidsOf(request: FastifyRequest): string[] | null {
  const asked = (request.query as Record<string, string | string[] | undefined>)['iids[]']
  return asked === undefined ? null : [asked].flat()
}

function listed(all: readonly MergeRequest[], asked: Asked, iids: readonly string[] | null): MergeRequest[] {
  const { state = 'all', order_by: by = 'created_at', sort = 'desc' } = asked
  const text = (asked.search ?? '').toLowerCase()
  const found = all
    .filter((mr) => state === 'all' || mr.status === state)
    .filter((mr) => asked.source_branch === undefined || mr.source === asked.source_branch)
    .filter((mr) => asked.target_branch === undefined || mr.target === asked.target_branch)
    .filter((mr) => asked.source_project_id === undefined || String(mr.sourceProjectId) === asked.source_project_id)
    .filter((mr) => asked.author_id === undefined || String(mr.authorId) === asked.author_id)
    .filter((mr) => asked.wip === undefined || mr.draft === (asked.wip === 'yes'))
    .filter((mr) => asked.updated_after === undefined || Date.parse(mr.updatedAt) >= Date.parse(asked.updated_after))
    .filter((mr) => iids === null || iids.includes(String(mr.iid)))
    .filter((mr) => `${mr.title}\n${mr.description}`.toLowerCase().includes(text))
    .sort((a, b) => compare(a, b, by))
  return sort === 'asc' ? found : found.reverse()
}

/** Several of one millisecond are told apart by their numbers. */
function compare(a: MergeRequest, b: MergeRequest, by: string): number {
  const of = (mr: MergeRequest) =>
    by === 'updated_at' ? mr.updatedAt : by === 'merged_at' ? (mr.mergedAt ?? '') : by === 'title' ? mr.title : ''
  return of(a).localeCompare(of(b)) || a.iid - b.iid
}
