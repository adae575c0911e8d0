// What the GitHub driver makes of every answer that GitHub, or something in front of it, can give.
import { describe, expect, it, vi } from 'vitest'
import { github } from '../../pipelines/forges/github'
import { A, answering, calls, forge, REPOSITORY } from './scripted-github'
import { faultOf, json, plain, SECRETS, scripted, serveScript, status, TOKEN } from './scripted-gitlab'

serveScript()

describe('an answer that is no answer', () => {
  it.each([
    [400, 'forge.refused'],
    [401, 'forge.denied'],
    [403, 'forge.denied'],
    [404, 'forge.missing'],
    [409, 'forge.refused'],
    [422, 'forge.refused'],
    [429, 'forge.busy'],
    [451, 'forge.refused'],
    [500, 'forge.unreachable'],
    [502, 'forge.unreachable'],
    [503, 'forge.unreachable'],
  ] as const)('%i is %s, asked once, in the words of the forge', async (code, fault) => {
    scripted.answer = json(code, { message: `the forge says ${code}`, documentation_url: 'https://docs.test' })
    for (const call of [() => forge().project('a/b'), () => forge().setStatus(7, status())]) {
      scripted.asked = []
      const caught = await faultOf(call())
      expect(caught.code).toBe(fault)
      expect(caught.message).toMatch(/^GET http:\/\/[\d.:]+\/api\/v3\/repos\//)
      expect(caught.message).toContain(`${code} the forge says ${code}`)
      expect(scripted.asked).toHaveLength(1)
    }
  })

  const inAMinute = String(Math.ceil(Date.now() / 1000) + 60)
  it.each([
    ['429 with seconds', 429, 'slow down', { 'retry-after': '17' }, 17_000, 17_000],
    ['403 with seconds', 403, 'slow down', { 'retry-after': '17' }, 17_000, 17_000],
    [
      '403 of a used-up hour',
      403,
      'API rate limit exceeded for user ID 1.',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': inAMinute },
      20_000,
      61_000,
    ],
    ['403 of a secondary limit', 403, 'You have exceeded a secondary rate limit.', {}, 60_000, 60_000],
    ['429 with a year', 429, 'slow down', { 'retry-after': '31536000' }, 3_600_000, 3_600_000],
  ])('%s is busy, and says when to come back', async (_what, code, message, headers, least, most) => {
    scripted.answer = json(code, { message }, headers as Record<string, string>)
    const fault = await faultOf(forge().whoAmI())
    expect(fault.code).toBe('forge.busy')
    expect(fault.retryAfterMs).toBeGreaterThanOrEqual(least)
    expect(fault.retryAfterMs).toBeLessThanOrEqual(most)
  })

  it('a denial while calls are left is a denial, and says what right is missing', async () => {
    const words = 'Resource not accessible by personal access token'
    const denied = json(403, { message: words }, { 'x-ratelimit-remaining': '4999', 'x-ratelimit-reset': inAMinute })
    answering({ [`POST /repos/team/hello/statuses/${A}`]: denied })
    const fault = await faultOf(forge().setStatus(7, status()))
    expect(fault).toMatchObject({ code: 'forge.denied', retryAfterMs: undefined })
    expect(fault.message).toContain('It needs Commit statuses: read and write')
    answering({
      [`POST /repos/team/hello/statuses/${A}`]: json(403, { message: 'Resource protected by organization SAML' }),
    })
    expect((await faultOf(forge().setStatus(7, status()))).message).toContain('authorize the token')
  })

  it('a 404 in a repository that is there hides a missing right', async () => {
    answering({})
    const fault = await faultOf(forge().ensureHook(7, 'https://shiplock.test/webhooks/x', SECRETS))
    expect(fault).toMatchObject({ code: 'forge.denied', message: expect.stringContaining('role Admin') })
    expect((await faultOf(forge().setStatus(7, status()))).code).toBe('forge.denied')
  })

  it.each([
    ['a sign-in page', '<html>Sign in</html>', 'text/html'],
    ['nothing', '', 'application/json'],
    ['broken JSON', '{"id":', 'application/json'],
    ['null', 'null', 'application/json'],
    ['a user without a number', '{"id":"7","login":"bot"}', 'application/json'],
  ])('200 with %s is not taken for a user', async (_what, body, type) => {
    scripted.answer = (_request, response) => void response.writeHead(200, { 'content-type': type }).end(body)
    expect(await faultOf(forge().whoAmI())).toMatchObject({ code: 'forge.unreachable' })
  })

  it('an answer that begins and never ends is left at the deadline', async () => {
    scripted.answer = (_request, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).write('{')
    const fault = await faultOf(forge(200).whoAmI())
    expect(fault).toMatchObject({ code: 'forge.unreachable', message: expect.stringContaining('within 0.2 s') })
  })

  it('an answer without end is cut off', async () => {
    scripted.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        while (!response.destroyed && response.write(' '.repeat(1024 * 1024)));
      }
      response.on('drain', more)
      more()
    }
    expect(await faultOf(forge().whoAmI())).toMatchObject({ message: expect.stringContaining('larger than 10 MiB') })
  })

  it('a redirect is not followed, and the token goes nowhere else', async () => {
    scripted.answer = plain(302, '', { location: `${scripted.url}/elsewhere?token=x` })
    expect(await faultOf(forge().whoAmI())).toMatchObject({ code: 'forge.refused' })
    expect(scripted.asked).toHaveLength(1)
  })

  it('a forge that repeats our secrets is not quoted with them', async () => {
    const errors = [{ resource: 'Hook', field: 'secret', code: 'custom', message: `bad ${SECRETS.token}` }, TOKEN]
    answering({
      'GET /repos/team/hello/hooks': json(200, []),
      'POST /repos/team/hello/hooks': json(422, { message: `Validation Failed ${TOKEN}`, errors }),
    })
    const fault = await faultOf(forge().ensureHook(7, 'https://shiplock.test/', SECRETS))
    expect(fault.message).toContain('Validation Failed ***; bad ***')
  })

  it('a name that would climb to another call is asked for nowhere', async () => {
    answering({})
    for (const name of ['..', '.']) await expect(forge().head(7, name)).rejects.toMatchObject({ code: 'input.invalid' })
    expect(calls()).toEqual([])
    expect(await forge().head(7, '')).toBeNull()
    expect(await forge().tag(7, '')).toBeNull()
  })
})

