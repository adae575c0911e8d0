import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type Action,
  asGrants,
  asRole,
  type Grant,
  type Holder,
  isOpen,
  may,
  OPEN,
  PERMITS,
  ROLES,
  type Role,
  SCOPES,
  type Scope,
  sees,
  visibleProjects,
  whyNotPermitted,
} from '../../app/_server/permit'
import { localPath, whyUnplaced } from '../../app/_server/rest/mount'
import { ROUTES } from '../../app/_server/rest/routes'

const holder = (role: Role, grants: readonly Grant[] = []): Holder => ({ kind: 'account', role, grants })
const token = (role: Role, ...scopes: Scope[]): Holder => ({ kind: 'token', role, grants: [], scopes })
const ACTIONS = Object.keys(PERMITS) as Action[]
const everywhere = (role: Role) => ACTIONS.filter((action) => may(holder(role), action))

describe('who may do what', () => {
  it('nobody without a session may do anything', () => {
    for (const action of ACTIONS) expect(may(null, action)).toBe(false)
  })

  it('an action that the table does not name is refused, also to an admin', () => {
    for (const action of ['', 'runs.delete', 'constructor', '__proto__', 'toString'])
      expect(may(holder('admin'), action)).toBe(false)
  })

  it('a viewer changes nothing but what is their own', () => {
    const own = everywhere('viewer').filter((action) => !/\.read$/.test(action))
    expect(own.filter((action) => PERMITS[action].at !== 'self')).toEqual([])
  })

  it('an auditor does what a viewer does, and takes the trail away', () => {
    const more = everywhere('auditor').filter((action) => !may(holder('viewer'), action))
    expect(more).toEqual(['trail.export'])
    expect(everywhere('viewer').filter((action) => !may(holder('auditor'), action))).toEqual([])
  })

  it('only an admin connects a repository', () => {
    expect(ROLES.filter((role) => may(holder(role), 'projects.connect'))).toEqual(['admin'])
  })

  it('an admin administers, and answers for no change', () => {
    expect(ACTIONS.filter((action) => !may(holder('admin'), action)).sort()).toEqual([
      'approvals.review',
      'approvals.withdraw',
      'policies.approve',
      'promotions.approve',
      'promotions.break-glass',
      'promotions.override',
      'promotions.reject',
    ])
  })

  it('a role can do no less than a lesser one', () => {
    const answers = /^(approvals|promotions)\.(approve|reject|withdraw)$/
    const changes = everywhere('developer').filter((action) => !answers.test(action))
    expect(everywhere('admin')).toEqual(expect.arrayContaining(changes))
    expect(everywhere('developer')).toEqual(expect.arrayContaining(everywhere('viewer')))
    expect(everywhere('viewer')).toEqual(expect.arrayContaining(everywhere('member')))
  })

  it.each([
    ['promotions.approve', ['owner', 'ops', 'developer']],
    ['promotions.request', ['admin', 'owner', 'ops']],
    ['promotions.cancel', ['admin', 'owner', 'ops']],
    ['promotions.retry', ['admin', 'owner', 'ops']],
    ['promotions.rollback', ['admin', 'ops']],
    ['promotions.break-glass', ['ops']],
    ['releases.refuse', ['admin', 'ops']],
    ['environments.hold', ['admin', 'ops']],
    ['environments.remove', ['admin']],
    ['policies.change', ['admin', 'owner', 'ops']],
    ['policies.approve', ['owner', 'ops']],
    ['accounts.change', ['admin']],
  ] as const)('%s is for %j', (action, roles) => {
    expect(ROLES.filter((role) => may(holder(role), action))).toEqual(roles)
  })

  it('a role that this version does not know gives nothing, to an account and to a membership', () => {
    expect(asRole('superviewer')).toBe('member')
    expect(asRole('__proto__')).toBe('member')
    const rows = ['superviewer', 'admin', 'member', 'ops'].map((role) => ({ projectId: 1, environment: '', role }))
    expect(asGrants(rows)).toEqual([{ projectId: 1, environment: '', role: 'ops' }])
  })
})

