// Sessions, accounts, memberships and tokens over REST, as people and thieves use them.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { changeRole, disableAccount } from '../../app/_server/account-changes'
import { createAccount } from '../../app/_server/accounts'
import { startWeb, type Web } from '../../app/_server/server'
import { IDLE_MS, openSession, viewerFromCookie } from '../../app/_server/session'
import { signIn } from '../../app/_server/sign-in'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { SHIPLOCK } from '../../prisma/record'
import { ensureKeys } from '../../prisma/seal'
import { freshDatabase } from '../database'

const PASSWORD = 'correct horse battery'
let database: Awaited<ReturnType<typeof freshDatabase>>
let record: RecordHandle
let web: Web
let keys: string
const ids: Record<string, number> = {}
const cookies: Record<string, string> = {}
let project = 0

beforeAll(async () => {
  database = await freshDatabase()
  record = openRecord(database.url, { max: 6 })
  keys = mkdtempSync(path.join(tmpdir(), 'shiplock-people-'))
  await ensureKeys(keys)
  web = await startWeb({
    record,
    keys,
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    trustProxy: false,
    logLevel: 'silent',
    pages: false,
    environments: [],
  })
  const environment = (name: string, position: number) => ({ name, position, policy: { name, start: 'automatic' } })
  project = (
    await record.db.project.create({
      data: {
        forge: 'gitlab',
        forgeUrl: 'https://gitlab.example.com',
        path: 'demo/hello',
        name: 'hello',
        status: 'connected',
        tokenSealed: randomBytes(8),
        hook: 'hook-of-hello-0123456789',
        hookSealed: randomBytes(8),
        createdBy: 'shiplock',
        environments: { create: [environment('test', 0), environment('production', 1)] },
      },
    })
  ).id
  for (const [name, role] of [
    ['root', 'admin'],
    ['mia', 'member'],
    ['vera', 'viewer'],
    ['olga', 'ops'],
  ] as const)
    ids[name] = (await createAccount(record, { name, password: PASSWORD, role })).id
  for (const name of Object.keys(ids)) cookies[name] = await cookieOf(name)
})
afterAll(async () => {
  await web?.close()
  await record?.close()
  await database?.drop()
  rmSync(keys, { recursive: true, force: true })
})

