// The merge requests of the demo forge, by GitLab's own client and by fetch: real branches, real merges.
import { join } from 'node:path'
import { Gitlab } from '@gitbeaker/rest'
import { describe, expect, it } from 'vitest'
import { address, api, comes, git, given, mergeRequestHooksOf, pushed, standUp, there } from './given-demo-forge'

standUp()

type Mr = Record<string, unknown> & { iid: number; id: number; sha: string }

/** A project with a feature branch one commit ahead of develop, and a merge request of it. */
async function givenMergeRequest(name: string, more: Parameters<typeof given>[2] = {}, wish: object = {}) {
  const project = await given(name, { merge_requests_events: true, push_events: false }, more)
  const head = await pushed(project.clone, 'feature/a', { 'a.txt': 'a\n' })
  const path = `/projects/${project.id}/merge_requests`
  const made = await open(project.id, { source_branch: 'feature/a', ...wish })
  expect(made.status).toBe(201)
  return { ...project, mr: made.json as Mr, head, path, one: `${path}/${made.json.iid}` }
}

const open = (id: number, wish: object, token = there.dev.token) =>
  api(`/projects/${id}/merge_requests`, {
    method: 'POST',
    token,
    body: { target_branch: 'develop', title: 'Add a', ...wish },
  })

const put = (path: string, body: object = {}, token = there.ann.token) => api(path, { method: 'PUT', body, token })
const post = (path: string, body: object = {}, token = there.ann.token) => api(path, { method: 'POST', body, token })

