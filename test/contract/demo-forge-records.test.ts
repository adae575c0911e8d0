// What the demo forge keeps beside branches: tags, environments, deployments, comparisons, and hooks that were switched off.
import { Gitlab } from '@gitbeaker/rest'
import { describe, expect, it } from 'vitest'
import {
  address,
  api,
  arrives,
  comes,
  git,
  given,
  mergeRequestHooksOf,
  of,
  pushed,
  standUp,
  there,
  ZERO,
} from './given-demo-forge'

standUp()

const put = (path: string, body: object = {}, token = there.ann.token) => api(path, { method: 'PUT', body, token })
const post = (path: string, body: object = {}, token = there.ann.token) => api(path, { method: 'POST', body, token })

describe('tags', () => {
  it('are made once, annotated where there is a message, and told of as of a push', async () => {
    const { id, clone } = await given('tags-made')
    const head = await git(clone, 'rev-parse', 'HEAD')
    const path = `/projects/${id}/repository/tags`
    const made = await post(path, { tag_name: 'v1.0.0', ref: 'develop', message: 'Release 1.0.0' }, there.dev.token)
    expect(made).toMatchObject({
      status: 201,
      json: { name: 'v1.0.0', message: 'Release 1.0.0', commit: { id: head }, release: null, protected: false },
    })
    expect(made.json.target).not.toBe(head)
    await arrives(id)
    expect(of(id)[0]?.headers['x-gitlab-event']).toBe('Tag Push Hook')
    expect(of(id)[0]?.push).toMatchObject({
      ref: 'refs/tags/v1.0.0',
      after: made.json.target,
      checkout_sha: head,
      message: 'Release 1.0.0',
      user_id: there.dev.id,
    })
    expect(await post(path, { tag_name: 'v1.0.0', ref: 'master' })).toMatchObject({
      status: 400,
      json: { message: 'Tag v1.0.0 already exists' },
    })
    const light = await post(path, { tag_name: 'light', ref: head })
    expect(light.json).toMatchObject({ target: head, message: '', created_at: null })
    expect((await api(`${path}/light`)).json.commit.id).toBe(head)
    expect((await api(`${path}/light`, { method: 'DELETE' })).status).toBe(204)
    await arrives(id, 3)
    expect(of(id)[2]?.push).toMatchObject({ before: head, after: ZERO, checkout_sha: null })
    expect(await api(`${path}/light`)).toMatchObject({ status: 404, json: { message: '404 Tag Not Found' } })
  })

  it('that cannot be are refused, and are listed by name or by version', async () => {
    const { id } = await given('tags-list', { tag_push_events: false })
    const path = `/projects/${id}/repository/tags`
    expect(await post(path, { tag_name: 'v1', ref: 'nowhere' })).toMatchObject({
      status: 400,
      json: { message: 'Target nowhere is invalid' },
    })
    expect((await post(path, { tag_name: 'a b', ref: 'develop' })).json).toEqual({ message: 'Tag name invalid' })
    expect((await post(path, {})).json).toEqual({ error: 'tag_name is missing, ref is missing' })
    expect((await post(path, { tag_name: 'v1', ref: 'develop' }, there.bob.token)).status).toBe(403)
    for (const name of ['v1.9.0', 'v1.10.0', 'other']) await post(path, { tag_name: name, ref: 'develop' })
    const names = async (query: string) => (await api(`${path}?${query}`)).json.map((t: { name: string }) => t.name)
    expect(await names('order_by=version&search=^v')).toEqual(['v1.10.0', 'v1.9.0'])
    expect(await names('order_by=name&sort=asc&per_page=2')).toEqual(['other', 'v1.10.0'])
    expect((await api(`${path}/v1%2F..%2Fother`)).status).toBe(404)
  })
})