describe('the address of the API', () => {
  it.each([
    ['https://github.com', 'https://api.github.com/user'],
    ['https://www.github.com/', 'https://api.github.com/user'],
    ['https://acme.ghe.com', 'https://api.acme.ghe.com/user'],
    ['https://github.acme.test:8443/', 'https://github.acme.test:8443/api/v3/user'],
    ['http://localhost/forge', 'http://localhost/forge/api/v3/user'],
  ])('of %s is %s', async (url, expected) => {
    const asked: string[] = []
    vi.stubGlobal('fetch', async (address: URL, options: { headers: Record<string, string> }) => {
      asked.push(`${address.href} ${options.headers.authorization}`)
      return Response.json({ id: 1, login: 'bot' })
    })
    try {
      expect(await github({ url, token: TOKEN, path: 'a/b' }).whoAmI()).toEqual({ id: 1, username: 'bot' })
      expect(asked).toEqual([`${expected} token ${TOKEN}`])
    } finally {
      vi.unstubAllGlobals()
    }
  })

  it.each(['', 'ftp://github.com', 'https://me:secret@github.com'])('%j is none', (url) => {
    expect(() => github({ url, token: TOKEN, path: 'a/b' })).toThrow(/must start with/)
  })
})

describe('a repository', () => {
  it('that was renamed is found where GitHub leads, and is called by its new name', async () => {
    const moved = { message: 'Moved Permanently', url: `${scripted.url}/api/v3/repositories/7` }
    answering({
      'GET /repos/team/hello': json(301, moved, { location: moved.url }),
      'GET /repositories/7': json(200, { ...REPOSITORY, full_name: 'team/hallo' }),
      'GET /repos/team/hallo/branches/develop': json(200, {
        name: 'develop',
        commit: { sha: A, commit: { message: 'Hi' } },
      }),
    })
    expect(await forge().head(7, 'develop')).toEqual({ commit: A, title: 'Hi' })
    expect((await faultOf(forge().project('team/hello'))).message).toContain('was renamed or moved')
  })

  it('that took over the name of another is not mistaken for it', async () => {
    answering({})
    const fault = await faultOf(forge().setStatus(8, status()))
    expect(fault).toMatchObject({ code: 'forge.missing', message: expect.stringContaining('is the repository 7') })
    expect(calls()).toEqual([])
  })

  it('is asked for once, however much is done there; after a failure, again', async () => {
    answering({ 'GET /repos/team/hello': [json(502, {}), json(200, REPOSITORY)] })
    const one = forge()
    await faultOf(one.openMergeRequests(7))
    await Promise.all([one.tag(7, 'a'), one.tag(7, 'b')])
    expect(scripted.asked.filter(({ path }) => path === '/api/v3/repos/team/hello')).toHaveLength(2)
  })

  it.each([
    [{ admin: true, maintain: true, push: true }, 'maintainer'],
    // Webhooks are an admin's alone.
    [{ admin: false, maintain: true, push: true }, 'developer'],
    [{ admin: false, maintain: false, push: true }, 'developer'],
    [{ admin: false, maintain: false, push: false }, 'less'],
    [undefined, null],
  ])('with the permissions %j makes its user a %s', async (permissions, role) => {
    answering({ 'GET /repos/team/hello': json(200, { ...REPOSITORY, permissions }) })
    expect((await forge().project('team/hello')).role).toBe(role)
  })

  it('is cloned from where it was asked for, whatever it says itself', async () => {
    answering({})
    expect((await forge().project('team/hello')).cloneUrl).toBe(`${scripted.url}/team/hello.git`)
  })

  it('without a commit has no branch and no tag', async () => {
    const empty = json(409, { message: 'Git Repository is empty.' })
    answering({ 'GET /repos/team/hello/git/ref/tags%2Fv1': empty, 'GET /repos/team/hello/branches/develop': empty })
    expect(await forge().tag(7, 'v1')).toBeNull()
    expect(await forge().head(7, 'develop')).toBeNull()
  })

  it('whose branch was renamed has none of the old name', async () => {
    const moved = json(301, { message: 'Moved Permanently' }, { location: '/elsewhere' })
    answering({ 'GET /repos/team/hello/branches/develop': moved })
    expect(await forge().head(7, 'develop')).toBeNull()
  })

  it('lists its branches page by page, and no more than 2,000', async () => {
    const page = (request: { path: string }) => new URL(request.path, 'http://x').searchParams
    const listing =
      (pages: number) =>
      (...[request, response]: Parameters<ReturnType<typeof json>>) => {
        const number = Number(page(request).get('page'))
        // The link leads elsewhere: it is read, and never followed.
        const headers = number < pages ? { link: '<http://elsewhere.test/?page=2>; rel="next"' } : {}
        const items = Array.from({ length: 100 }, (_, n) => ({
          name: `b${number}-${n}`,
          commit: { sha: A },
          protected: true,
        }))
        json(200, items, headers as Record<string, string>)(request, response)
      }
    answering({ 'GET /repos/team/hello/branches': listing(3) })
    const three = await forge().branches(7)
    expect([three.branches.length, three.isComplete]).toEqual([300, true])
    expect(three.branches[0]).toEqual({ name: 'b1-0', commit: A, title: '', protected: true })
    answering({ 'GET /repos/team/hello/branches': listing(1000) })
    const many = await forge().branches(7)
    expect([many.branches.length, many.isComplete]).toEqual([2000, false])
  })
})

