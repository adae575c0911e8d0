// What GitHub shows of a pull request.
import type { Mergeability, MergeRequest } from '../merge-request'
import { findProject } from '../projects'
import type { World } from '../world'
import { apiUrl, repositoryShape, userById } from './shapes'

export function pullShape(world: World, mr: MergeRequest) {
  const target = findProject(world, mr.targetProjectId)
  const source = findProject(world, mr.sourceProjectId)
  const side = (ref: string, sha: string, project: typeof target) => ({
    label: `${project.path.split('/')[0]}:${ref}`,
    ref,
    sha,
    repo: repositoryShape(world, project),
  })
  return {
    id: mr.id,
    number: mr.iid,
    state: mr.status === 'opened' ? 'open' : 'closed',
    locked: false,
    title: mr.title,
    body: mr.description,
    draft: mr.draft,
    user: userById(world, mr.authorId),
    created_at: mr.createdAt,
    updated_at: mr.updatedAt,
    closed_at: mr.closedAt ?? mr.mergedAt,
    merged_at: mr.mergedAt,
    // While it is open, the commit of a trial merge stands here: nothing that came onto the target.
    merge_commit_sha: mr.status === 'merged' ? (mr.landed ?? mr.head) : mr.head,
    head: side(mr.source, mr.head, source),
    base: side(mr.target, mr.head, target),
    url: `${apiUrl(world, target)}/pulls/${mr.iid}`,
    html_url: `${world.url}/${target.path}/pull/${mr.iid}`,
    labels: [],
    requested_reviewers: [],
  }
}

const STATES: Record<Mergeability, { mergeable: boolean | null; mergeable_state: string }> = {
  mergeable: { mergeable: true, mergeable_state: 'clean' },
  'need-rebase': { mergeable: true, mergeable_state: 'clean' },
  'no-commits': { mergeable: true, mergeable_state: 'clean' },
  draft: { mergeable: true, mergeable_state: 'draft' },
  checking: { mergeable: null, mergeable_state: 'unknown' },
  'not-open': { mergeable: null, mergeable_state: 'unknown' },
  conflict: { mergeable: false, mergeable_state: 'dirty' },
}

/** One by itself says more than the list does. */
export const fullPullShape = (world: World, mr: MergeRequest, mergeability: Mergeability) => ({
  ...pullShape(world, mr),
  ...STATES[mergeability],
  merged: mr.status === 'merged',
  merged_by: userById(world, mr.mergedById),
  comments: mr.notes.length,
})
