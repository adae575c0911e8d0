// Everything that goes wrong leaves as {error: {code, message}}.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { FAULTS, isFault } from '../../../pipelines/fault'

/** What PostgreSQL, its driver and Prisma say where the database is away, full, or shutting down. */
const AWAY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '08000',
  '08003',
  '08006',
  'P1001',
  'P1002',
  'P1008',
  'P1017',
  'P2024',
])
const AWAY_WORDS = /timeout exceeded when trying to connect|Connection terminated|Can't reach database/i

const isAway = (error: { code?: unknown; message?: unknown; syscall?: unknown }) =>
  (typeof error.code === 'string' && AWAY.has(error.code)) ||
  // A socket that is gone; a file that is missing has the same code and is a fault of ours.
  (error.code === 'ENOENT' && error.syscall === 'connect') ||
  AWAY_WORDS.test(String(error.message))

export interface Wrong {
  status: number
  code: string
  message: string
  retryAfterMs?: number | undefined
}

/** What to answer for an exception; `id` stands in the log beside the stack, and is all that a stranger gets of a bug. */
export function whatIsWrong(error: unknown, id: string): Wrong {
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
  if (isAway(error as Error))
    return {
      status: 503,
      code: 'database.unreachable',
      message: 'the database does not answer: try again in a moment',
      retryAfterMs: 2_000,
    }
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
  if (wrong.status >= 500) request.log.error({ err: error, path: request.url.split('?')[0] }, wrong.code)
  if (wrong.retryAfterMs !== undefined) reply.header('retry-after', Math.max(1, Math.ceil(wrong.retryAfterMs / 1000)))
  return reply.code(wrong.status).send({ error: { code: wrong.code, message: wrong.message } })
}
