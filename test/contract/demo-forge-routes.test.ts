// What can be read and changed over the API of the demo forge: projects, branches, commits and files, with GitLab's
// codes and words.
import { createHash } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Gitlab } from '@gitbeaker/rest'
import { describe, expect, it } from 'vitest'
import { address, api, arrives, git, given, of, standUp, there, ZERO } from './given-demo-forge'

standUp()

const rel = (headers: Headers, name: string) =>
  new RegExp(`<([^>]*)>; rel="${name}"`).exec(headers.get('link') ?? '')?.[1]
const pathOf = (url = '') => url.slice(url.indexOf('/api/v4') + '/api/v4'.length)

/** Every page of a keyset listing, by its Link alone. */
async function follow(path: string): Promise<{ id: number; name: string; path: string }[][]> {
  const answer = await api(path)
  expect([answer.status, answer.headers.get('x-total')]).toEqual([200, null])
  const next = rel(answer.headers, 'next')
  return [answer.json, ...(next === undefined ? [] : await follow(pathOf(next)))]
}

describe('an answer', () => {
  it('to an unknown route is 404 in JSON, by every method, and never a page', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
      for (const path of ['/nothing', '/projects/1/nothing', '/', '']) {
        const answer = await api(path, { method })
        expect([answer.status, answer.json]).toEqual([404, { error: '404 Not Found' }])
      }
    const older = await fetch(`${there.forge.url}/api/v2/projects`)
    expect([older.status, await older.json()]).toEqual([404, { error: '404 Not Found' }])
  })

  it('counts what is left of the limit, of each user', async () => {
    const left = async (token: string) =>
      Object.fromEntries((await api('/user', { token })).headers) as Record<string, string>
    const [first, other, second] = [
      await left(there.ann.token),
      await left(there.bob.token),
      await left(there.ann.token),
    ]
    expect(first).toMatchObject({ 'ratelimit-limit': '7200', 'ratelimit-name': 'throttle_authenticated_api' })
    expect(Number(second['ratelimit-observed'])).toBe(Number(first['ratelimit-observed']) + 1)
    expect(Number(second['ratelimit-remaining'])).toBe(7200 - Number(second['ratelimit-observed']))
    expect(Number(other['ratelimit-observed'])).toBeLessThan(Number(second['ratelimit-observed']))
    expect(Number(second['ratelimit-reset'])).toBeGreaterThan(Date.now() / 1000)
  })

  it('to a broken body or page is 400 in the shape of GitLab', async () => {
    const broken = await fetch(`${there.forge.url}/api/v4/projects`, {
      method: 'POST',
      headers: { 'PRIVATE-TOKEN': there.ann.token, 'content-type': 'application/json' },
      body: '{',
    })
    expect([broken.status, await broken.json()]).toEqual([400, { error: 'Problem while parsing request body' }])
    expect(await api('/projects?page=x')).toMatchObject({ status: 400, json: { error: 'page is invalid' } })
  })
})

describe('a token', () => {
  it('tells what it may, and of whom it is', async () => {
    const own = await api('/personal_access_tokens/self')
    expect(own.json).toMatchObject({ user_id: there.ann.id, active: true, revoked: false })
    expect(own.json.scopes).toContain('api')
    expect((await api('/personal_access_tokens/self', { token: 'glpat-wrong' })).status).toBe(401)
  })
})

