// The demo forge as an OpenID provider, asked by hand: what it gives to whom, and what it refuses.
import { createHash, createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DemoForge, startForge } from '../../demo/forge/forge'

const BACK = 'http://127.0.0.1:9/back'
const VERIFIER = 'v'.repeat(43)
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url')
const USER = { username: 'mia', name: 'Mia Ng', password: 'a password of mia' }

let dir: string
let forge: DemoForge
let client: { id: string; secret: string }
let mia: number

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'shiplock-oidc-'))
  forge = await startForge({ dir })
  client = forge.addOidcClient({ redirectUris: [BACK] })
  mia = (await forge.addUser(USER)).id
})
afterAll(async () => {
  await forge?.close()
  rmSync(dir, { recursive: true, force: true })
})

const asked = (changes: Record<string, string> = {}) => ({
  client_id: client.id,
  redirect_uri: BACK,
  response_type: 'code',
  scope: 'openid profile',
  state: 'the-state',
  nonce: 'the-nonce',
  code_challenge: CHALLENGE,
  code_challenge_method: 'S256',
  ...changes,
})
const form = (where: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(forge.url + where, { method: 'POST', body: new URLSearchParams(fields), headers, redirect: 'manual' })
const begin = (changes: Record<string, string> = {}) =>
  fetch(`${forge.url}/oauth/authorize?${new URLSearchParams(asked(changes))}`, { redirect: 'manual' })

/** Signs Mia in and lets her agree, or not. @returns where the browser is sent */
async function agree(answer: 'yes' | 'no' = 'yes', changes: Record<string, string> = {}): Promise<URL> {
  const consent = await form('/oauth/authorize', { ...asked(changes), username: 'mia', password: USER.password })
  const ticket = /name="ticket" value="([0-9a-f]+)"/.exec(await consent.text())?.[1] ?? ''
  const sent = await form('/oauth/consent', { ticket, answer })
  expect(sent.status).toBe(302)
  return new URL(sent.headers.get('location') ?? '')
}
const codeOf = async () => (await agree()).searchParams.get('code') ?? ''

const change = (code: string, changes: Record<string, string> = {}, credentials = client) =>
  form(
    '/oauth/token',
    { grant_type: 'authorization_code', code, redirect_uri: BACK, code_verifier: VERIFIER, ...changes },
    { authorization: `Basic ${Buffer.from(`${credentials.id}:${credentials.secret}`).toString('base64')}` },
  )
const errorOf = async (answer: Response) => [answer.status, ((await answer.json()) as { error: string }).error]

describe('the provider', () => {
  it('says where everything is, at its own address', async () => {
    const found = (await (await fetch(`${forge.url}/.well-known/openid-configuration`)).json()) as Record<
      string,
      string
    >
    expect(found.issuer).toBe(forge.url)
    for (const name of ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri'])
      expect(new URL(found[name] ?? '').origin).toBe(forge.url)
  })

  it('gives a signed statement of who it is, and userinfo says what they are called', async () => {
    const sent = await agree()
    expect(sent.searchParams.get('state')).toBe('the-state')
    const answer = await change(sent.searchParams.get('code') ?? '')
    expect(answer.status).toBe(200)
    const tokens = (await answer.json()) as { id_token: string; access_token: string }
    const [head = '', body = '', signature = ''] = tokens.id_token.split('.')
    const { keys } = (await (await fetch(`${forge.url}/oauth/discovery/keys`)).json()) as { keys: JsonWebKey[] }
    const key = createPublicKey({ key: keys[0] as JsonWebKey, format: 'jwk' })
    expect(verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))).toBe(true)
    expect(JSON.parse(Buffer.from(body, 'base64url').toString())).toMatchObject({
      iss: forge.url,
      aud: client.id,
      sub: String(mia),
      nonce: 'the-nonce',
    })
    const info = await fetch(`${forge.url}/oauth/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    })
    expect(await info.json()).toMatchObject({ sub: String(mia), preferred_username: 'mia', name: 'Mia Ng' })
  })

  it('tells the client that the person said no', async () => {
    const sent = await agree('no')
    expect(sent.searchParams.get('error')).toBe('access_denied')
    expect(sent.searchParams.get('state')).toBe('the-state')
    expect(sent.searchParams.has('code')).toBe(false)
  })
})

describe('the provider refuses', () => {
  it.each([
    ['a client that nobody registered', { client_id: 'nobody' }],
    ['an address that is not registered', { redirect_uri: 'http://127.0.0.1:9/elsewhere' }],
    ['an address that only begins as a registered one', { redirect_uri: `${BACK}/../elsewhere` }],
  ])('%s, and sends the browser nowhere', async (_, changes) => {
    const answer = await begin(changes)
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null])
  })

  it.each([
    ['no challenge', { code_challenge: '' }, 'invalid_request'],
    ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['another flow', { response_type: 'token' }, 'unsupported_response_type'],
    ['a scope without openid', { scope: 'api' }, 'invalid_scope'],
  ])('%s, and says so at the redirect', async (_, changes, error) => {
    const answer = await begin(changes)
    expect(answer.status).toBe(302)
    expect(new URL(answer.headers.get('location') ?? '').searchParams.get('error')).toBe(error)
  })

  it('a wrong password, and an access token in place of the password', async () => {
    const { token } = await forge.addUser({ username: 'tom', name: 'Tom', password: 'a password of tom' })
    for (const password of ['wrong', token, '']) {
      const answer = await form('/oauth/authorize', { ...asked(), username: 'tom', password })
      expect(answer.status).toBe(401)
      expect(await answer.text()).not.toContain('name="ticket"')
    }
  })

  it('a consent that was given already', async () => {
    const consent = await form('/oauth/authorize', { ...asked(), username: 'mia', password: USER.password })
    const ticket = /name="ticket" value="([0-9a-f]+)"/.exec(await consent.text())?.[1] ?? ''
    expect((await form('/oauth/consent', { ticket, answer: 'yes' })).status).toBe(302)
    expect((await form('/oauth/consent', { ticket, answer: 'yes' })).status).toBe(400)
  })

  it('a verifier that does not fit the challenge', async () => {
    expect(await errorOf(await change(await codeOf(), { code_verifier: 'w'.repeat(43) }))).toEqual([
      400,
      'invalid_grant',
    ])
  })

  it('a code with another redirect address than it was asked for with', async () => {
    expect(await errorOf(await change(await codeOf(), { redirect_uri: `${BACK}/` }))).toEqual([400, 'invalid_grant'])
  })

  it('a code of another client, and a client with a wrong secret', async () => {
    const other = forge.addOidcClient({ redirectUris: [BACK] })
    expect(await errorOf(await change(await codeOf(), {}, other))).toEqual([400, 'invalid_grant'])
    expect(await errorOf(await change(await codeOf(), {}, { ...client, secret: 'wrong' }))).toEqual([
      401,
      'invalid_client',
    ])
  })

  it('a code that was used, and ends what it was changed for', async () => {
    const code = await codeOf()
    const { access_token } = (await (await change(code)).json()) as { access_token: string }
    const whoIs = () => fetch(`${forge.url}/oauth/userinfo`, { headers: { authorization: `Bearer ${access_token}` } })
    expect((await whoIs()).status).toBe(200)
    expect(await errorOf(await change(code))).toEqual([400, 'invalid_grant'])
    expect((await whoIs()).status).toBe(401)
  })

  it('an access token that it never gave', async () => {
    const answer = await fetch(`${forge.url}/oauth/userinfo`, { headers: { authorization: 'Bearer nothing' } })
    expect(answer.status).toBe(401)
  })
})

describe('the pages of the provider', () => {
  it('show what was sent as text, never as markup', async () => {
    const page = await (await begin({ state: '"><script>alert(1)</script>' })).text()
    expect(page).not.toContain('<script>')
  })
})