describe('where somebody may do it', () => {
  const inProject = holder('member', [{ projectId: 1, environment: '', role: 'ops' }])
  const inTest = holder('member', [{ projectId: 1, environment: 'test', role: 'ops' }])
  const inBoth = holder('member', [
    { projectId: 1, environment: 'test', role: 'ops' },
    { projectId: 2, environment: '', role: 'viewer' },
  ])

  it('a role of the account holds in every project and environment', () => {
    expect(may(holder('ops'), 'promotions.approve', { projectId: 9, environment: 'production' })).toBe(true)
    expect(visibleProjects(holder('viewer'))).toBe('all')
  })

  it('a member without a membership sees and does nothing, but what is their own', () => {
    for (const action of everywhere('member')) expect(PERMITS[action].at, action).toBe('self')
    expect(visibleProjects(holder('member'))).toEqual([])
    expect(may(holder('member'), 'runs.read', { projectId: 1 })).toBe(false)
  })

  it('a membership of a project holds there, in all its environments, and nowhere else', () => {
    for (const environment of ['test', 'production'])
      expect(may(inProject, 'promotions.approve', { projectId: 1, environment })).toBe(true)
    expect(may(inProject, 'releases.refuse', { projectId: 1 })).toBe(true)
    expect(may(inProject, 'promotions.approve', { projectId: 2, environment: 'test' })).toBe(false)
    expect(may(inProject, 'runs.read', { projectId: 2 })).toBe(false)
    expect(visibleProjects(inProject)).toEqual([1])
  })

  it('a membership of one environment acts there, and looks at the whole project', () => {
    expect(may(inTest, 'promotions.approve', { projectId: 1, environment: 'test' })).toBe(true)
    expect(may(inTest, 'promotions.approve', { projectId: 1, environment: 'production' })).toBe(false)
    expect(may(inTest, 'promotions.approve', { projectId: 1 })).toBe(false)
    expect(may(inTest, 'runs.read', { projectId: 1 })).toBe(true)
    expect(visibleProjects(inTest)).toEqual([1])
  })

  it('what concerns the whole project is not for a role in one environment of it', () => {
    for (const environment of ['test', 'production', null])
      expect(may(inTest, 'releases.refuse', { projectId: 1, environment })).toBe(false)
    expect(may(inTest, 'releases.refuse')).toBe(false)
  })

  it('roles of different places are not added up', () => {
    expect(may(inBoth, 'promotions.approve', { projectId: 2, environment: 'test' })).toBe(false)
    expect(may(inBoth, 'promotions.approve')).toBe(true)
    expect(visibleProjects(inBoth)).toEqual([1, 2])
  })

  it('an environment of the same name in another project is another environment', () => {
    expect(may(inTest, 'promotions.approve', { projectId: 2, environment: 'test' })).toBe(false)
  })

  it('a membership adds to the role of the account, and takes nothing away', () => {
    const viewerAndOps = holder('viewer', [{ projectId: 1, environment: '', role: 'ops' }])
    expect(may(viewerAndOps, 'promotions.approve', { projectId: 1, environment: 'test' })).toBe(true)
    expect(may(viewerAndOps, 'promotions.approve', { projectId: 2, environment: 'test' })).toBe(false)
    expect(may(viewerAndOps, 'runs.read', { projectId: 2 })).toBe(true)
    expect(
      may(holder('ops', [{ projectId: 1, environment: '', role: 'viewer' }]), 'releases.refuse', { projectId: 1 }),
    ).toBe(true)
  })

  it('what concerns the installation is not for anybody whose role is of a part of it', () => {
    const everything = ROLES.map((role) => ({ projectId: 1, environment: '', role }))
    for (const action of ACTIONS.filter((a) => PERMITS[a].at === 'installation'))
      expect(may(holder('member', everything), action, { projectId: 1 }), action).toBe(false)
  })

  it('what belongs to no project is seen by those who see every project', () => {
    expect(sees(holder('viewer'), null)).toBe(true)
    expect(sees(inProject, null)).toBe(false)
  })

  it('a refusal says with which role, where, and who may', () => {
    expect(whyNotPermitted(holder('viewer'), 'environments.hold', { projectId: 1, environment: 'test' })).toBe(
      'the role viewer may not do this in this environment; admin, ops may',
    )
    expect(whyNotPermitted(inTest, 'releases.refuse', { projectId: 1 })).toBe(
      'the role viewer may not do this in this project; admin, ops may',
    )
    expect(whyNotPermitted(token('ops', 'read'), 'runs.cancel', { projectId: 1 })).toBe(
      'this API token may not do this: it lacks the scope change',
    )
    expect(whyNotPermitted(token('ops', 'read'), 'tokens.create')).toContain('with a session')
  })
})

