// The webhooks of the demo forge, against what GitLab 19 is known to send.
import { createHmac } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startForge } from '../../demo/forge/forge'
import { address, api, arrives, git, given, KEY, of, SIGNING_TOKEN, standUp, there, ZERO } from './given-demo-forge'

standUp()

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
      'x-gitlab-instance': there.forge.url,
      'x-gitlab-token': 'in-clear',
      'idempotency-key': headers['webhook-id'],
      'content-type': 'application/json',
    })
    expect(push).toMatchObject({
      object_kind: 'push',
      after: sha,
      checkout_sha: sha,
      user_id: there.ann.id,
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
    await there.forge.idle()
    const events = await api(`/projects/${id}/hooks/${hook.id}/events`)
    expect(events.json[0]).toMatchObject({ response_status: '202' })
    const resent = await api(`/projects/${id}/hooks/${hook.id}/events/${events.json[0].id}/resend`, { method: 'POST' })
    expect([resent.status, resent.json]).toEqual([201, { response_status: 202 }])
    await arrives(id, 2)
    expect(new Set(of(id).map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  })

  it('name the files of each commit: added, modified, removed, of a merge against its first parent', async () => {
    const { id, clone, commit } = await given('names')
    const put = async (name: string, text: string) => {
      await writeFile(join(clone, name), text)
      await git(clone, 'add', '--all')
    }
    await put('näme.txt', 'one\n')
    await commit('add')
    await put('näme.txt', 'two\n')
    await git(clone, 'rm', '--quiet', 'src/hello world.txt')
    await commit('change')
    await git(clone, 'switch', '--quiet', '--create', 'side', 'HEAD~1')
    await put('side.txt', 'side\n')
    await commit('side')
    await git(clone, 'switch', '--quiet', 'master')
    await git(clone, 'merge', '--quiet', '--no-ff', '--message=merge', 'side')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id)
    const told = of(id)[0]?.push.commits.map(({ title, added, modified, removed }) => ({
      title,
      added,
      modified,
      removed,
    }))
    expect(told).toHaveLength(4)
    expect(told).toEqual(
      expect.arrayContaining([
        { title: 'add', added: ['näme.txt'], modified: [], removed: [] },
        { title: 'change', added: [], modified: ['näme.txt'], removed: ['src/hello world.txt'] },
        { title: 'side', added: ['side.txt'], modified: [], removed: [] },
        { title: 'merge', added: ['side.txt'], modified: [], removed: [] },
      ]),
    )
  })

  it('of a tag carry the commit, and those of the first default branch its commits', async () => {
    const { id } = await there.forge.addProject({ path: 'team/begin', members: { ann: 40 } })
    const url = there.receiverUrl
    await api(`/projects/${id}/hooks`, { method: 'POST', body: { url, tag_push_events: true } })
    const clone = join(there.dir, 'begin')
    await git(there.dir, 'clone', '--quiet', '--', address('team/begin', 'ann', 'ann-secret'), clone)
    await git(clone, 'commit', '--quiet', '--allow-empty', '-m', 'first of all')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:master')
    await arrives(id)
    expect(of(id)[0]?.push).toMatchObject({ before: ZERO, total_commits_count: 1, ref_protected: true })
    expect(of(id)[0]?.push.commits.map(({ title }) => title)).toEqual(['first of all'])
    await git(clone, 'tag', 'light')
    await git(clone, 'push', '--quiet', 'origin', 'light')
    await arrives(id, 2)
    expect(of(id)[1]?.push).toMatchObject({ object_kind: 'tag_push', message: null, total_commits_count: 1 })
    expect(of(id)[1]?.push.commits.map(({ title }) => title)).toEqual(['first of all'])
  })

  it('pass the filter of the hook or are not sent', async () => {
    const { id, clone, hook } = await given('filter', { push_events_branch_filter: 'release/*' })
    expect(hook).toMatchObject({ push_events_branch_filter: 'release/*', branch_filter_strategy: 'wildcard' })
    const push = (branch: string) => git(clone, 'push', '--quiet', 'origin', `HEAD:refs/heads/${branch}`)
    for (const branch of ['feature/a', 'released', 'xrelease/1', 'release/1/2']) await push(branch)
    await arrives(id)
    expect(of(id).map(({ push }) => push.ref)).toEqual(['refs/heads/release/1/2'])
    // Tags know no filter.
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/tags/v1')
    await arrives(id, 2)
    const set = (body: object) => api(`/projects/${id}/hooks/${hook.id}`, { method: 'PUT', body })
    expect(await set({ push_events_branch_filter: 'a b' })).toMatchObject({
      status: 422,
      json: { error: 'Invalid branch filter given' },
    })
    expect((await set({ branch_filter_strategy: 'all_branches' })).json.branch_filter_strategy).toBe('all_branches')
    await push('feature/b')
    await arrives(id, 3)
  })

  it('can be tried, with the newest commits, where there are any', async () => {
    const { id, hook } = await given('try', { push_events: false })
    const attempt = (trigger: string, of = id, which = hook.id) =>
      api(`/projects/${of}/hooks/${which}/test/${trigger}`, { method: 'POST' })
    expect(await attempt('push_events')).toMatchObject({ status: 201, json: { message: '201 Created' } })
    await arrives(id)
    expect(of(id)[0]?.headers['x-gitlab-event']).toBe('Push Hook')
    expect(of(id)[0]?.push).toMatchObject({ ref: 'refs/heads/master', total_commits_count: 1 })
    expect((await attempt('nonsense')).json).toEqual({ error: 'trigger does not have a valid value' })
    const empty = await there.forge.addProject({ path: 'team/try-empty', members: { ann: 40 } })
    const add = (url: string) => api(`/projects/${empty.id}/hooks`, { method: 'POST', body: { url } })
    const other = (await add(there.receiverUrl)).json.id
    expect((await attempt('push_events', empty.id, other)).json.message).toMatch(/at least one commit/)
    // Nobody else's hook, nor its deliveries.
    expect((await attempt('push_events', empty.id)).status).toBe(404)
    expect((await api(`/projects/${empty.id}/hooks/${hook.id}/events`)).status).toBe(404)
  })

  it('come from a GitLab 18 without signature, id and time, whatever token was given', async () => {
    const old = await startForge({ dir: join(there.dir, 'old-18'), signing: false })
    try {
      const eve = await old.addUser({ username: 'eve', name: 'Eve', password: 'eve-secret' })
      const seed = join(there.dir, 'seed')
      const { id } = await old.addProject({ path: 'team/eighteen', members: { eve: 40 }, seed })
      const ask = async (path: string, body?: object) => {
        const headers = { 'PRIVATE-TOKEN': eve.token, 'content-type': 'application/json' }
        const answer = await fetch(`${old.url}/api/v4${path}`, {
          ...(body && { method: 'POST', body: JSON.stringify(body) }),
          headers,
        })
        return (await answer.json()) as { id: number; version: string }
      }
      const wish = { url: there.receiverUrl, token: 'in-clear', signing_token: SIGNING_TOKEN }
      const hook = await ask(`/projects/${id}/hooks`, wish)
      await ask(`/projects/${id}/hooks/${hook.id}/test/push_events`, {})
      await arrives(id)
      const headers = of(id)[0]?.headers ?? {}
      expect(headers).toMatchObject({ 'user-agent': 'GitLab/18.11.0', 'x-gitlab-token': 'in-clear' })
      expect(headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/)
      expect(Object.keys(headers).filter((name) => name.startsWith('webhook-'))).toEqual([])
      expect((await ask('/version')).version).toBe('18.11.0')
    } finally {
      await old.close()
    }
  })
})
