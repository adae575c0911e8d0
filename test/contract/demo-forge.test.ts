// The demo forge against what GitLab 19 is known to send and answer: real git, real HTTP, and GitLab's own client.
import { execFile } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Gitlab } from '@gitbeaker/rest'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type DemoForge, startForge } from '../../demo/forge/forge'

const run = promisify(execFile)
const ZERO = '0'.repeat(40)
const KEY = randomBytes(32)
const SIGNING_TOKEN = `whsec_${KEY.toString('base64')}`

interface Push {
  object_kind: string
  ref: string
  before: string
  after: string
  checkout_sha: string | null
  message: string | null
  user_id: number
  project_id: number
  commits: { id: string; title: string }[]
  total_commits_count: number
  push_options: object
}
interface Received {
  headers: IncomingHttpHeaders
  body: string
  push: Push
}

let dir: string
let forge: DemoForge
let ann: { id: number; token: string }
let bob: { id: number; token: string }
let root: { id: number; token: string }
let receiver: Server
let receiverUrl: string
let received: Received[] = []
let clones = 0

async function git(cwd: string, ...args: string[]): Promise<string> {
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

const address = (path: string, username: string, password: string) =>
  `${forge.url.replace('://', `://${username}:${password}@`)}/${path}.git`

async function api(path: string, options: { method?: string; token?: string; body?: object } = {}) {
  const answer = await fetch(`${forge.url}/api/v4${path}`, {
    method: options.method ?? 'GET',
    headers: {
      'PRIVATE-TOKEN': options.token ?? ann.token,
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
async function given(name: string, hook: object = {}) {
  const path = `team/${name}`
  const project = await forge.addProject({ path, members: { ann: 40, bob: 20 }, seed: join(dir, 'seed') })
  const made = await api(`/projects/${project.id}/hooks`, {
    method: 'POST',
    body: { url: receiverUrl, token: 'in-clear', signing_token: SIGNING_TOKEN, tag_push_events: true, ...hook },
  })
  expect(made.status).toBe(201)
  const clone = join(dir, `clone-${++clones}`)
  await git(dir, 'clone', '--quiet', '--', address(path, 'ann', 'ann-secret'), clone)
  const commit = async (message: string) => {
    await git(clone, 'commit', '--quiet', '--allow-empty', '-m', message)
    return git(clone, 'rev-parse', 'HEAD')
  }
  return { id: project.id, path, clone, commit, hook: made.json as Record<string, unknown> & { id: number } }
}

const of = (projectId: number) => received.filter(({ push }) => push.project_id === projectId)
const arrives = (projectId: number, count = 1) =>
  expect.poll(() => of(projectId).length, { timeout: 8_000, interval: 20 }).toBe(count)

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'demo-forge-'))
  await mkdir(join(dir, 'seed', 'src'), { recursive: true })
  await writeFile(join(dir, 'seed', 'src', 'hello world.txt'), 'hello\n')
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      received.push({ headers: request.headers, body, push: JSON.parse(body) })
      response.writeHead(202).end()
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  receiverUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/webhooks/x`
  forge = await startForge({ dir: join(dir, 'forge') })
  ann = await forge.addUser({ username: 'ann', name: 'Ann', password: 'ann-secret' })
  bob = await forge.addUser({ username: 'bob', name: 'Bob', password: 'bob-secret' })
  root = await forge.addUser({ username: 'root', name: 'Root', password: 'root-secret', admin: true })
})

afterEach(() => {
  forge.misbehave({})
  received = []
})

afterAll(async () => {
  await forge.close()
  receiver.closeAllConnections()
  receiver.close()
  await rm(dir, { recursive: true, force: true })
})

describe('git over HTTP', () => {
  it('lets a password, an oauth2 token and a token under any name in, and nothing else', async () => {
    const { path } = await given('doors')
    const heads = (user: string, secret: string) => git(dir, 'ls-remote', '--heads', address(path, user, secret))
    for (const [user, secret] of [
      ['ann', 'ann-secret'],
      ['oauth2', ann.token],
      ['whoever', ann.token],
    ] as const) {
      expect(await heads(user, secret)).toContain('refs/heads/develop')
    }
    await expect(heads('ann', 'wrong')).rejects.toThrow(/Authentication failed/)
    await expect(heads('bob', 'ann-secret')).rejects.toThrow(/Authentication failed/)
    const bare = await fetch(`${forge.url}/${path}.git/info/refs?service=git-upload-pack`)
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(/^Basic /)])
  })

  it('lets a reporter read and not push, and a stranger see nothing', async () => {
    const { path, clone, commit } = await given('readers')
    await commit('not allowed')
    expect(await git(dir, 'ls-remote', address(path, 'bob', 'bob-secret'))).toContain('refs/heads/master')
    await expect(git(clone, 'push', address(path, 'bob', 'bob-secret'), 'HEAD:develop')).rejects.toThrow(/403/)
    const carl = await forge.addUser({ username: 'carl', name: 'Carl', password: 'carl-secret' })
    await expect(git(dir, 'ls-remote', address(path, 'carl', 'carl-secret'))).rejects.toThrow(/not found/i)
    expect((await api('/projects/team%2Freaders', { token: carl.token })).json).toEqual({
      message: '404 Project Not Found',
    })
  })

  it('serves a single commit that is asked for by its hash', async () => {
    const { path, clone, commit } = await given('by-hash')
    const sha = await commit('asked for')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/heads/feature/gone', 'HEAD:refs/heads/develop')
    const shallow = join(dir, 'shallow')
    await git(dir, 'init', '--quiet', shallow)
    await git(shallow, 'fetch', '--quiet', '--depth=1', address(path, 'oauth2', ann.token), sha)
    expect(await git(shallow, 'rev-parse', 'FETCH_HEAD')).toBe(sha)
  })
})

describe('webhooks', () => {
  it('are signed over the raw body, and the dedupe key is the webhook id', async () => {
    const { id, clone, commit } = await given('signed')
    const sha = await commit('signed')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id)
    const [one] = of(id)
    if (!one) throw new Error('nothing arrived')
    const { headers, body, push } = one
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', KEY).update(signed).digest('base64')}`)
    expect(headers).toMatchObject({
      'user-agent': 'GitLab/19.3.0',
      'x-gitlab-event': 'Push Hook',
      'x-gitlab-instance': forge.url,
      'x-gitlab-token': 'in-clear',
      'idempotency-key': headers['webhook-id'],
      'content-type': 'application/json',
    })
    expect(push).toMatchObject({
      object_kind: 'push',
      after: sha,
      checkout_sha: sha,
      user_id: ann.id,
      total_commits_count: 1,
    })
    expect(push.commits.map(({ title }) => title)).toEqual(['signed'])
  })

  it('tell of a branch created without commits, and of one deleted, by zeros', async () => {
    const { id, clone } = await given('zeros')
    const head = await git(clone, 'rev-parse', 'HEAD')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/heads/release/1.0')
    await arrives(id)
    expect(of(id)[0]?.push).toMatchObject({
      ref: 'refs/heads/release/1.0',
      before: ZERO,
      after: head,
      commits: [],
      total_commits_count: 0,
    })
    await git(clone, 'push', '--quiet', 'origin', ':release/1.0')
    await arrives(id, 2)
    expect(of(id)[1]?.push).toMatchObject({ before: head, after: ZERO, checkout_sha: null, commits: [] })
  })

  it('tell of an annotated tag by the tag object, with the commit to check out', async () => {
    const { id, clone } = await given('tags')
    const head = await git(clone, 'rev-parse', 'HEAD')
    await git(clone, 'tag', '-a', '-m', 'Release 1.0', 'v1.0')
    await git(clone, 'push', '--quiet', 'origin', 'v1.0')
    await arrives(id)
    const [one] = of(id)
    expect(one?.headers['x-gitlab-event']).toBe('Tag Push Hook')
    const tag = await git(clone, 'rev-parse', 'v1.0')
    expect(one?.push).toMatchObject({ object_kind: 'tag_push', after: tag, checkout_sha: head, message: 'Release 1.0' })
  })

  it('hold the newest twenty commits, and count them all', async () => {
    const { id, clone, commit } = await given('many')
    for (let n = 1; n <= 22; n++) await commit(`number ${n}`)
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id)
    const push = of(id)[0]?.push
    expect(push?.total_commits_count).toBe(22)
    expect(push?.commits.map(({ title }) => title)).toEqual(Array.from({ length: 20 }, (_, n) => `number ${n + 3}`))
  })

  it('carry ci.skip, for that push alone', async () => {
    const { id, clone, commit } = await given('skip')
    await commit('skipped')
    await git(clone, 'push', '--quiet', '-o', 'ci.skip', 'origin', 'HEAD:develop')
    await arrives(id)
    await commit('not skipped')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id, 2)
    expect(of(id).map(({ push }) => push.push_options)).toEqual([{ ci: { skip: true } }, {}])
  })

  it('are not sent for four branches created at once, while the one updated beside them is told of', async () => {
    const { id, clone, commit } = await given('four')
    await commit('beside')
    await git(
      clone,
      'push',
      '--quiet',
      'origin',
      ...['a', 'b', 'c', 'd'].map((n) => `HEAD:refs/heads/feature/${n}`),
      'HEAD:develop',
    )
    // A later push is the proof that nothing else was still on its way.
    await commit('later')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id, 2)
    expect(of(id).map(({ push }) => push.ref)).toEqual(['refs/heads/develop', 'refs/heads/develop'])
  })

  it('are sent again with the same key when somebody asks', async () => {
    const { id, clone, commit, hook } = await given('resend')
    await commit('again')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id)
    await forge.idle()
    const events = await api(`/projects/${id}/hooks/${hook.id}/events`)
    expect(events.json[0]).toMatchObject({ response_status: '202' })
    const resent = await api(`/projects/${id}/hooks/${hook.id}/events/${events.json[0].id}/resend`, { method: 'POST' })
    expect([resent.status, resent.json]).toEqual([201, { response_status: 202 }])
    await arrives(id, 2)
    expect(new Set(of(id).map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  })
})

