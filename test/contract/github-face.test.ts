// The demo forge's face of GitHub: what its clients rely on, in GitHub's codes, words and headers.
import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { StandingForge } from './given-forge'
import { startGithub } from './given-github'

const SECRET = 'secret-of-the-hook'
let there: StandingForge
beforeAll(async () => {
  there = await startGithub()
  await there.push('master', 'The beginning')
})
afterAll(() => there.close())
beforeEach(async () => {
  await there.idle()
  there.deliveries.length = 0
})

async function ask(method: string, path: string, body?: object, token = there.maintainer.token) {
  const answer = await fetch(`${there.url}/api/v3${path}`, {
    method,
    headers: { ...(token && { authorization: `token ${token}` }), ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) }
}
const AT = '/repos/team/hello'

describe('who asks', () => {
  it.each([
    ['nobody', '', 401, 'Requires authentication'],
    ['somebody unknown', 'gho_unknown', 401, 'Bad credentials'],
  ])('%s is turned away', async (_who, token, status, message) => {
    const answer = await ask('GET', AT, undefined, token)
    expect(answer).toMatchObject({ status, body: { message, documentation_url: expect.any(String) } })
  })

  it('sees nothing of what is not theirs, nor of what they may not do', async () => {
    expect(await ask('GET', AT, undefined, there.stranger.token)).toMatchObject({
      status: 404,
      body: { message: 'Not Found' },
    })
    expect((await ask('GET', `${AT}/hooks`, undefined, there.developer.token)).status).toBe(404)
    expect((await ask('GET', '/nothing/at/all')).status).toBe(404)
  })

  it('may ask by number, as redirects of GitHub do', async () => {
    expect((await ask('GET', `/repositories/${there.projectId}`)).body.full_name).toBe('team/hello')
  })
})

it('lists go page by page, by links alone', async () => {
  for (const name of ['a', 'b', 'c']) await there.push(`page/${name}`, name)
  const first = await ask('GET', `${AT}/branches?per_page=2`)
  expect(first.body).toHaveLength(2)
  expect(first.headers.get('x-total')).toBeNull()
  const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? expect.fail('no next page')
  const second = await fetch(next, { headers: { authorization: `Bearer ${there.maintainer.token}` } })
  expect(await second.json()).toHaveLength(2)
  expect(second.headers.get('link')).not.toContain('rel="next"')
})

describe('a webhook', () => {
  const config = () => ({ url: there.hookUrl, content_type: 'json', secret: SECRET, insecure_ssl: '0' })

  it('is greeted, signed by both hashes, and sent again under its name', async () => {
    const made = await ask('POST', `${AT}/hooks`, { name: 'web', config: config(), events: ['push'], active: true })
    expect(made).toMatchObject({ status: 201, body: { config: { secret: '********' }, last_response: { code: null } } })
    expect(await ask('POST', `${AT}/hooks`, { config: config() })).toMatchObject({ status: 422 })
    await there.idle()
    const [{ headers, body } = expect.fail('no ping')] = there.deliveries
    expect(headers['x-github-event']).toBe('ping')
    const mac = (hash: string) => createHmac(hash, SECRET).update(body).digest('hex')
    expect(headers['x-hub-signature-256']).toBe(`sha256=${mac('sha256')}`)
    expect(headers['x-hub-signature']).toBe(`sha1=${mac('sha1')}`)
    const hook = `${AT}/hooks/${made.body.id}`
    const [sent] = (await ask('GET', `${hook}/deliveries`)).body
    expect(sent.guid).toBe(headers['x-github-delivery'])
    expect((await ask('POST', `${hook}/deliveries/${sent.id}/attempts`)).status).toBe(202)
    await there.idle()
    expect(there.deliveries[1]?.headers['x-github-delivery']).toBe(sent.guid)
  })

  it('hears of what it asked for alone, and of nothing once it is off', async () => {
    const [hook] = (await ask('GET', `${AT}/hooks`)).body
    await there.push('master', 'Heard')
    await there.push('feature/unheard', 'Work', { onto: 'master' })
    await there.openMergeRequest({ source: 'feature/unheard', target: 'master', title: 'Unheard' })
    await there.idle()
    expect(there.deliveries.map(({ headers }) => headers['x-github-event'])).toEqual(['push', 'push'])
    await ask('PATCH', `${AT}/hooks/${hook.id}`, { active: false })
    await there.push('master', 'Not heard')
    await there.idle()
    expect(there.deliveries).toHaveLength(2)
    // A change of the configuration replaces it whole.
    await ask('PATCH', `${AT}/hooks/${hook.id}`, { config: { url: there.hookUrl } })
    expect((await ask('GET', `${AT}/hooks/${hook.id}`)).body.config.secret).toBeUndefined()
  })
})

describe('a merge', () => {
  it('by a way that is not allowed, or of a draft, is no method of this repository', async () => {
    await there.push('feature/draft', 'Work', { onto: 'master', files: { draft: '1' } })
    const number = await there.openMergeRequest({
      source: 'feature/draft',
      target: 'master',
      title: 'Draft',
      draft: true,
    })
    const merge = (body: object) => ask('PUT', `${AT}/pulls/${number}/merge`, body)
    expect(await merge({})).toMatchObject({ status: 405, body: { message: 'Pull Request is still a draft' } })
    await there.mergeBy('squash')
    const words = 'Merge commits are not allowed on this repository.'
    expect(await merge({ merge_method: 'merge' })).toMatchObject({ status: 405, body: { message: words } })
    await there.mergeBy('merge')
  })

  it('of another head than the one that is meant is refused', async () => {
    await there.push('feature/moved', 'Work', { onto: 'master', files: { moved: '1' } })
    const number = await there.openMergeRequest({ source: 'feature/moved', target: 'master', title: 'Moved' })
    const answer = await ask('PUT', `${AT}/pulls/${number}/merge`, { sha: 'f'.repeat(40) })
    expect(answer).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining('Head branch was modified') },
    })
  })

  it("nobody approves one's own, and what was dismissed is so", async () => {
    await there.push('feature/own', 'Work', { onto: 'master', files: { own: '1' } })
    const number = await there.openMergeRequest({ source: 'feature/own', target: 'master', title: 'Own' })
    const reviews = `${AT}/pulls/${number}/reviews`
    const own = await ask('POST', reviews, { event: 'APPROVE' }, there.developer.token)
    expect(own).toMatchObject({ status: 422, body: { errors: ['Can not approve your own pull request'] } })
    const { id } = (await ask('POST', reviews, { event: 'APPROVE' })).body
    expect((await ask('PUT', `${reviews}/${id}/dismissals`, { message: 'no' })).body.state).toBe('DISMISSED')
    expect(await there.forge(there.maintainer.token).mergeRequest(there.projectId, number)).toMatchObject({
      approvals: [],
    })
  })
})

