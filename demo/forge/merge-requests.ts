// Opening, changing, approving and noting merge requests, for every API that the forge speaks.
// Who asks was found out before: the acts ask for the rights that the act itself needs, and refuse in values.
import { announce, type Happening, HEADS } from './happening'
import {
  type Changes,
  isDraftTitle,
  isRefusal,
  type MergeRequest,
  type Note,
  type Refusal,
  refusal,
} from './merge-request'
import { DEVELOPER, REPORTER, type User } from './people'
import { findProject } from './projects'
import { keepHead } from './refresh'
import { levelOf, type Project, readRefs } from './repositories'
import type { World } from './world'

export interface WantedMergeRequest {
  source: { project: Project; branch: string }
  target: { project: Project; branch: string }
  title: string
  description?: string
  /** Left out: by the title. */
  draft?: boolean
  squash?: boolean
  removeSource?: boolean
}

export const mergeRequestsOf = (world: World, project: Project): MergeRequest[] =>
  world.mergeRequests.filter((mr) => mr.targetProjectId === project.id)

export const mergeRequestOf = (world: World, project: Project, iid: number): MergeRequest | null =>
  mergeRequestsOf(world, project).find((mr) => mr.iid === iid) ?? null

/** Developers change any merge request of their project, authors their own. */
export const mayChange = (world: World, user: User, mr: MergeRequest): boolean =>
  mr.authorId === user.id || levelOf(findProject(world, mr.targetProjectId), user) >= DEVELOPER

const twinOf = (world: World, { source, target }: WantedMergeRequest, except?: MergeRequest) =>
  world.mergeRequests.find(
    (mr) =>
      mr !== except &&
      mr.status === 'opened' &&
      mr.sourceProjectId === source.project.id &&
      mr.source === source.branch &&
      mr.targetProjectId === target.project.id &&
      mr.target === target.branch,
  )

/** The source's newest commit, or why these two branches can have no open merge request. */
async function headToMerge(world: World, wanted: WantedMergeRequest, except?: MergeRequest): Promise<string | Refusal> {
  const { source, target } = wanted
  if (source.project === target.project && source.branch === target.branch)
    return refusal('same-branch', "You can't use same project/branch for source and target")
  const head = (await readRefs(source.project.dir)).get(HEADS + source.branch)
  if (head === undefined) return refusal('no-branch', `Source branch "${source.branch}" does not exist`)
  if (!(await readRefs(target.project.dir)).has(HEADS + target.branch))
    return refusal('no-branch', `Target branch "${target.branch}" does not exist`)
  const twin = twinOf(world, wanted, except)
  return twin === undefined
    ? head
    : refusal('exists', `Another open merge request already exists for this source branch: !${twin.iid}`)
}

export async function openMergeRequest(
  world: World,
  user: User,
  wanted: WantedMergeRequest,
): Promise<MergeRequest | Refusal> {
  const { source, target } = wanted
  if (levelOf(source.project, user) < DEVELOPER || levelOf(target.project, user) < REPORTER)
    return refusal('not-allowed', 'only Developers of the source open merge requests')
  const mr = await world.turns.take(source.project.id, async () => {
    const head = await headToMerge(world, wanted)
    if (typeof head !== 'string') return head
    const made = newMergeRequest(world, user, wanted, head)
    world.mergeRequests.push(made)
    await keepHead(world, made)
    return made
  })
  if (!isRefusal(mr)) await tell(world, user, mr, 'open')
  return mr
}

function newMergeRequest(world: World, user: User, wanted: WantedMergeRequest, head: string): MergeRequest {
  const { source, target, title } = wanted
  const now = new Date().toISOString()
  return {
    id: world.nextId(),
    iid: 1 + Math.max(0, ...mergeRequestsOf(world, target.project).map(({ iid }) => iid)),
    sourceProjectId: source.project.id,
    source: source.branch,
    targetProjectId: target.project.id,
    target: target.branch,
    title,
    description: wanted.description ?? '',
    status: 'opened',
    draft: wanted.draft ?? isDraftTitle(title),
    head,
    authorId: user.id,
    approvals: [],
    notes: [],
    squash: wanted.squash ?? false,
    removeSource: wanted.removeSource ?? false,
    createdAt: now,
    updatedAt: now,
    closedAt: null,
    closedById: null,
    mergedAt: null,
    mergedById: null,
    mergeCommit: null,
    squashCommit: null,
    landed: null,
    checkingUntil: Date.now() + world.mischief.checkingMs,
  }
}

type Action = Extract<Happening, { kind: 'merge-request' }>['action']

const tell = (world: World, user: User, mergeRequest: MergeRequest, action: Action, changes: Changes = {}) =>
  announce(world.listeners, {
    kind: 'merge-request',
    action,
    mergeRequest,
    user,
    oldHead: null,
    changes,
    system: false,
  })

