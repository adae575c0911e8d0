// Merge requests in the JSON of GitLab's API.
import type { Mergeability, MergeRequest, Note } from './merge-request'
import { mergeabilityOf } from './merging'
import type { User } from './people'
import { findProject } from './projects'
import { mayMerge } from './protections'
import { levelOf } from './repositories'
import type { World } from './world'

/** `detailed_merge_status`; no commits, or no branch, is `commits_status` since GitLab 16, `broken_status` before. */
const STATUSES: Record<Mergeability, string> = {
  mergeable: 'mergeable',
  'not-open': 'not_open',
  draft: 'draft_status',
  checking: 'checking',
  'no-commits': 'commits_status',
  conflict: 'conflict',
  'need-rebase': 'need_rebase',
}

export const gitlabStatus = (mergeability: Mergeability) => STATUSES[mergeability]

/** The older `merge_status`, which knows git's answer alone. */
export const olderGitlabStatus = (mergeability: Mergeability) =>
  mergeability === 'checking'
    ? 'checking'
    : mergeability === 'conflict' || mergeability === 'no-commits'
      ? 'cannot_be_merged'
      : 'can_be_merged'

export function userShape(world: World, id: number | null) {
  const user = id === null ? null : world.people.byId(id)
  if (user === null) return null
  return {
    id: user.id,
    username: user.username,
    name: user.name,
    state: 'active',
    locked: false,
    avatar_url: null,
    web_url: `${world.url}/${user.username}`,
  }
}

/** As in a list. */
export async function mergeRequestShape(world: World, mr: MergeRequest) {
  const target = findProject(world, mr.targetProjectId)
  const mergeability = await mergeabilityOf(world, mr)
  const merger = userShape(world, mr.mergedById)
  return {
    id: mr.id,
    iid: mr.iid,
    project_id: mr.targetProjectId,
    title: mr.title,
    description: mr.description,
    state: mr.status,
    created_at: mr.createdAt,
    updated_at: mr.updatedAt,
    merged_by: merger,
    merge_user: merger,
    merged_at: mr.mergedAt,
    closed_by: userShape(world, mr.closedById),
    closed_at: mr.closedAt,
    target_branch: mr.target,
    source_branch: mr.source,
    user_notes_count: mr.notes.length,
    upvotes: 0,
    downvotes: 0,
    author: userShape(world, mr.authorId),
    assignees: [],
    assignee: null,
    reviewers: [],
    source_project_id: mr.sourceProjectId,
    target_project_id: mr.targetProjectId,
    labels: [],
    draft: mr.draft,
    imported: false,
    work_in_progress: mr.draft,
    milestone: null,
    merge_when_pipeline_succeeds: false,
    merge_status: olderGitlabStatus(mergeability),
    detailed_merge_status: gitlabStatus(mergeability),
    merge_after: null,
    sha: mr.head,
    merge_commit_sha: mr.mergeCommit,
    squash_commit_sha: mr.squashCommit,
    discussion_locked: null,
    should_remove_source_branch: null,
    force_remove_source_branch: mr.removeSource,
    prepared_at: mr.createdAt,
    reference: `!${mr.iid}`,
    references: { short: `!${mr.iid}`, relative: `!${mr.iid}`, full: `${target.path}!${mr.iid}` },
    web_url: `${world.url}/${target.path}/-/merge_requests/${mr.iid}`,
    squash: mr.squash,
    squash_on_merge: mr.squash,
    has_conflicts: mergeability === 'conflict',
    blocking_discussions_resolved: true,
  }
}

/** As when one is asked for. */
export async function wholeMergeRequestShape(world: World, mr: MergeRequest, asker: User) {
  const target = findProject(world, mr.targetProjectId)
  return {
    ...(await mergeRequestShape(world, mr)),
    subscribed: false,
    head_pipeline: null,
    diverged_commits_count: 0,
    merge_error: null,
    first_contribution: false,
    user: { can_merge: mayMerge(target, mr.target, levelOf(target, asker)) },
  }
}

export const approvalsShape = (world: World, mr: MergeRequest, asker: User) => {
  const approved = mr.approvals.some(({ userId }) => userId === asker.id)
  return {
    user_has_approved: approved,
    user_can_approve: !approved && mr.status === 'opened',
    approved: mr.approvals.length > 0,
    approved_by: mr.approvals.map(({ userId, at }) => ({ user: userShape(world, userId), approved_at: at })),
  }
}

export const noteShape = (world: World, mr: MergeRequest, note: Note) => ({
  id: note.id,
  type: null,
  body: note.body,
  author: userShape(world, note.authorId),
  created_at: note.createdAt,
  updated_at: note.updatedAt,
  system: false,
  noteable_id: mr.id,
  noteable_type: 'MergeRequest',
  project_id: mr.targetProjectId,
  resolvable: false,
  confidential: false,
  internal: false,
  imported: false,
  noteable_iid: mr.iid,
  commands_changes: {},
})
