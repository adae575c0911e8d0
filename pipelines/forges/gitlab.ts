// GitLab over REST, by @gitbeaker/rest. Needs a project or group access token with scope `api`: role Maintainer (the
// webhook) and the right to push to what it reports on (statuses of protected branches).

import { Branches, Commits, ProjectHooks, Projects, Users } from '@gitbeaker/rest'
import { z } from 'zod'
import { Fault } from '../fault'
import { firstLine } from '../title'
import type { CommitState, Forge, ForgeFactory, ForgeHook, ForgeProject } from './forge'
import { GitlabFault, gitlabRequester, maskSecrets } from './gitlab-requester'

const DEADLINE_MS = 10_000
/** GitLab keeps 255 characters of a status's description. */
const MAX_DESCRIPTION = 255

// What we read of GitLab's answers; the rest may change as it likes.
const User = z.object({ id: z.number().int(), username: z.string() })
const Project = z.object({
  id: z.number().int(),
  path_with_namespace: z.string(),
  name: z.string(),
  web_url: z.string(),
  http_url_to_repo: z.string(),
  default_branch: z.string().nullish(),
})
const Branch = z.object({
  commit: z.object({ id: z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/), title: z.string().catch('') }),
})
const Hook = z.object({ id: z.number().int(), url: z.string(), signing_token_present: z.boolean().nullish() })

/** A repeated wish that GitLab answers with 400: "Cannot transition status via :run from :running". */
const TRANSITION = /Cannot transition status via :\w+ from :(\w+)/

/** What to do about a 401 or 403, by the right that the verb needs. */
function remedyOf(fault: GitlabFault, right: string): string {
  if (fault.status === 401)
    return 'the token is not accepted: it was revoked, has expired, or belongs to another GitLab. Make a new project access token with scope api'
  if (/scope/i.test(fault.words)) return 'the token lacks the scope api. Make a new project access token with it'
  return `the token may not do this. It needs ${right}`
}

/** Runs one verb; a denied call says what right is missing, and nothing that leaves holds a secret. */
async function tell<T>(right: string, secrets: readonly string[], call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof GitlabFault)) throw error
    const because = error.code === 'forge.denied' ? `${error.message}: ${remedyOf(error, right)}` : error.message
    const { status, retryAfterMs } = error
    throw new GitlabFault(error.code, maskSecrets(because, secrets), {
      status,
      words: maskSecrets(error.words, secrets),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  }
}

/** Checks an answer; one that is not GitLab's is a Fault that names the call. */
function read<T>(shape: z.ZodType<T>, answer: unknown, call: string): T {
  const result = shape.safeParse(answer)
  if (result.success) return result.data
  const where = result.error.issues[0]?.path.join('.') || 'its shape'
  throw new Fault(
    'forge.unreachable',
    `${call}: the answer is not one of GitLab (${where}): is the forge's address right?`,
  )
}

/**
 * Where to clone from. GitLab's own answer counts only where it stays on the forge's origin: the token goes along with
 * git, and an instance behind a proxy often names an address of its own, sometimes in clear text.
 */
function cloneUrlOf(forgeUrl: string, project: z.infer<typeof Project>): string {
  const theirs = URL.canParse(project.http_url_to_repo) ? new URL(project.http_url_to_repo) : null
  if (theirs !== null && theirs.origin === new URL(forgeUrl).origin && !theirs.username && !theirs.password)
    return theirs.href
  return `${forgeUrl}/${project.path_with_namespace.split('/').map(encodeURIComponent).join('/')}.git`
}