describe('what a token may do', () => {
  it('nothing without a scope, whatever its role', () => {
    for (const action of ACTIONS) {
      expect(may(token('admin'), action), action).toBe(false)
      expect(may({ kind: 'token', role: 'admin', grants: [] }, action), action).toBe(false)
    }
  })

  it('what its scope allows, and no other: none includes another', () => {
    for (const scope of SCOPES)
      for (const action of ACTIONS)
        expect(may(token('admin', scope), action), `${scope} ${action}`).toBe(
          PERMITS[action].scope === scope && may(holder('admin'), action),
        )
  })

  it('no more than its account', () => {
    for (const role of ROLES)
      for (const action of ACTIONS)
        if (may(token(role, ...SCOPES), action)) expect(may(holder(role), action), `${role} ${action}`).toBe(true)
  })

  it('neither makes tokens nor opens a session, nor signs with anything but a prepared statement', () => {
    for (const action of ['tokens.create', 'tokens.revoke', 'tokens.read', 'account.session', 'passkeys.own'])
      for (const role of ROLES) expect(may(token(role, ...SCOPES), action)).toBe(false)
  })

  it('an environment is removed, a policy proposed, the glass broken by a person, not by a token', () => {
    for (const action of ['environments.remove', 'policies.change', 'promotions.break-glass', 'environments.go'])
      for (const role of ROLES) expect(may(token(role, ...SCOPES), action)).toBe(false)
  })
})

describe('what changes the flow names the action that guards it', () => {
  it.each([
    ['POST /api/v1/promotions', 'promotions.request'],
    ['POST /api/v1/promotions/{id}/statement', 'promotions.approve'],
    ['POST /api/v1/approvals', 'promotions.approve'],
    ['POST /api/v1/approvals/{id}/withdraw', 'approvals.withdraw'],
    ['POST /api/v1/approvals/{id}/review', 'approvals.review'],
    ['POST /api/v1/promotions/{id}/start', 'promotions.request'],
    ['POST /api/v1/promotions/{id}/cancel', 'promotions.cancel'],
    ['POST /api/v1/promotions/{id}/retry', 'promotions.retry'],
    ['POST /api/v1/releases/{id}/refuse', 'releases.refuse'],
    ['POST /api/v1/releases/{id}/lift', 'releases.refuse'],
    ['POST /api/v1/environments/{id}/rollback', 'promotions.rollback'],
    ['POST /api/v1/environments/{id}/hold', 'environments.hold'],
    ['POST /api/v1/environments/{id}/release-hold', 'environments.hold'],
    ['POST /api/v1/environments/{id}/remove', 'environments.remove'],
  ])('%s: %s', (route, action) => {
    expect(ROUTES.find((r) => `${r.method} ${r.path}` === route)?.action).toBe(action)
  })
})

describe('what a route says about its subject', () => {
  it('every route whose action is held in a project or an environment says where, or is a list', () => {
    for (const line of ROUTES) expect(whyUnplaced(line), `${line.method} ${line.path}`).toBeNull()
  })

  it.each(['runs.read', 'promotions.approve'] as const)('a route for %s that says nothing is refused', (action) => {
    const line = ROUTES.find((r) => r.action === action && r.where)
    if (line === undefined) throw new Error(`no route asks for ${action}`)
    const { where: _, ...nowhere } = line
    expect(whyUnplaced(nowhere)).toContain('neither `where` nor `lists`')
    expect(whyUnplaced({ ...nowhere, method: 'POST', lists: true })).toContain('neither')
    expect(whyUnplaced({ ...nowhere, method: 'GET', lists: true })).toBeNull()
  })
})

