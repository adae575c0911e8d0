// The receiver of webhooks: verified over the raw bytes, stored before it is answered. Never 3xx; never 2xx before the commit;
// 4xx only where the sender is wrong, since forges switch off a hook that answers 4xx or 5xx a few times.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { acceptDelivery } from '../../pipelines/accept'
import type { HookOwner } from '../../pipelines/delivery'
import { lostFault } from '../../pipelines/fault'
import type { ForgeIntake } from '../../pipelines/forges/forge'
import { INTAKES } from '../../pipelines/forges/intake'
import { flowOf } from '../../pipelines/gitflow'
import type { RecordHandle } from '../../prisma/client'
import { databaseClock } from '../../prisma/clock'
import { hookSecrets } from '../../prisma/seal'
import type { Health } from './health'
import { MissedWebhooks } from './missed-webhooks'
import { whatIsWrong } from './rest/answer'

/** GitLab and GitHub send no more than this. */
export const MAX_BODY = 25 * 1024 * 1024
const HOOK = /^[\w-]{16,64}$/
/** How long an answer about a hook is believed, in ms: short, so that every web process soon sees the same. */
const BELIEVED_MS = 1_000
const MOST_REMEMBERED = 10_000
/** Half of it for finding whose hook it is, half for storing. */
const ANSWER_WITHIN_MS = 4_000

interface Hook {
  owner: HookOwner
  intake: ForgeIntake
  signed: boolean
  secrets: ReturnType<typeof hookSecrets>
}

export interface WebhookOptions {
  record: RecordHandle
  keys: string
  health: Health
  publicUrl: string
}

const complain = (reply: FastifyReply, status: number, code: string, message: string) =>
  reply.code(status).send({ error: { code, message } })

/** POST /webhooks/<hook>: 202 with the run's address, 200 with the reason where there is nothing to do, 401, 404, 413, 503. */
export async function webhooks(app: FastifyInstance, options: WebhookOptions) {
  const clock = new DatabaseTime()
  const find = hookFinder(options.record, options.keys, clock)
  const missed = new MissedWebhooks(options.record, (error) =>
    app.log.error({ err: error }, 'projects whose webhooks were missed could not be named to the workers'),
  )
  app.addHook('onClose', async () => missed.close())
  // This process was away until now, and so was whatever forges sent to it.
  missed.noteAll()
  app.addHook('onError', async (request, _reply, error) => {
    const { hook } = request.params as { hook: string }
    if (HOOK.test(hook) && whatIsWrong(error, request.id).status >= 500) missed.note(hook)
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_BODY }, (_request, body, done) => done(null, body))
  app.decorateRequest('shiplockHook', null)
  app.addHook('onRequest', async (request, reply) => {
    const { hook: name } = request.params as { hook: string }
    await options.health.needDatabase()
    const hook = HOOK.test(name) ? await inTime(find(name)) : null
    if (hook === null)
      return complain(
        reply,
        404,
        'not.found',
        "There is no such webhook here. Copy its address from the project's page.",
      )
    if (!hook.intake.hasSecret(request.headers)) {
      // The rest of the request is not read: whoever sends it has shown no right to be listened to.
      reply.header('connection', 'close')
      return complain(reply, 401, 'not.signed.in', 'The delivery carries no signature and no secret token.')
    }
    ;(request as HookRequest).shiplockHook = hook
  })
  app.post('/webhooks/:hook', { bodyLimit: MAX_BODY }, (request, reply) =>
    receive(request as HookRequest, reply, options, clock.now()),
  )
}

type HookRequest = FastifyRequest & { shiplockHook: Hook }

/** @param now the database's clock, in ms: a delivery's time is held against it */
async function receive(request: HookRequest, reply: FastifyReply, options: WebhookOptions, now: number) {
  const { owner, intake, signed } = request.shiplockHook
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
  if (!(await intake.verify(request.headers, body, { ...request.shiplockHook.secrets, signed }, now))) {
    return complain(
      reply,
      401,
      'not.signed.in',
      signed
        ? 'The signature is wrong, or its time is not within five minutes of ours.'
        : 'The secret token or signature is wrong.',
    )
  }
  const delivery = {
    owner,
    body,
    key: intake.deliveryKey(request.headers),
    event: intake.eventName(request.headers),
    parsed: intake.parse(request.headers, body),
  }
  const stored = await inTime(acceptDelivery(options.record, delivery))
  const run = stored.run === null ? {} : { run: stored.run, url: `${options.publicUrl}/runs/${stored.run}` }
  return reply
    .code(stored.decision === 'accepted' ? 202 : 200)
    .send({ delivery: stored.delivery, decision: stored.decision, because: stored.because, ...run })
}

/**
 * Forges give up after ten seconds, and take that for a broken hook. What is stored after all is a delivery like any other.
 * @throws Fault database.unreachable
 */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(lostFault('database.unreachable')), ANSWER_WITHIN_MS)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The database's clock, as it was last read, and what has gone by since. */
class DatabaseTime {
  private ahead = 0

  read(database: Date) {
    this.ahead = database.getTime() - performance.now()
  }

  now() {
    return performance.now() + this.ahead
  }
}

function hookFinder(record: RecordHandle, keys: string, clock: DatabaseTime) {
  const known = new Map<string, { hook: Hook | null; until: number }>()
  return async (name: string): Promise<Hook | null> => {
    const remembered = known.get(name)
    if (remembered !== undefined && remembered.until > performance.now()) return remembered.hook
    const [row, now] = await Promise.all([
      record.db.project.findUnique({
        where: { hook: name },
        select: { id: true, name: true, forge: true, forgeProjectId: true, hookSigned: true, flow: true },
      }),
      databaseClock(record.pool),
    ])
    clock.read(now)
    const intake = row === null ? undefined : INTAKES[row.forge]
    const hook =
      row === null || intake === undefined
        ? null
        : {
            owner: { id: row.id, name: row.name, forgeProjectId: row.forgeProjectId, flow: flowOf(row.flow) },
            intake,
            signed: row.hookSigned,
            secrets: hookSecrets(keys, name),
          }
    if (known.size >= MOST_REMEMBERED) known.clear()
    known.set(name, { hook, until: performance.now() + BELIEVED_MS })
    return hook
  }
}
