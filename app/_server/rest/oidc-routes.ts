// Signing in with the forge. The browser is sent there and back; whatever goes wrong stands on /login in words.
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { Fault, isFault } from '../../../pipelines/fault'
import { listIdentities, unlinkIdentity } from '../identities'
import type { Oidc } from '../oidc'
import { isProblem } from '../oidc-problem'
import { ATTEMPT_COOKIE, ATTEMPT_MS, beginSignIn, type Came, countTry, finishSignIn } from '../oidc-sign-in'
import { localPath } from './mount'
import { type Ask, type Door, route } from './route'
import { entranceOf, setCookie, setSession } from './session-cookie'
import * as shape from './shapes'

const CALLBACK = '/api/v1/oidc/callback'
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Where the provider sends the browser back to. On this machine both of its names are ours, and the browser must come back to
 * the one that it began with: cookies and passkeys are bound to it.
 */
function redirectUri(request: FastifyRequest, door: Door): string {
  const own = new URL(door.publicUrl())
  const asked = URL.canParse(`${own.protocol}//${request.host}`) ? new URL(`${own.protocol}//${request.host}`) : own
  const isHere = LOOPBACK.has(own.hostname) && LOOPBACK.has(asked.hostname) && own.port === asked.port
  return `${(isHere ? asked : own).origin}${CALLBACK}`
}

function theProvider(door: Door): Oidc {
  if (door.oidc === null)
    throw new Fault('not.found', 'signing in elsewhere is not configured: OIDC_ISSUER and OIDC_CLIENT_ID do it')
  return door.oidc
}

type Any = Pick<Ask<unknown, unknown, unknown>, 'door' | 'request' | 'reply'>

/** The attempt's cookie goes to these addresses alone, and is taken back when it has done its work. */
const setAttempt = ({ door, reply }: Any, value: string) =>
  setCookie(reply, door.publicUrl(), {
    name: ATTEMPT_COOKIE,
    value,
    path: '/api/v1/oidc',
    maxAgeS: value === '' ? 0 : ATTEMPT_MS / 1000,
  })

const problemAt = (path: '/login' | '/account', problem: string, next: string) =>
  `${path}?${new URLSearchParams({ problem, ...(path === '/login' && next !== '/' ? { next } : {}) })}`

/** A browser that came by a link reads a page, never JSON. What is no Fault is a bug, and answered as one. */
async function inWords({ reply }: Any, next: string, work: () => Promise<unknown>) {
  try {
    await work()
  } catch (error) {
    if (!isFault(error)) throw error
    const problem = error.code === 'not.permitted' ? 'oidc-disabled' : error.code
    reply.redirect(problemAt('/login', problem, next), 303)
  }
}

function answer(ask: Any, came: Came) {
  const { door, request, reply } = ask
  setAttempt(ask, '')
  if (isProblem(came)) {
    request.log.warn({ problem: came.problem, because: came.because }, 'a sign-in at the provider came to nothing')
    return reply.redirect(problemAt(came.linked ? '/account' : '/login', `oidc-${came.problem}`, came.next), 303)
  }
  if (came.session !== null) setSession(reply, door.publicUrl(), came.session)
  return reply.redirect(localPath(came.next, '/'), 303)
}

export const OIDC = [
  route({
    method: 'GET',
    path: '/api/v1/oidc/begin',
    action: null,
    summary: 'Sign in at the provider: sends the browser there. It comes back to `next`',
    query: z.strictObject({ next: z.string().max(2000).optional() }),
    status: 303,
    reply: null,
    faults: [],
    do: async (ask) => {
      const next = localPath(ask.query.next, '/')
      await inWords(ask, next, async () => {
        const { door, request, reply } = ask
        const oidc = theProvider(door)
        countTry(request.ip)
        const begun = await beginSignIn(door.record, oidc, {
          redirectUri: redirectUri(request, door),
          next,
          accountId: null,
        })
        if (isProblem(begun)) return answer(ask, { ...begun, next, linked: false })
        setAttempt(ask, begun.cookie)
        return reply.redirect(begun.address.href, 303)
      })
    },
  }),
  route({
    method: 'GET',
    path: CALLBACK,
    action: null,
    summary: 'Where the provider sends the browser back to; bound to the browser that began, once, for ten minutes',
    query: z.looseObject({}),
    status: 303,
    reply: null,
    faults: [],
    do: (ask) =>
      inWords(ask, '/', async () => {
        const { door, request } = ask
        const oidc = theProvider(door)
        countTry(request.ip)
        const { how: _, ...from } = entranceOf(request, 'oidc')
        const url = new URL(request.raw.url ?? '/', 'http://own.invalid')
        const came = { search: url.search, redirectUri: redirectUri(request, door), from }
        return answer(ask, await finishSignIn(door.record, oidc, came))
      }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/oidc/link',
    action: 'sessions.own',
    summary: "Link one's own identity at the provider to one's account: answers with the address to go to",
    body: shape.NoBody,
    status: 201,
    reply: 'OidcLink',
    faults: ['not.found', 'conflict', 'too.many'],
    do: async (ask) => {
      const { door, request, viewer } = ask
      countTry(request.ip)
      const begun = await beginSignIn(door.record, theProvider(door), {
        redirectUri: redirectUri(request, door),
        next: '/account',
        accountId: viewer.accountId,
      })
      if (isProblem(begun)) throw new Fault('forge.unreachable', `the provider cannot be asked: ${begun.because}`)
      setAttempt(ask, begun.cookie)
      return { address: begun.address.href }
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/account/identities',
    action: 'sessions.own',
    summary: 'Who one is at the provider',
    status: 200,
    reply: 'IdentityList',
    faults: [],
    do: async ({ door, viewer }) => ({ items: await listIdentities(door.record, viewer.accountId) }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/account/identities/{id}/unlink',
    action: 'sessions.own',
    summary: "Unlink one of one's own identities, unless it is the only way in",
    params: shape.IdParams,
    body: shape.NoBody,
    status: 204,
    reply: null,
    faults: ['not.found', 'conflict'],
    do: ({ door, viewer, params }) => unlinkIdentity(door.record, viewer, params.id),
  }),
]