describe('what a page says about its subject', () => {
  const pages = readdirSync('app', { recursive: true, encoding: 'utf8' })
    .filter((file) => /(^|\/)page\.tsx$/.test(file) && !file.startsWith('_'))
    .map((file) => `app/${file}`)
  /** An entry may be of no project at all: its reading asks who looks. */
  const ASKS_ITSELF = ['app/trail/[seq]/page.tsx']

  it.each(pages)('%s asks who looks, and a page about one thing where that lies', (file) => {
    if (OPEN.some((o) => file === `app${o.path}/page.tsx`)) return
    const asks = [...readFileSync(file, 'utf8').matchAll(/\bviewer\(\s*'([a-z.-]+)'[^)]*\)/g)]
    expect(asks.length).toBeGreaterThan(0)
    if (!file.includes('[') || ASKS_ITSELF.includes(file)) return
    for (const [ask, action] of asks) {
      const held = PERMITS[action as Action].at
      if (held === 'project' || held === 'environment') expect(ask).toMatch(/\[of[A-Z]\w+, id\]/)
    }
  })
})

describe('what answers without a session', () => {
  it('every route names an action of the table, or is one of the few that are open', () => {
    for (const line of ROUTES) {
      const known = line.action === null ? isOpen(line.method, line.path) : Object.hasOwn(PERMITS, line.action)
      expect(known, `${line.method} ${line.path}`).toBe(true)
    }
  })

  it('every action is asked for by some route', () => {
    const asked = new Set(ROUTES.flatMap((r) => [r.action, ...(r.also ?? [])]))
    expect((Object.keys(PERMITS) as Action[]).filter((a) => !asked.has(a))).toEqual([])
  })

  it('is webhooks, health, signing in, and static files', () => {
    expect(OPEN.map((o) => `${o.method} ${o.path}`)).toEqual([
      'POST /webhooks/*',
      'GET /api/health',
      'POST /api/v1/session',
      'POST /api/v1/session/passkey/challenge',
      'POST /api/v1/session/passkey',
      'GET /api/v1/oidc/begin',
      'GET /api/v1/oidc/callback',
      'GET /login',
      'GET /_next/static/*',
      'GET /favicon.ico',
      'GET /icon.svg',
    ])
    expect(isOpen('GET', '/_next/static/chunks/%5Broot%5D__0a1b._.js')).toBe(true)
    expect(isOpen('HEAD', '/login')).toBe(true)
  })

  it.each([
    '/',
    '/runs',
    '/login/',
    '/login/x',
    '//login',
    '/login/../runs',
    '/_next/static/../../runs',
    '/_next/static/%2e%2e/%2e%2e/runs',
    '/_next/static/..%2fruns',
    '/_next/static//x',
    '/_next/image',
    '/_next/data/x.json',
    '/login;.jsp',
    '/login.rsc',
    '/en/login',
    '/api/healthz',
    '/login%00',
    '/login\\',
  ])('%s asks for a session', (path) => {
    expect(isOpen('GET', path)).toBe(false)
  })

  it('another method on an open path asks for a session', () => {
    for (const method of ['DELETE', 'PUT', 'PATCH', 'OPTIONS'])
      for (const o of OPEN) expect(isOpen(method, o.path.replace('*', 'x'))).toBe(false)
    expect(isOpen('GET', '/api/v1/session')).toBe(false)
  })
})

describe('where a form goes next', () => {
  it('a path of our own', () => {
    expect(localPath('/runs/12?after=3', '/')).toBe('/runs/12?after=3')
  })

  it.each([
    undefined,
    12,
    '',
    'runs',
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '/a\nb',
    '/\t/evil',
    `/${'a'.repeat(3000)}`,
  ])('%j is not followed', (next) => {
    expect(localPath(next, '/')).toBe('/')
  })
})
