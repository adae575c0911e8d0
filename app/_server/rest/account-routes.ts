import { signOut } from '../session'
import { signIn } from '../sign-in'
import { createToken, listTokens, revokeToken } from '../tokens'
import { route } from './route'
import { entranceOf, setSession } from './session-cookie'
import * as shape from './shapes'

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
    faults: ['not.signed.in', 'not.permitted', 'too.many'],
    do: async ({ door, body, request, reply }) => {
      const { how: _, ...from } = entranceOf(request, 'password')
      const { value, viewer, expiresAt } = await signIn(door.record, { ...body, ...from })
      setSession(reply, door.publicUrl(), value)
      return {
        account: { id: viewer.id, name: viewer.name, role: viewer.role },
        expiresAt: expiresAt.toISOString(),
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
    do: async ({ door, viewer, request, reply }) => {
      await signOut(door.record, viewer, request.headers.cookie)
      setSession(reply, door.publicUrl(), '')
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
    do: async ({ door, viewer }) => ({ items: await listTokens(door.record, viewer.accountId) }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/tokens',
    action: 'tokens.create',
    summary: "Make an API token: it may what its scopes and one's own roles both allow. Its text is shown once",
    body: shape.TokenBody,
    status: 201,
    reply: 'TokenMade',
    faults: ['conflict'],
    do: async ({ door, viewer, body }) => {
      const made = await createToken(door.record, viewer, body)
      return { ...made, expiresAt: made.expiresAt.toISOString() }
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