describe('projects', () => {
  it('are listed to their members, by pages and by keys', async () => {
    const ids: number[] = []
    for (const name of ['list-a', 'list-b', 'list-c']) ids.push((await given(name)).id)
    await there.forge.addProject({ path: 'other/list-d', members: {} })
    const mine = await api('/projects?membership=true&search=list-&per_page=2&order_by=id&sort=asc')
    expect(mine.json.map((p: { id: number }) => p.id)).toEqual(ids.slice(0, 2))
    expect(mine.headers.get('x-next-page')).toBe('2')
    expect(mine.headers.get('x-total')).toBe('3')
    expect((await api(pathOf(rel(mine.headers, 'next')))).json.map((p: { id: number }) => p.id)).toEqual(ids.slice(2))
    const keys = '/projects?membership=true&search=list-&per_page=2&pagination=keyset&order_by=id'
    expect((await follow(`${keys}&sort=asc`)).map((page) => page.map((p) => p.id))).toEqual([
      ids.slice(0, 2),
      ids.slice(2),
    ])
    expect((await follow(keys)).flat().map((p) => p.id)).toEqual([...ids].reverse())
    expect((await api('/projects?search=list-d')).json).toEqual([])
    expect((await api('/projects?search=list-d', { token: there.root.token })).json).toHaveLength(1)
    expect((await api('/projects?membership=true', { token: there.root.token })).json).toEqual([])
    expect((await fetch(`${there.forge.url}/api/v4/projects`)).status).toBe(200)
    expect((await api('/projects', { token: 'glpat-wrong' })).status).toBe(401)
  })

  it('are made in the own name or in a group one maintains, once', async () => {
    const make = (body: object, token = there.ann.token) => api('/projects', { method: 'POST', body, token })
    const made = await make({ name: 'My Thing' })
    expect(made).toMatchObject({ status: 201, json: { path_with_namespace: 'ann/my-thing', name: 'My Thing' } })
    expect(made.json.permissions.project_access.access_level).toBe(50)
    expect(await git(there.dir, 'ls-remote', address('ann/my-thing', 'ann', 'ann-secret'))).toBe('')
    expect(await make({ name: 'My Thing' })).toMatchObject({
      status: 400,
      json: { message: { path: ['has already been taken'] } },
    })
    const { id } = await given('makes')
    const { namespace } = (await api(`/projects/${id}`)).json
    expect((await make({ path: 'beside', namespace_id: namespace.id })).json.path_with_namespace).toBe('team/beside')
    expect((await make({ path: 'beside-2', namespace_id: namespace.id }, there.bob.token)).status).toBe(400)
    expect((await make({})).json.error).toMatch(/name, path are missing/)
    for (const path of ['../x', 'a/b', '-x', 'x.git', '.x', '']) expect((await make({ path })).status, path).toBe(400)
  })

  it('made at the same time have numbers of their own', async () => {
    const made = await Promise.all(
      ['m1', 'm2', 'm3'].map((n) => there.forge.addProject({ path: `team/${n}`, members: {} })),
    )
    expect(new Set(made.map(({ id }) => id)).size).toBe(3)
  })

  it('tell which branches are protected', async () => {
    const names = async (id: number) =>
      (await api(`/projects/${id}/protected_branches`)).json.map((b: { name: string }) => b.name)
    const { id } = await given('protected-list')
    expect(await names(id)).toEqual(['master', 'develop'])
    expect((await api(`/projects/${id}/protected_branches/develop`)).json.push_access_levels[0].access_level).toBe(40)
    const open = await there.forge.addProject({ path: 'team/open', members: { ann: 40 }, protect: false })
    expect(await names(open.id)).toEqual([])
    const empty = await there.forge.addProject({ path: 'team/empty', members: { ann: 40 } })
    expect(await names(empty.id)).toEqual(['master'])
  })
})

