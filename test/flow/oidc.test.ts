// Signing in with the forge: Shiplock and the demo forge as its provider, both over HTTP, and a browser's cookie jar.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createAccount } from '../../app/_server/accounts'
import type { OidcConfig } from '../../app/_server/config'
import { startWeb, type Web } from '../../app/_server/server'
import { type DemoForge, startForge } from '../../demo/forge/forge'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { ensureKeys } from '../../prisma/seal'
import { freshDatabase } from '../database'
import { freePort } from '../free-port'

const PASSWORD = 'correct horse battery'
const COOKIES = { session: 'shiplock_session', attempt: 'shiplock_sign_in' }

let database: Awaited<ReturnType<typeof freshDatabase>>
let record: RecordHandle
let dir: string
let forge: DemoForge
let client: { id: string; secret: string }
const webs: Web[] = []
let web: Web
const people: Record<string, { id: number; username: string; password: string }> = {}

const start = async (oidc: Partial<OidcConfig> = {}, port = 0) => {
  const started = await startWeb({
    record,
    keys: path.join(dir, 'keys'),
    host: '127.0.0.1',
    port,
    publicUrl: null,
    trustProxy: false,
    logLevel: 'silent',
    pages: false,
    environments: [],
    oidc: {
      issuer: forge.url,
      clientId: client.id,
      clientSecret: client.secret,
      name: 'GitLab',
      role: 'member',
      ...oidc,
    },
  })
  webs.push(started)
  return started
}

beforeAll(async () => {
  database = await freshDatabase()
  record = openRecord(database.url, { max: 4 })
  dir = mkdtempSync(path.join(tmpdir(), 'shiplock-oidc-'))
  await ensureKeys(path.join(dir, 'keys'))
  forge = await startForge({ dir: path.join(dir, 'forge') })
  const port = await freePort()
  client = forge.addOidcClient({ redirectUris: [`http://127.0.0.1:${port}/api/v1/oidc/callback`] })
  for (const username of ['mia', 'noor', 'olga', 'pia', 'quin', 'rosa', 'sami']) {
    const person = { username, name: `${username} of the forge`, password: `the password of ${username}` }
    people[username] = { ...person, id: (await forge.addUser(person)).id }
  }
  web = await start({}, port)
})
afterEach(() => forge.lieOfPeople({}))
afterAll(async () => {
  for (const one of webs) await one.close()
  await forge?.close()
  await record?.close()
  await database?.drop()
  rmSync(dir, { recursive: true, force: true })
})

/** A browser: keeps cookies, follows nothing by itself. */
class Browser {
  readonly jar = new Map<string, string>()
  async go(url: string, init: RequestInit = {}): Promise<Response> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { ...(init.headers as Record<string, string>), ...(cookie ? { cookie } : {}), 'user-agent': 'a test' },
    })
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      const at = pair.indexOf('=')
      if (/Max-Age=0/.test(line)) this.jar.delete(pair.slice(0, at))
      else this.jar.set(pair.slice(0, at), pair.slice(at + 1))
    }
    return answer
  }
  post = (url: string, body: unknown = {}) =>
    this.go(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: new URL(url).origin },
      body: JSON.stringify(body),
    })
  form = (url: string, fields: Record<string, string>) =>
    this.go(url, { method: 'POST', body: new URLSearchParams(fields) })
  async whoAmI(): Promise<{ name: string; role: string; id: number } | null> {
    const answer = await this.go(`${web.url}/api/v1/session`)
    return answer.ok ? ((await answer.json()) as { account: { name: string; role: string; id: number } }).account : null
  }
}

const located = (answer: Response) => new URL(answer.headers.get('location') ?? '', web.url)

/** At the provider: signs in and agrees, or not. @returns where the browser is sent back to */
async function atProvider(browser: Browser, address: URL, username: string, answer = 'yes'): Promise<URL> {
  const form = await (await browser.go(address.href)).text()
  expect(form).toContain('name="password"')
  const asked = Object.fromEntries(address.searchParams)
  const password = people[username]?.password ?? ''
  const consent = await (await browser.form(`${forge.url}/oauth/authorize`, { ...asked, username, password })).text()
  const ticket = /name="ticket" value="([0-9a-f]+)"/.exec(consent)?.[1] ?? ''
  return located(await browser.form(`${forge.url}/oauth/consent`, { ticket, answer }))
}