describe('a deployment', () => {
  it('that says nothing of checks and merges waits for the first and does the second', async () => {
    const commit = await there.push('feature/deploy', 'Work', { onto: 'master' })
    const status = { state: 'pending', context: 'shiplock/build' }
    expect((await ask('POST', `${AT}/statuses/${commit}`, status)).status).toBe(201)
    expect((await ask('POST', `${AT}/deployments`, { ref: 'feature/deploy' })).status).toBe(202)
    const wanted = { ref: commit, auto_merge: false, environment: 'test' }
    expect(await ask('POST', `${AT}/deployments`, wanted)).toMatchObject({ status: 409 })
    expect((await ask('POST', `${AT}/deployments`, { ...wanted, required_contexts: [] })).status).toBe(201)
  })

  it('that another one replaced is inactive, but for production', async () => {
    const commit = await there.push('master', 'Deploy me')
    const bot = there.forge(there.maintainer.token)
    const states: Record<string, string[]> = {}
    for (const environment of ['qa', 'production'] as const) {
      for (const n of [1, 2]) {
        const tier = environment === 'production' ? ('production' as const) : ('testing' as const)
        const told = {
          environment,
          tier,
          url: '',
          logUrl: `https://s.test/${n}`,
          commit,
          ref: 'master',
          description: '',
        }
        await bot.tellDeployment(there.projectId, { ...told, id: null, state: 'success' })
      }
      const listed = (await ask('GET', `${AT}/deployments?environment=${environment}`)).body as { id: number }[]
      states[environment] = []
      for (const { id } of listed)
        states[environment].push((await ask('GET', `${AT}/deployments/${id}/statuses`)).body[0].state)
    }
    expect(states).toEqual({ qa: ['success', 'inactive'], production: ['success', 'success'] })
  })
})
