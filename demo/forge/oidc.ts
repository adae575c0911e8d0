// The demo forge as an OpenID provider: the authorization code flow with PKCE, at GitLab's addresses. In memory only.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { askedOf } from './asker'
import { idToken, makeKey, type OidcLies, type SigningKey, userInfo } from './oidc-claims'
import { consentPage, refusalPage, signInPage } from './oidc-pages'
import type { User } from './people'
import type { World } from './world'

const CODE_MS = 60_000
const TICKET_MS = 5 * 60_000
const ACCESS_MS = 2 * 3_600_000
/** Of codes, tickets and access tokens each: the oldest makes room. */
const MOST = 1_000

export interface OidcClient {
  id: string
  secret: string
}
interface Client extends OidcClient {
  redirectUris: readonly string[]
}
/** What a client asked for, checked. */
interface Asked {
  client: Client
  redirectUri: string
  state: string | null
  nonce: string | null
  challenge: string
}
interface Granted extends Asked {
  user: User
  until: number
  /** The access token that the code was changed for: a code used twice ends it. */
  access: string | null
}

/** A map that forgets its oldest. */
class Held<T> {
  readonly #held = new Map<string, T>()
  keep(value: T): string {
    const key = randomBytes(24).toString('hex')
    if (this.#held.size >= MOST) for (const oldest of [...this.#held.keys()].slice(0, 1)) this.#held.delete(oldest)
    this.#held.set(key, value)
    return key
  }
  find = (key: string) => this.#held.get(key)
  drop = (key: string) => this.#held.delete(key)
}

export class OidcProvider {
  readonly #clients: Client[] = []
  readonly #tickets = new Held<Asked & { user: User; until: number }>()
  readonly #codes = new Held<Granted>()
  readonly #access = new Held<{ user: User; until: number }>()
  readonly #emails = new Map<number, string>()
  #made: SigningKey | undefined
  lies: OidcLies = {}

  constructor(private readonly world: World) {}

  /** Made when it is first needed, and another one each time the forge starts. */
  get #key(): SigningKey {
    this.#made ??= makeKey()
    return this.#made
  }

  addClient(wanted: { redirectUris: readonly string[] }): OidcClient {
    const client = { id: randomBytes(32).toString('hex'), secret: `gloas-${randomBytes(32).toString('hex')}` }
    this.#clients.push({ ...client, redirectUris: [...wanted.redirectUris] })
    return client
  }

  /** What a person is called from now on; the number stays. @throws where there is no such user */
  rename(id: number, to: { username?: string; name?: string; email?: string }) {
    const user = this.world.people.byId(id)
    if (user === null) throw new Error(`there is no user ${id}`)
    const { email, ...names } = to
    Object.assign(user, names)
    if (email !== undefined) this.#emails.set(id, email)
  }

  #emailOf = (user: User) => this.#emails.get(user.id) ?? `${user.username}@forge.example`