describe('deployments', () => {
  const wish = (sha: string, more: object = {}) => ({
    environment: 'production',
    sha,
    ref: 'develop',
    tag: false,
    status: 'running',
    ...more,
  })

  it('make their environment, and change as the state machine of GitLab lets them', async () => {
    const { id, clone } = await given('deployments')
    const head = await git(clone, 'rev-parse', 'HEAD')
    const path = `/projects/${id}/deployments`
    const made = await post(path, wish(head), there.dev.token)
    expect(made).toMatchObject({
      status: 201,
      json: { iid: 1, sha: head, ref: 'develop', status: 'running', user: { username: 'dev' }, deployable: null },
    })
    expect((await api(`/projects/${id}/environments?name=production`)).json).toMatchObject([
      { name: 'production', slug: 'production', tier: 'production', state: 'available' },
    ])
    const one = `${path}/${made.json.id}`
    expect(await put(one, { status: 'running' })).toMatchObject({
      status: 400,
      json: { message: { status: ['cannot transition via "run"'] } },
    })
    expect(await put(one, { status: 'success' })).toMatchObject({ status: 200, json: { status: 'success' } })
    expect((await put(one, { status: 'success' })).json).toEqual({
      message: { status: ['cannot transition via "succeed"'] },
    })
    expect((await put(one, { status: 'failed' })).status).toBe(200)
    expect((await put(one, { status: 'lost' })).json).toEqual({ error: 'status does not have a valid value' })
    expect((await put(one, {}, there.bob.token)).status).toBe(403)
    expect((await api(`${path}/9999`)).status).toBe(404)
  })

  it('of what is not there are refused', async () => {
    const { id, clone } = await given('deployments-refused')
    const head = await git(clone, 'rev-parse', 'HEAD')
    const messageOf = async (more: object) => {
      const { status, json } = await post(`/projects/${id}/deployments`, wish(head, more))
      return [status, json]
    }
    expect(await messageOf({ ref: 'nowhere' })).toEqual([
      400,
      { message: { ref: ['The branch or tag does not exist'] } },
    ])
    expect(await messageOf({ sha: '1'.repeat(40) })).toEqual([400, { message: { sha: ['The commit does not exist'] } }])
    expect(await messageOf({ status: 'created' })).toEqual([400, { error: 'status does not have a valid value' }])
    expect((await messageOf({ environment: '?' }))[0]).toBe(400)
    expect((await post(`/projects/${id}/deployments`, { sha: head })).json.error).toMatch(
      /^environment is missing, ref/,
    )
    expect((await post(`/projects/${id}/deployments`, wish(head), there.bob.token)).status).toBe(403)
    expect((await api(`/projects/${id}/environments`)).json).toEqual([])
  })

  it('are found by environment and status, and shown on a page', async () => {
    const { id, clone } = await given('deployments-list')
    const head = await git(clone, 'rev-parse', 'HEAD')
    const path = `/projects/${id}/deployments`
    for (const [environment, status] of [
      ['test', 'success'],
      ['production', 'failed'],
      ['production', 'success'],
    ])
      await post(path, wish(head, { environment, status }))
    const iids = async (query: string) => (await api(`${path}?${query}`)).json.map((d: { iid: number }) => d.iid)
    expect(await iids('')).toEqual([1, 2, 3])
    expect(await iids('environment=production&sort=desc')).toEqual([3, 2])
    expect(await iids('environment=production&status=failed')).toEqual([2])
    expect(await iids('environment=nowhere')).toEqual([])
    expect((await api(`${path}?order_by=luck`)).status).toBe(400)
    const [production] = (await api(`/projects/${id}/environments`)).json
    expect((await api(`/projects/${id}/environments/${production.id}`)).json.last_deployment.iid).toBe(3)
    const page = await (await fetch(`${there.forge.url}/team/deployments-list/-/environments`)).text()
    expect(page).toContain('<h2>production</h2>')
    expect(page).toContain(head.slice(0, 8))
  })
})

describe('environments', () => {
  it('are made once, changed and stopped', async () => {
    const { id } = await given('environments')
    const path = `/projects/${id}/environments`
    const made = await post(path, { name: 'review/a', external_url: 'https://a.example.test', tier: 'testing' })
    expect(made).toMatchObject({
      status: 201,
      json: { name: 'review/a', slug: 'review-a', external_url: 'https://a.example.test', tier: 'testing' },
    })
    expect(await post(path, { name: 'review/a' })).toMatchObject({
      status: 400,
      json: { message: { name: ['has already been taken'] } },
    })
    expect((await post(path, { name: 'b', tier: 'best' })).json).toEqual({ error: 'tier does not have a valid value' })
    expect((await post(path, { name: 'b', external_url: 'javascript:1' })).status).toBe(400)
    expect((await post(path, { name: 'b' }, there.bob.token)).status).toBe(403)
    const one = `${path}/${made.json.id}`
    expect((await put(one, { external_url: 'https://b.example.test' })).json.external_url).toBe(
      'https://b.example.test',
    )
    expect((await api(one, { method: 'DELETE' })).status).toBe(403)
    expect((await post(`${one}/stop`)).json.state).toBe('stopped')
    expect((await api(one, { method: 'DELETE' })).status).toBe(204)
    expect((await api(one)).status).toBe(404)
  })
})

describe('comparing', () => {
  it('tells the commits and files that one has and the other has not, since they parted', async () => {
    const { id, clone } = await given('compare')
    const base = await git(clone, 'rev-parse', 'HEAD')
    const ours = await pushed(clone, 'feature/a', { 'a.txt': 'a\n' })
    await pushed(clone, 'develop', { 'b.txt': 'b\n' })
    const compared = (await api(`/projects/${id}/repository/compare?from=develop&to=feature%2Fa`)).json
    expect(compared).toMatchObject({ commit: { id: ours }, compare_same_ref: false, compare_timeout: false })
    expect(compared.diffs).toMatchObject([{ new_path: 'a.txt', new_file: true, diff: '@@ -0,0 +1 @@\n+a\n' }])
    const straight = (await api(`/projects/${id}/repository/compare?from=develop&to=feature%2Fa&straight=true`)).json
    expect(straight.diffs.map((d: { new_path: string }) => d.new_path)).toEqual(['a.txt', 'b.txt'])
    const bases = `/projects/${id}/repository/merge_base`
    expect((await api(`${bases}?refs[]=develop&refs[]=feature%2Fa`)).json.id).toBe(base)
    expect((await api(`${bases}?refs[]=develop`)).status).toBe(400)
    expect((await api(`${bases}?refs[]=develop&refs[]=nowhere`)).json.message).toMatch(/Could not find ref: nowhere/)
    expect((await api(`/projects/${id}/repository/compare?from=nowhere&to=develop`)).status).toBe(404)
  })
})