describe('a webhook', () => {
  const hook = {
    id: 5,
    active: true,
    events: ['push', 'pull_request', 'pull_request_review'],
    config: { url: 'https://s.test/' },
  }

  it('that somebody else made in the same moment is the one', async () => {
    answering({
      'GET /repos/team/hello/hooks': [json(200, []), json(200, [hook])],
      'POST /repos/team/hello/hooks': json(422, {
        message: 'Validation Failed',
        errors: [{ message: 'Hook already exists on this repository' }],
      }),
      'PATCH /repos/team/hello/hooks/5': json(200, hook),
    })
    expect(await forge().ensureHook(7, 'https://s.test/', SECRETS)).toEqual({ id: 5, signed: true })
    expect(scripted.asked.at(-1)?.body).toEqual({
      config: { url: 'https://s.test/', content_type: 'json', secret: SECRETS.token, insecure_ssl: '0' },
      events: ['push', 'pull_request', 'pull_request_review'],
      active: true,
    })
  })

  it('that is there twice is once afterwards', async () => {
    answering({
      'GET /repos/team/hello/hooks': json(200, [
        hook,
        { ...hook, id: 6 },
        { ...hook, id: 8, config: { url: 'https://other.test/' } },
      ]),
      'DELETE /repos/team/hello/hooks/6': plain(204, ''),
      'PATCH /repos/team/hello/hooks/5': json(200, hook),
    })
    expect((await forge().ensureHook(7, 'https://s.test/', SECRETS)).id).toBe(5)
    expect(calls().filter((call) => call.startsWith('DELETE'))).toEqual(['DELETE /repos/team/hello/hooks/6'])
  })

  it('at an address that github.com cannot reach is refused, with what to do', async () => {
    const message = "url is not supported because it isn't reachable over the public Internet (localhost)"
    answering({
      'GET /repos/team/hello/hooks': json(200, []),
      'POST /repos/team/hello/hooks': json(422, { message: 'Validation Failed', errors: [{ message }] }),
    })
    const fault = await faultOf(forge().ensureHook(7, 'http://localhost/', SECRETS))
    expect(fault).toMatchObject({ code: 'forge.refused', message: expect.stringContaining('public Internet alone') })
  })

  it.each([
    [hook, true, 'active'],
    [
      { ...hook, last_response: { code: 502, status: 'active', message: 'bad gateway' } },
      true,
      'active; the last delivery: 502 active bad gateway',
    ],
    [{ ...hook, events: ['*'] }, true, 'active'],
    [{ ...hook, active: false }, false, 'the webhook is switched off on GitHub (active: false)'],
    [{ ...hook, events: ['push'] }, false, 'the webhook does not send pull_request, pull_request_review'],
  ])('%#: it is alive, or says why not', async (answer, alive, because) => {
    answering({ 'GET /repos/team/hello/hooks/5': json(200, answer) })
    expect(await forge().hookState(7, 5)).toEqual({ alive, because })
  })
})