const begin = async (browser: Browser, next = '') =>
  located(await browser.go(`${web.url}/api/v1/oidc/begin${next === '' ? '' : `?next=${encodeURIComponent(next)}`}`))

async function signIn(browser: Browser, username: string, next = ''): Promise<URL> {
  const back = await atProvider(browser, await begin(browser, next), username)
  return located(await browser.go(back.href))
}
const problemOf = (where: URL) => `${where.pathname} ${where.searchParams.get('problem')}`
const trail = (kind: string) =>
  record.db.auditEntry.findMany({
    where: { kind },
    orderBy: { id: 'asc' },
    select: { data: true, actor: true, subjectId: true },
  })
const localSession = async (name: string) => {
  const browser = new Browser()
  expect((await browser.post(`${web.url}/api/v1/session`, { name, password: PASSWORD })).status).toBe(200)
  return browser
}

describe('signing in with the forge', () => {
  it('makes an account at the first time, with the number that the forge knows the person by', async () => {
    const browser = new Browser()
    const where = await signIn(browser, 'mia', '/promotions?tab=mine')
    expect(`${where.pathname}${where.search}`).toBe('/promotions?tab=mine')
    const who = await browser.whoAmI()
    expect(who).toMatchObject({ name: 'mia', role: 'member' })
    const account = await record.db.account.findUniqueOrThrow({ where: { name: 'mia' }, include: { identities: true } })
    expect(account).toMatchObject({ forgeUserId: String(people.mia?.id), passwordHash: null })
    expect(account.identities).toMatchObject([{ issuer: forge.url, subject: String(people.mia?.id), name: 'mia' }])
    expect(browser.jar.has(COOKIES.attempt)).toBe(false)
    for (const kind of ['account.create', 'identity.link', 'session.open'])
      expect((await trail(kind)).at(-1), kind).toMatchObject({ subjectId: account.id, actor: `account:${account.id}` })
    expect((await trail('session.open')).at(-1)?.data).toMatchObject({ how: 'oidc' })
  })

  it('finds the same account again by the number, though name and e-mail address have changed', async () => {
    const before = await record.db.account.count()
    forge.renameUser(people.mia?.id ?? 0, { username: 'mia.new', name: 'Another Name', email: 'other@forge.example' })
    const browser = new Browser()
    people['mia.new'] = { id: 0, username: 'mia.new', password: people.mia?.password ?? '' }
    await signIn(browser, 'mia.new')
    expect(await browser.whoAmI()).toMatchObject({ name: 'mia' })
    expect(await record.db.account.count()).toBe(before)
    expect(await record.db.identity.findFirstOrThrow({ where: { issuer: forge.url } })).toMatchObject({
      name: 'mia.new',
    })
  })

  it('never takes somebody for the owner of an account because of a name or an e-mail address', async () => {
    const { id } = await createAccount(record, { name: 'noor', password: PASSWORD, role: 'admin' })
    const browser = new Browser()
    forge.renameUser(people.noor?.id ?? 0, { email: 'admin@shiplock.example' })
    await signIn(browser, 'noor')
    const who = await browser.whoAmI()
    expect(who).toMatchObject({ name: 'noor-2', role: 'member' })
    expect(who?.id).not.toBe(id)
  })

  it('refuses a second account for a number that an account has already', async () => {
    await createAccount(record, {
      name: 'olga-local',
      password: PASSWORD,
      role: 'ops',
      forgeUserId: String(people.olga?.id),
    })
    const browser = new Browser()
    expect(problemOf(await signIn(browser, 'olga'))).toBe('/login oidc-taken')
    expect(await browser.whoAmI()).toBeNull()
  })

  it('gives a new session value, and ends the session that the browser had', async () => {
    await createAccount(record, { name: 'local', password: PASSWORD, role: 'viewer' })
    const browser = await localSession('local')
    const before = browser.jar.get(COOKIES.session) ?? ''
    await signIn(browser, 'pia')
    expect(await browser.whoAmI()).toMatchObject({ name: 'pia' })
    expect(browser.jar.get(COOKIES.session)).not.toBe(before)
    const thief = new Browser()
    thief.jar.set(COOKIES.session, before)
    expect(await thief.whoAmI()).toBeNull()
  })

  it.each([
    ['https://elsewhere.example/', '/'],
    ['//elsewhere.example', '/'],
    ['/\\elsewhere.example', '/'],
    ['/runs', '/runs'],
  ])('comes back to %s as %s', async (next, lands) => {
    const where = await signIn(new Browser(), 'pia', next)
    expect(where.origin + where.pathname).toBe(web.url + lands)
  })

  it('is refused where the account is disabled', async () => {
    await signIn(new Browser(), 'rosa')
    await record.db.account.update({ where: { name: 'rosa' }, data: { disabledAt: new Date() } })
    const browser = new Browser()
    expect(problemOf(await signIn(browser, 'rosa'))).toBe('/login oidc-disabled')
    expect(await browser.whoAmI()).toBeNull()
  })

  it('makes one account for somebody who signs in twice at the same moment', async () => {
    const browsers = [new Browser(), new Browser(), new Browser()]
    await Promise.all(browsers.map((browser) => signIn(browser, 'sami')))
    const names = await Promise.all(browsers.map(async (browser) => (await browser.whoAmI())?.name))
    expect(names).toEqual(['sami', 'sami', 'sami'])
  })
})

