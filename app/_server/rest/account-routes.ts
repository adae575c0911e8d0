import { COOKIE, SESSION_MS, signIn, signOut } from '../session'
import { createToken, listTokens, revokeToken } from '../tokens'
import { type Ask, route } from './route'
import * as shape from './shapes'

const setCookie = (ask: Ask<unknown, unknown, unknown>, value: string, maxAgeS: number) => {
  const secure = ask.door.publicUrl().startsWith('https:') ? '; Secure' : ''
  ask.reply.header('set-cookie', `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeS}${secure}`)
}

const iso = (date: Date) => date.toISOString()

export const ACCOUNT = [
  route({
    method: 'GET',
    path: '/api/v1/session',
    action: 'account.session',
    summary: 'Whose session this is',
    status: 200,
    reply: 'Session',
    faults: [],
    do: async ({ viewer }) => ({
      account: { id: viewer.accountId, name: viewer.name, role: viewer.role },
      expiresAt: null,
    }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/session',
    action: null,
    summary: 'Sign in: sets the session cookie. A form is answered by a redirect to `next`',
    body: shape.SignInBody,
    status: 200,
    reply: 'Session',
    faults: ['not.signed.in', 'too.many'],
    do: async (ask) => {
      const { value, viewer } = await signIn(ask.door.record, { ...ask.body, address: ask.request.ip })
      setCookie(ask, value, SESSION_MS / 1000)
      return {
        account: { id: viewer.id, name: viewer.name, role: viewer.role },
        expiresAt: iso(new Date(Date.now() + SESSION_MS)),
      }
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/session',
    action: 'account.session',
    summary: 'Sign out',
    status: 204,
    reply: null,
    faults: [],
    do: async (ask) => {
      await signOut(ask.door.record, ask.viewer, ask.request.headers.cookie)
      setCookie(ask, '', 0)
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/tokens',
    action: 'tokens.read',
    summary: "One's own API tokens",
    status: 200,
    reply: 'TokenList',
    faults: [],
    do: async ({ door, viewer }) => {
      const tokens = await listTokens(door.record, viewer)
      return {
        items: tokens.map((t) => ({
          id: t.id,
          name: t.name,
          createdAt: iso(t.createdAt),
          expiresAt: iso(t.expiresAt),
          lastUsedAt: t.lastUsedAt ? iso(t.lastUsedAt) : null,
        })),
      }
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/tokens',
    action: 'tokens.create',
    summary: "Make an API token with one's own role; its text is shown once",
    body: shape.TokenBody,
    status: 201,
    reply: 'TokenMade',
    faults: ['conflict'],
    do: async ({ door, viewer, body }) => {
      const made = await createToken(door.record, viewer, {
        name: body.name,
        ...(body.days === undefined ? {} : { days: body.days }),
      })
      return { ...made, expiresAt: iso(made.expiresAt) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/tokens/{id}',
    action: 'tokens.revoke',
    summary: "End one of one's own tokens",
    params: shape.IdParams,
    status: 204,
    reply: null,
    faults: ['not.found'],
    do: ({ door, viewer, params }) => revokeToken(door.record, viewer, params.id),
  }),
]
