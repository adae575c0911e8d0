// One Fastify in front of everything; Next sits behind it, for pages only.
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, LogController } from 'fastify'
import { openTrust } from '../../audit/keys'
import type { StartingEnvironment } from '../../pipelines/connect'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { version, type WebConfig } from './config'
import { Doorbell } from './events'
import { guard, stripInside } from './headers'
import { Health } from './health'
import { Oidc } from './oidc'
import { holdOidcName } from './oidc-name'
import { mountPages, type Pages } from './pages'
import { holdHealth, holdRecord, holdTrust } from './record'
import { answerError } from './rest/answer'
import { mountRest, refuseUnlisted } from './rest/mount'
import type { Door } from './rest/route'
import { ROUTES } from './rest/routes'
import { Streams } from './streams'
import { webhooks } from './webhooks'

const HEADERS_MS = 10_000
const REQUEST_MS = 30_000
/** What is under way when the process is told to stop may take this long. */
const DRAIN_MS = 10_000

export interface WebOptions
  extends Pick<WebConfig, 'host' | 'port' | 'publicUrl' | 'keys' | 'logLevel' | 'trustProxy'> {
  record: RecordHandle
  environments: readonly StartingEnvironment[]
  /** Free MiB of a disk below which health says so. */
  floorMb?: number | undefined
  /** Where people may sign in besides here; absent: nowhere. */
  oidc?: WebConfig['oidc']
  /** false: REST and webhooks only, without Next */
  pages: false | { dev: boolean }
}

export interface Web {
  /** Where it listens; the port is the real one. */
  url: string
  app: FastifyInstance
  /** Stops listening, ends the streams, finishes what is under way. The record stays open: it is the caller's. */
  close(): Promise<void>
}

function makeApp(options: WebOptions): FastifyInstance {
  return fastify({
    logger: { level: options.logLevel, stream: process.stderr },
    logController: new LogController({ disableRequestLogging: true }),
    // A path that cannot be decoded: no hook runs for it, and it is answered like everything else.
    frameworkErrors: (error, request, reply) => {
      guard(reply as FastifyReply, false)
      return answerError(error, request, reply as FastifyReply)
    },
    genReqId: () => randomUUID(),
    trustProxy: options.trustProxy,
    bodyLimit: 1024 * 1024,
    requestTimeout: REQUEST_MS,
    forceCloseConnections: 'idle',
    http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: 2_000, maxHeaderSize: 16 * 1024 },
  })
}

/** Turns away what no client of ours sends, and puts the guarding headers on every answer. */
function guardEverything(app: FastifyInstance, https: () => boolean) {
  app.addHook('onRequest', async (request, reply) => {
    guard(reply, https())
    // `GET http://elsewhere/ HTTP/1.1`: the form for proxies, and Next has followed it before.
    if (!request.raw.url?.startsWith('/')) throw new Fault('input.invalid', 'the request line must hold a path')
    stripInside(request.raw)
  })
  app.setErrorHandler(answerError)
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      error: {
        code: 'not.found',
        message: `there is no ${request.method} ${(request.raw.url ?? '').split('?')[0]?.slice(0, 200)}`,
      },
    }),
  )
  app.all('/api/*', (_request, reply) => reply.callNotFound())
}

function addressOf(app: FastifyInstance, host: string): string {
  const { port } = app.server.address() as AddressInfo
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}`
}

/** Starts the web process's server. `port` 0 picks a free one. */
export async function startWeb(options: WebOptions): Promise<Web> {
  const app = makeApp(options)
  const streams = new Streams()
  const doorbell = new Doorbell(options.record, (message) => app.log.warn(message))
  // A session was ended, or an account changed: its streams are asked at once.
  doorbell.onRing((ring) => {
    if (ring.subject === 'account') void streams.recheck(ring.id)
  })
  let url = ''
  const publicUrl = () => options.publicUrl ?? url
  const trust = openTrust(options.keys, null, await readOrigin(options.record), publicUrl)
  const door: Door = {
    record: options.record,
    keys: options.keys,
    trust,
    environments: options.environments,
    doorbell,
    streams,
    version: version(),
    publicUrl,
    health: new Health(options),
    oidc: options.oidc ? new Oidc(options.oidc) : null,
  }
  holdRecord(options.record)
  holdOidcName(options.oidc?.name ?? null)
  holdTrust(trust)
  holdHealth(door.health)
  refuseUnlisted(app)
  guardEverything(app, () => publicUrl().startsWith('https:'))
  app.addHook('preClose', async () => streams.endAll())
  await app.register(async (scope) => mountRest(scope, ROUTES, door))
  // A scope of its own: its body parsers are nobody else's. The address is known only once it listens, hence the getter.
  await app.register(async (scope) =>
    webhooks(scope, {
      record: options.record,
      keys: options.keys,
      health: door.health,
      get publicUrl() {
        return publicUrl()
      },
    }),
  )
  let pages: Pages | undefined
  if (options.pages) {
    pages = await mountPages(app, door, { ...options.pages, host: options.host, port: options.port })
  }
  const dev = options.pages !== false && options.pages.dev
  if (!dev) app.server.on('upgrade', (_request, socket) => socket.destroy())
  await doorbell.start()
  await app.listen({ host: options.host, port: options.port })
  url = addressOf(app, options.host)
  return { url, app, close: () => close(app, doorbell, pages) }
}

async function close(app: FastifyInstance, doorbell: Doorbell, pages: Pages | undefined) {
  const force = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS)
  await app.close()
  clearTimeout(force)
  await pages?.close()
  await doorbell.close()
  holdRecord(undefined)
  holdOidcName(null)
  holdTrust(undefined)
  holdHealth(undefined)
}
