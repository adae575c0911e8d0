// The demo forge against what GitLab is known to do over git and when it is ill; real git, real HTTP.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startForge } from '../../demo/forge/forge'
import { address, api, arrives, git, given, of, standUp, there } from './given-demo-forge'

standUp()

describe('git over HTTP', () => {
  it('lets a password, an oauth2 token and a token under any name in, and nothing else', async () => {
    const { path } = await given('doors')
    const heads = (user: string, secret: string) => git(there.dir, 'ls-remote', '--heads', address(path, user, secret))
    for (const [user, secret] of [
      ['ann', 'ann-secret'],
      ['oauth2', there.ann.token],
      ['whoever', there.ann.token],
    ] as const) {
      expect(await heads(user, secret)).toContain('refs/heads/develop')
    }
    await expect(heads('ann', 'wrong')).rejects.toThrow(/Authentication failed/)
    await expect(heads('bob', 'ann-secret')).rejects.toThrow(/Authentication failed/)
    const bare = await fetch(`${there.forge.url}/${path}.git/info/refs?service=git-upload-pack`)
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(/^Basic /)])
  })

  it('lets a reporter read and not push, and a stranger see nothing', async () => {
    const { path, clone, commit } = await given('readers')
    await commit('not allowed')
    expect(await git(there.dir, 'ls-remote', address(path, 'bob', 'bob-secret'))).toContain('refs/heads/master')
    await expect(git(clone, 'push', address(path, 'bob', 'bob-secret'), 'HEAD:develop')).rejects.toThrow(/403/)
    const carl = await there.forge.addUser({ username: 'carl', name: 'Carl', password: 'carl-secret' })
    await expect(git(there.dir, 'ls-remote', address(path, 'carl', 'carl-secret'))).rejects.toThrow(/not found/i)
    expect((await api('/projects/team%2Freaders', { token: carl.token })).json).toEqual({
      message: '404 Project Not Found',
    })
  })

  it('serves a single commit that is asked for by its hash', async () => {
    const { path, clone, commit } = await given('by-hash')
    const sha = await commit('asked for')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/heads/feature/gone', 'HEAD:refs/heads/develop')
    const shallow = join(there.dir, 'shallow')
    await git(there.dir, 'init', '--quiet', shallow)
    await git(shallow, 'fetch', '--quiet', '--depth=1', address(path, 'oauth2', there.ann.token), sha)
    expect(await git(shallow, 'rev-parse', 'FETCH_HEAD')).toBe(sha)
  })

  it('lets maintainers alone push to protected branches, unless the project protects none', async () => {
    const { path, clone, commit } = await given('guarded')
    await commit('by a developer')
    const push = (to: string, branch: string) =>
      git(clone, 'push', address(to, 'dev', 'dev-secret'), `HEAD:refs/heads/${branch}`)
    const told = /GitLab: You are not allowed to push code to protected branches on this project/
    for (const branch of ['master', 'develop']) await expect(push(path, branch)).rejects.toThrow(told)
    await push(path, 'feature/developed')
    expect(await git(clone, 'ls-remote', '--heads', 'origin', 'feature/developed')).not.toBe('')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await there.forge.addProject({ path: 'team/unguarded', members: { dev: 30 }, protect: false })
    await push('team/unguarded', 'master')
  })

  it('leaves packs as they came, and nothing running behind', async () => {
    const { dir } = await there.forge.addProject({ path: 'team/kept', members: {} })
    const of = (name: string) => git(dir, 'config', '--local', name)
    expect([await of('gc.auto'), await of('receive.autogc'), await of('maintenance.auto')]).toEqual([
      '0',
      'false',
      'false',
    ])
    expect(Number(await of('receive.maxInputSize'))).toBe(512 * 1024 * 1024)
  })

  it('cuts off what is too large, told beforehand or not, and keeps nothing of it', async () => {
    const small = await startForge({ dir: join(there.dir, 'small'), maxPushBytes: 200_000 })
    try {
      await small.addUser({ username: 'eve', name: 'Eve', password: 'eve-secret' })
      const { dir } = await small.addProject({ path: 'team/small', members: { eve: 40 } })
      const { clone } = await given('too-large')
      await writeFile(join(clone, 'large.bin'), randomBytes(400_000))
      await git(clone, 'add', '--all')
      await git(clone, 'commit', '--quiet', '-m', 'large')
      const url = `${small.url.replace('://', '://eve:eve-secret@')}/team/small.git`
      const push = (...options: string[]) => git(clone, ...options, 'push', url, 'HEAD:refs/heads/master')
      await expect(push()).rejects.toThrow(/413/) // git tells the length of what fits its buffer
      await expect(push('-c', 'http.postBuffer=100000')).rejects.toThrow(/413|hung up|unexpected disconnect/)
      expect(await git(dir, 'for-each-ref')).toBe('')
      await git(clone, 'push', '--quiet', url, 'HEAD~1:refs/heads/master')
    } finally {
      await small.close()
    }
  })
})