describe('branches', () => {
  it('made and deleted here send the webhooks of a push', async () => {
    const { id, clone } = await given('api-branches')
    const head = await git(clone, 'rev-parse', 'HEAD')
    const path = `/projects/${id}/repository/branches`
    const made = await api(path, { method: 'POST', body: { branch: 'feature/x', ref: 'develop' } })
    expect(made).toMatchObject({ status: 201, json: { name: 'feature/x', protected: false, commit: { id: head } } })
    await arrives(id)
    expect(of(id)[0]?.push).toMatchObject({
      ref: 'refs/heads/feature/x',
      before: ZERO,
      after: head,
      user_id: there.ann.id,
      push_options: {},
    })
    expect((await api(`${path}/feature%2Fx`, { method: 'DELETE' })).status).toBe(204)
    await arrives(id, 2)
    expect(of(id)[1]?.push).toMatchObject({ before: head, after: ZERO, checkout_sha: null })
    expect((await api(`${path}/feature%2Fx`)).json).toEqual({ message: '404 Branch Not Found' })
  })

  it('that cannot be are refused in the words of GitLab', async () => {
    const { id } = await given('bad-branches')
    const path = `/projects/${id}/repository/branches`
    const make = (body: object, token = there.ann.token) => api(path, { method: 'POST', body, token })
    for (const branch of [
      'a..b',
      '-a',
      'a b',
      'a.lock',
      'a/',
      '.a',
      'HEAD',
      'a~1',
      'a\u0000b',
      'refs/heads/a',
      'x'.repeat(300),
    ])
      expect(await make({ branch, ref: 'develop' }), branch).toMatchObject({
        status: 400,
        json: { message: 'Branch name is invalid' },
      })
    const messageOf = async (body: object) => (await make(body)).json
    expect(await messageOf({ branch: 'develop', ref: 'master' })).toEqual({ message: 'Branch already exists' })
    expect(await messageOf({ branch: 'develop/x', ref: 'master' })).toEqual({
      message: expect.stringMatching(/^Failed to create branch 'develop\/x': 'refs\/heads\/develop' exists/),
    })
    expect(await messageOf({ branch: 'x', ref: 'nowhere' })).toEqual({
      message: "Failed to create branch 'x': invalid reference name 'nowhere'",
    })
    expect(await messageOf({ ref: '' })).toEqual({ error: 'branch is missing, ref is empty' })
    expect((await make({ branch: 'x', ref: 'develop' }, there.bob.token)).status).toBe(403)
    const remove = (branch: string, token = there.ann.token) => api(`${path}/${branch}`, { method: 'DELETE', token })
    expect((await remove('nothing')).status).toBe(404)
    expect((await remove('master')).status).toBe(400)
    expect((await remove('develop', there.dev.token)).status).toBe(405)
  })

  it('are listed by keys, each once', async () => {
    const { id, clone } = await given('key-branches')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/heads/feature/a', 'HEAD:refs/heads/feature/b')
    const pages = await follow(`/projects/${id}/repository/branches?pagination=keyset&per_page=3`)
    expect(pages.map((page) => page.map((b) => b.name))).toEqual([['develop', 'feature/a', 'feature/b'], ['master']])
  })
})