describe('a merge request', () => {
  it('is opened once for each pair of branches, and told of', async () => {
    const { id, mr, head, one } = await givenMergeRequest('mr-open')
    expect(mr).toMatchObject({
      iid: 1,
      project_id: id,
      title: 'Add a',
      state: 'opened',
      draft: false,
      source_branch: 'feature/a',
      target_branch: 'develop',
      source_project_id: id,
      target_project_id: id,
      sha: head,
      author: { id: there.dev.id, username: 'dev' },
      merge_user: null,
      detailed_merge_status: 'mergeable',
      merge_commit_sha: null,
      squash_commit_sha: null,
      references: { full: 'team/mr-open!1' },
      web_url: `${there.forge.url}/team/mr-open/-/merge_requests/1`,
    })
    expect((await api(one)).json).toMatchObject({ iid: 1, user: { can_merge: true } })
    expect(await open(id, { source_branch: 'feature/a' })).toMatchObject({
      status: 409,
      json: { message: ['Another open merge request already exists for this source branch: !1'] },
    })
    await comes(id, 1)
    expect(mergeRequestHooksOf(id)[0]).toMatchObject({
      object_kind: 'merge_request',
      event_type: 'merge_request',
      user: { id: there.dev.id, username: 'dev' },
      project: { id, path_with_namespace: 'team/mr-open' },
      object_attributes: {
        action: 'open',
        iid: 1,
        state: 'opened',
        last_commit: { id: head },
        target_branch_protected: true,
        source_project_id: id,
      },
    })
    expect(mergeRequestHooksOf(id)[0]?.object_attributes).not.toHaveProperty('oldrev')
  })

  it('that cannot be is refused in the words of GitLab', async () => {
    const { id, path } = await givenMergeRequest('mr-refused')
    expect(await open(id, { source_branch: 'develop' })).toMatchObject({
      status: 422,
      json: { message: ["You can't use same project/branch for source and target"] },
    })
    expect((await open(id, { source_branch: 'nowhere' })).status).toBe(400)
    expect((await post(path, { title: 'x' })).json).toEqual({
      error: 'source_branch is missing, target_branch is missing',
    })
    expect((await open(id, { source_branch: 'feature/a' }, there.bob.token)).status).toBe(403)
    expect((await open(id, { source_branch: 'feature/a', target_project_id: 99_999 })).status).toBe(404)
    expect(await api(`${path}/99`)).toMatchObject({ status: 404, json: { message: '404 Not found' } })
    expect(await api(`${path}?state=lost`)).toMatchObject({
      status: 400,
      json: { error: 'state does not have a valid value' },
    })
  })

  it('is found by state, branches and order, page by page', async () => {
    const { id, clone, path } = await givenMergeRequest('mr-list')
    for (const name of ['b', 'c']) {
      await pushed(clone, `feature/${name}`, { [`${name}.txt`]: name })
      await open(id, { source_branch: `feature/${name}`, target_branch: name === 'c' ? 'master' : 'develop' })
    }
    await put(`${path}/1`, { state_event: 'close' })
    const iids = async (query: string) => (await api(`${path}?${query}`)).json.map((mr: Mr) => mr.iid)
    expect(await iids('')).toEqual([3, 2, 1])
    expect(await iids('sort=asc&per_page=2')).toEqual([1, 2])
    expect(await iids('state=opened')).toEqual([3, 2])
    expect(await iids('state=opened&target_branch=develop')).toEqual([2])
    expect(await iids('source_branch=feature/a')).toEqual([1])
    expect(await iids('order_by=updated_at')).toEqual([1, 3, 2])
    expect(await iids('iids[]=1&iids[]=3')).toEqual([3, 1])
    expect((await api(`${path}?per_page=2`)).headers.get('x-next-page')).toBe('2')
  })

  it('is renamed, retargeted, closed and opened again, and told of with what changed', async () => {
    const { id, one, path, head } = await givenMergeRequest('mr-edit')
    expect((await put(one, { title: 'Draft: Add a' })).json).toMatchObject({
      draft: true,
      detailed_merge_status: 'draft_status',
    })
    expect((await put(one, { title: 'Add a', target_branch: 'master' })).json).toMatchObject({
      draft: false,
      target_branch: 'master',
    })
    expect((await put(one, { state_event: 'close' })).json).toMatchObject({
      state: 'closed',
      detailed_merge_status: 'not_open',
      closed_by: { username: 'ann' },
    })
    expect((await put(one, { state_event: 'reopen' })).json.state).toBe('opened')
    expect((await put(one, { title: 'Add a' })).status).toBe(200)
    expect((await put(one, { title: 'x' }, there.bob.token)).status).toBe(403)
    expect((await put(one, { target_branch: 'nowhere' })).status).toBe(400)
    expect((await put(one, { state_event: 'lose' })).status).toBe(400)
    await there.forge.idle()
    const told = mergeRequestHooksOf(id)
    expect(told.map((hook) => hook.object_attributes.action)).toEqual(
      expect.arrayContaining(['open', 'update', 'update', 'close', 'reopen']),
    )
    expect(told).toHaveLength(5)
    expect(told.every((hook) => hook.object_attributes.oldrev === undefined)).toBe(true)
    const retarget = told.find((hook) => hook.changes.target_branch)
    expect(retarget?.changes).toMatchObject({
      target_branch: { previous: 'develop', current: 'master' },
      draft: { previous: true, current: false },
    })
    expect((await api(`${path}/1`)).json.sha).toBe(head)
  })

  it('follows its source: each push is told of with the earlier head, and keeps its approvals', async () => {
    const { id, one, clone, head } = await givenMergeRequest('mr-push')
    await post(`${one}/approve`)
    const next = await pushed(clone, 'feature/a', { 'a.txt': 'again\n' })
    expect((await api(one)).json).toMatchObject({ sha: next })
    expect((await api(`${one}/approvals`)).json.approved).toBe(true)
    await comes(id, 3)
    const update = mergeRequestHooksOf(id).find((hook) => hook.object_attributes.action === 'update')
    expect(update?.object_attributes).toMatchObject({ oldrev: head, last_commit: { id: next }, system: false })
    const [listed] = (await git(clone, 'ls-remote', 'origin', 'refs/merge-requests/1/head')).split('\t')
    expect(listed).toBe(next)
    await git(clone, 'fetch', '--quiet', 'origin', 'refs/merge-requests/1/head')
    expect(await git(clone, 'rev-parse', 'FETCH_HEAD')).toBe(next)
  })

  it('loses its approvals by a push where the project has it so, and says that nobody took them', async () => {
    const { id, one, clone } = await givenMergeRequest('mr-reset', { resetApprovalsOnPush: true })
    await post(`${one}/approve`)
    await pushed(clone, 'feature/a', { 'a.txt': 'again\n' })
    expect((await api(`${one}/approvals`)).json).toMatchObject({ approved: false, approved_by: [] })
    await comes(id, 4)
    const lost = mergeRequestHooksOf(id).find((hook) => hook.object_attributes.action === 'unapproved')
    expect(lost?.object_attributes).toMatchObject({ system: true, system_action: 'approvals_reset_on_push' })
  })

  it('closes when its source branch goes, and cannot be opened again without', async () => {
    const { id, one, clone } = await givenMergeRequest('mr-gone')
    await git(clone, 'push', '--quiet', 'origin', ':feature/a')
    await there.forge.idle()
    expect((await api(one)).json.state).toBe('closed')
    expect((await put(one, { state_event: 'reopen' })).status).toBe(400)
    await comes(id, 2)
    expect(mergeRequestHooksOf(id).map((hook) => hook.object_attributes.action)).toContain('close')
  })

  it('is merged by whoever pushes its commits onto the target', async () => {
    const { id, one, clone, head } = await givenMergeRequest('mr-pushed')
    await git(clone, 'switch', '--quiet', '--force-create', 'develop', 'origin/develop')
    await git(clone, 'merge', '--quiet', '--no-ff', '--message=by hand', head)
    await git(clone, 'push', '--quiet', 'origin', 'develop')
    await there.forge.idle()
    const landed = await git(clone, 'rev-parse', 'develop')
    expect((await api(one)).json).toMatchObject({ state: 'merged', merge_commit_sha: landed })
    await comes(id, 2)
    expect(mergeRequestHooksOf(id)[1]?.object_attributes).toMatchObject({ action: 'merge', state: 'merged' })
  })
})

