// What the GitLab driver sends, verb by verb, and how it reads what GitLab says to it.
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { gitlab } from '../../pipelines/forges/gitlab'
import {
  type Asked,
  faultOf,
  forge,
  json,
  plain,
  SECRETS,
  scripted,
  serveScript,
  status,
  TOKEN,
} from './scripted-gitlab'

serveScript()

describe('a token that may not', () => {
  it('is told what to make instead', async () => {
    scripted.answer = json(401, { message: '401 Unauthorized' })
    expect((await faultOf(forge().whoAmI())).message).toMatch(/revoked.*expired.*Make a new project access token/)
    scripted.answer = json(403, {
      error: 'insufficient_scope',
      error_description: 'The request requires higher privileges than provided by the access token.',
      scope: 'api read_api',
    })
    expect((await faultOf(forge().whoAmI())).message).toMatch(/lacks the scope api/)
    scripted.answer = json(403, { message: '403 Forbidden' })
    expect((await faultOf(forge().ensureHook(7, 'http://x/', SECRETS))).message).toMatch(/role Maintainer/)
    expect((await faultOf(forge().setStatus(7, status()))).message).toMatch(/role Developer .* protected branch/)
  })
})

describe('a commit status', () => {
  const refusal = (event: string, from: string) =>
    json(400, {
      message: `Cannot transition status via :${event} from :${from} (Reason(s): Status cannot transition via "${event}")`,
    })

  it('is sent whole, with its branch', async () => {
    scripted.answer = json(201, { id: 1, status: 'running' })
    await forge().setStatus(7, { ...status(), description: `${'x'.repeat(400)}\nmore` })
    expect(scripted.asked).toEqual([
      {
        method: 'POST',
        path: `/api/v4/projects/7/statuses/${'a'.repeat(40)}`,
        token: TOKEN,
        body: {
          state: 'running',
          ref: 'develop',
          name: 'shiplock/build',
          target_url: 'https://shiplock.test/runs/1',
          description: `${'x'.repeat(254)}…`,
        },
      },
    ])
  })

  it.each([
    ['enqueue', 'pending', 'pending'],
    ['run', 'running', 'running'],
    ['success', 'success', 'success'],
    ['drop', 'failed', 'failed'],
    ['cancel', 'canceled', 'canceled'],
    ['skip', 'skipped', 'skipped'],
  ] as const)('refused with :%s from :%s is there already, where %s is wanted', async (event, from, wanted) => {
    scripted.answer = refusal(event, from)
    await forge().setStatus(7, status(wanted))
  })

  it.each([
    ['enqueue', 'running', 'pending'],
    ['run', 'success', 'running'],
    ['run', 'canceled', 'running'],
    ['success', 'failed', 'success'],
  ] as const)('refused with :%s from :%s stays refused, where %s is wanted', async (event, from, wanted) => {
    scripted.answer = refusal(event, from)
    expect(await faultOf(forge().setStatus(7, status(wanted)))).toMatchObject({
      code: 'forge.refused',
      message: expect.stringContaining(`from :${from}`),
    })
  })

  it('the same words with another status code are no success', async () => {
    scripted.answer = json(422, { message: 'Cannot transition status via :run from :running' })
    expect(await faultOf(forge().setStatus(7, status('running')))).toMatchObject({ code: 'forge.refused' })
  })
})

describe('a branch', () => {
  it('that is not there is an answer; a project that is not there, or an address that is not GitLab, is not', async () => {
    scripted.answer = json(404, { message: '404 Branch Not Found' })
    expect(await forge().head(7, 'feature/gone')).toBeNull()
    scripted.answer = json(404, { message: '404 Repository Not Found' })
    expect(await forge().head(7, 'develop')).toBeNull()
    for (const other of [
      json(404, { message: '404 Project Not Found' }),
      json(404, { error: '404 Not Found' }),
      plain(404, 'default backend - 404'),
    ]) {
      scripted.answer = other
      expect(await faultOf(forge().head(7, 'develop'))).toMatchObject({ code: 'forge.missing' })
    }
  })

  it('may have any name: it stays one part of the address', async () => {
    scripted.answer = json(200, { commit: { id: 'b'.repeat(40), title: 'x' } })
    for (const branch of ['feature/a', 'a b', 'a?b#c', '%2e%2e', '问候', '../../user', 'a\nb']) {
      await forge().head(7, branch)
      expect(scripted.asked.at(-1)?.path).toBe(`/api/v4/projects/7/repository/branches/${encodeURIComponent(branch)}`)
    }
  })

  it.each(['..', '.'])('called %j makes no call', async (branch) => {
    expect(await faultOf(forge().head(7, branch))).toMatchObject({ code: 'input.invalid' })
    expect(scripted.asked).toEqual([])
  })
})