describe('a status', () => {
  const sent = async (state: Parameters<typeof status>[0], description: string) => {
    answering({ [`POST /repos/team/hello/statuses/${A}`]: json(201, {}) })
    await forge().setStatus(7, { ...status(state), description })
    const { state: said, description: words } = scripted.asked.at(-1)?.body ?? {}
    return [said, words]
  }

  it('says in words what GitHub has no state for, once', async () => {
    expect(await sent('running', 'building')).toEqual(['pending', 'building'])
    expect(await sent('skipped', 'no tests')).toEqual(['success', 'skipped: no tests'])
    expect(await sent('canceled', 'Canceled by mei')).toEqual(['error', 'Canceled by mei'])
    expect(await sent('canceled', '')).toEqual(['error', 'canceled'])
  })

  it('has at most 140 characters of description, none of them cut in half', async () => {
    const [, words] = await sent('skipped', '🚢'.repeat(200))
    expect(Array.from(String(words))).toHaveLength(140)
  })

  it('of a commit that GitHub does not know is missing', async () => {
    answering({ [`POST /repos/team/hello/statuses/${A}`]: json(422, { message: `No commit found for SHA: ${A}` }) })
    expect((await faultOf(forge().setStatus(7, status()))).code).toBe('forge.missing')
  })
})

describe('an answer with numbers beyond what a double holds', () => {
  it('keeps them', async () => {
    answering({
      'POST /repos/team/hello/issues/3/comments': (_request, response) =>
        void response.writeHead(201, { 'content-type': 'application/json' }).end('{"id": 9007199254740993}'),
    })
    expect(await forge().writeNote(7, 3, { id: null, body: 'x' })).toEqual({ id: 9007199254740993n })
  })
})
