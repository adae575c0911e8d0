// Merge requests at GitLab: read, listed, opened. https://docs.gitlab.com/api/merge_requests/

import { MergeRequestApprovals, MergeRequests, Projects } from '@gitbeaker/rest'
import { z } from 'zod'
import { firstLine } from '../title'
import type { Forge, ForgeMergeRequest } from './forge'
import { type Asking, DEVELOPER, Hash, Id, orNull, pages, REPORTER, read, tell, unless } from './gitlab-verb'

/** Open ones that are listed: 500. */
const MAX_LIST_PAGES = 5
const MAX_TITLE = 255

const User = z.object({ id: z.number().int(), username: z.string().catch('') })
const Approvals = z.object({ approved_by: z.array(z.object({ user: User.nullish() })).catch([]) })
const Numbered = z.object({ iid: Id })
const Opened = z.object({ iid: Id, web_url: z.string() })
const Listed = Opened.extend({ source_project_id: Id.nullish(), target_project_id: Id })

/** Only what everything hangs on is required: fields came and went from GitLab 14 to 19. */
export const MergeRequest = z.object({
  iid: Id,
  title: z.string().catch(''),
  state: z.enum(['opened', 'closed', 'merged', 'locked']),
  draft: z.boolean().catch(false),
  source_branch: z.string(),
  target_branch: z.string(),
  source_project_id: Id.nullish(),
  target_project_id: Id,
  // Null while a new merge request is being prepared: nothing can be the head then.
  sha: Hash.nullish(),
  author: User.nullish(),
  // Also set by who asked for an automatic merge that has not happened.
  merge_user: User.nullish(),
  merged_by: User.nullish(),
  web_url: z.string().catch(''),
  merge_status: z.string().nullish(),
  detailed_merge_status: z.string().nullish(),
  has_conflicts: z.boolean().nullish(),
  merge_commit_sha: Hash.nullish(),
  squash_commit_sha: Hash.nullish(),
  references: z.object({ full: z.string().catch('') }).nullish(),
})
export type MergeRequest = z.infer<typeof MergeRequest>

/** GitLab has not finished looking. `approvals_syncing`: after a push, until it is known which approvals still count. */
const CHECKING = ['checking', 'unchecked', 'preparing', 'approvals_syncing', 'cannot_be_merged_recheck']
const CONFLICT = ['conflict', 'broken_status', 'cannot_be_merged']

/** GitLab's one word; before 15.6 there is only `merge_status`, which knows conflicts and nothing else. */
export const wordOf = (found: MergeRequest): string =>
  found.detailed_merge_status ?? (found.merge_status === 'can_be_merged' ? 'mergeable' : found.merge_status) ?? ''

/** A word that we do not know is a reason to wait: GitLab says `mergeable` where nothing stands in the way. */
export function mergeableOf(found: MergeRequest): ForgeMergeRequest['mergeable'] {
  const word = wordOf(found)
  // The word names the first of several reasons; a conflict is said whichever comes first, for only people can end it.
  if (CONFLICT.includes(word) || (found.state === 'opened' && found.has_conflicts === true)) return 'conflict'
  if (word === '' || CHECKING.includes(word)) return 'checking'
  return word === 'mergeable' ? 'mergeable' : 'blocked'
}

const personOf = (user: z.infer<typeof User> | null | undefined) =>
  user ? { id: String(user.id), name: firstLine(user.username, 255) } : null

/** Null: there is none of this number. */
export async function show(requests: MergeRequests, projectId: number, iid: number): Promise<MergeRequest | null> {
  const found = await orNull(/\bmerge ?request\b/i, requests.show(projectId, iid))
  return found === null ? null : read(MergeRequest, found, `the merge request !${iid}`)
}

/** Who approved it; a GitLab that has no approvals, or hides them, has none. */
export async function approversOf(approvals: MergeRequestApprovals, projectId: number, iid: number) {
  const found = await unless([403, 404], approvals.showConfiguration(projectId, { mergerequestIId: iid }))
  if (found instanceof Error) return []
  return read(Approvals, found, `the approvals of !${iid}`).approved_by.flatMap(({ user }) => personOf(user) ?? [])
}