/** The address that the driver is made for: http or https, no credentials, a subpath kept, no slash at the end. */
function forgeUrlOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.username !== '' || parsed.password !== '') {
    throw new Fault(
      'input.invalid',
      "the forge's address must start with http:// or https:// and hold no user or password",
    )
  }
  return `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, '')
}

/** Signing is silently ignored by GitLab before 19.0: only what is read back counts, so the token is always set as well. */
function hookOptions(url: string, secrets: { token: string; signingKey: Buffer }) {
  return {
    name: 'Shiplock',
    token: secrets.token,
    signingToken: `whsec_${secrets.signingKey.toString('base64')}`,
    pushEvents: true,
    tagPushEvents: true,
    mergeRequestsEvents: true,
    enableSslVerification: url.startsWith('https:'),
    // No filter and no template: either would hide events, or change the body that the parser reads.
    pushEventsBranchFilter: '',
    branchFilterStrategy: 'all_branches',
    customWebhookTemplate: '',
  }
}

const LOCAL_NETWORK =
  'GitLab does not send webhooks to private addresses unless an administrator turns on "Allow requests to the local ' +
  'network from webhooks and integrations" (Admin area, Settings, Network, Outbound requests), or lists this address there'

async function ensureHook(
  hooks: ProjectHooks,
  projectId: number,
  url: string,
  secrets: { token: string; signingKey: Buffer },
): Promise<ForgeHook> {
  const options = hookOptions(url, secrets)
  const listed = await hooks.all(projectId, { perPage: 100, maxPages: 10 })
  const ours = read(z.array(Hook), listed, 'the list of webhooks').filter((hook) => hook.url === url)
  const [first, ...surplus] = ours
  // Two callers at once may each have added one; a second hook delivers everything twice, perhaps with an old secret.
  for (const hook of surplus) await hooks.remove(projectId, hook.id)
  const made =
    first === undefined ? await hooks.add(projectId, url, options) : await hooks.edit(projectId, first.id, url, options)
  const { id } = read(Hook, made, 'the webhook')
  const now = read(Hook, await hooks.show(projectId, id), 'the webhook, read back')
  return { id, signed: now.signing_token_present === true }
}

/** GitLab's 422 names no reason; this adds the one that it nearly always is. */
function explainRefusedUrl(error: unknown): unknown {
  if (!(error instanceof GitlabFault) || error.code !== 'forge.refused' || !/invalid url/i.test(error.words))
    return error
  return new GitlabFault('forge.refused', `${error.message}. ${LOCAL_NETWORK}`, {
    status: error.status,
    words: error.words,
  })
}

type EditState = Parameters<Commits['editStatus']>[2]

async function setStatus(
  commits: Commits,
  projectId: number,
  status: Parameters<Forge['setStatus']>[1],
): Promise<void> {
  const { commit, ref, name, url } = status
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

/** The state is already the wanted one. From any other state the answer stays a refusal. */
function isRepeated(error: unknown, wanted: CommitState): boolean {
  return error instanceof GitlabFault && error.status === 400 && TRANSITION.exec(error.words)?.[1] === wanted
}

/** A branch or repository that is not there is an answer; a project or an address that is not, or is hidden, is a Fault. */
const isNoBranch = (error: unknown) =>
  error instanceof GitlabFault && error.status === 404 && /\b(branch|repository)\b/i.test(error.words)

export const gitlab: ForgeFactory = ({ url, token, deadlineMs = DEADLINE_MS }) => {
  const host = forgeUrlOf(url)
  // Resources one by one: `new Gitlab()` makes 150, each with its own limiters. Without limits nothing sleeps in secret.
  const options = { host, token, queryTimeout: deadlineMs, rateLimits: {}, requesterFn: gitlabRequester(deadlineMs) }
  const users = new Users(options)
  const projects = new Projects(options)
  const branches = new Branches(options)
  const commits = new Commits(options)
  const hooks = new ProjectHooks(options)
  const secrets = [token]

  return {
    whoAmI: () => tell('scope api', secrets, async () => read(User, await users.showCurrentUser(), 'GET /user')),

    project: (path) =>
      tell('role Reporter or higher in this project', secrets, async (): Promise<ForgeProject> => {
        const found = read(Project, await projects.show(path), `the project ${JSON.stringify(path)}`)
        return {
          id: found.id,
          path: found.path_with_namespace,
          name: found.name,
          webUrl: found.web_url,
          cloneUrl: cloneUrlOf(host, found),
          defaultBranch: found.default_branch ?? null,
        }
      }),

    head: (projectId, branch) =>
      tell('role Reporter or higher in this project', secrets, async () => {
        try {
          const found = read(Branch, await branches.show(projectId, branch), `the branch ${JSON.stringify(branch)}`)
          return { commit: found.commit.id, title: firstLine(found.commit.title) }
        } catch (error) {
          if (isNoBranch(error)) return null
          throw error
        }
      }),

    ensureHook: (projectId, hookUrl, hookSecrets) => {
      const all = [...secrets, hookSecrets.token, hookSecrets.signingKey.toString('base64')]
      return tell('role Maintainer in this project, for the webhook', all, () =>
        ensureHook(hooks, projectId, hookUrl, hookSecrets).catch((error: unknown) => {
          throw explainRefusedUrl(error)
        }),
      )
    },

    setStatus: (projectId, status) =>
      tell(
        'role Developer in this project and, for a protected branch, the right to push or merge to it',
        secrets,
        () => setStatus(commits, projectId, status),
      ),

    gitCredentials: () => ({ username: 'oauth2', password: token }),
  }
}