const ask = (method: string, where: string, cookie: string | undefined, body?: unknown, more: object = {}) =>
  fetch(`${web.url}/api/v1${where}`, {
    method,
    headers: {
      origin: web.url,
      ...(cookie ? { cookie } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...more,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
const as = (name: string) => ({
  get: (where: string) => ask('GET', where, cookies[name]),
  post: (where: string, body: unknown = {}) => ask('POST', where, cookies[name], body),
})
const bearer = (token: string, method: string, where: string, body?: unknown) =>
  ask(method, where, undefined, body, { authorization: `Bearer ${token}` })
const signInAs = (name: string, password = PASSWORD, cookie?: string) =>
  ask('POST', '/session', cookie, { name, password }, { 'user-agent': 'a browser of the test' })
const cookieFrom = (answer: Response) => (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
async function cookieOf(name: string, password = PASSWORD) {
  const answer = await signInAs(name, password)
  expect(answer.status).toBe(200)
  return cookieFrom(answer)
}
const json = async <T>(answer: Response | Promise<Response>) => (await (await answer).json()) as T
type Items<T> = { items: T[] }
interface Session {
  id: number
  how: string
  address: string
  agent: string
  current: boolean
}
const trail = (kind: string, subjectId?: number) =>
  record.db.auditEntry.findMany({
    where: { kind, ...(subjectId === undefined ? {} : { subjectId }) },
    orderBy: { id: 'asc' },
  })

describe('a session', () => {
  it('is never the one that a browser brought along: the value is new, and the old one ends', async () => {
    const preset = `shiplock_session=${randomBytes(32).toString('base64url')}`
    const fresh = cookieFrom(await signInAs('vera', PASSWORD, preset))
    expect(fresh).not.toBe(preset)
    expect((await ask('GET', '/session', preset)).status).toBe(401)
    // An attacker's own session, planted in the victim's browser: the victim gets another, and the attacker's is over.
    const planted = await cookieOf('mia')
    const victims = cookieFrom(await signInAs('vera', PASSWORD, planted))
    expect(victims).not.toBe(planted)
    expect((await ask('GET', '/session', planted)).status).toBe(401)
    expect((await ask('GET', '/session', victims)).status).toBe(200)
  })

  it('is listed with how it was opened, from where and by what, and ended one by one', async () => {
    const mine = await cookieOf('olga')
    const { items } = await json<Items<Session>>(ask('GET', '/sessions', mine))
    expect(items[0]).toMatchObject({
      how: 'password',
      agent: 'a browser of the test',
      address: '127.0.0.1',
      current: true,
    })
    expect(items.filter((s) => s.current)).toHaveLength(1)
    const other = items.find((s) => !s.current)
    expect((await ask('POST', `/sessions/${other?.id}/end`, mine, {})).status).toBe(204)
    expect((await as('olga').get('/session')).status).toBe(401)
    expect((await ask('GET', '/session', mine)).status).toBe(200)
    cookies.olga = mine
  })

  it('of somebody else is not there to be ended, but for an administrator', async () => {
    const { items } = await json<Items<Session>>(as('vera').get('/sessions'))
    const [session] = items
    expect((await as('olga').post(`/sessions/${session?.id}/end`)).status).toBe(404)
    expect((await as('olga').post(`/accounts/${ids.vera}/sessions/${session?.id}/end`)).status).toBe(403)
    expect((await as('root').post(`/accounts/${ids.mia}/sessions/${session?.id}/end`)).status).toBe(404)
    for (const { id } of items)
      expect((await as('root').post(`/accounts/${ids.vera}/sessions/${id}/end`)).status).toBe(204)
    expect((await as('vera').get('/session')).status).toBe(401)
    cookies.vera = await cookieOf('vera')
  })

  it('ends with all others but the one that asks', async () => {
    const others = [await cookieOf('vera'), await cookieOf('vera')]
    const { ended } = await json<{ ended: number }>(as('vera').post('/sessions/end-others'))
    expect(ended).toBeGreaterThanOrEqual(2)
    for (const other of others) expect((await ask('GET', '/session', other)).status).toBe(401)
    expect((await as('vera').get('/session')).status).toBe(200)
  })

  it('ends when nobody used it for two hours, and is written at most once a minute', async () => {
    const { value } = await openSession(record, { id: ids.vera ?? 0 }, { how: 'passkey', address: '::1', agent: '' })
    const cookie = `shiplock_session=${value}`
    const age = (ms: number) =>
      record.pool.query(
        `UPDATE "Session" SET "lastSeenAt" = clock_timestamp() - $1 * interval '1 millisecond' WHERE how = 'passkey'`,
        [ms],
      )
    const seen = async () =>
      (await record.db.session.findFirstOrThrow({ where: { how: 'passkey' } })).lastSeenAt.getTime()
    const first = await seen()
    expect(await viewerFromCookie(record, cookie)).toMatchObject({ name: 'vera' })
    expect(await seen()).toBe(first)
    await age(90_000)
    const stale = await seen()
    expect(await viewerFromCookie(record, cookie)).not.toBeNull()
    expect(await seen()).toBeGreaterThan(stale)
    await age(IDLE_MS + 1_000)
    expect(await viewerFromCookie(record, cookie)).toBeNull()
  })

  it('is one of twenty: the oldest ends when one more begins, and the trail says so', async () => {
    const { id } = await createAccount(record, { name: 'many', password: PASSWORD, role: 'viewer' })
    for (let n = 0; n < 22; n++) await openSession(record, { id }, { how: 'passkey', address: '::1', agent: '' })
    expect(await record.db.session.count({ where: { accountId: id } })).toBe(20)
    expect(await trail('session.end', id)).toHaveLength(2)
    expect(await trail('session.open', id)).toHaveLength(22)
  })
})

describe('a failed sign-in', () => {
  it('stands in the trail once a minute for each name and address, without what was typed', async () => {
    const now = Date.now() + 3_600_000
    const attempt = (name: string, at: number, address = '192.0.2.7') =>
      signIn(record, { name, password: 'a wrong password', address, agent: '' }, at).catch((e: Error) => e.message)
    const before = (await trail('session.refuse')).length
    const told = async () => (await trail('session.refuse')).slice(before)
    await Promise.all([1, 2, 3].map((ms) => attempt('vera', now + ms)))
    expect(await told()).toHaveLength(1)
    await attempt('vera', now + 61_000)
    await attempt('vera', now + 61_500, '192.0.2.8')
    await attempt('my-secret-typed-in-the-wrong-field', now)
    const entries = await told()
    expect(entries.map((e) => e.subjectId)).toEqual([ids.vera, ids.vera, ids.vera, 0])
    expect(entries.every((e) => e.actor === 'shiplock')).toBe(true)
    expect(JSON.stringify(entries, (_, v) => (typeof v === 'bigint' ? String(v) : v))).not.toMatch(
      /my-secret|wrong-field/,
    )
  })
})

describe('a disabled account', () => {
  it('is out at once: sessions, tokens and signing in, until it is enabled again', async () => {
    const { id } = await createAccount(record, { name: 'dora', password: PASSWORD, role: 'developer' })
    const cookie = await cookieOf('dora')
    const { token } = await json<{ token: string }>(ask('POST', '/tokens', cookie, { name: 'ci' }))
    expect((await bearer(token, 'GET', '/runs')).status).toBe(200)
    expect((await as('root').post(`/accounts/${id}/disable`)).status).toBe(204)
    expect((await ask('GET', '/session', cookie)).status).toBe(401)
    expect((await bearer(token, 'GET', '/runs')).status).toBe(401)
    expect((await signInAs('dora')).status).toBe(403)
    expect((await signInAs('dora', 'a wrong password')).status).toBe(401) // tells nobody else that it is disabled
    expect((await as('root').post(`/accounts/${id}/disable`)).status).toBe(409)
    expect((await as('root').post(`/accounts/${id}/enable`)).status).toBe(204)
    expect((await signInAs('dora')).status).toBe(200)
    expect((await ask('GET', '/session', cookie)).status).toBe(401)
    expect((await bearer(token, 'GET', '/runs')).status).toBe(401)
    for (const kind of ['account.disable', 'account.enable']) expect(await trail(kind, id)).toHaveLength(1)
  })

  it('gets no session from a sign-in that was under way', async () => {
    const { id } = await createAccount(record, { name: 'racer', password: PASSWORD, role: 'viewer' })
    for (let n = 0; n < 10; n++) {
      await record.db.account.update({ where: { id }, data: { disabledAt: null } })
      await Promise.allSettled([
        openSession(record, { id }, { how: 'password', address: '::1', agent: '' }),
        disableAccount(record, id, SHIPLOCK),
      ])
      expect(await record.db.session.count({ where: { accountId: id } })).toBe(0)
    }
  })
})

describe('the last administrator', () => {
  it('is neither disabled nor made something else', async () => {
    expect((await as('root').post(`/accounts/${ids.root}/role`, { role: 'viewer' })).status).toBe(409)
    expect((await as('root').post(`/accounts/${ids.root}/disable`)).status).toBe(409)
    expect((await as('root').get('/session')).status).toBe(200)
  })

  it('remains when two take the role from one another at the same moment', async () => {
    const { id } = await createAccount(record, { name: 'second', password: PASSWORD, role: 'admin' })
    for (let n = 0; n < 10; n++) {
      const done = await Promise.allSettled([
        changeRole(record, ids.root ?? 0, 'viewer', SHIPLOCK),
        n % 2 ? changeRole(record, id, 'viewer', SHIPLOCK) : disableAccount(record, id, SHIPLOCK),
      ])
      expect(done.filter((d) => d.status === 'fulfilled')).toHaveLength(1)
      expect(await record.db.account.count({ where: { role: 'admin', disabledAt: null } })).toBe(1)
      await record.db.account.updateMany({
        where: { id: { in: [id, ids.root ?? 0] } },
        data: { role: 'admin', disabledAt: null },
      })
    }
    await record.db.account.update({ where: { id }, data: { role: 'viewer' } })
  })

  it('changes the roles of others, which counts at once and stands in the trail with before and after', async () => {
    const { id } = await createAccount(record, { name: 'rising', password: PASSWORD, role: 'viewer' })
    const cookie = await cookieOf('rising')
    expect((await ask('GET', '/accounts', cookie)).status).toBe(403)
    expect((await as('olga').post(`/accounts/${id}/role`, { role: 'admin' })).status).toBe(403)
    expect((await as('root').post(`/accounts/${id}/role`, { role: 'admin' })).status).toBe(204)
    expect((await ask('GET', '/accounts', cookie)).status).toBe(200)
    expect((await as('root').post(`/accounts/${id}/role`, { role: 'auditor' })).status).toBe(204)
    expect((await ask('GET', '/accounts', cookie)).status).toBe(403)
    expect((await trail('account.role', id)).map((e) => [e.before, e.after])).toEqual([
      ['viewer', 'admin'],
      ['admin', 'auditor'],
    ])
  })
})

describe('a password', () => {
  it('is changed by who knows the old one; all other sessions end', async () => {
    await createAccount(record, { name: 'petra', password: PASSWORD, role: 'viewer' })
    const [here, there] = [await cookieOf('petra'), await cookieOf('petra')]
    const change = (old: string, to: string) => ask('POST', '/account/password', here, { old, new: to })
    expect((await change('a wrong password', 'another good one')).status).toBe(403)
    expect((await change(PASSWORD, 'short')).status).toBe(422)
    expect((await change(PASSWORD, 'another good one')).status).toBe(204)
    expect((await ask('GET', '/session', there)).status).toBe(401)
    expect((await ask('GET', '/session', here)).status).toBe(200)
    expect((await signInAs('petra')).status).toBe(401)
    expect((await signInAs('petra', 'another good one')).status).toBe(200)
  })

  it('is not guessed with a stolen session', async () => {
    await createAccount(record, { name: 'stolen', password: PASSWORD, role: 'viewer' })
    const cookie = await cookieOf('stolen')
    const guess = (old: string) => ask('POST', '/account/password', cookie, { old, new: 'another good one' })
    const statuses = await Promise.all(Array.from({ length: 10 }, async () => (await guess('a wrong one')).status))
    expect(new Set(statuses)).toEqual(new Set([403]))
    expect((await guess(PASSWORD)).status).toBe(429)
  })

  it('is reset by an administrator, shown once, and ends what was open with the old one', async () => {
    const { id } = await createAccount(record, { name: 'lost', password: PASSWORD, role: 'viewer' })
    const cookie = await cookieOf('lost')
    const { token } = await json<{ token: string }>(ask('POST', '/tokens', cookie, { name: 'ci' }))
    const { password } = await json<{ password: string }>(as('root').post(`/accounts/${id}/reset-password`))
    expect((await ask('GET', '/session', cookie)).status).toBe(401)
    expect((await bearer(token, 'GET', '/runs')).status).toBe(401)
    expect((await signInAs('lost')).status).toBe(401)
    expect((await signInAs('lost', password)).status).toBe(200)
    expect((await as('olga').post(`/accounts/${id}/reset-password`)).status).toBe(403)
  })
})

describe('a membership', () => {
  it('gives a role in one project, and is taken back, at once', async () => {
    const seen = async () => {
      const answer = await as('mia').get('/projects')
      return answer.ok ? (await json<Items<object>>(answer)).items.length : answer.status
    }
    expect(await seen()).toBe(403)
    const made = await as('root').post('/memberships', { account: ids.mia, project, role: 'developer' })
    expect(made.status).toBe(201)
    const { id } = await json<{ id: number }>(made)
    expect(await seen()).toBe(1)
    const listed = await json<Items<object>>(as('mia').get(`/projects/${project}/memberships`))
    expect(listed.items).toMatchObject([
      { id, account: { id: ids.mia, name: 'mia' }, environment: null, role: 'developer', grantedBy: 'root' },
    ])
    expect((await as('root').post(`/memberships/${id}/revoke`)).status).toBe(204)
    expect(await seen()).toBe(403)
    expect((await as('mia').get(`/projects/${project}/memberships`)).status).toBe(403)
    expect((await as('root').post(`/memberships/${id}/revoke`)).status).toBe(404)
  })

  it('is of one environment, and stands in the trail with what was there before and after', async () => {
    const grant = (role: string, environment: string | null) =>
      as('root').post('/memberships', { account: ids.mia, project, role, environment })
    await grant('ops', 'production')
    const second = await json<{ id: number }>(grant('viewer', 'production'))
    expect(await json<{ id: number }>(grant('viewer', 'production'))).toEqual(second) // again: the same one
    expect((await trail('membership.grant', ids.mia)).slice(-2).map((e) => [e.before, e.after, e.projectId])).toEqual([
      ['', 'ops', project],
      ['ops', 'ops, viewer', project],
    ])
    const viewer = await viewerFromCookie(record, cookies.mia)
    expect(viewer?.grants).toEqual(
      expect.arrayContaining([{ projectId: project, environment: 'production', role: 'ops' }]),
    )
  })

  it.each([
    ['an account that is not there', { account: 99_999 }, 404],
    ['a project that is not there', { project: 99_999 }, 404],
    ['an environment that is not there', { environment: 'mars' }, 404],
    ['a role that is none', { role: 'emperor' }, 422],
    ['administrator of a part', { role: 'admin' }, 422],
  ])('of %s is refused', async (_, changes, status) => {
    const body = { account: ids.mia, project, role: 'viewer', ...changes }
    expect((await as('root').post('/memberships', body)).status).toBe(status)
  })

  it('is granted by nobody but an administrator, and by no token', async () => {
    const body = { account: ids.olga, project, role: 'owner' }
    expect((await as('olga').post('/memberships', body)).status).toBe(403)
    const { token } = await json<{ token: string }>(
      as('root').post('/tokens', { name: 'all', scopes: ['read', 'change', 'approve', 'admin'] }),
    )
    expect((await bearer(token, 'POST', '/memberships', body)).status).toBe(403)
    expect((await bearer(token, 'POST', `/accounts/${ids.olga}/role`, { role: 'admin' })).status).toBe(403)
  })
})

describe('a token', () => {
  const make = async (scopes?: string[]) =>
    json<{ id: number; token: string; scopes: string[] }>(
      as('olga').post('/tokens', { name: 't', ...(scopes ? { scopes } : {}) }),
    )

  it('may read and change where nothing else was asked for', async () => {
    expect((await make()).scopes).toEqual(['read', 'change'])
  })

  it('does only what its scopes allow, whatever its account may', async () => {
    const hold = (token: string) =>
      bearer(token, 'POST', `/environments/${environment}/hold`, { because: 'to see whether it may' })
    const { id: environment } = await record.db.environment.findFirstOrThrow({ where: { name: 'test' } })
    const read = await make(['read'])
    expect((await bearer(read.token, 'GET', '/runs')).status).toBe(200)
    expect((await hold(read.token)).status).toBe(403)
    const change = await make(['change'])
    expect((await bearer(change.token, 'GET', '/runs')).status).toBe(403)
    expect((await hold(change.token)).status).toBe(200)
    expect((await as('olga').post('/tokens', { name: 't', scopes: ['everything'] })).status).toBe(422)
    expect((await as('olga').post('/tokens', { name: 't', scopes: [] })).status).toBe(422)
  })

  it('that was stolen is worth nothing from the moment it is revoked', async () => {
    const { id, token } = await make(['read'])
    expect((await bearer(token, 'GET', '/runs')).status).toBe(200)
    expect((await ask('DELETE', `/tokens/${id}`, cookies.olga)).status).toBe(204)
    expect((await bearer(token, 'GET', '/runs')).status).toBe(401)
  })

  it('is listed with its scopes and its last use, without its secret', async () => {
    const { id, token } = await make(['read'])
    await bearer(token, 'GET', '/runs')
    const text = await (await as('olga').get('/tokens')).text()
    expect(text).not.toContain(token)
    const { items } = JSON.parse(text) as Items<{ id: number; scopes: string[]; lastUsedAt: string | null }>
    expect(items.find((t) => t.id === id)).toMatchObject({ scopes: ['read'], lastUsedAt: expect.any(String) })
  })
})

describe('the trail', () => {
  it('holds no name of a person beside the actor', async () => {
    const { rows } = await record.pool.query<{ text: string }>(
      `SELECT data::text || ' ' || because AS text FROM "AuditEntry"`,
    )
    expect(rows.length).toBeGreaterThan(50)
    for (const name of ['root', 'mia', 'vera', 'olga', 'dora', 'petra', 'rising'])
      expect(rows.filter((row) => new RegExp(`\\b${name}\\b`).test(row.text)).map((row) => row.text)).toEqual([])
  })
})