describe('commits and files', () => {
  it('are read at any commit, byte for byte', async () => {
    const { id, clone, commit } = await given('files')
    const bytes = Buffer.from([...Array(256).keys(), 0xff, 0xfe, 0x0d, 0x0a])
    await writeFile(join(clone, 'src', 'logo.png'), bytes)
    await writeFile(join(clone, 'src', 'run.sh'), 'true\n')
    await chmod(join(clone, 'src', 'run.sh'), 0o755)
    await git(clone, 'add', '--all')
    const added = await commit('Add a logo')
    const head = await commit('Nothing more')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    const files = `/projects/${id}/repository/files`
    const raw = await fetch(`${there.forge.url}/api/v4${files}/src%2Flogo.png/raw?ref=develop`, {
      headers: { 'PRIVATE-TOKEN': there.ann.token },
    })
    expect(Buffer.from(await raw.arrayBuffer()).equals(bytes)).toBe(true)
    expect(raw.headers.get('x-gitlab-last-commit-id')).toBe(added)
    const shown = await api(`${files}/src%2Flogo.png?ref=develop`)
    expect(shown.json).toMatchObject({
      file_name: 'logo.png',
      file_path: 'src/logo.png',
      size: bytes.length,
      encoding: 'base64',
      content: bytes.toString('base64'),
      content_sha256: createHash('sha256').update(bytes).digest('hex'),
      commit_id: head,
      last_commit_id: added,
      execute_filemode: false,
    })
    expect((await api(`${files}/src%2Frun.sh?ref=${head}`)).json.execute_filemode).toBe(true)
    expect(await api(`${files}/src%2Flogo.png`)).toMatchObject({ status: 400, json: { error: 'ref is missing' } })
    for (const path of ['src', 'none', 'src%2F..%2Fsrc%2Frun.sh', '%2Fetc%2Fpasswd', '*'])
      expect((await api(`${files}/${path}?ref=develop`)).json, path).toEqual({ message: '404 File Not Found' })
    expect((await api(`${files}/src%2Frun.sh?ref=nowhere`)).status).toBe(404)
  })

  it('are listed: commits by branch and page, trees by folder and key', async () => {
    const { id, clone, commit } = await given('lists')
    await writeFile(join(clone, 'top.txt'), 'top\n')
    await git(clone, 'add', '--all')
    const first = await commit('one')
    const rest = [await commit('two'), await commit('three')]
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    const commits = (query: string) => api(`/projects/${id}/repository/commits?${query}`)
    const ids = async (query: string) => (await commits(query)).json.map((c: { id: string }) => c.id)
    const newest = await commits('ref_name=develop&per_page=2')
    expect(newest.json.map((c: { id: string }) => c.id)).toEqual([...rest].reverse())
    expect([newest.headers.get('x-next-page'), newest.headers.get('x-total')]).toEqual(['2', null])
    expect((await ids('ref_name=develop&per_page=2&page=2'))[0]).toBe(first)
    expect(await ids('ref_name=develop&path=top.txt')).toEqual([first])
    expect(await ids('ref_name=nowhere')).toEqual([])
    expect(await ids('')).toHaveLength(1)
    expect(await ids('all=true')).toHaveLength(4)
    const tree = `/projects/${id}/repository/tree`
    const paths = async (query: string) => (await api(`${tree}?${query}`)).json.map((e: { path: string }) => e.path)
    expect(await paths('ref=develop')).toEqual(['src', 'top.txt'])
    expect(await paths('ref=develop&path=src')).toEqual(['src/hello world.txt'])
    expect(await paths('ref=develop&recursive=true')).toEqual(['src', 'src/hello world.txt', 'top.txt'])
    const keys = await follow(`${tree}?ref=develop&recursive=true&pagination=keyset&per_page=2`)
    expect(keys.map((page) => page.map((e) => e.path))).toEqual([['src', 'src/hello world.txt'], ['top.txt']])
    expect((await api(`${tree}?path=nothing`)).json).toEqual({ message: '404 Tree Not Found' })
    expect((await api(`${tree}?path=..%2F..`)).status).toBe(404)
  })
})

it("GitLab's own client reads them all", async () => {
  const { id } = await given('client-lists')
  const gitlab = new Gitlab({ host: there.forge.url, token: there.ann.token })
  const keyset = { pagination: 'keyset', orderBy: 'id', sort: 'asc', perPage: 2 } as const
  const projects = await gitlab.Projects.all({ membership: true, ...keyset })
  expect(projects.map((p) => p.id)).toContain(id)
  expect(new Set(projects.map((p) => p.id)).size).toBe(projects.length)
  await gitlab.Branches.create(id, 'feature/client', 'develop')
  await gitlab.Branches.remove(id, 'feature/client')
  expect((await gitlab.Branches.all(id)).map((b) => b.name)).toEqual(['develop', 'master'])
  expect((await gitlab.Commits.all(id, { refName: 'develop' })).map((c) => c.title)).toEqual(['Begin'])
  expect((await gitlab.ProtectedBranches.all(id)).map((b) => b.name)).toEqual(['master', 'develop'])
  expect((await gitlab.Repositories.allRepositoryTrees(id)).map((e) => e.name)).toEqual(['src'])
  expect(await gitlab.RepositoryFiles.show(id, 'src/hello world.txt', 'develop')).toMatchObject({ size: 6 })
  expect(await gitlab.PersonalAccessTokens.show()).toMatchObject({ user_id: there.ann.id })
})