describe('what comes back is refused', () => {
  it('when it was used already', async () => {
    const browser = new Browser()
    const back = await atProvider(browser, await begin(browser), 'quin')
    const attempt = browser.jar.get(COOKIES.attempt) ?? ''
    expect(located(await browser.go(back.href)).pathname).toBe('/')
    const again = new Browser()
    again.jar.set(COOKIES.attempt, attempt)
    expect(problemOf(located(await again.go(back.href)))).toBe('/login oidc-expired')
    expect(await again.whoAmI()).toBeNull()
  })

  it('when another browser brings it: nobody is signed in as somebody else by a link', async () => {
    const attacker = new Browser()
    const back = await atProvider(attacker, await begin(attacker), 'quin')
    const victim = new Browser()
    expect(problemOf(located(await victim.go(back.href)))).toBe('/login oidc-elsewhere')
    // Also where the victim is in the midst of a sign-in of their own.
    await begin(victim)
    expect(problemOf(located(await victim.go(back.href)))).toBe('/login oidc-elsewhere')
    expect(await victim.whoAmI()).toBeNull()
    // The attacker's own is untouched by that.
    expect(located(await attacker.go(back.href)).pathname).toBe('/')
  })

  it('when the state is another one, or none', async () => {
    const browser = new Browser()
    const back = await atProvider(browser, await begin(browser), 'quin')
    for (const state of ['x'.repeat(43), '']) {
      const other = new URL(back)
      other.searchParams.set('state', state)
      expect(problemOf(located(await browser.go(other.href)))).toBe('/login oidc-expired')
    }
    expect(await browser.whoAmI()).toBeNull()
  })

  it('when it took more than ten minutes', async () => {
    const browser = new Browser()
    const back = await atProvider(browser, await begin(browser), 'quin')
    await record.pool.query(`UPDATE "SignInAttempt" SET "expiresAt" = clock_timestamp() - interval '1 second'`)
    expect(problemOf(located(await browser.go(back.href)))).toBe('/login oidc-expired')
  })

  it.each([
    ['the nonce is another one', { claims: { nonce: 'another' } }, 'oidc-untrusted'],
    ['the ID token has no nonce', { claims: { nonce: undefined } }, 'oidc-untrusted'],
    ['another issuer answers (mix-up)', { iss: 'https://evil.example' }, 'oidc-untrusted'],
    ['the ID token is of another issuer', { claims: { iss: 'https://evil.example' } }, 'oidc-untrusted'],
    ['the ID token is for another client', { claims: { aud: 'somebody-else' } }, 'oidc-untrusted'],
    ['userinfo is about somebody else', { claims: { sub: '999' } }, 'oidc-untrusted'],
    ['the ID token is signed with a key that is not published', { foreignKey: true }, 'oidc-untrusted'],
    ['the ID token is too old', { claims: { exp: 1_000_000_000, iat: 999_999_000 } }, 'oidc-clock'],
    ['the token endpoint fails', { tokenStatus: 500 as const }, 'oidc-down'],
  ])('when %s', async (_, lies, problem) => {
    const browser = new Browser()
    const address = await begin(browser)
    forge.lieOfPeople(lies)
    const back = await atProvider(browser, address, 'quin')
    expect(problemOf(located(await browser.go(back.href)))).toBe(`/login ${problem}`)
    expect(await browser.whoAmI()).toBeNull()
  })

  it('when the person said no', async () => {
    const browser = new Browser()
    const back = await atProvider(browser, await begin(browser, '/runs'), 'quin', 'no')
    const where = located(await browser.go(back.href))
    expect(problemOf(where)).toBe('/login oidc-denied')
    expect(where.searchParams.get('next')).toBe('/runs')
  })

  it('when the code was taken by somebody who lacks the verifier', async () => {
    const browser = new Browser()
    const back = await atProvider(browser, await begin(browser), 'quin')
    const stolen = await fetch(`${forge.url}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` },
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: back.searchParams.get('code') ?? '',
        redirect_uri: `${back.origin}${back.pathname}`,
        code_verifier: 'v'.repeat(43),
      }),
    })
    expect(stolen.status).toBe(400)
  })

  it('and stands in the trail, without the name or the code', async () => {
    const refusals = await trail('session.refuse')
    expect(refusals.length).toBeGreaterThan(0)
    for (const { actor, data } of refusals) {
      expect(actor).toBe('shiplock')
      expect(Object.keys(data as object).sort()).toEqual(['address', 'how', 'why'])
    }
  })
})