describe('misbehaving', () => {
  it('duplicates a webhook with one key, and drops one for good', async () => {
    const { id, clone, commit } = await given('twice')
    forge.misbehave({ webhooks: { duplicate: 1 } })
    await commit('twice')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id, 2)
    expect(new Set(of(id).map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    forge.misbehave({ webhooks: { drop: 1 } })
    await commit('lost')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await commit('kept')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id, 3)
    expect(of(id)[2]?.push.commits.map(({ title }) => title)).toEqual(['kept'])
  })

  it('sends the newer of two webhooks first, and late where it is told to', async () => {
    const { id, clone, commit } = await given('order')
    await commit('first')
    forge.misbehave({ webhooks: { reorder: true, delayMs: 200 } })
    const began = performance.now()
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/heads/feature/a', 'HEAD:refs/heads/feature/b')
    await arrives(id, 2)
    expect(performance.now() - began).toBeGreaterThanOrEqual(200)
    expect(of(id).map(({ push }) => push.ref)).toEqual(['refs/heads/feature/b', 'refs/heads/feature/a'])
  })

  it('answers as ordered, so often as ordered, and is ordered about by administrators alone', async () => {
    const orders = { api: [{ status: 429, retryAfter: 7, times: 1, match: 'GET .*/user' }] }
    const ask = (token: string) =>
      fetch(`${forge.url}/demo/misbehave`, {
        method: 'POST',
        headers: { 'PRIVATE-TOKEN': token, 'content-type': 'application/json' },
        body: JSON.stringify(orders),
      })
    expect((await ask(ann.token)).status).toBe(403)
    expect((await ask(root.token)).ok).toBe(true)
    const busy = await api('/user')
    expect([busy.status, busy.headers.get('retry-after'), busy.json]).toEqual([
      429,
      '7',
      expect.stringContaining('Retry later'),
    ])
    expect((await api('/user')).json).toMatchObject({ id: ann.id, username: 'ann' })
  })

  it('cuts every connection while it is down', async () => {
    forge.misbehave({ down: true })
    await expect(api('/user')).rejects.toThrow()
    forge.misbehave({})
    expect((await api('/user')).status).toBe(200)
  })
})

