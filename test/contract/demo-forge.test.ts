// The demo forge against what GitLab is known to do over git and when it is ill; real git, real HTTP.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
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
