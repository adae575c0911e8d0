// GitLab in the contract of the forges: the demo forge, which answers with GitLab's paths, codes and words.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DemoForge, startForge } from '../../demo/forge/forge'
import { gitlab } from '../../pipelines/forges/gitlab'
import { cloneOf } from './given-clone'
import type { Delivery, GivenForge, Illness, MergeMethod, Person, StandingForge } from './given-forge'

const PATH = 'team/hello'
const FORK = 'dev/hello'
const PASSWORD = 'password-of-dev'

/** Keeps what comes; answers at once, as Shiplock does. */
export async function startReceiver() {
  const deliveries: Delivery[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      deliveries.push({ headers: request.headers, body: Buffer.concat(chunks) })
      response.writeHead(202).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return { deliveries, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/abc`, close }
}

export async function people(there: DemoForge) {
  const add = async (username: string, name: string, password: string): Promise<Person> => {
    const { id, token } = await there.addUser({ username, name, password })
    return { id: String(id), username, token }
  }
  return {
    maintainer: await add('bot', 'Bot', 'password-of-bot'),
    developer: await add('dev', 'Dev', PASSWORD),
    stranger: await add('stranger', 'Stranger', 'password-of-stranger'),
  }
}

/** GitLab's own API as a person's browser uses it: what the driver cannot do is done and seen here. */
function apiOf(there: DemoForge, projectId: number) {
  return async <T>(person: Person, method: string, path: string, body?: object, project = projectId): Promise<T> => {
    const answer = await fetch(`${there.url}/api/v4/projects/${project}${path}`, {
      method,
      headers: { 'private-token': person.token, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return (text === '' ? null : JSON.parse(text)) as T
  }
}

export const ordersOf = (illness: Illness | null): Parameters<DemoForge['misbehave']>[0] => {
  if (illness === null) return {}
  if ('down' in illness) return { down: true }
  if ('slowMs' in illness) return { slowMs: illness.slowMs }
  if ('twice' in illness) return { webhooks: { duplicate: 1 } }
  if ('checkingMs' in illness) return { mergeRequests: { checkingMs: illness.checkingMs } }
  const { answer: status } = illness
  return { api: [{ status, times: 1, ...('retryAfterS' in illness && { retryAfter: illness.retryAfterS }) }] }
}

/** Squashing is the merge request's own business; how it lands is the project's. */
const METHODS: Record<MergeMethod, string> = { merge: 'merge', squash: 'merge', 'fast-forward': 'ff' }

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

/** `forkWith`: a fork of the developer's with this branch in it; its number. */
function handsOf(
  api: Api,
  { maintainer, developer }: { maintainer: Person; developer: Person },
  projectId: number,
  forkWith: (branch: string) => Promise<number>,
): Hands {
  const list = <T>(path: string) => api<T[]>(maintainer, 'GET', path)
  let squash = false
  return {
    openMergeRequest: async ({ source, target, title, draft = false, fork = false }) => {
      const from = fork ? await forkWith(source) : projectId
      const wanted = {
        source_branch: source,
        target_branch: target,
        target_project_id: projectId,
        title: draft ? `Draft: ${title}` : title,
        squash,
      }
      return (await api<{ iid: number }>(developer, 'POST', '/merge_requests', wanted, from)).iid
    },
    closeMergeRequest: async (iid) =>
      void (await api(developer, 'PUT', `/merge_requests/${iid}`, { state_event: 'close' })),
    mergeBy: async (method) => {
      squash = method === 'squash'
      await api(maintainer, 'PUT', '', { merge_method: METHODS[method] })
    },
    notes: async (iid) => {
      const path = `/merge_requests/${iid}/notes?per_page=100&sort=asc&order_by=created_at`
      const all = await list<{ id: number; body: string; system: boolean }>(path)
      return all.filter((note) => !note.system).map(({ id, body }) => ({ id: String(id), body }))
    },
    deleteNote: async (iid, id) => void (await api(maintainer, 'DELETE', `/merge_requests/${iid}/notes/${id}`)),
    statuses: async (commit) => {
      const path = `/repository/commits/${commit}/statuses?per_page=100`
      const rows = await list<{ name: string; status: string; description: string }>(path)
      return Object.fromEntries(rows.map(({ name, status: state, description }) => [name, { state, description }]))
    },
    deployments: async () => {
      const rows = await list<{ id: number; environment: { name: string }; sha: string; status: string }>(
        '/deployments?per_page=100&order_by=id&sort=asc',
      )
      return rows.map((row) => ({
        id: String(row.id),
        environment: row.environment.name,
        commit: row.sha,
        state: row.status,
      }))
    },
    environmentUrl: async (name) => {
      const found = await list<{ name: string; external_url: string | null }>(
        `/environments?name=${encodeURIComponent(name)}`,
      )
      const [environment] = found
      return environment === undefined ? null : (environment.external_url ?? '')
    },
  }
}

/** `signing: false`: as GitLab before 19, which sends the token alone. */
export async function startGitlab({ signing = true } = {}): Promise<StandingForge> {
  const root = mkdtempSync(join(tmpdir(), 'shiplock-forge-'))
  const there = await startForge({ dir: root, signing })
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
  let fork: Promise<{ id: number }> | undefined
  const forkWith = async (branch: string) => {
    // The bot sees it, as it sees a public fork.
    fork ??= there.addProject({ path: FORK, members: { dev: 50, bot: 20 }, forkOf: PATH, protect: false })
    const { id } = await fork
    await clone.copy(branch, remote(FORK))
    return id
  }
  return {
    url: there.url,
    path: PATH,
    projectId,
    defaultBranch: 'master',
    ...who,
    forge: (token, { deadlineMs = 10_000, path = PATH } = {}) => gitlab({ url: there.url, token, path, deadlineMs }),
    hookUrl: receiver.url,
    deliveries: receiver.deliveries,
    idle: () => there.idle(),
    ...clone,
    ...handsOf(apiOf(there, projectId), who, projectId, forkWith),
    fallIll: (illness) => there.misbehave(ordersOf(illness)),
    close: async () => {
      await Promise.all([there.close(), receiver.close()])
      clone.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

export const givenGitlab: GivenForge = {
  name: 'gitlab',
  traits: {
    approvals: true,
    skips: true,
    forks: true,
    mergeMethods: ['merge', 'squash', 'fast-forward'],
    eventNames: { push: 'Push Hook', tag: 'Tag Push Hook', mergeRequest: 'Merge Request Hook' },
    shows: {
      pending: 'pending',
      running: 'running',
      success: 'success',
      failed: 'failed',
      canceled: 'canceled',
      skipped: 'skipped',
    },
  },
  start: () => startGitlab(),
}