describe('the branches', () => {
  const branch = (name: string) => ({
    name,
    commit: { id: 'b'.repeat(40), title: `of ${name}\nmore` },
    protected: name === 'master',
  })
  const page = (number: number, names: string[], isLast: boolean) =>
    json(200, names.map(branch), { 'x-next-page': isLast ? '' : String(number + 1), 'x-page': String(number) })

  it('are read page by page, each name once', async () => {
    scripted.answer = (request, response) =>
      (request.path.includes('page=2')
        ? page(2, ['feature/a', 'master'], true)
        : page(1, ['develop', 'feature/a'], false))(request, response)
    const { branches, isComplete } = await forge().branches(7)
    expect(isComplete).toBe(true)
    expect(branches.map(({ name }) => name)).toEqual(['develop', 'feature/a', 'master'])
    expect(branches[2]).toEqual({ name: 'master', commit: 'b'.repeat(40), title: 'of master', protected: true })
    expect(scripted.asked.map(({ path }) => path)).toEqual([
      '/api/v4/projects/7/repository/branches?page=1&per_page=100',
      '/api/v4/projects/7/repository/branches?page=2&per_page=100',
    ])
  })

  it('without end are left at 2,000, and the answer says so', async () => {
    scripted.answer = (request, response) => {
      const number = Number(new URL(request.path, 'http://x').searchParams.get('page'))
      const names = Array.from({ length: 100 }, (_, index) => `feature/${number}-${index}`)
      page(number, names, false)(request, response)
    }
    const { branches, isComplete } = await forge().branches(7)
    expect([branches.length, isComplete, scripted.asked.length]).toEqual([2000, false, 20])
  })

  it('of a project without a repository are none', async () => {
    scripted.answer = json(404, { message: '404 Repository Not Found' })
    expect(await forge().branches(7)).toEqual({ branches: [], isComplete: true })
    scripted.answer = json(404, { message: '404 Project Not Found' })
    expect(await faultOf(forge().branches(7))).toMatchObject({ code: 'forge.missing' })
  })
})

describe('the state of a webhook', () => {
  it.each([
    [{ alert_status: 'executable' }, true, /^$/],
    [{}, true, /^$/],
    [{ alert_status: 'executable', push_events: true, tag_push_events: true, merge_requests_events: true }, true, /^$/],
    [{ alert_status: 'temporarily_disabled', disabled_until: '2026-11-21T10:00:00Z' }, false, /until 2026-11-21T10/],
    [{ alert_status: 'temporarily_disabled' }, false, /for a while/],
    [{ alert_status: 'disabled' }, false, /switched it off.*test event/],
    [
      { alert_status: 'executable', push_events: false, merge_requests_events: false },
      false,
      /pushes and merge requests/,
    ],
  ])('%j: alive %s', async (hook, alive, because) => {
    scripted.answer = json(200, { id: 3, url: 'http://x/', ...hook })
    expect(await forge().hookState(7, 3)).toEqual({ alive, because: expect.stringMatching(because) })
    expect(scripted.asked[0]?.path).toBe('/api/v4/projects/7/hooks/3')
  })

  it('that is gone is not alive; of a project that is gone we do not know', async () => {
    scripted.answer = json(404, { message: '404 Not found' })
    expect(await forge().hookState(7, 3)).toEqual({ alive: false, because: expect.stringContaining('gone') })
    scripted.answer = json(404, { message: '404 Project Not Found' })
    expect(await faultOf(forge().hookState(7, 3))).toMatchObject({ code: 'forge.missing' })
  })
})