describe('merging', () => {
  it('makes a merge commit, tells of the push and of the merge, and takes the source away', async () => {
    const project = await given('merge-commit', { merge_requests_events: true })
    const head = await pushed(project.clone, 'feature/a', { 'a.txt': 'a\n' })
    const before = await git(project.clone, 'rev-parse', 'origin/develop')
    const { json: mr } = await open(project.id, { source_branch: 'feature/a' })
    const one = `/projects/${project.id}/merge_requests/${mr.iid}`
    const merged = await put(`${one}/merge`, { sha: head, should_remove_source_branch: true })
    expect(merged).toMatchObject({
      status: 200,
      json: { state: 'merged', detailed_merge_status: 'not_open', merge_user: { username: 'ann' }, sha: head },
    })
    await git(project.clone, 'fetch', '--quiet', '--prune', 'origin')
    const tip = await git(project.clone, 'rev-parse', 'origin/develop')
    expect(merged.json.merge_commit_sha).toBe(tip)
    expect(await git(project.clone, 'log', '-1', '--format=%P %an', tip)).toBe(`${before} ${head} Ann`)
    expect(await git(project.clone, 'branch', '--remotes', '--list', 'origin/feature/a')).toBe('')
    await comes(project.id, 2)
    const told = mergeRequestHooksOf(project.id).find((hook) => hook.object_attributes.action === 'merge')
    expect(told?.object_attributes).toMatchObject({ state: 'merged', merge_commit_sha: tip })
    await there.forge.idle()
    const pushes = there.forge.deliveries
      .filter(({ event }) => event === 'Push Hook')
      .map(({ body }) => JSON.parse(body))
      .filter((push) => push.project_id === project.id)
    expect(pushes.map((push) => [push.ref, push.after === tip, /^0+$/.test(push.after)])).toEqual([
      ['refs/heads/feature/a', false, false],
      ['refs/heads/develop', true, false],
      ['refs/heads/feature/a', false, true],
    ])
    expect((await put(`${one}/merge`, { sha: head })).status).toBe(405)
  })

  it('is refused of an older head, of a draft, of a closed one, of a conflict, and by who may not', async () => {
    const { one, clone, head, id } = await givenMergeRequest('merge-refused')
    const refused = { status: 405, json: { message: '405 Method Not Allowed' } }
    expect(await put(`${one}/merge`, { sha: '1'.repeat(40) })).toMatchObject({
      status: 409,
      json: { message: `SHA does not match HEAD of source branch: ${head}` },
    })
    // Develop is protected: a developer may not merge into it.
    expect(await put(`${one}/merge`, {}, there.dev.token)).toMatchObject({ status: 401 })
    await put(one, { title: 'Draft: Add a' })
    expect(await put(`${one}/merge`)).toMatchObject(refused)
    await put(one, { title: 'Add a', state_event: 'close' })
    expect(await put(`${one}/merge`)).toMatchObject(refused)
    await put(one, { state_event: 'reopen' })
    await pushed(clone, 'develop', { 'a.txt': 'other\n' })
    expect((await api(one)).json).toMatchObject({ detailed_merge_status: 'conflict', has_conflicts: true })
    expect(await put(`${one}/merge`)).toMatchObject(refused)
    await git(clone, 'push', '--quiet', 'origin', 'origin/develop:refs/heads/same')
    expect((await open(id, { source_branch: 'same' })).json.detailed_merge_status).toBe('commits_status')
  })

  it('waits while the forge still looks, where that is ordered', async () => {
    const { one, clone } = await givenMergeRequest('merge-checking')
    there.forge.misbehave({ mergeRequests: { checkingMs: 1_500 } })
    await pushed(clone, 'feature/a', { 'a.txt': 'again\n' })
    expect((await api(one)).json.detailed_merge_status).toBe('checking')
    expect((await put(`${one}/merge`)).status).toBe(405)
    await expect.poll(async () => (await api(one)).json.detailed_merge_status, { timeout: 5_000 }).toBe('mergeable')
    expect((await put(`${one}/merge`)).status).toBe(200)
  })

  it('of a fast-forward project makes no commit, and of one that was passed by is refused', async () => {
    const { id, one, clone, head } = await givenMergeRequest('merge-ff', { mergeMethod: 'ff' })
    const behind = await pushed(clone, 'feature/b', { 'b.txt': 'b\n' })
    const { json: other } = await open(id, { source_branch: 'feature/b' })
    expect((await put(`${one}/merge`, { sha: head })).json).toMatchObject({ state: 'merged', merge_commit_sha: null })
    expect((await api(`/projects/${id}/repository/branches/develop`)).json.commit.id).toBe(head)
    expect(behind).not.toBe(head)
    const second = `/projects/${id}/merge_requests/${other.iid}`
    expect((await api(second)).json.detailed_merge_status).toBe('need_rebase')
    expect((await put(`${second}/merge`)).status).toBe(405)
    expect((await put(`/projects/${id}`, { merge_method: 'merge' })).json.merge_method).toBe('merge')
    expect((await put(`${second}/merge`)).json.merge_commit_sha).toMatch(/^[0-9a-f]{40}$/)
    expect((await put(`/projects/${id}`, { merge_method: 'magic' })).status).toBe(400)
  })

  it('squashes several commits into one, and makes a merge commit of it', async () => {
    const { one, clone } = await givenMergeRequest('merge-squash')
    const head = await pushed(clone, 'feature/a', { 'a.txt': 'two\n' }, 'origin/feature/a')
    const merged = (await put(`${one}/merge`, { squash: true, sha: head })).json
    expect(merged.squash_commit_sha).toMatch(/^[0-9a-f]{40}$/)
    await git(clone, 'fetch', '--quiet', 'origin')
    expect(await git(clone, 'log', '-1', '--format=%P', 'origin/develop')).toContain(merged.squash_commit_sha)
    expect(await git(clone, 'show', 'origin/develop:a.txt')).toBe('two')
    expect(await git(clone, 'log', '-1', '--format=%s', merged.squash_commit_sha)).toBe('Add a')
  })

  it('lets developers merge where the protection of the branch does', async () => {
    const { id, one } = await givenMergeRequest('merge-protected')
    const protections = `/projects/${id}/protected_branches`
    expect((await api(`${protections}/develop`, { method: 'DELETE' })).status).toBe(204)
    const body = { name: 'develop', push_access_level: 40, merge_access_level: 30 }
    expect(await post(protections, body)).toMatchObject({
      status: 201,
      json: { merge_access_levels: [{ access_level: 30, access_level_description: 'Developers + Maintainers' }] },
    })
    expect(await post(protections, body)).toMatchObject({
      status: 409,
      json: { message: "Protected branch 'develop' already exists" },
    })
    expect((await post(protections, { name: 'x', push_access_level: 7 })).status).toBe(400)
    expect((await post(protections, body, there.dev.token)).status).toBe(403)
    expect((await put(`${one}/merge`, {}, there.dev.token)).status).toBe(200)
  })
})