  routes(app: FastifyInstance) {
    app.addHook('onRequest', async (request, reply) => {
      if (!this.lies.down) return
      reply.hijack()
      request.raw.socket.destroy()
    })
    app.get('/.well-known/openid-configuration', async () => this.#metadata())
    app.get('/oauth/discovery/keys', async () => ({ keys: [this.#key.jwk] }))
    app.get('/oauth/authorize', async (request, reply) => this.#authorize(askedOf(request), reply))
    app.post('/oauth/authorize', async (request, reply) => this.#signIn(askedOf(request), reply))
    app.post('/oauth/consent', async (request, reply) => this.#consent(askedOf(request), reply))
    app.post('/oauth/token', async (request, reply) => this.#token(request, reply))
    app.get('/oauth/userinfo', async (request, reply) => this.#userInfo(request, reply))
    app.post('/oauth/userinfo', async (request, reply) => this.#userInfo(request, reply))
  }

  #metadata() {
    const { url } = this.world
    return {
      issuer: url,
      authorization_endpoint: `${url}/oauth/authorize`,
      token_endpoint: `${url}/oauth/token`,
      userinfo_endpoint: `${url}/oauth/userinfo`,
      jwks_uri: `${url}/oauth/discovery/keys`,
      scopes_supported: ['openid', 'profile', 'email', 'api', 'read_api', 'read_user'],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
      claims_supported: [
        'iss',
        'sub',
        'aud',
        'exp',
        'iat',
        'name',
        'nickname',
        'preferred_username',
        'email',
        'groups',
      ],
    }
  }

  /** What is asked, or why it is nothing that may be answered by a redirect: the address could be anybody's. */
  #read(
    asked: Record<string, string>,
  ): Asked | { page: string } | { error: string; to: Pick<Asked, 'redirectUri' | 'state'> } {
    const client = this.#clients.find((c) => c.id === asked.client_id)
    if (client === undefined) return { page: 'Client authentication failed due to unknown client.' }
    const redirectUri = asked.redirect_uri ?? ''
    if (!client.redirectUris.includes(redirectUri)) return { page: 'The redirect URI included is not valid.' }
    const to = { redirectUri, state: asked.state ?? null }
    if (asked.response_type !== 'code') return { error: 'unsupported_response_type', to }
    if (!(asked.scope ?? '').split(' ').includes('openid')) return { error: 'invalid_scope', to }
    if (asked.code_challenge_method !== 'S256' || !/^[\w-]{43}$/.test(asked.code_challenge ?? ''))
      return { error: 'invalid_request', to }
    return { client, ...to, nonce: asked.nonce ?? null, challenge: asked.code_challenge ?? '' }
  }

  #answer(reply: FastifyReply, to: Pick<Asked, 'redirectUri' | 'state'>, fields: Record<string, string>) {
    const url = new URL(to.redirectUri)
    for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value)
    if (to.state !== null) url.searchParams.set('state', to.state)
    if (this.lies.iss !== undefined) url.searchParams.set('iss', this.lies.iss)
    return reply.redirect(url.href, 302)
  }

  #turnAway(reply: FastifyReply, read: { page: string } | { error: string; to: Pick<Asked, 'redirectUri' | 'state'> }) {
    if ('error' in read) return this.#answer(reply, read.to, { error: read.error })
    return reply.code(400).type('text/html').send(refusalPage(read.page))
  }

  #authorize(asked: Record<string, string>, reply: FastifyReply) {
    const read = this.#read(asked)
    if (!('client' in read)) return this.#turnAway(reply, read)
    return reply.type('text/html').send(signInPage(asked))
  }

  #signIn(all: Record<string, string>, reply: FastifyReply) {
    const { username = '', password = '', ...asked } = all
    const read = this.#read(asked)
    if (!('client' in read)) return this.#turnAway(reply, read)
    const user = this.world.people.byName(username)
    const given = createHash('sha256').update(password).digest()
    if (user === null || !timingSafeEqual(user.passwordHash, given))
      return reply.code(401).type('text/html').send(signInPage(asked, 'Invalid login or password.'))
    const ticket = this.#tickets.keep({ ...read, user, until: Date.now() + TICKET_MS })
    return reply.type('text/html').send(consentPage(ticket, user, read.redirectUri))
  }

  #consent(asked: Record<string, string>, reply: FastifyReply) {
    const ticket = this.#tickets.find(asked.ticket ?? '')
    this.#tickets.drop(asked.ticket ?? '')
    if (ticket === undefined || ticket.until < Date.now())
      return reply.code(400).type('text/html').send(refusalPage('This page is too old: begin again.'))
    if (asked.answer !== 'yes')
      return this.#answer(reply, ticket, {
        error: 'access_denied',
        error_description: 'The resource owner or authorization server denied the request.',
      })
    const code = this.#codes.keep({ ...ticket, until: Date.now() + CODE_MS, access: null })
    return this.#answer(reply, ticket, { code })
  }

  #token(request: FastifyRequest, reply: FastifyReply) {
    reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
    if (this.lies.tokenStatus !== undefined)
      return reply.code(this.lies.tokenStatus).type('text/plain').send('GitLab is not responding\n')
    const asked = askedOf(request)
    const no = (status: number, error: string, words: string) =>
      reply.code(status).send({ error, error_description: words })
    const client = this.#clientOf(request, asked)
    if (client === null) return no(401, 'invalid_client', 'Client authentication failed.')
    if (asked.grant_type !== 'authorization_code') return no(400, 'unsupported_grant_type', 'Only authorization_code.')
    const granted = this.#codes.find(asked.code ?? '')
    const wrong = granted === undefined ? 'there is no such code' : whyNot(granted, client, asked)
    if (granted?.access) this.#access.drop(granted.access) // used a second time: somebody else has it too
    if (granted === undefined || wrong !== null)
      return no(400, 'invalid_grant', `The provided authorization grant is invalid: ${wrong}.`)
    granted.access = this.#access.keep({ user: granted.user, until: Date.now() + ACCESS_MS })
    const { user, nonce } = granted
    const of = { issuer: this.world.url, clientId: client.id, user, email: this.#emailOf(user), nonce }
    return reply.send({
      access_token: granted.access,
      token_type: 'Bearer',
      expires_in: ACCESS_MS / 1000,
      scope: 'openid profile',
      created_at: Math.floor(Date.now() / 1000),
      id_token: idToken(this.#key, of, this.lies),
    })
  }

  /** By Basic or by the body, as clients do it. */
  #clientOf(request: FastifyRequest, asked: Record<string, string>): Client | null {
    const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const [id = '', secret = ''] =
      basic === undefined
        ? [asked.client_id, asked.client_secret]
        : Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent)
    const hash = (text: string) => createHash('sha256').update(text).digest()
    const client = this.#clients.find((c) => c.id === id)
    return client !== undefined && timingSafeEqual(hash(client.secret), hash(secret)) ? client : null
  }

  #userInfo(request: FastifyRequest, reply: FastifyReply) {
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const held = this.#access.find(token)
    if (held === undefined || held.until < Date.now())
      return reply
        .code(401)
        .header('www-authenticate', 'Bearer realm="Doorkeeper", error="invalid_token"')
        .send({ error: 'invalid_token' })
    return reply.send(userInfo(held.user, this.#emailOf(held.user), this.world.url))
  }
}

/** Why a code is not changed for tokens; null: it is. */
function whyNot(granted: Granted, client: Client, asked: Record<string, string>): string | null {
  if (granted.access !== null) return 'the code was used already'
  if (granted.until < Date.now()) return 'the code is too old'
  if (granted.client.id !== client.id) return 'the code was given to another client'
  if (granted.redirectUri !== asked.redirect_uri) return 'the redirect URI is another one'
  const challenge = createHash('sha256')
    .update(asked.code_verifier ?? '')
    .digest('base64url')
  return challenge === granted.challenge ? null : 'the code verifier does not fit'
}
