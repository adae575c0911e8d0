import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HEADS } from '../happening'
import { isRefusal, type MergeRequest, type Refusal } from '../merge-request'
import {
  closeMergeRequest,
  type Edit,
  editMergeRequest,
  mergeRequestOf,
  mergeRequestsOf,
  openMergeRequest,
  reopenMergeRequest,
} from '../merge-requests'
import { isAncestor } from '../merges'
import { merge, mergeabilityOf } from '../merging'
import { type Project, readRefs } from '../repositories'
import type { World } from '../world'
import { type Asker, bodyOf, inRepository, invalid, no, page, param, queryOf, READ, textAsked, WRITE } from './asked'
import { fullPullShape, pullShape } from './pull-shape'
import { type Github, methodsOf } from './state'

type OnPull = (asker: Asker, mr: MergeRequest, request: FastifyRequest, reply: FastifyReply) => unknown

/** A route below one pull request. */
export const onPull = (world: World, level: number, handle: OnPull) =>
  inRepository(world, level, (asker, request, reply) => {
    const mr = mergeRequestOf(world, asker.project, Number(param(request, 'number')))
    return mr === null ? no(reply, 404, 'Not Found') : handle(asker, mr, request, reply)
  })

export function pullRoutes(app: FastifyInstance, github: Github) {
  const { world } = github
  const at = '/repos/:owner/:repo/pulls'
  const full = async (mr: MergeRequest) => fullPullShape(world, mr, await mergeabilityOf(world, mr))
  app.get(
    at,
    inRepository(world, READ, ({ project }, request, reply) =>
      page(request, reply, listed(world, project, request)).map((mr) => pullShape(world, mr)),
    ),
  )
  app.post(
    at,
    inRepository(world, READ, async (asker, request, reply) => {
      const made = await open(world, asker, request)
      return isRefusal(made) ? refusedOpening(reply, made) : reply.code(201).send(await full(made))
    }),
  )
  app.get(
    `${at}/:number`,
    onPull(world, READ, (_asker, mr) => full(mr)),
  )
  app.patch(
    `${at}/:number`,
    onPull(world, READ, async ({ user }, mr, request, reply) => {
      const changed = await edit(world, user, mr, request)
      if (!isRefusal(changed)) return full(changed)
      if (changed.refused === 'not-allowed') return no(reply, 403, 'Must have admin rights to Repository.')
      return refusedOpening(reply, changed)
    }),
  )
  app.put(
    `${at}/:number/merge`,
    onPull(world, WRITE, (asker, mr, request, reply) => mergePull(github, asker, mr, request, reply)),
  )
}

function listed(world: World, project: Project, request: FastifyRequest): MergeRequest[] {
  const { state = 'open', head, base, direction } = queryOf(request)
  const label = (mr: MergeRequest) => pullShape(world, mr).head.label
  const found = mergeRequestsOf(world, project)
    .filter((mr) => state === 'all' || (mr.status === 'opened') === (state === 'open'))
    .filter((mr) => (head === undefined || label(mr) === head) && (base === undefined || mr.target === base))
  return direction === 'asc' ? found : found.reverse()
}

/** `head` is a branch, or owner:branch of this repository or of a fork. */
function sourceOf(world: World, project: Project, head: string): { project: Project; branch: string } | null {
  const [, owner, branch = ''] = /^(?:([^:]+):)?(.+)$/.exec(head) ?? []
  if (owner === undefined || owner === project.path.split('/')[0]) return { project, branch }
  const fork = world.projects.find((p) => p.forkOf === project.id && p.path.startsWith(`${owner}/`))
  return fork === undefined ? null : { project: fork, branch }
}

