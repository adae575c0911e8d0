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
  if (wrong.status >= 500) request.log.error({ err: error, path: request.url.split('?')[0] }, wrong.code)
  if (wrong.retryAfterMs !== undefined) reply.header('retry-after', Math.max(1, Math.ceil(wrong.retryAfterMs / 1000)))
  return reply.code(wrong.status).send({ error: { code: wrong.code, message: wrong.message } })
}