const isFork = (found: MergeRequest) => found.source_project_id !== found.target_project_id

/** group/name of the source's project. Asked only of a fork: of our own, GitLab says it in the reference. */
async function sourcePathOf(projects: Projects, found: MergeRequest, ours: string): Promise<string> {
  if (!isFork(found)) return /^(.+)![0-9]+$/.exec(found.references?.full ?? '')?.[1] ?? ours
  if (!found.source_project_id) return ''
  const there = await unless([403, 404], projects.show(found.source_project_id))
  if (there instanceof Error) return '' // gone, or a fork that the token may not see
  return read(z.object({ path_with_namespace: z.string() }), there, "the fork's project").path_with_namespace
}

function shapeOf(
  found: MergeRequest,
  sourcePath: string,
  approvals: ForgeMergeRequest['approvals'],
): ForgeMergeRequest {
  const isMerged = found.state === 'merged'
  return {
    iid: found.iid,
    title: firstLine(found.title),
    status: found.state,
    draft: found.draft,
    source: found.source_branch,
    target: found.target_branch,
    fork: isFork(found),
    sourcePath,
    head: found.sha ?? '',
    author: personOf(found.author) ?? { id: '', name: '' },
    merger: isMerged ? personOf(found.merge_user ?? found.merged_by) : null,
    webUrl: found.web_url,
    mergeable: mergeableOf(found),
    mergeableBecause: firstLine(wordOf(found), 100),
    // A fast-forward leaves neither: then the target stands on the head. A failed merge may leave a squashed commit.
    mergeCommit: isMerged ? (found.merge_commit_sha ?? found.squash_commit_sha ?? found.sha ?? null) : null,
    approvals,
  }
}

type Wanted = Parameters<Forge['openMergeRequest']>[1]

async function open(requests: MergeRequests, projectId: number, { source, target, title, description }: Wanted) {
  const made = await unless(
    [409],
    requests.create(projectId, source, target, firstLine(title, MAX_TITLE), {
      description,
      // The source may be the production branch, and a project may delete sources by default.
      removeSourceBranch: false,
    }),
  )
  if (!(made instanceof Error)) return read(Opened, made, 'the new merge request')
  const query = { projectId, state: 'opened' as const, sourceBranch: source, targetBranch: target }
  const { items } = await pages(Listed, 1, (page) => requests.all({ ...query, ...page }), 'the open merge requests')
  // A fork's branch of the same name is another one.
  const theOne = items.find((item) => item.source_project_id === item.target_project_id)
  if (theOne === undefined) throw made
  return theOne
}

export function mergeRequestVerbs({
  options,
  secrets,
  path,
}: Asking): Pick<Forge, 'mergeRequest' | 'openMergeRequests' | 'openMergeRequest' | 'headRef'> {
  const requests = new MergeRequests(options)
  const approvals = new MergeRequestApprovals(options)
  const projects = new Projects(options)
  return {
    mergeRequest: (projectId, iid) =>
      tell(REPORTER, secrets, async () => {
        const found = await show(requests, projectId, iid)
        if (found === null) return null
        const [sourcePath, approvers] = await Promise.all([
          sourcePathOf(projects, found, path),
          approversOf(approvals, projectId, iid),
        ])
        return shapeOf(found, sourcePath, approvers)
      }),

    openMergeRequests: (projectId) =>
      tell(REPORTER, secrets, async () => {
        const query = { projectId, state: 'opened' as const, orderBy: 'created_at' as const, sort: 'desc' as const }
        const ask = (page: { page: number; perPage: number; showExpanded: true }) => requests.all({ ...query, ...page })
        const { items } = await pages(Numbered, MAX_LIST_PAGES, ask, 'the open merge requests')
        // One that was opened while we turned the page moves the last of the page before onto the next.
        return [...new Set(items.map(({ iid }) => iid))]
      }),

    openMergeRequest: (projectId, wanted) =>
      tell(DEVELOPER, secrets, async () => {
        const { iid, web_url: webUrl } = await open(requests, projectId, wanted)
        return { iid, webUrl }
      }),

    headRef: (iid) => `refs/merge-requests/${iid}/head`,
  }
}