describe('while the provider is away', () => {
  it('Shiplock starts, people with a password sign in, and the button says what is wrong', async () => {
    const known = web
    forge.lieOfPeople({ down: true })
    const port = await freePort()
    web = await start({}, port)
    try {
      const local = await localSession('local')
      expect(await local.whoAmI()).toMatchObject({ name: 'local' })
      const browser = new Browser()
      expect(problemOf(await begin(browser))).toBe('/login oidc-down')
      // It is asked again each time, not only when Shiplock starts.
      forge.lieOfPeople({})
      expect((await begin(browser)).origin).toBe(forge.url)
    } finally {
      web = known
    }
  })

  it('an address that is no provider is told apart from one that does not answer', async () => {
    const known = web
    web = await start({ issuer: `${forge.url}/nothing` })
    expect(problemOf(await begin(new Browser()))).toBe('/login oidc-refused')
    web = known
  })
})

describe('an identity is linked', () => {
  let browser: Browser
  const link = async (by: Browser, username: string) => {
    const { address } = (await (await by.post(`${web.url}/api/v1/oidc/link`)).json()) as { address: string }
    return located(await by.go((await atProvider(by, new URL(address), username)).href))
  }
  const identities = async (by: Browser) =>
    ((await (await by.go(`${web.url}/api/v1/account/identities`)).json()) as { items: { id: number; name: string }[] })
      .items

  it('to the account of whoever is signed in here, and opens it from then on', async () => {
    browser = await localSession('olga-local')
    expect((await link(browser, 'olga')).pathname).toBe('/account')
    expect(await identities(browser)).toMatchObject([{ name: 'olga' }])
    const other = new Browser()
    await signIn(other, 'olga')
    expect(await other.whoAmI()).toMatchObject({ name: 'olga-local', role: 'ops' })
  })

  it('not to a second account', async () => {
    const local = await localSession('local')
    expect(problemOf(await link(local, 'olga'))).toBe('/account oidc-linked')
    expect(await identities(local)).toEqual([])
  })

  it('not when somebody else signed in in between, and never begun by a link from elsewhere', async () => {
    const local = await localSession('local')
    const { address } = (await (await local.post(`${web.url}/api/v1/oidc/link`)).json()) as { address: string }
    const back = await atProvider(local, new URL(address), 'quin')
    local.jar.set(COOKIES.session, (await localSession('olga-local')).jar.get(COOKIES.session) ?? '')
    expect(problemOf(located(await local.go(back.href)))).toBe('/account oidc-elsewhere')
    const foreign = await local.go(`${web.url}/api/v1/oidc/link`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'https://evil.example' },
      body: '{}',
    })
    expect(foreign.status).toBe(403)
  })

  it('and unlinked, unless it is the only way in', async () => {
    const [mine] = await identities(browser)
    expect((await browser.post(`${web.url}/api/v1/account/identities/${mine?.id}/unlink`)).status).toBe(204)
    expect(await identities(browser)).toEqual([])
    const only = new Browser()
    await signIn(only, 'pia')
    const [last] = await identities(only)
    expect((await only.post(`${web.url}/api/v1/account/identities/${last?.id}/unlink`)).status).toBe(409)
    // Nor somebody else's.
    expect((await browser.post(`${web.url}/api/v1/account/identities/${last?.id}/unlink`)).status).toBe(404)
    expect(await identities(only)).toHaveLength(1)
  })
})
