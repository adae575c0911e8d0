// The Merge Request Hook, as GitLab 19 sends it to the hooks of the target project.
import type { Happening, Listener } from './happening'
import type { MergeRequest } from './merge-request'
import { gitlabStatus, olderGitlabStatus } from './merge-request-shape'
import { mergeabilityOf } from './merging'
import type { User } from './people'
import { findProject } from './projects'
import { isProtected } from './protections'
import { projectPart } from './pushes'
import { log, type Project } from './repositories'
import type { World } from './world'

type Told = Extract<Happening, { kind: 'merge-request' }>

export const mergeRequestHooks =
  (world: World): Listener =>
  async (happening) => {
    if (happening.kind !== 'merge-request') return
    const hooks = (world.hooks.get(happening.mergeRequest.targetProjectId) ?? []).filter((h) => h.mergeRequestsEvents)
    if (hooks.length === 0) return
    const payload = await mergeRequestPayload(world, happening)
    for (const hook of hooks) world.sender.send(hook, 'Merge Request Hook', payload)
  }

/** As in the old format of Rails that these hooks keep: `2026-01-16 05:56:22 UTC`. */
const railsTime = (iso: string) => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`
const railsTimeOr = (iso: string | null) => (iso === null ? null : railsTime(iso))

const person = (user: User | null) => ({
  id: user?.id ?? null,
  name: user?.name ?? '',
  username: user?.username ?? '',
  avatar_url: null,
  email: '[REDACTED]',
})

const STATE_IDS = { opened: 1, closed: 2, merged: 3 } as const

export async function mergeRequestPayload(world: World, told: Told) {
  const mr = told.mergeRequest
  const target = findProject(world, mr.targetProjectId)
  const source = findProject(world, mr.sourceProjectId)
  return {
    object_kind: 'merge_request',
    event_type: 'merge_request',
    user: person(told.user),
    project: projectPart(target, world.url),
    object_attributes: {
      ...(await attributesOf(world, mr, target, source)),
      action: told.action,
      actioned_at: railsTime(new Date().toISOString()),
      system: told.system,
      ...(told.system ? { system_action: 'approvals_reset_on_push' } : {}),
      ...(told.oldHead === null ? {} : { oldrev: told.oldHead }),
    },
    labels: [],
    changes: changesTold(told.changes),
    repository: {
      name: target.name,
      url: `${world.url}/${target.path}.git`,
      description: '',
      homepage: `${world.url}/${target.path}`,
    },
  }
}

const changesTold = (changes: Told['changes']) =>
  Object.fromEntries(
    Object.entries(changes).map(([name, { previous, current }]) => [
      name,
      name.endsWith('_at')
        ? { previous: railsTime(String(previous)), current: railsTime(String(current)) }
        : { previous, current },
    ]),
  )

async function attributesOf(world: World, mr: MergeRequest, target: Project, source: Project) {
  const mergeability = await mergeabilityOf(world, mr)
  return {
    id: mr.id,
    iid: mr.iid,
    author_id: mr.authorId,
    assignee_ids: [],
    reviewer_ids: [],
    blocking_discussions_resolved: true,
    created_at: railsTime(mr.createdAt),
    description: mr.description,
    detailed_merge_status: gitlabStatus(mergeability),
    draft: mr.draft,
    first_contribution: false,
    head_pipeline_id: null,
    labels: [],
    last_commit: await lastCommit(world, mr, target),
    merge_commit_sha: mr.mergeCommit,
    merge_error: null,
    merge_params: { force_remove_source_branch: mr.removeSource ? '1' : '0' },
    merge_status: olderGitlabStatus(mergeability),
    merge_user_id: mr.mergedById,
    merge_when_pipeline_succeeds: false,
    merged_at: railsTimeOr(mr.mergedAt),
    milestone_id: null,
    prepared_at: railsTime(mr.createdAt),
    source: projectPart(source, world.url),
    source_branch: mr.source,
    source_project_id: mr.sourceProjectId,
    squash_commit_sha: mr.squashCommit,
    state: mr.status,
    state_id: STATE_IDS[mr.status],
    target: projectPart(target, world.url),
    target_branch: mr.target,
    target_branch_protected: isProtected(target, mr.target),
    target_project_id: mr.targetProjectId,
    time_change: 0,
    time_estimate: 0,
    title: mr.title,
    total_time_spent: 0,
    updated_at: railsTime(mr.updatedAt),
    updated_by_id: null,
    url: `${world.url}/${target.path}/-/merge_requests/${mr.iid}`,
  }
}

async function lastCommit(world: World, mr: MergeRequest, target: Project) {
  const [commit] = await log(target.dir, mr.head, 1)
  if (commit === undefined) return null
  return {
    id: commit.id,
    message: commit.message,
    title: commit.title,
    timestamp: commit.at,
    url: `${world.url}/${target.path}/-/commit/${commit.id}`,
    author: { name: commit.authorName, email: '[REDACTED]' },
  }
}