describe('commit statuses', () => {
  it('refuse a repeated state in the words of GitLab, and begin anew after a final one', async () => {
    const { id, clone } = await given('statuses')
    const sha = await git(clone, 'rev-parse', 'HEAD')
    const set = (state: string, more: object = {}) =>
      api(`/projects/${id}/statuses/${sha}`, {
        method: 'POST',
        body: { state, ref: 'develop', name: 'shiplock', ...more },
      })
    const cannot = (event: string, from: string) => ({
      message: `Cannot transition status via :${event} from :${from} (Reason(s): Status cannot transition via "${event}")`,
    })
    const first = await set('pending')
    expect([first.status, first.json]).toEqual([
      201,
      expect.objectContaining({ status: 'pending', ref: 'develop', name: 'shiplock' }),
    ])
    expect(await set('pending')).toMatchObject({ status: 400, json: cannot('enqueue', 'pending') })
    expect((await set('running')).json.id).toBe(first.json.id)
    expect(await set('running')).toMatchObject({ status: 400, json: cannot('run', 'running') })
    expect(await set('pending')).toMatchObject({ status: 400, json: cannot('enqueue', 'running') })
    // Another name, another ref and another person each have a row of their own.
    expect((await set('running', { name: 'other' })).status).toBe(201)
    expect((await set('running', { ref: 'master' })).status).toBe(201)
    expect((await set('success')).status).toBe(201)
    const anew = await set('pending')
    expect(anew.json.id).not.toBe(first.json.id)
    expect((await set('skipped', { name: 'passed by' })).status).toBe(201)
    const shown = await api(`/projects/${id}/repository/commits/${sha}/statuses`)
    const mine = shown.json.filter(
      (row: { name: string; ref: string }) => row.name === 'shiplock' && row.ref === 'develop',
    )
    expect(mine).toEqual([expect.objectContaining({ id: anew.json.id, status: 'pending' })])
  })

  it('refuse an unknown commit, an unknown state and a reporter', async () => {
    const { id, clone } = await given('refusals')
    const sha = await git(clone, 'rev-parse', 'HEAD')
    const set = (commit: string, state: string, token = ann.token) =>
      api(`/projects/${id}/statuses/${commit}`, { method: 'POST', token, body: { state, ref: 'develop' } })
    expect(await set('f'.repeat(40), 'pending')).toMatchObject({
      status: 404,
      json: { message: '404 Commit Not Found' },
    })
    expect((await set(sha, 'brilliant')).status).toBe(400)
    expect((await set(sha, 'pending', bob.token)).status).toBe(403)
    expect((await set(sha, 'pending', 'glpat-wrong')).json).toEqual({ message: '401 Unauthorized' })
  })
})