describe('a webhook', () => {
  const hook = (change: Record<string, unknown> = {}) => ({
    id: 3,
    url: 'https://shiplock.test/webhooks/abc',
    signing_token_present: true,
    ...change,
  })
  const hookUrl = 'https://shiplock.test/webhooks/abc'
  /** A GitLab with these hooks, which answers as `version` does. */
  const holding = (hooks: ReturnType<typeof hook>[]) => (request: Asked, response: ServerResponse) => {
    if (request.method === 'DELETE') return void response.writeHead(204).end()
    const isList = request.method === 'GET' && request.path.includes('/hooks?')
    json(request.method === 'POST' ? 201 : 200, isList ? hooks : (hooks[0] ?? hook()))(request, response)
  }

  it('is made with signature, token, events and certificate check, and read back', async () => {
    scripted.answer = holding([])
    expect(await forge().ensureHook(7, hookUrl, SECRETS)).toEqual({ id: 3, signed: true })
    expect(scripted.asked.map((request) => request.method)).toEqual(['GET', 'POST', 'GET'])
    expect(scripted.asked[1]?.body).toMatchObject({
      url: hookUrl,
      token: SECRETS.token,
      signing_token: `whsec_${SECRETS.signingKey.toString('base64')}`,
      push_events: true,
      tag_push_events: true,
      merge_requests_events: true,
      enable_ssl_verification: true,
      push_events_branch_filter: '',
      branch_filter_strategy: 'all_branches',
    })
  })

  it('of the same address is brought up to date, and a double is removed', async () => {
    scripted.answer = holding([hook(), hook({ id: 4 }), hook({ id: 5, url: 'https://other.test/' })])
    await forge().ensureHook(7, hookUrl, SECRETS)
    expect(scripted.asked.map((request) => `${request.method} ${request.path.replace(/\?.*/, '')}`)).toEqual([
      'GET /api/v4/projects/7/hooks',
      'DELETE /api/v4/projects/7/hooks/4',
      'PUT /api/v4/projects/7/hooks/3',
      'GET /api/v4/projects/7/hooks/3',
    ])
  })

  it.each([
    [{ signing_token_present: false }],
    [{ signing_token_present: undefined }],
    [{ signing_token_present: null }],
  ])('is not taken for signed where GitLab says %j', async (change) => {
    scripted.answer = holding([hook(change)])
    expect(await forge().ensureHook(7, hookUrl, SECRETS)).toEqual({ id: 3, signed: false })
  })

  it('over plain http has no certificate to check', async () => {
    scripted.answer = holding([hook({ url: 'http://10.0.0.5:7080/webhooks/abc' })])
    await forge().ensureHook(7, 'http://10.0.0.5:7080/webhooks/abc', SECRETS)
    expect(scripted.asked[1]?.body).toMatchObject({ enable_ssl_verification: false })
  })

  it('to a private address that GitLab refuses names the switch', async () => {
    scripted.answer = (request, response) =>
      (request.method === 'GET' ? json(200, []) : json(422, { error: 'Invalid url given' }))(request, response)
    const fault = await faultOf(forge().ensureHook(7, hookUrl, SECRETS))
    expect(fault).toMatchObject({ code: 'forge.refused' })
    expect(fault.message).toMatch(/Invalid url given\..*Allow requests to the local network from webhooks/)
  })

  it('is found on a later page of the list', async () => {
    scripted.answer = (request, response) => {
      if (request.path.includes('page=2')) return json(200, [hook()])(request, response)
      if (request.path.includes('/hooks?')) {
        const link = { link: `<${scripted.url}/api/v4/projects/7/hooks?page=2&per_page=100>; rel="next"` }
        return json(200, [hook({ id: 9, url: 'https://other.test/' })], link)(request, response)
      }
      json(200, hook())(request, response)
    }
    await forge().ensureHook(7, hookUrl, SECRETS)
    expect(scripted.asked.map((request) => request.method)).toEqual(['GET', 'GET', 'PUT', 'GET'])
  })
})

describe("the project and the forge's address", () => {
  const project = {
    id: 7,
    path_with_namespace: 'team/hello',
    name: 'Hello',
    web_url: 'http://x/team/hello',
    default_branch: null,
  }

  it.each([
    [{ project_access: { access_level: 40 }, group_access: null }, 'maintainer'],
    [{ project_access: null, group_access: { access_level: 50 } }, 'maintainer'],
    [{ project_access: { access_level: 20 }, group_access: { access_level: 30 } }, 'developer'],
    [{ project_access: { access_level: 20 }, group_access: null }, 'less'],
    [{ project_access: null, group_access: null }, null],
    [undefined, null],
    ['odd', null],
  ])('says by the permissions %j that the token is %s', async (permissions, role) => {
    scripted.answer = json(200, { ...project, http_url_to_repo: '', permissions })
    expect((await forge().project('team/hello')).role).toBe(role)
  })

  it('may have a path and slashes at its end', async () => {
    scripted.answer = json(200, { id: 7, username: 'bot' })
    await forge(5000, `${scripted.url}/gitlab//`).whoAmI()
    expect(scripted.asked[0]?.path).toBe('/gitlab/api/v4/user')
  })

  it.each(['ftp://x', 'file:///etc', 'gitlab.test', '', 'http://user:password@x'])('%j is refused', (address) => {
    expect(() => gitlab({ url: address, token: TOKEN, path: 'team/hello' })).toThrow(/must start with http/)
  })

  it('is where the token goes with git: another origin that the forge names is not used', async () => {
    for (const [theirs, ours] of [
      [`${scripted.url}/team/hello.git`, `${scripted.url}/team/hello.git`],
      ['http://elsewhere.test/team/hello.git', `${scripted.url}/team/hello.git`],
      [
        scripted.url.replace('http://', 'http://user:pass@').concat('/team/hello.git'),
        `${scripted.url}/team/hello.git`,
      ],
      ['git@x:team/hello.git', `${scripted.url}/team/hello.git`],
    ]) {
      scripted.answer = json(200, { ...project, http_url_to_repo: theirs })
      expect((await forge().project('team/hello')).cloneUrl).toBe(ours)
    }
    expect(scripted.asked[0]?.path).toBe('/api/v4/projects/team%2Fhello')
  })
})
