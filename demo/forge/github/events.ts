// What GitHub tells its webhooks of.
import { type Happening, isZero, type Listener, type RefChange, TAGS } from '../happening'
import type { MergeRequest } from '../merge-request'
import { isAncestor } from '../merges'
import { mergeabilityOf } from '../merging'
import type { User } from '../people'
import { findProject } from '../projects'
import { log, type Project, resolve } from '../repositories'
import type { World } from '../world'
import { fullPullShape, pullShape } from './pull-shape'
import { commitPart, repositoryShape, userById, userShape } from './shapes'
import { type Github, listOf, type Review } from './state'

/** A push of more tags than these sends nothing of them. */
const MOST_TAGS = 3
const MOST_COMMITS = 20

/** Sends to the hooks of a repository that want to hear of it. */
function send({ sender, hooks }: Github, project: Project, event: string, payload: object) {
  for (const hook of listOf(hooks, project.id))
    if (hook.active && (hook.events.includes(event) || hook.events.includes('*'))) sender.send(hook, event, payload)
}

export const listening =
  (github: Github): Listener =>
  async (happening) => {
    if (happening.kind === 'push') return tellPush(github, happening)
    const told = await pullEvent(github.world, happening)
    if (told === null) return
    send(github, findProject(github.world, happening.mergeRequest.targetProjectId), 'pull_request', told)
  }

async function tellPush(github: Github, { project, user, changes }: Extract<Happening, { kind: 'push' }>) {
  const isTag = ({ ref }: RefChange) => ref.startsWith(TAGS)
  const tooMany = changes.filter(isTag).length > MOST_TAGS
  for (const change of changes)
    if (!isTag(change) || !tooMany)
      send(github, project, 'push', await pushPayload(github.world, project, user, change))
}

async function pushPayload(world: World, project: Project, user: User, { ref, before, after }: RefChange) {
  const [created, deleted] = [isZero(before), isZero(after)]
  const isTag = ref.startsWith(TAGS)
  const head = deleted ? null : await resolve(project.dir, after)
  const [headCommit] = head === null ? [] : await log(project.dir, head, 1)
  const isUpdate = !created && !deleted && !isTag
  const commits = isUpdate ? (await log(project.dir, [after, `^${before}`], MOST_COMMITS)).reverse() : []
  return {
    ref,
    before,
    after,
    created,
    deleted,
    forced: isUpdate && !(await isAncestor(project.dir, before, after)),
    base_ref: null,
    compare: `${world.url}/${project.path}/compare/${before.slice(0, 12)}...${after.slice(0, 12)}`,
    commits: commits.map((commit) => commitPart(world, project, commit)),
    head_commit: headCommit === undefined ? null : commitPart(world, project, headCommit),
    repository: repositoryShape(world, project),
    pusher: { name: user.username, email: `${user.username}@example.com` },
    sender: userShape(world, user),
  }
}

type MergeRequestTold = Extract<Happening, { kind: 'merge-request' }>

/** Null: GitHub has another event for it, or none. */
async function pullEvent(world: World, told: MergeRequestTold): Promise<object | null> {
  const action = actionOf(told)
  if (action === null) return null
  const { mergeRequest: mr, user, oldHead, changes } = told
  return {
    action,
    number: mr.iid,
    ...(action === 'synchronize' ? { before: oldHead, after: mr.head } : {}),
    ...(action === 'edited' ? { changes: editedOf(changes) } : {}),
    pull_request: fullPullShape(world, mr, await mergeabilityOf(world, mr)),
    repository: repositoryShape(world, findProject(world, mr.targetProjectId)),
    sender: userShape(world, user),
  }
}

function actionOf({ action, oldHead, changes, mergeRequest }: MergeRequestTold): string | null {
  if (action === 'open') return 'opened'
  if (action === 'reopen') return 'reopened'
  if (action === 'merge' || action === 'close') return 'closed'
  if (action !== 'update') return null
  if (oldHead !== null) return 'synchronize'
  if ('draft' in changes) return mergeRequest.draft ? 'converted_to_draft' : 'ready_for_review'
  return 'edited'
}

const editedOf = ({ title, target_branch: base, description }: MergeRequestTold['changes']) => ({
  ...(title ? { title: { from: title.previous } } : {}),
  ...(description ? { body: { from: description.previous } } : {}),
  ...(base ? { base: { ref: { from: base.previous } } } : {}),
})

/** In the event GitHub writes a review's state in small letters. */
export function tellReview(
  github: Github,
  { mr, review, user, action }: { mr: MergeRequest; review: Review; user: User; action: 'submitted' | 'dismissed' },
) {
  const { world } = github
  const project = findProject(world, mr.targetProjectId)
  send(github, project, 'pull_request_review', {
    action,
    review: {
      id: review.id,
      user: userById(world, review.userId),
      body: review.body,
      state: review.state.toLowerCase(),
      commit_id: review.commitId,
      submitted_at: review.submittedAt,
    },
    pull_request: pullShape(world, mr),
    repository: repositoryShape(world, project),
    sender: userShape(world, user),
  })
}
