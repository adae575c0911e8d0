// GitHub in the contract of the forges: the demo forge's other face, which answers with GitHub's paths, codes and words.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DemoForge, startForge } from '../../demo/forge/forge'
import { github } from '../../pipelines/forges/github'
import { cloneOf } from './given-clone'
import type { GivenForge, MergeMethod, Person, StandingForge } from './given-forge'
import { ordersOf, people, startReceiver } from './given-gitlab'

const PATH = 'team/hello'
const FORK = 'dev/hello'
const PASSWORD = 'password-of-dev'

/** GitHub's own API as a person's browser uses it: what the driver cannot do is done and seen here. */
function apiOf(there: DemoForge) {
  return async <T>(person: Person, method: string, path: string, body?: object): Promise<T> => {
    const answer = await fetch(`${there.url}/api/v3/repos/${PATH}${path}`, {
      method,
      headers: { authorization: `Bearer ${person.token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return (text === '' ? null : JSON.parse(text)) as T
  }
}

const allow = (method: MergeMethod) => ({
  allow_merge_commit: method === 'merge',
  allow_squash_merge: method === 'squash',
  allow_rebase_merge: method === 'fast-forward',
})

/** The words of the interface for what GitHub shows; a success that another one replaced was one. */
const STATES: Record<string, string> = {
  in_progress: 'running',
  success: 'success',
  inactive: 'success',
  failure: 'failed',
  error: 'canceled',
}

interface Told {
  id: number
  environment: string
  sha: string
}
interface ToldStatus {
  state: string
  environment_url: string
}

type Api = ReturnType<typeof apiOf>
type Hands = Pick<
  StandingForge,
  | 'openMergeRequest'
  | 'closeMergeRequest'
  | 'mergeBy'
  | 'notes'
  | 'deleteNote'
  | 'statuses'
  | 'deployments'
  | 'environmentUrl'
>

/** `copyToFork`: brings a branch into the fork that the developer made. */
function handsOf(
  api: Api,
  { maintainer, developer }: { maintainer: Person; developer: Person },
  copyToFork: (branch: string) => Promise<void>,
): Hands {
  const list = <T>(path: string) => api<T[]>(maintainer, 'GET', path)
  /** Oldest first, each with its statuses, newest first. */
  const told = async () => {
    const found = await list<Told>('/deployments?per_page=100')
    const withStatuses = found
      .reverse()
      .map(async (one) => ({ ...one, statuses: await list<ToldStatus>(`/deployments/${one.id}/statuses`) }))
    return Promise.all(withStatuses)
  }
  return {
    openMergeRequest: async ({ source, target, title, draft = false, fork = false }) => {
      if (fork) {
        await api(developer, 'POST', '/forks')
        await copyToFork(source)
      }
      const wanted = { head: fork ? `${developer.username}:${source}` : source, base: target, title, draft }
      return (await api<{ number: number }>(developer, 'POST', '/pulls', wanted)).number
    },
    closeMergeRequest: async (iid) => void (await api(developer, 'PATCH', `/pulls/${iid}`, { state: 'closed' })),
    mergeBy: async (method) => void (await api(maintainer, 'PATCH', '', allow(method))),
    notes: async (iid) =>
      (await list<{ id: number; body: string }>(`/issues/${iid}/comments?per_page=100`)).map(({ id, body }) => ({
        id: String(id),
        body,
      })),
    deleteNote: async (_iid, id) => void (await api(maintainer, 'DELETE', `/issues/comments/${id}`)),
    statuses: async (commit) => {
      const rows = await list<{ context: string; state: string; description: string }>(
        `/commits/${commit}/statuses?per_page=100`,
      )
      // Newest first: the first of a context is what counts.
      return Object.fromEntries(
        rows.reverse().map(({ context, state, description }) => [context, { state, description }]),
      )
    },
    deployments: async () =>
      (await told()).map(({ id, environment, sha: commit, statuses: [last] }) => ({
        id: String(id),
        environment,
        commit,
        state: STATES[last?.state ?? ''] ?? `GitHub's ${last?.state}`,
      })),
    environmentUrl: async (name) => {
      const here = (await told()).filter(({ environment }) => environment === name)
      if (here.length === 0) return null
      return here.at(-1)?.statuses.find(({ environment_url: url }) => url !== '')?.environment_url ?? ''
    },
  }
}

export async function startGithub(): Promise<StandingForge> {
  const root = mkdtempSync(join(tmpdir(), 'shiplock-forge-'))
  const there = await startForge({ dir: root })
  const receiver = await startReceiver()
  const who = await people(there)
  const { id: projectId } = await there.addProject({
    path: PATH,
    members: { bot: 40, dev: 30 },
    // So that the developer may push anywhere: what is protected is the business of the forge's own contract.
    protect: false,
  })
  const remote = (path: string) => `${there.url.replace('://', `://dev:${PASSWORD}@`)}/${path}.git`
  const clone = await cloneOf(remote(PATH), 'master')
  return {
    url: there.url,
    path: PATH,
    projectId,
    defaultBranch: 'master',
    ...who,
    forge: (token, { deadlineMs = 10_000, path = PATH } = {}) => github({ url: there.url, token, path, deadlineMs }),
    hookUrl: receiver.url,
    deliveries: receiver.deliveries,
    idle: () => there.idle(),
    ...clone,
    ...handsOf(apiOf(there), who, (branch) => clone.copy(branch, remote(FORK))),
    fallIll: (illness) => there.misbehave(ordersOf(illness)),
    close: async () => {
      await Promise.all([there.close(), receiver.close()])
      clone.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

export const givenGithub: GivenForge = {
  name: 'github',
  traits: {
    approvals: true,
    skips: false,
    forks: true,
    // GitHub's rebase writes every commit anew: it is no fast-forward.
    mergeMethods: ['merge', 'squash'],
    eventNames: { push: 'push', tag: 'push', mergeRequest: 'pull_request' },
    shows: {
      pending: 'pending',
      running: 'pending',
      success: 'success',
      failed: 'failure',
      canceled: 'error',
      skipped: 'success',
    },
  },
  start: () => startGithub(),
}
