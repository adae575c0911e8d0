// Whether a merge request can be merged, and merging it: real merges in the target's repository.
import { changeRefs } from './changes'
import { announce, HEADS } from './happening'
import {
  isRefusal,
  type Mergeability,
  type MergeMethod,
  type MergeRequest,
  type Refusal,
  refusal,
} from './merge-request'
import { commitTree, isAncestor, mergeBase, treeOfMerge } from './merges'
import type { User } from './people'
import { findProject } from './projects'
import { isClosed, mayMerge } from './protections'
import { git, levelOf, log, type Project, readRefs } from './repositories'
import type { World } from './world'

/** The state of its own first, as GitLab looks at it; then git's. */
export async function mergeabilityOf(world: World, mr: MergeRequest): Promise<Mergeability> {
  if (mr.status !== 'opened') return 'not-open'
  if (Date.now() < mr.checkingUntil) return 'checking'
  if (mr.draft) return 'draft'
  const target = findProject(world, mr.targetProjectId)
  const onto = (await readRefs(target.dir)).get(HEADS + mr.target)
  if (onto === undefined) return 'no-commits'
  const key = `${mr.head} ${onto} ${target.mergeMethod}`
  const known = answers.get(mr)
  if (known?.key === key) return known.answer
  const answer = await gitsAnswer(target, mr.head, onto)
  answers.set(mr, { key, answer })
  return answer
}

/** Git's last answer for each: lists ask for many, and commits do not change. */
const answers = new WeakMap<MergeRequest, { key: string; answer: Mergeability }>()

async function gitsAnswer({ dir, mergeMethod }: Project, head: string, onto: string): Promise<Mergeability> {
  if (await isAncestor(dir, head, onto)) return 'no-commits'
  if ((await treeOfMerge(dir, onto, head)) === null) return 'conflict'
  return mergeMethod !== 'merge' && !(await isAncestor(dir, onto, head)) ? 'need-rebase' : 'mergeable'
}

export interface WantedMerge {
  /** Only while the source is still at this commit. */
  head?: string
  /** Left out: the project's. `squash` is GitHub's: one commit on the target, and no merge commit. */
  method?: MergeMethod | 'squash'
  squash?: boolean
  removeSource?: boolean
  message?: string
  squashMessage?: string
}

/** Merges; the branch changes as by a push of the user's. Refused where the source moved, or it cannot be merged. */
export async function merge(
  world: World,
  user: User,
  mr: MergeRequest,
  wanted: WantedMerge = {},
): Promise<MergeRequest | Refusal> {
  const project = findProject(world, mr.targetProjectId)
  if (!mayMerge(project, mr.target, levelOf(project, user)))
    return refusal('not-allowed', 'who may not push may not merge')
  const merged = await changeRefs(world, { project, user }, () => land(world, user, mr, wanted))
  if (isRefusal(merged)) return merged
  await announce(world.listeners, {
    kind: 'merge-request',
    action: 'merge',
    mergeRequest: mr,
    user,
    oldHead: null,
    changes: {},
    system: false,
  })
  if (wanted.removeSource ?? mr.removeSource) await removeSource(world, user, mr)
  return mr
}

/** In the target's turn: nobody else changes its branches meanwhile. */
async function land(world: World, user: User, mr: MergeRequest, wanted: WantedMerge): Promise<MergeRequest | Refusal> {
  const mergeability = await mergeabilityOf(world, mr)
  if (mergeability !== 'mergeable' && !(mergeability === 'need-rebase' && wanted.method !== undefined))
    return refusal(mergeability, `it cannot be merged: ${mergeability}`)
  const { head } = mr
  if (wanted.head !== undefined && wanted.head !== head)
    return refusal('stale-head', `SHA does not match HEAD of source branch: ${head}`)
  const project = findProject(world, mr.targetProjectId)
  const onto = (await readRefs(project.dir)).get(HEADS + mr.target) ?? ''
  const made = await commitsOf(project, user, mr, { ...wanted, head, onto })
  if (isRefusal(made)) return made
  await git(project.dir, ['update-ref', '--', HEADS + mr.target, made.landed, onto])
  const now = new Date().toISOString()
  return Object.assign(mr, { ...made, status: 'merged', mergedAt: now, mergedById: user.id, updatedAt: now })
}

type Made = Pick<MergeRequest, 'mergeCommit' | 'squashCommit' | 'landed'> & { landed: string }

async function commitsOf(
  project: Project,
  user: User,
  mr: MergeRequest,
  wanted: WantedMerge & { head: string; onto: string },
): Promise<Made | Refusal> {
  const { dir } = project
  const { head, onto, method = project.mergeMethod } = wanted
  const tree = await treeOfMerge(dir, onto, head)
  if (tree === null) return refusal('conflict', 'it cannot be merged: conflict')
  const squashMessage = wanted.squashMessage ?? mr.title
  if (method === 'squash') {
    const landed = await commitTree(dir, { tree, parents: [onto], message: wanted.message ?? squashMessage, user })
    return { mergeCommit: landed, squashCommit: null, landed }
  }
  const squashCommit = (wanted.squash ?? mr.squash) ? await squashed(dir, user, squashMessage, head, onto) : null
  const comes = squashCommit ?? head
  if (method === 'ff') return { mergeCommit: null, squashCommit, landed: comes }
  const words = `Merge branch '${mr.source}' into '${mr.target}'\n\n${mr.title}\n\nSee merge request ${project.path}!${mr.iid}`
  const landed = await commitTree(dir, { tree, parents: [onto, comes], message: wanted.message ?? words, user })
  return { mergeCommit: landed, squashCommit, landed }
}

/** All of the source's commits as one, on what the two have in common; null: there is one already, as on GitLab. */
async function squashed(dir: string, user: User, message: string, head: string, onto: string): Promise<string | null> {
  const base = await mergeBase(dir, onto, head)
  if (base === null || (await log(dir, [head, `^${base}`], 2)).length < 2) return null
  return commitTree(dir, { tree: `${head}^{tree}`, parents: [base], message, user })
}

/** Only where the merger may, and nothing else keeps it. */
async function removeSource(world: World, user: User, mr: MergeRequest) {
  const project = findProject(world, mr.sourceProjectId)
  if (mr.source === project.defaultBranch || isClosed(project, mr.source, levelOf(project, user))) return
  await changeRefs(world, { project, user }, async () => {
    const at = (await readRefs(project.dir)).get(HEADS + mr.source)
    if (at === mr.head) await git(project.dir, ['update-ref', '-d', '--', HEADS + mr.source, at])
  })
}
