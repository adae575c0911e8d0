// The API of the demo forge, against what GitLab 19 is known to answer, and to GitLab's own client.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Gitlab } from '@gitbeaker/rest'
import { describe, expect, it } from 'vitest'
import { startForge } from '../../demo/forge/forge'
import { api, git, given, SIGNING_TOKEN, standUp, there } from './given-demo-forge'

standUp()

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
    const set = (commit: string, state: string, token = there.ann.token) =>
      api(`/projects/${id}/statuses/${commit}`, { method: 'POST', token, body: { state, ref: 'develop' } })
    expect(await set('f'.repeat(40), 'pending')).toMatchObject({
      status: 404,
      json: { message: '404 Commit Not Found' },
    })
    expect((await set(sha, 'brilliant')).status).toBe(400)
    expect((await set(sha, 'pending', there.bob.token)).status).toBe(403)
    // A status of a protected branch needs the right to push to it.
    expect((await set(sha, 'pending', there.dev.token)).status).toBe(403)
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
    expect((await api(`/projects/${id}/hooks`, { token: there.bob.token })).status).toBe(403)
  })

  it('refuse an address or a signing token that is none', async () => {
    const { id } = await given('bad-hooks')
    const add = (body: object) => api(`/projects/${id}/hooks`, { method: 'POST', body })
    const badUrl = await add({ url: 'not a url' })
    expect([badUrl.status, badUrl.json]).toEqual([422, { error: 'Invalid url given' }])
    expect(await add({})).toMatchObject({ status: 400, json: { error: 'url is missing' } })
    for (const signing_token of ['plain', `whsec_${randomBytes(24).toString('base64')}`]) {
      expect((await add({ url: there.receiverUrl, signing_token })).status).toBe(422)
    }
  })

  it('ignore a signing token in silence where the forge is older than 19', async () => {
    const old = await startForge({ dir: join(there.dir, 'old'), signing: false })
    try {
      const eve = await old.addUser({ username: 'eve', name: 'Eve', password: 'eve-secret' })
      const { id } = await old.addProject({ path: 'team/old', members: { eve: 40 } })
      const made = await fetch(`${old.url}/api/v4/projects/${id}/hooks`, {
        method: 'POST',
        headers: { authorization: `Bearer ${eve.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ url: there.receiverUrl, signing_token: SIGNING_TOKEN }),
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
    const gitlab = new Gitlab({ host: there.forge.url, token: there.ann.token })
    expect(await gitlab.Users.showCurrentUser()).toMatchObject({ id: there.ann.id, username: 'ann' })
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
    const hook = await gitlab.ProjectHooks.add(id, there.receiverUrl, { pushEvents: true, token: 't' })
    await gitlab.ProjectHooks.edit(id, hook.id, there.receiverUrl, { tagPushEvents: true })
    expect((await gitlab.ProjectHooks.all(id)).find((each) => each.id === hook.id)).toMatchObject({
      tag_push_events: true,
    })
    await gitlab.ProjectHooks.remove(id, hook.id)
    expect((await gitlab.ProjectHooks.all(id)).some((each) => each.id === hook.id)).toBe(false)
    expect(await gitlab.RepositoryFiles.showRaw(id, 'src/hello world.txt', 'develop')).toBe('hello\n')
  })
})