it('is opened, approved and merged once by several who do it at the same time', async () => {
  const { id, clone } = await given('mr-race', { merge_requests_events: true, push_events: false })
  await pushed(clone, 'feature/a', { 'a.txt': 'a\n' })
  const both = <T>(act: () => Promise<T>) => Promise.all([act(), act(), act()])
  const statuses = async (act: () => Promise<{ status: number }>) =>
    (await both(act)).map(({ status }) => status).sort()
  expect(await statuses(() => open(id, { source_branch: 'feature/a' }))).toEqual([201, 409, 409])
  const one = `/projects/${id}/merge_requests/1`
  expect(await statuses(() => post(`${one}/approve`))).toEqual([201, 401, 401])
  expect(await statuses(() => put(`${one}/merge`))).toEqual([200, 405, 405])
  await comes(id, 3)
})

describe('a fork', () => {
  it("brings its merge request to the parent, whose hooks tell of it, and whose repository has the fork's head", async () => {
    const parent = await given('parent', { merge_requests_events: true, push_events: false })
    const fork = await there.forge.addProject({ path: 'dev/parent', members: { dev: 40 }, forkOf: 'team/parent' })
    const clone = join(there.dir, 'fork-clone')
    await git(there.dir, 'clone', '--quiet', '--', address('dev/parent', 'dev', 'dev-secret'), clone)
    const head = await pushed(clone, 'patch', { 'fork.txt': 'fork\n' })
    const wish = { source_branch: 'patch', target_project_id: parent.id }
    const made = await open(fork.id, wish)
    expect(made).toMatchObject({
      status: 201,
      json: { project_id: parent.id, source_project_id: fork.id, target_project_id: parent.id, sha: head },
    })
    expect((await api(`/projects/${fork.id}`, { token: there.dev.token })).json.forked_from_project.id).toBe(parent.id)
    await git(parent.clone, 'fetch', '--quiet', 'origin', 'refs/merge-requests/1/head')
    expect(await git(parent.clone, 'rev-parse', 'FETCH_HEAD')).toBe(head)
    const next = await pushed(clone, 'patch', { 'fork.txt': 'more\n' })
    await comes(parent.id, 2)
    const update = mergeRequestHooksOf(parent.id).find((hook) => hook.object_attributes.action === 'update')
    expect(update?.object_attributes).toMatchObject({
      oldrev: head,
      source_project_id: fork.id,
      source: { path_with_namespace: 'dev/parent' },
      target: { path_with_namespace: 'team/parent' },
      last_commit: { id: next },
    })
    await expect(
      git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/merge-requests/9/head'),
      'nobody pushes there',
    ).rejects.toThrow()
    const merged = await put(`/projects/${parent.id}/merge_requests/1/merge`, { sha: next })
    expect(merged).toMatchObject({ status: 200, json: { state: 'merged' } })
    const stranger = await given('stranger')
    expect((await open(stranger.id, { source_branch: 'develop', target_project_id: parent.id })).status).toBe(422)
  })
})

