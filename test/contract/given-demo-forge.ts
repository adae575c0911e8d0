// A demo forge with people, projects and a receiver of its webhooks, for its contract: real git, real HTTP.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type DemoForge, startForge } from '../../demo/forge/forge'

const run = promisify(execFile)
export const ZERO = '0'.repeat(40)
export const KEY = randomBytes(32)
export const SIGNING_TOKEN = `whsec_${KEY.toString('base64')}`

export interface Push {
  object_kind: string
  ref: string
  before: string
  after: string
  checkout_sha: string | null
  message: string | null
  user_id: number
  project_id: number
  commits: { id: string; title: string; added: string[]; modified: string[]; removed: string[] }[]
  total_commits_count: number
  push_options: object
}
export interface MergeRequestHook {
  object_kind: string
  user: { id: number; username: string }
  project: { id: number; path_with_namespace: string }
  object_attributes: Record<string, unknown> & { action: string; iid: number; last_commit: { id: string } }
  changes: Record<string, { previous: unknown; current: unknown }>
}
export interface Received {
  headers: IncomingHttpHeaders
  body: string
  push: Push
}

type User = { id: number; token: string }

/** What is there while the tests of one file run. */
export const there = {} as {
  dir: string
  forge: DemoForge
  ann: User
  bob: User
  dev: User
  root: User
  receiver: Server
  receiverUrl: string
}
let received: Received[] = []
let clones = 0

export async function git(cwd: string, ...args: string[]): Promise<string> {
  const who = { NAME: 'Ann', EMAIL: 'ann@example.com' }
  const { stdout } = await run('git', args, {
    cwd,
    timeout: 20_000,
    env: {
      NODE_ENV: 'test',
      PATH: process.env.PATH,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_AUTHOR_NAME: who.NAME,
      GIT_AUTHOR_EMAIL: who.EMAIL,
      GIT_COMMITTER_NAME: who.NAME,
      GIT_COMMITTER_EMAIL: who.EMAIL,
    },
  })
  return stdout.trim()
}

export const address = (path: string, username: string, password: string) =>
  `${there.forge.url.replace('://', `://${username}:${password}@`)}/${path}.git`

export async function api(path: string, options: { method?: string; token?: string; body?: object } = {}) {
  const answer = await fetch(`${there.forge.url}/api/v4${path}`, {
    method: options.method ?? 'GET',
    headers: {
      'PRIVATE-TOKEN': options.token ?? there.ann.token,
      ...(options.body && { 'content-type': 'application/json' }),
    },
    ...(options.body && { body: JSON.stringify(options.body) }),
  })
  const text = await answer.text()
  return {
    status: answer.status,
    headers: answer.headers,
    json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
  }
}

/** A project of its own for each story, with a hook, and Ann's clone of it. */
export async function given(
  name: string,
  hook: object = {},
  more: Partial<Parameters<DemoForge['addProject']>[0]> = {},
) {
  const path = `team/${name}`
  const project = await there.forge.addProject({
    path,
    members: { ann: 40, bob: 20, dev: 30 },
    seed: join(there.dir, 'seed'),
    ...more,
  })
  const made = await api(`/projects/${project.id}/hooks`, {
    method: 'POST',
    body: { url: there.receiverUrl, token: 'in-clear', signing_token: SIGNING_TOKEN, tag_push_events: true, ...hook },
  })
  expect(made.status).toBe(201)
  const clone = join(there.dir, `clone-${++clones}`)
  await git(there.dir, 'clone', '--quiet', '--', address(path, 'ann', 'ann-secret'), clone)
  const commit = async (message: string) => {
    await git(clone, 'commit', '--quiet', '--allow-empty', '-m', message)
    return git(clone, 'rev-parse', 'HEAD')
  }
  return { id: project.id, path, clone, commit, hook: made.json as Record<string, unknown> & { id: number } }
}

/** What came of the merge requests of a project, in the order of its coming. */
export const mergeRequestHooksOf = (projectId: number): MergeRequestHook[] =>
  received
    .filter(({ headers }) => headers['x-gitlab-event'] === 'Merge Request Hook')
    .map(({ body }) => JSON.parse(body) as MergeRequestHook)
    .filter(({ project }) => project.id === projectId)

export const comes = (projectId: number, count: number) =>
  expect.poll(() => mergeRequestHooksOf(projectId).length, { timeout: 8_000, interval: 20 }).toBe(count)

/** Writes files, commits them on a branch, and pushes it until the forge has taken it in. @returns the commit */
export async function pushed(clone: string, branch: string, files: Record<string, string>, from = 'origin/develop') {
  await git(clone, 'switch', '--quiet', '--force-create', 'work', from)
  for (const [name, text] of Object.entries(files)) await writeFile(join(clone, name), text)
  await git(clone, 'add', '--all')
  await git(clone, 'commit', '--quiet', '--allow-empty', '-m', `Work on ${branch}`)
  await git(clone, 'push', '--quiet', '--force', 'origin', `HEAD:refs/heads/${branch}`)
  // Git has its answer before the merge requests of the branch follow, as on GitLab.
  await there.forge.idle()
  return git(clone, 'rev-parse', 'HEAD')
}

export const of = (projectId: number) => received.filter(({ push }) => push.project_id === projectId)
export const arrives = (projectId: number, count = 1) =>
  expect.poll(() => of(projectId).length, { timeout: 8_000, interval: 20 }).toBe(count)

/** Stands everything up for the tests of a file. */
export function standUp() {
  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'demo-forge-'))
    await mkdir(join(dir, 'seed', 'src'), { recursive: true })
    await writeFile(join(dir, 'seed', 'src', 'hello world.txt'), 'hello\n')
    const receiver = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        received.push({ headers: request.headers, body, push: JSON.parse(body) })
        response.writeHead(202).end('taken')
      })
    })
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    const receiverUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/webhooks/x`
    const forge = await startForge({ dir: join(dir, 'forge') })
    const ann = await forge.addUser({ username: 'ann', name: 'Ann', password: 'ann-secret' })
    const bob = await forge.addUser({ username: 'bob', name: 'Bob', password: 'bob-secret' })
    const dev = await forge.addUser({ username: 'dev', name: 'Dev', password: 'dev-secret' })
    const root = await forge.addUser({ username: 'root', name: 'Root', password: 'root-secret', admin: true })
    Object.assign(there, { dir, forge, ann, bob, dev, root, receiver, receiverUrl })
  })

  afterEach(() => {
    there.forge.misbehave({})
    received = []
  })

  afterAll(async () => {
    await there.forge.close()
    there.receiver.closeAllConnections()
    there.receiver.close()
    await rm(there.dir, { recursive: true, force: true })
  })
}
