import { randomBytes } from 'node:crypto'
import { Server } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RecordHandle } from '../../prisma/client'
import { ROOT } from './config'
import { pagePolicy } from './headers'
import type { Health } from './health'
import { isOpen } from './permit'
import { localPath } from './rest/mount'
import { viewerFromCookie } from './session'

export interface PageDoor {
  record: RecordHandle
  health: Health
}

export interface Pages {
  close(): Promise<void>
}

const pathOf = (request: FastifyRequest) => (request.raw.url ?? '/').split('?')[0] ?? '/'

/** No session, no page: the browser is sent to /login, and Next is not asked. */
async function askForSession(request: FastifyRequest, reply: FastifyReply, door: PageDoor, dev: boolean) {
  const path = pathOf(request)
  if (isOpen(request.method, path) || (dev && path.startsWith('/_next/'))) return
  const { record, health } = door
  await health.needDatabase()
  if (await viewerFromCookie(record, request.headers.cookie)) return
  const next = localPath(request.raw.url, '/')
  return reply.redirect(`/login${next === '/' ? '' : `?next=${encodeURIComponent(next)}`}`, 303)
}

/** Mounts Next behind everything else, for reading pages only: forms post to REST, so only GET and HEAD get there. */
export async function mountPages(
  app: FastifyInstance,
  door: PageDoor,
  where: { dev: boolean; host: string; port: number },
): Promise<Pages> {
  const { default: next } = await import('next')
  const { dev } = where
  // In production Next gets a server that nobody listens on: on the real one it would answer upgrades past us.
  const pages = next({
    dev,
    dir: ROOT,
    hostname: where.host,
    port: where.port,
    httpServer: dev ? app.server : new Server(),
  })
  await pages.prepare()
  const render = pages.getRequestHandler()
  app.get('/*', { onRequest: (request, reply) => askForSession(request, reply, door, dev) }, async (request, reply) => {
    reply.hijack()
    const nonce = randomBytes(16).toString('base64')
    const policy = pagePolicy(nonce, dev)
    request.raw.headers['content-security-policy'] = policy
    request.raw.headers['x-nonce'] = nonce
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      // Next decides about caching: scripts and styles for ever, pages never.
      if (value !== undefined && name !== 'cache-control') reply.raw.setHeader(name, value)
    }
    reply.raw.setHeader('content-security-policy', policy)
    await render(request.raw, reply.raw)
  })
  return { close: () => pages.close() }
}
