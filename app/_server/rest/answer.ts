// Everything that goes wrong leaves as {error: {code, message}}.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { FAULTS, faultOf, isFault } from '../../../pipelines/fault'
import { noteFull } from '../health'

export interface Wrong {
  status: number
  code: string
  message: string
  retryAfterMs?: number | undefined
}

/** What to answer for an exception; `id` stands in the log beside the stack, and is all that a stranger gets of a bug. */
export function whatIsWrong(thrown: unknown, id: string): Wrong {
  const error = faultOf(thrown)
  if (isFault(error))
    return {
      status: FAULTS[error.code].http,
      code: error.code,
      message: error.message,
      retryAfterMs: error.retryAfterMs,
    }
  const { statusCode, code, message } = error as { statusCode?: number; code?: string; message?: string }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return { status: statusCode, code: REQUEST[code ?? ''] ?? 'request.invalid', message: String(message) }
  return {
    status: 500,
    code: 'internal',
    message: `a fault of Shiplock itself; it stands in the log of the web process as ${id}`,
  }
}

const REQUEST: Record<string, string> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body.too.large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'body.type.unknown',
}

export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const wrong = whatIsWrong(error, request.id)
  noteFull(error)
  if (wrong.status >= 500) tellLog(error, wrong, request)
  if (wrong.retryAfterMs !== undefined) reply.header('retry-after', Math.max(1, Math.ceil(wrong.retryAfterMs / 1000)))
  return reply.code(wrong.status).send({ error: { code: wrong.code, message: wrong.message } })
}

const AGAIN_MS = 60_000
/** By code: when it was last told, and how many were answered so since. */
const told = new Map<string, { at: number; since: number }>()

/** A bug has a line each time. What lasts (a database that is away) is met by every request, and has one a minute. */
function tellLog(error: unknown, { code, status }: Wrong, request: FastifyRequest) {
  const line = { err: error, path: request.url.split('?')[0] }
  if (status !== 503) return request.log.error(line, code)
  const last = told.get(code)
  const now = performance.now()
  if (last !== undefined && now - last.at < AGAIN_MS) {
    last.since += 1
    return
  }
  told.set(code, { at: now, since: 0 })
  request.log.error(last === undefined ? line : { ...line, moreSinceLast: last.since }, code)
}
