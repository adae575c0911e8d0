// GitLab over REST, by @gitbeaker/rest. Needs a project or group access token with scope `api`: role Maintainer (the
// webhook) and the right to push to what it reports on (statuses of protected branches).

import { Branches, Projects, Users } from '@gitbeaker/rest'
import { z } from 'zod'
import { firstLine } from '../title'
import { cloneUrlOf, forgeUrlOf } from './asking'
import type { Forge, ForgeFactory, ForgeProject } from './forge'
import { deploymentVerbs } from './gitlab-deployments'
import { hookVerbs } from './gitlab-hooks'
import { mergeRequestVerbs } from './gitlab-merge-requests'
import { mergingVerbs } from './gitlab-merging'
import { noteVerbs } from './gitlab-notes'
import { gitlabRequester } from './gitlab-requester'
import { statusVerbs } from './gitlab-statuses'
import { tagVerbs } from './gitlab-tags'
import { type Asking, Hash, orNull, pages, REPORTER, read, tell } from './gitlab-verb'

const DEADLINE_MS = 10_000
/** Branches that are listed: 2,000. */
const MAX_BRANCH_PAGES = 20

// What we read of GitLab's answers; the rest may change as it likes.
const User = z.object({ id: z.number().int(), username: z.string() })
const Access = z.object({ access_level: z.number() }).nullish()
const Project = z.object({
  id: z.number().int(),
  path_with_namespace: z.string(),
  name: z.string(),
  web_url: z.string(),
  http_url_to_repo: z.string(),
  default_branch: z.string().nullish(),
  permissions: z.object({ project_access: Access, group_access: Access }).nullish().catch(null),
})
const Branch = z.object({ commit: z.object({ id: Hash, title: z.string().catch('') }) })
const ListedBranch = Branch.extend({ name: z.string(), protected: z.boolean().catch(false) })

/** GitLab's access levels. An administrator has neither access: then GitLab does not say. */
function roleOf({ permissions }: z.infer<typeof Project>): ForgeProject['role'] {
  const levels = [permissions?.project_access, permissions?.group_access].flatMap(
    (access) => access?.access_level ?? [],
  )
  if (levels.length === 0) return null
  const level = Math.max(...levels)
  if (level >= 40) return 'maintainer'
  return level >= 30 ? 'developer' : 'less'
}

/** A branch or repository that is not there is an answer; a project or an address that is not, or is hidden, is a Fault. */
const NO_BRANCH = /\b(branch|repository)\b/i

function projectVerbs({ options, host, secrets }: Asking): Pick<Forge, 'whoAmI' | 'project' | 'head' | 'branches'> {
  const users = new Users(options)
  const projects = new Projects(options)
  const branches = new Branches(options)
  return {
    whoAmI: () => tell('scope api', secrets, async () => read(User, await users.showCurrentUser(), 'GET /user')),

    project: (path) =>
      tell(REPORTER, secrets, async (): Promise<ForgeProject> => {
        const found = read(Project, await projects.show(path), `the project ${JSON.stringify(path)}`)
        return {
          id: found.id,
          path: found.path_with_namespace,
          name: found.name,
          webUrl: found.web_url,
          cloneUrl: cloneUrlOf(host, found.http_url_to_repo, found.path_with_namespace),
          defaultBranch: found.default_branch ?? null,
          role: roleOf(found),
        }
      }),

    head: (projectId, branch) =>
      tell(REPORTER, secrets, async () => {
        const answer = await orNull(NO_BRANCH, branches.show(projectId, branch))
        if (answer === null) return null
        const { commit } = read(Branch, answer, `the branch ${JSON.stringify(branch)}`)
        return { commit: commit.id, title: firstLine(commit.title) }
      }),

    branches: (projectId) =>
      tell(REPORTER, secrets, async () => {
        const ask = (page: { page: number; perPage: number; showExpanded: true }) => branches.all(projectId, page)
        const found = await orNull(NO_BRANCH, pages(ListedBranch, MAX_BRANCH_PAGES, ask, 'the branches'))
        const { items, isComplete } = found ?? { items: [], isComplete: true }
        // A branch that was made while we turned the page comes twice: the first is as good as the second.
        const byName = new Map(items.map((item) => [item.name, item]))
        const listed = [...byName.values()].map(({ name, commit, protected: isProtected }) => ({
          name,
          commit: commit.id,
          title: firstLine(commit.title),
          protected: isProtected,
        }))
        return { branches: listed, isComplete }
      }),
  }
}

export const gitlab: ForgeFactory = ({ url, token, path, deadlineMs = DEADLINE_MS }) => {
  const host = forgeUrlOf(url)
  // Resources one by one: `new Gitlab()` makes 150, each with its own limiters. Without limits nothing sleeps in secret.
  const options = { host, token, queryTimeout: deadlineMs, rateLimits: {}, requesterFn: gitlabRequester(deadlineMs) }
  const asking: Asking = { options, host, path, deadlineMs, secrets: [token] }
  return {
    ...projectVerbs(asking),
    ...hookVerbs(asking),
    ...statusVerbs(asking),
    ...tagVerbs(asking),
    ...mergeRequestVerbs(asking),
    ...mergingVerbs(asking),
    ...noteVerbs(asking),
    ...deploymentVerbs(asking),
    gitCredentials: () => ({ username: 'oauth2', password: token }),
  }
}