describe('a hook', () => {
  it('that was switched off is told of so and hears nothing, until a test request succeeds', async () => {
    const { id, clone, hook } = await given('hook-off')
    const one = `/projects/${id}/hooks/${hook.id}`
    expect((await api(one)).json).toMatchObject({ alert_status: 'executable', disabled_until: null })
    there.forge.misbehave({ webhooks: { disable: 'disabled' } })
    expect((await api(one)).json).toMatchObject({ alert_status: 'disabled', disabled_until: null })
    await pushed(clone, 'feature/unheard', { 'a.txt': 'a\n' })
    there.forge.misbehave({ webhooks: { disable: 'temporarily_disabled' } })
    const paused = (await api(one)).json
    expect(paused.alert_status).toBe('temporarily_disabled')
    expect(Date.parse(paused.disabled_until)).toBeGreaterThan(Date.now())
    there.forge.misbehave({})
    expect((await post(`${one}/test/push_events`)).status).toBe(201)
    expect((await api(one)).json.alert_status).toBe('executable')
    await pushed(clone, 'feature/heard', { 'b.txt': 'b\n' })
    await arrives(id, 2)
    expect(of(id).map(({ push }) => push.ref)).toEqual(['refs/heads/master', 'refs/heads/feature/heard'])
  })

  it('for merge requests can be tried with one, and its deliveries are listed by their trigger', async () => {
    const { id, clone, hook } = await given('hook-mr', { push_events: false })
    const one = `/projects/${id}/hooks/${hook.id}`
    expect((await post(`${one}/test/merge_requests_events`)).status).toBe(422)
    await pushed(clone, 'feature/a', { 'a.txt': 'a\n' })
    const wish = { source_branch: 'feature/a', target_branch: 'develop', title: 'Add a' }
    await post(`/projects/${id}/merge_requests`, wish)
    expect((await post(`${one}/test/merge_requests_events`)).status).toBe(201)
    await comes(id, 1)
    expect((await api(`${one}/events`)).json[0]).toMatchObject({
      trigger: 'merge_request_hooks',
      response_status: '202',
    })
  })
})

it('a merge request is told of as badly as it was ordered: twice with one key, or never', async () => {
  const { id, clone, hook } = await given('hook-mischief', { push_events: false, merge_requests_events: true })
  await pushed(clone, 'feature/a', { 'a.txt': 'a\n' })
  there.forge.misbehave({ webhooks: { duplicate: 1 } })
  const wish = { source_branch: 'feature/a', target_branch: 'develop', title: 'Add a' }
  const { json: mr } = await post(`/projects/${id}/merge_requests`, wish)
  await comes(id, 2)
  const sent = there.forge.deliveries.filter(({ hookId }) => hookId === hook.id)
  expect(new Set(sent.map(({ key }) => key)).size).toBe(1)
  there.forge.misbehave({ webhooks: { drop: 1 } })
  await put(`/projects/${id}/merge_requests/${mr.iid}`, { state_event: 'close' })
  await put(`/projects/${id}/merge_requests/${mr.iid}`, { state_event: 'reopen' })
  await comes(id, 3)
  expect(mergeRequestHooksOf(id).at(-1)?.object_attributes.action).toBe('reopen')
})

it("GitLab's own client keeps the records", async () => {
  const { id, clone } = await given('records-client')
  const gitlab = new Gitlab({ host: there.forge.url, token: there.ann.token })
  const head = await git(clone, 'rev-parse', 'HEAD')
  expect((await gitlab.Tags.create(id, 'v1', head, { message: 'one' })).commit.id).toBe(head)
  const environment = await gitlab.Environments.create(id, 'staging', { externalUrl: 'https://s.example.test' })
  expect(environment.name).toBe('staging')
  const deployment = await gitlab.Deployments.create(id, 'staging', head, 'v1', true, { status: 'running' })
  expect((await gitlab.Deployments.edit(id, deployment.id, 'success')).status).toBe('success')
  expect(await gitlab.Deployments.all(id, { environment: 'staging' })).toHaveLength(1)
  expect((await gitlab.Repositories.mergeBase(id, ['develop', 'master'])).id).toBe(head)
  expect((await gitlab.Repositories.compare(id, 'master', 'develop')).compare_same_ref).toBe(true)
  expect((await gitlab.ProtectedBranches.create(id, 'release/*')).name).toBe('release/*')
  const denied = git(
    clone,
    'push',
    '--quiet',
    address('team/records-client', 'dev', 'dev-secret'),
    'HEAD:refs/heads/release/1',
  )
  await expect(denied, 'a pattern guards what it names').rejects.toThrow(/not allowed to push/)
})
