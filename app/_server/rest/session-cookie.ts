import type { FastifyReply, FastifyRequest } from 'fastify'
import { COOKIE, type Entrance, SESSION_MS } from '../session'

/** Seen by nobody but us, sent along by links from elsewhere and by no form, and over https only where we are. */
export function setCookie(
  reply: FastifyReply,
  publicUrl: string,
  cookie: { name: string; value: string; path: string; maxAgeS: number },
) {
  const secure = publicUrl.startsWith('https:') ? '; Secure' : ''
  const { name, value, path, maxAgeS } = cookie
  reply.header('set-cookie', `${name}=${value}; Path=${path}; HttpOnly; SameSite=Lax; Max-Age=${maxAgeS}${secure}`)
}

/** Hands the value of openSession to the browser; an empty one takes it back. */
export const setSession = (reply: FastifyReply, publicUrl: string, value: string) =>
  setCookie(reply, publicUrl, { name: COOKIE, value, path: '/', maxAgeS: value === '' ? 0 : SESSION_MS / 1000 })

/** Where a request comes from, for openSession. */
export const entranceOf = <H extends Entrance['how']>(request: FastifyRequest, how: H) => ({
  how,
  address: request.ip,
  agent: request.headers['user-agent'] ?? '',
  cookie: request.headers.cookie,
})