describe('misbehaving', () => {
  it('duplicates a webhook with one key, and drops one for good', async () => {
    const { id, clone, commit } = await given('twice')
    there.forge.misbehave({ webhooks: { duplicate: 1 } })
    await commit('twice')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id, 2)
    expect(new Set(of(id).map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    there.forge.misbehave({ webhooks: { drop: 1 } })
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
    there.forge.misbehave({ webhooks: { reorder: true, delayMs: 200 } })
    const began = performance.now()
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/heads/feature/a', 'HEAD:refs/heads/feature/b')
    await arrives(id, 2)
    expect(performance.now() - began).toBeGreaterThanOrEqual(200)
    expect(of(id).map(({ push }) => push.ref)).toEqual(['refs/heads/feature/b', 'refs/heads/feature/a'])
  })

  it('answers as ordered, so often as ordered, and is ordered about by administrators alone', async () => {
    const orders = { api: [{ status: 429, retryAfter: 7, times: 1, match: 'GET .*/user' }] }
    const ask = (token: string) =>
      fetch(`${there.forge.url}/demo/misbehave`, {
        method: 'POST',
        headers: { 'PRIVATE-TOKEN': token, 'content-type': 'application/json' },
        body: JSON.stringify(orders),
      })
    expect((await ask(there.ann.token)).status).toBe(403)
    expect((await ask(there.root.token)).ok).toBe(true)
    const busy = await api('/user')
    expect([busy.status, busy.headers.get('retry-after'), busy.json]).toEqual([
      429,
      '7',
      expect.stringContaining('Retry later'),
    ])
    expect((await api('/user')).json).toMatchObject({ id: there.ann.id, username: 'ann' })
  })

  it('keeps its orders to itself, and refuses those that it cannot obey', async () => {
    const orders = { api: [{ status: 500 as const, times: 1, match: 'GET .*/user' }] }
    for (const _ of [1, 2]) {
      there.forge.misbehave(orders)
      expect((await api('/user')).status).toBe(500)
    }
    expect(orders.api[0]?.times).toBe(1)
    const order = (body: object) =>
      fetch(`${there.forge.url}/demo/misbehave`, {
        method: 'POST',
        headers: { 'PRIVATE-TOKEN': there.root.token, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const bad = await order({ api: [{ status: 500, times: 1, match: '(' }] })
    expect([bad.status, await bad.json()]).toEqual([400, { error: 'api.0.match: is not a regular expression' }])
    for (const body of [{ api: [{ status: 200, times: 1 }] }, { slow: 1 }, { webhooks: { drop: -1 } }])
      expect((await order(body)).status, JSON.stringify(body)).toBe(400)
    expect((await api('/user')).status).toBe(200)
    expect(() => there.forge.misbehave({ api: [{ times: 1, match: '[' }] })).toThrow(/regular expression/)
  })

  it('is late for the requests of one rule alone', async () => {
    there.forge.misbehave({ api: [{ times: 1, match: 'GET .*/version', delayMs: 3_000 }] })
    const took = async (path: string) => {
      const began = performance.now()
      expect((await api(path)).status).toBe(200)
      return performance.now() - began
    }
    expect(await took('/user')).toBeLessThan(2_900)
    expect(await took('/version')).toBeGreaterThanOrEqual(2_990)
    expect(await took('/version')).toBeLessThan(2_900)
  })

  it('closes at once, although a webhook and an answer are still to come', async () => {
    const going = await startForge({ dir: join(there.dir, 'going') })
    const eve = await going.addUser({ username: 'eve', name: 'Eve', password: 'eve-secret' })
    const seed = join(there.dir, 'seed')
    const { id } = await going.addProject({ path: 'team/going', members: { eve: 40 }, seed })
    const ask = (path: string, body: object) =>
      fetch(`${going.url}/api/v4/projects/${id}${path}`, {
        method: 'POST',
        headers: { 'PRIVATE-TOKEN': eve.token, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    await ask('/hooks', { url: there.receiverUrl })
    for (const webhooks of [{ delayMs: 60_000 }, { reorder: true, delayMs: 60_000 }]) {
      going.misbehave({ webhooks })
      const branch = `feature/${JSON.stringify(webhooks).length}`
      expect((await ask('/repository/branches', { branch, ref: 'develop' })).status).toBe(201)
    }
    going.misbehave({ slowMs: 60_000 })
    const waits = ask('/repository/branches', {}).catch(() => 'cut off')
    const began = performance.now()
    await going.close()
    await waits
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(going.deliveries).toEqual([])
  })

  it('cuts every connection while it is down', async () => {
    there.forge.misbehave({ down: true })
    await expect(api('/user')).rejects.toThrow()
    there.forge.misbehave({})
    expect((await api('/user')).status).toBe(200)
  })
})

describe('pages', () => {
  it('say what they are, and show text as text', async () => {
    const { path, clone, commit } = await given('pages')
    await commit('<script>alert(1)</script>')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    const sha = await git(clone, 'rev-parse', 'HEAD')
    for (const page of ['/', `/${path}`, `/${path}/-/commit/${sha}`]) {
      const html = await (await fetch(there.forge.url + page)).text()
      expect(html).toContain('a stand-in for GitLab on real git repositories, for demo and tests')
      expect(html).not.toContain('<script')
    }
  })
})

it('alone it has a password of its own each time', async () => {
  const began = async (n: number) => {
    const child = spawn(process.execPath, [
      '--import',
      'tsx',
      'demo/forge/main.ts',
      '--dir',
      join(there.dir, `alone-${n}`),
    ])
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer]
      return /at (http:\S+), user root, password (\S+), token (\S+)/.exec(String(line)) ?? expect.fail(String(line))
    } finally {
      child.kill()
    }
  }
  const [one, two] = await Promise.all([began(1), began(2)])
  expect(one[2]).toMatch(/^.{16}$/)
  expect(one[2]).not.toBe(two[2])
})