const wantedAgain = (world: World, mr: MergeRequest, target = mr.target): WantedMergeRequest => ({
  source: { project: findProject(world, mr.sourceProjectId), branch: mr.source },
  target: { project: findProject(world, mr.targetProjectId), branch: target },
  title: mr.title,
})

export interface Edit {
  title?: string
  description?: string
  /** Left out with a new title: by the title. */
  draft?: boolean
  target?: string
  squash?: boolean
  removeSource?: boolean
}

/** Changes a merge request, all of it or nothing; what was so already changes nothing and is not told of. */
export async function editMergeRequest(
  world: World,
  user: User,
  mr: MergeRequest,
  edit: Edit,
): Promise<MergeRequest | Refusal> {
  if (!mayChange(world, user, mr)) return refusal('not-allowed', 'only its author and Developers change it')
  if (edit.target !== undefined && edit.target !== mr.target && mr.status === 'opened') {
    const head = await headToMerge(world, wantedAgain(world, mr, edit.target), mr)
    if (typeof head !== 'string') return head
  }
  const draft = edit.draft ?? (edit.title === undefined ? mr.draft : isDraftTitle(edit.title))
  const fields = { ...edit, draft }
  const names = { title: 'title', description: 'description', draft: 'draft', target: 'target_branch' } as const
  const changes: Changes = {}
  for (const [field, name] of Object.entries(names) as [keyof typeof names, string][])
    if (fields[field] !== undefined && fields[field] !== mr[field])
      changes[name] = { previous: mr[field], current: fields[field] }
  Object.assign(mr, Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)))
  if (Object.keys(changes).length === 0) return mr
  const now = new Date().toISOString()
  changes.updated_at = { previous: mr.updatedAt, current: now }
  mr.updatedAt = now
  if ('target_branch' in changes) mr.checkingUntil = Date.now() + world.mischief.checkingMs
  await tell(world, user, mr, 'update', changes)
  return mr
}

export async function closeMergeRequest(world: World, user: User, mr: MergeRequest): Promise<MergeRequest | Refusal> {
  if (!mayChange(world, user, mr)) return refusal('not-allowed', 'only its author and Developers close it')
  if (mr.status !== 'opened') return refusal('not-open', `it is ${mr.status}`)
  const now = new Date().toISOString()
  Object.assign(mr, { status: 'closed', closedAt: now, closedById: user.id, updatedAt: now })
  await tell(world, user, mr, 'close')
  return mr
}

/** Opens a closed one again, at what its source is now. */
export async function reopenMergeRequest(world: World, user: User, mr: MergeRequest): Promise<MergeRequest | Refusal> {
  if (!mayChange(world, user, mr)) return refusal('not-allowed', 'only its author and Developers open it again')
  const opened = await world.turns.take(mr.sourceProjectId, async () => {
    if (mr.status !== 'closed') return refusal('already', `it is ${mr.status}`)
    const head = await headToMerge(world, wantedAgain(world, mr), mr)
    if (typeof head !== 'string') return head
    Object.assign(mr, { status: 'opened', head, closedAt: null, closedById: null, updatedAt: new Date().toISOString() })
    await keepHead(world, mr)
    return mr
  })
  if (!isRefusal(opened)) await tell(world, user, mr, 'reopen')
  return opened
}

/** @param head the commit that is approved, where the asker says which */
export async function approve(
  world: World,
  user: User,
  mr: MergeRequest,
  head?: string,
): Promise<MergeRequest | Refusal> {
  if (head !== undefined && head !== mr.head)
    return refusal('stale-head', `SHA does not match HEAD of source branch: ${mr.head}`)
  if (levelOf(findProject(world, mr.targetProjectId), user) < DEVELOPER)
    return refusal('not-allowed', 'only Developers approve')
  if (mr.status !== 'opened') return refusal('not-open', `it is ${mr.status}`)
  if (mr.approvals.some(({ userId }) => userId === user.id)) return refusal('already', 'it is approved by this user')
  const at = new Date().toISOString()
  mr.approvals.push({ userId: user.id, at, head: mr.head })
  mr.updatedAt = at
  await tell(world, user, mr, 'approved')
  return mr
}

export async function unapprove(world: World, user: User, mr: MergeRequest): Promise<MergeRequest | Refusal> {
  const left = mr.approvals.filter(({ userId }) => userId !== user.id)
  if (left.length === mr.approvals.length) return refusal('not-approved', 'this user has not approved it')
  mr.approvals = left
  mr.updatedAt = new Date().toISOString()
  await tell(world, user, mr, 'unapproved')
  return mr
}

export function addNote(world: World, user: User, mr: MergeRequest, body: string): Note {
  const now = new Date().toISOString()
  const note: Note = { id: world.nextId(), body, authorId: user.id, createdAt: now, updatedAt: now }
  mr.notes.push(note)
  return note
}

export function editNote(note: Note, body: string): Note {
  return Object.assign(note, { body, updatedAt: new Date().toISOString() })
}

export function removeNote(mr: MergeRequest, note: Note) {
  mr.notes = mr.notes.filter((each) => each !== note)
}
