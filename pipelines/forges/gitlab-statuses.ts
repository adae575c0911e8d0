// Commit statuses at GitLab. https://docs.gitlab.com/api/commits/#set-commit-pipeline-status

import { Commits } from '@gitbeaker/rest'
import { firstLine } from '../title'
import type { CommitState, Forge } from './forge'
import { GitlabFault } from './gitlab-requester'
import { type Asking, tell } from './gitlab-verb'

/** GitLab keeps 255 characters of a status's description. */
const MAX_DESCRIPTION = 255

/** A repeated wish that GitLab answers with 400: "Cannot transition status via :run from :running". */
const TRANSITION = /Cannot transition status via :\w+ from :(\w+)/

type EditState = Parameters<Commits['editStatus']>[2]

/** The state is already the wanted one. From any other state the answer stays a refusal. */
function isRepeated(error: unknown, wanted: CommitState): boolean {
  return error instanceof GitlabFault && error.status === 400 && TRANSITION.exec(error.words)?.[1] === wanted
}

async function setStatus(
  commits: Commits,
  projectId: number,
  status: Parameters<Forge['setStatus']>[1],
): Promise<void> {
  const { commit, name, url } = status
  // GitLab wants a tag by its bare name; refs/merge-requests/7/head it takes as it is.
  const ref = status.ref.replace(/^refs\/(heads|tags)\//, '')
  try {
    // GitLab knows `skipped`; gitbeaker's type does not yet.
    await commits.editStatus(projectId, commit, status.state as EditState, {
      ref,
      name,
      description: firstLine(status.description, MAX_DESCRIPTION),
      targetUrl: url,
    })
  } catch (error) {
    if (!isRepeated(error, status.state)) throw error
  }
}

export function statusVerbs({ options, secrets }: Asking): Pick<Forge, 'setStatus'> {
  const commits = new Commits(options)
  const right = 'role Developer in this project and, for a protected branch, the right to push or merge to it'
  return {
    setStatus: (projectId, status) => tell(right, secrets, () => setStatus(commits, projectId, status)),
  }
}
