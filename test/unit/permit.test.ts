import { describe, expect, it } from 'vitest'
import { type Action, isOpen, may, OPEN, PERMITS, ROLES } from '../../app/_server/permit'
import { localPath } from '../../app/_server/rest/mount'
import { ROUTES } from '../../app/_server/rest/routes'

describe('who may do what', () => {
  it('nobody without a session may do anything', () => {
    for (const action of Object.keys(PERMITS)) expect(may(null, action)).toBe(false)
  })

  it('an action that the table does not name is refused, also to an admin', () => {
    for (const action of ['', 'runs.delete', 'constructor', '__proto__', 'toString'])
      expect(may({ kind: 'account', role: 'admin' }, action)).toBe(false)
  })

  it('a viewer changes nothing but their own tokens and session', () => {
    const allowed = Object.keys(PERMITS).filter((a) => may({ kind: 'account', role: 'viewer' }, a))
    expect(allowed.filter((a) => !/\.read$/.test(a)).sort()).toEqual([
      'account.session',
      'tokens.create',
      'tokens.revoke',
    ])
  })

  it('only an admin connects a repository', () => {
    expect(ROLES.filter((role) => may({ kind: 'account', role }, 'projects.connect'))).toEqual(['admin'])
  })

  it('a token makes no tokens and opens no session, whatever its role', () => {
    for (const role of ROLES)
      for (const action of ['tokens.create', 'tokens.revoke', 'tokens.read', 'account.session'])
        expect(may({ kind: 'token', role }, action)).toBe(false)
  })

  it('a role can do no less than a lesser one', () => {
    const can = (role: (typeof ROLES)[number]) => Object.keys(PERMITS).filter((a) => may({ kind: 'account', role }, a))
    expect(can('admin')).toEqual(expect.arrayContaining(can('developer')))
    expect(can('developer')).toEqual(expect.arrayContaining(can('viewer')))
  })

  it.each([
    ['promotions.approve', ['owner', 'ops']],
    ['promotions.request', ['admin', 'owner', 'ops']],
    ['promotions.cancel', ['admin', 'owner', 'ops']],
    ['promotions.retry', ['admin', 'owner', 'ops']],
    ['promotions.rollback', ['admin', 'ops']],
    ['releases.refuse', ['admin', 'ops']],
    ['environments.hold', ['admin', 'ops']],
    ['environments.remove', ['admin']],
  ] as const)('%s is for %j', (action, roles) => {
    expect(ROLES.filter((role) => may({ kind: 'account', role }, action))).toEqual(roles)
  })

  it('an environment is removed by a person, not by a token', () => {
    expect(may({ kind: 'token', role: 'admin' }, 'environments.remove')).toBe(false)
  })
})

describe('what changes the flow names the action that guards it', () => {
  it.each([
    ['POST /api/v1/promotions', 'promotions.request'],
    ['POST /api/v1/promotions/{id}/approve', 'promotions.approve'],
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

describe('what answers without a session', () => {
  it('every route names an action of the table, or is one of the few that are open', () => {
    for (const line of ROUTES) {
      const known = line.action === null ? isOpen(line.method, line.path) : Object.hasOwn(PERMITS, line.action)
      expect(known, `${line.method} ${line.path}`).toBe(true)
    }
  })

  it('every action is asked for by some route', () => {
    const asked = new Set(ROUTES.map((r) => r.action))
    expect((Object.keys(PERMITS) as Action[]).filter((a) => !asked.has(a))).toEqual([])
  })

  it('is webhooks, health, signing in, and static files', () => {
    expect(OPEN.map((o) => `${o.method} ${o.path}`)).toEqual([
      'POST /webhooks/*',
      'GET /api/health',
      'POST /api/v1/session',
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