describe('hooks', () => {
  it('tell that they have secrets, never which', async () => {
    const { id, hook } = await given('secrets')
    expect(hook).toMatchObject({
      token_present: true,
      signing_token_present: true,
      alert_status: 'executable',
      push_events: true,
    })
    const listed = await api(`/projects/${id}/hooks`)
    expect(JSON.stringify(listed.json)).not.toMatch(/whsec_|in-clear/)
    expect((await api(`/projects/${id}/hooks`, { token: bob.token })).status).toBe(403)
  })

  it('refuse an address or a signing token that is none', async () => {
    const { id } = await given('bad-hooks')
    const add = (body: object) => api(`/projects/${id}/hooks`, { method: 'POST', body })
    const badUrl = await add({ url: 'not a url' })
    expect([badUrl.status, JSON.stringify(badUrl.json)]).toEqual([422, expect.stringContaining('Invalid url given')])
    for (const signing_token of ['plain', `whsec_${randomBytes(24).toString('base64')}`]) {
      expect((await add({ url: receiverUrl, signing_token })).status).toBe(422)
    }
  })

  it('ignore a signing token in silence where the forge is older than 19', async () => {
    const old = await startForge({ dir: join(dir, 'old'), signing: false })
    try {
      const eve = await old.addUser({ username: 'eve', name: 'Eve', password: 'eve-secret' })
      const { id } = await old.addProject({ path: 'team/old', members: { eve: 40 } })
      const made = await fetch(`${old.url}/api/v4/projects/${id}/hooks`, {
        method: 'POST',
        headers: { authorization: `Bearer ${eve.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ url: receiverUrl, signing_token: SIGNING_TOKEN }),
      })
      expect([made.status, ((await made.json()) as Record<string, unknown>).signing_token_present]).toEqual([
        201,
        undefined,
      ])
    } finally {
      await old.close()
    }
  })
})

describe("GitLab's own client", () => {
  it('works unchanged', async () => {
    const { id, path, clone } = await given('client')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/heads/feature/with-slash')
    const sha = await git(clone, 'rev-parse', 'HEAD')
    const gitlab = new Gitlab({ host: forge.url, token: ann.token })
    expect(await gitlab.Users.showCurrentUser()).toMatchObject({ id: ann.id, username: 'ann' })
    expect(await gitlab.Projects.show(path)).toMatchObject({
      id,
      path_with_namespace: path,
      permissions: { project_access: { access_level: 40 } },
    })
    expect(await gitlab.Branches.show(path, 'feature/with-slash')).toMatchObject({
      name: 'feature/with-slash',
      commit: { id: sha },
    })
    expect(
      await gitlab.Commits.editStatus(id, sha, 'running', { ref: 'develop', name: 'client', targetUrl: 'http://x/1' }),
    ).toMatchObject({ status: 'running', target_url: 'http://x/1' })
    const hook = await gitlab.ProjectHooks.add(id, receiverUrl, { pushEvents: true, token: 't' })
    await gitlab.ProjectHooks.edit(id, hook.id, receiverUrl, { tagPushEvents: true })
    expect((await gitlab.ProjectHooks.all(id)).find((each) => each.id === hook.id)).toMatchObject({
      tag_push_events: true,
    })
    await gitlab.ProjectHooks.remove(id, hook.id)
    expect((await gitlab.ProjectHooks.all(id)).some((each) => each.id === hook.id)).toBe(false)
    expect(await gitlab.RepositoryFiles.showRaw(id, 'src/hello world.txt', 'develop')).toBe('hello\n')
  })
})

describe('pages', () => {
  it('say what they are, and show text as text', async () => {
    const { path, clone, commit } = await given('pages')
    await commit('<script>alert(1)</script>')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    const sha = await git(clone, 'rev-parse', 'HEAD')
    for (const page of ['/', `/${path}`, `/${path}/-/commit/${sha}`]) {
      const html = await (await fetch(forge.url + page)).text()
      expect(html).toContain('a stand-in for GitLab on real git repositories, for demo and tests')
      expect(html).not.toContain('<script')
    }
  })
})