describe('approvals', () => {
  it('are given once by each, of the head that was seen, and taken back', async () => {
    const { one, id, head } = await givenMergeRequest('approvals')
    expect((await api(`${one}/approvals`)).json).toMatchObject({ approved: false, approved_by: [] })
    expect(await post(`${one}/approve`, { sha: '1'.repeat(40) })).toMatchObject({ status: 409 })
    expect(await post(`${one}/approve`, { sha: head })).toMatchObject({
      status: 201,
      json: { approved: true, user_has_approved: true, approved_by: [{ user: { id: there.ann.id } }] },
    })
    expect((await post(`${one}/approve`)).status).toBe(401)
    expect((await post(`${one}/approve`, {}, there.bob.token)).status).toBe(401)
    expect((await post(`${one}/unapprove`, {}, there.dev.token)).status).toBe(404)
    expect(await post(`${one}/unapprove`)).toMatchObject({ status: 201, json: { approved: false } })
    await comes(id, 3)
    const actions = mergeRequestHooksOf(id).map((hook) => hook.object_attributes.action)
    expect(actions.sort()).toEqual(['approved', 'open', 'unapproved'])
  })
})

describe('notes', () => {
  it('are written, changed, listed and removed; what is gone is gone', async () => {
    const { one } = await givenMergeRequest('notes')
    const note = await post(`${one}/notes`, { body: 'first' })
    expect(note).toMatchObject({ status: 201, json: { body: 'first', author: { username: 'ann' }, system: false } })
    const path = `${one}/notes/${note.json.id}`
    await post(`${one}/notes`, { body: 'second' }, there.bob.token)
    const bodies = async (query = '') =>
      (await api(`${one}/notes${query}`)).json.map(({ body }: { body: string }) => body)
    expect(await bodies()).toEqual(['second', 'first'])
    expect(await bodies('?sort=asc&per_page=1')).toEqual(['first'])
    expect((await put(path, { body: 'changed' })).json.body).toBe('changed')
    expect((await put(path, { body: 'mine' }, there.bob.token)).status).toBe(403)
    expect((await post(`${one}/notes`, {})).json).toEqual({ error: 'body is missing' })
    expect((await api(path, { method: 'DELETE' })).status).toBe(204)
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect(await api(path, { method, ...(method === 'PUT' && { body: { body: 'x' } }) }), method).toMatchObject({
        status: 404,
        json: { message: '404 Note Not Found' },
      })
    expect((await api(one)).json.user_notes_count).toBe(1)
  })
})

