// What a push does to the merge requests of its branches.
import { announce, HEADS, isZero, type RefChange } from './happening'
import type { MergeRequest } from './merge-request'
import { isAncestor } from './merges'
import type { User } from './people'
import { findProject } from './projects'
import { git, type Project } from './repositories'
import type { World } from './world'

/**
 * Lays a merge request's head down in the target's repository, where it can be fetched under the names that the faces of
 * the forge give it. From a fork its objects come along.
 */
export async function keepHead(world: World, mr: MergeRequest) {
  const source = findProject(world, mr.sourceProjectId)
  const target = findProject(world, mr.targetProjectId)
  for (const ref of world.headRefs.map((nameOf) => nameOf(mr.iid)))
    if (source === target) await git(target.dir, ['update-ref', '--', ref, mr.head])
    else await git(target.dir, ['fetch', '--quiet', '--no-tags', '--', source.dir, `+${mr.head}:${ref}`])
}

type By = { project: Project; user: User }

/** Brings the open merge requests from and to the changed branches up to date, and announces what became of them. */
export async function refreshMergeRequests(world: World, by: By, changes: readonly RefChange[]) {
  const open = world.mergeRequests.filter((mr) => mr.status === 'opened')
  for (const change of changes.filter(({ ref }) => ref.startsWith(HEADS))) {
    const branch = change.ref.slice(HEADS.length)
    for (const mr of open.filter((m) => m.sourceProjectId === by.project.id && m.source === branch))
      await (isZero(change.after) ? closeWithoutSource(world, by.user, mr) : moveHead(world, by.user, mr, change.after))
    for (const mr of open.filter((m) => m.targetProjectId === by.project.id && m.target === branch))
      await mergedByPush(world, by, mr, change)
  }
}

async function closeWithoutSource(world: World, user: User, mr: MergeRequest) {
  const now = new Date().toISOString()
  Object.assign(mr, { status: 'closed', closedAt: now, closedById: user.id, updatedAt: now })
  await announce(world.listeners, { ...told(mr, user), action: 'close' })
}

async function moveHead(world: World, user: User, mr: MergeRequest, head: string) {
  const oldHead = mr.head
  const now = new Date().toISOString()
  const changes = { updated_at: { previous: mr.updatedAt, current: now } }
  Object.assign(mr, { head, updatedAt: now, checkingUntil: Date.now() + world.mischief.checkingMs })
  await keepHead(world, mr)
  const lost = findProject(world, mr.targetProjectId).resetApprovalsOnPush && mr.approvals.length > 0
  if (lost) mr.approvals = []
  await announce(world.listeners, { ...told(mr, user), action: 'update', oldHead, changes })
  if (lost) await announce(world.listeners, { ...told(mr, user), action: 'unapproved', system: true })
}

/** Whoever pushes a merge request's commits onto its target has merged it. */
async function mergedByPush(world: World, { project, user }: By, mr: MergeRequest, { before, after }: RefChange) {
  if (mr.status !== 'opened' || isZero(before) || isZero(after)) return
  if (!(await isAncestor(project.dir, mr.head, after)) || (await isAncestor(project.dir, mr.head, before))) return
  const now = new Date().toISOString()
  const mergeCommit = await whereItCame(project.dir, mr.head, before, after)
  const by = { mergedAt: now, mergedById: user.id, updatedAt: now }
  Object.assign(mr, { status: 'merged', mergeCommit, landed: mergeCommit ?? mr.head, ...by })
  await announce(world.listeners, { ...told(mr, user), action: 'merge' })
}

/** The commit of the target that brought a head; null: the head itself came onto the target. */
async function whereItCame(dir: string, head: string, before: string, after: string): Promise<string | null> {
  const list = async (...args: string[]) => (await git(dir, ['rev-list', ...args])).split('\n').filter(Boolean)
  const targets = await list('--first-parent', '--reverse', after, `^${before}`)
  if (targets.includes(head)) return null
  const holders = new Set(await list('--ancestry-path', after, `^${head}`))
  return targets.find((commit) => holders.has(commit)) ?? null
}

const told = (mergeRequest: MergeRequest, user: User) =>
  ({ kind: 'merge-request', mergeRequest, user, oldHead: null, changes: {}, system: false }) as const