async function open(world: World, { project, user }: Asker, request: FastifyRequest): Promise<MergeRequest | Refusal> {
  const [title = '', head = '', base = '', description = ''] = ['title', 'head', 'base', 'body'].map((name) =>
    textAsked(request, name),
  )
  const source = sourceOf(world, project, head)
  if (source === null) return { refused: 'no-branch', because: 'head' }
  const [ours, theirs] = [await readRefs(project.dir), await readRefs(source.project.dir)]
  const [onto, from] = [ours.get(HEADS + base), theirs.get(HEADS + source.branch)]
  if (onto === undefined) return { refused: 'no-branch', because: 'base' }
  if (from === undefined) return { refused: 'no-branch', because: 'head' }
  // In a fork the commits may be unknown here: then they are new.
  if (await isAncestor(project.dir, from, onto).catch(() => false))
    return { refused: 'no-commits', because: `No commits between ${base} and ${source.branch}` }
  const draft = bodyOf(request).draft === true
  const made = await openMergeRequest(world, user, {
    source,
    target: { project, branch: base },
    title,
    description,
    draft,
  })
  if (!isRefusal(made) || made.refused !== 'exists') return made
  const label = `${source.project.path.split('/')[0]}:${source.branch}`
  return { refused: 'exists', because: `A pull request already exists for ${label}.` }
}

function refusedOpening(reply: FastifyReply, { refused, because }: Refusal) {
  const resource = 'PullRequest'
  if (refused === 'no-branch') return invalid(reply, [{ resource, field: because, code: 'invalid' }])
  if (refused === 'not-allowed') return no(reply, 403, 'Resource not accessible by personal access token')
  return invalid(reply, [{ resource, code: 'custom', message: because }])
}

async function edit(world: World, user: Asker['user'], mr: MergeRequest, request: FastifyRequest) {
  const [title, description, target, state] = ['title', 'body', 'base', 'state'].map((name) => textAsked(request, name))
  const wanted: Edit = {
    draft: mr.draft,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(target === undefined ? {} : { target }),
  }
  const changed = await editMergeRequest(world, user, mr, wanted)
  if (isRefusal(changed)) return changed
  if (state === 'closed' && mr.status === 'opened') return closeMergeRequest(world, user, mr)
  if (state === 'open' && mr.status === 'closed') return reopenMergeRequest(world, user, mr)
  return changed
}

const METHOD_WORDS = { merge: 'Merge commits', squash: 'Squash merges', rebase: 'Rebase merges' }

async function mergePull(
  github: Github,
  { user, project }: Asker,
  mr: MergeRequest,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const { world } = github
  const [head, asked = 'merge', title = '', more = ''] = ['sha', 'merge_method', 'commit_title', 'commit_message'].map(
    (name) => textAsked(request, name),
  )
  if (asked !== 'merge' && asked !== 'squash' && asked !== 'rebase')
    return invalid(reply, [{ resource: 'PullRequest', field: 'merge_method', code: 'invalid' }])
  if (!methodsOf(github, project)[asked])
    return no(reply, 405, `${METHOD_WORDS[asked]} are not allowed on this repository.`)
  const message = [title, more].filter(Boolean).join('\n\n')
  const how = asked === 'rebase' ? await rebaseOf(project, mr) : asked
  if (how === null) return no(reply, 405, "This branch can't be rebased")
  const merged = await merge(world, user, mr, {
    method: how,
    squash: false,
    ...(head === undefined ? {} : { head }),
    ...(message === '' ? {} : { message }),
  })
  if (isRefusal(merged)) return refusedMerge(reply, merged)
  return { sha: merged.landed, merged: true, message: 'Pull Request successfully merged' }
}

/** Where nothing lies between, the target moves to the head; anything else is not rebased here. GitHub writes new commits in both cases. */
async function rebaseOf(project: Project, mr: MergeRequest): Promise<'ff' | null> {
  const onto = (await readRefs(project.dir)).get(HEADS + mr.target)
  return onto !== undefined && (await isAncestor(project.dir, onto, mr.head)) ? 'ff' : null
}

function refusedMerge(reply: FastifyReply, { refused }: Refusal) {
  if (refused === 'stale-head') return no(reply, 409, 'Head branch was modified. Review and try the merge again.')
  if (refused === 'draft') return no(reply, 405, 'Pull Request is still a draft')
  if (refused === 'not-allowed') return no(reply, 403, "You're not authorized to push to this branch.")
  return no(reply, 405, 'Pull Request is not mergeable')
}