it('is read by people on pages of its own', async () => {
  const { one, path } = await givenMergeRequest('mr-pages', {}, { title: '<b>Add a</b>' })
  await post(`${one}/notes`, { body: '<i>note</i>' })
  expect(path).toBeDefined()
  const page = async (rest: string) => (await fetch(`${there.forge.url}/team/mr-pages/-/${rest}`)).text()
  expect(await page('merge_requests/1')).toContain('&#60;b&#62;Add a')
  expect(await page('merge_requests/1')).toContain('&#60;i&#62;note')
  expect(await page('merge_requests')).toContain('feature/a → develop')
  expect((await fetch(`${there.forge.url}/team/mr-pages/-/merge_requests/9`)).status).toBe(404)
})

it("GitLab's own client goes the whole way", async () => {
  const { id, clone } = await given('mr-client')
  const gitlab = new Gitlab({ host: there.forge.url, token: there.ann.token })
  const head = await pushed(clone, 'feature/a', { 'a.txt': 'a\n' })
  const mr = await gitlab.MergeRequests.create(id, 'feature/a', 'develop', 'Add a')
  expect((await gitlab.MergeRequests.all({ projectId: id, state: 'opened' })).map(({ iid }) => iid)).toEqual([mr.iid])
  await gitlab.MergeRequestApprovals.approve(id, mr.iid, { sha: head })
  const approvals = await gitlab.MergeRequestApprovals.showConfiguration(id, { mergerequestIId: mr.iid })
  expect(approvals.approved_by).toHaveLength(1)
  const note = await gitlab.MergeRequestNotes.create(id, mr.iid, 'note')
  expect((await gitlab.MergeRequestNotes.edit(id, mr.iid, note.id, { body: 'other' })).body).toBe('other')
  const merged = await gitlab.MergeRequests.merge(id, mr.iid, { sha: head })
  expect(merged.state).toBe('merged')
  expect((await gitlab.MergeRequests.show(id, mr.iid)).merge_commit_sha).toBe(merged.merge_commit_sha)
})
