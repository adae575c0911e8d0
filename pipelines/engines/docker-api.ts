import type { IncomingMessage } from 'node:http'
import Docker from 'dockerode'
import { Fault } from '../fault'
import { openSession } from './docker-session'

export interface DockerOptions {
  /** Without these dockerode's own defaults hold: DOCKER_HOST, DOCKER_CERT_PATH …, else the local socket. */
  socketPath?: string
  host?: string
  port?: number
}

export interface Ask {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  path: string
  query?: Record<string, string | number | boolean | object | undefined>
  body?: object
  file?: NodeJS.ReadableStream | Buffer
  /** Until the engine answers; for `open`, until its headers are there. Ms. */
  deadlineMs?: number
  /** Aborts the request, also while its answer is being read. */
  signal?: AbortSignal
}

/** The engine said no. `status` lets a caller take 404 or 409 for an answer. */
export class Refusal extends Fault {
  readonly status: number
  constructor(status: number, message: string, cause?: unknown) {
    super(status === 503 ? 'engine.unreachable' : 'engine.refused', message, { cause })
    this.status = status
  }
}

/** The caller's signal ended a request. Internal: no driver function lets it out. */
export class Aborted extends Error {}

export type DockerApi = ReturnType<typeof dockerApi>

const STATUS_OK = { 200: true, 201: true, 202: true, 204: true, 304: true }
const CALL_MS = 30_000

/**
 * Every call goes through here: a deadline, faults instead of SDK errors, and answers read by ourselves. dockerode's own
 * reading of an answer (modem.js, `res.on('end')`) waits for ever when the engine dies after it has sent the headers,
 * as it does for /wait; read as a stream, the loss is an error.
 */
export function dockerApi(options: DockerOptions = {}) {
  const docker = new Docker(options)
  const where = options.socketPath ?? options.host ?? process.env.DOCKER_HOST ?? '/var/run/docker.sock'
  const unreachable = (cause: unknown) => unreachableFault(where, cause)

  async function open(ask: Ask): Promise<IncomingMessage> {
    const deadlineMs = ask.deadlineMs ?? CALL_MS
    const cut = new AbortController()
    const onAbort = () => cut.abort()
    let late = false
    if (ask.signal?.aborted) throw new Aborted()
    ask.signal?.addEventListener('abort', onAbort, { once: true })
    const timer = setTimeout(() => {
      late = true
      cut.abort()
    }, deadlineMs)
    try {
      const answer = await dial(docker, ask, cut.signal)
      answer.once('close', () => ask.signal?.removeEventListener('abort', onAbort))
      return answer
    } catch (error) {
      ask.signal?.removeEventListener('abort', onAbort)
      if (ask.signal?.aborted) throw new Aborted()
      if (late) throw unreachable(new Error(`no answer to ${ask.method} ${ask.path} within ${deadlineMs / 1000} s`))
      throw asRefusal(error, ask) ?? unreachable(error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** The whole answer as text, at most 16 MiB, read within the deadline. */
  async function text(ask: Ask): Promise<string> {
    const answer = await open(ask)
    const timer = setTimeout(() => answer.destroy(new Error('no end of the answer')), ask.deadlineMs ?? CALL_MS)
    try {
      const chunks: Buffer[] = []
      let size = 0
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        size += chunk.length
        if (size > 16 * 2 ** 20) throw new Fault('engine.refused', `${ask.path}: the engine's answer is too long`)
        chunks.push(chunk)
      }
      return Buffer.concat(chunks).toString()
    } catch (error) {
      if (ask.signal?.aborted) throw new Aborted()
      throw error instanceof Fault ? error : unreachable(error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** The answer's JSON, as the type the caller expects of that path. */
  async function json<T>(ask: Ask): Promise<T> {
    return JSON.parse(await text(ask)) as T
  }

  /** As `json`, and null where the thing is not there. */
  async function find<T>(ask: Ask): Promise<T | null> {
    return json<T>(ask).catch((error: unknown) => {
      if (hasStatus(error, 404)) return null
      throw error
    })
  }

  return { open, text, json, find, unreachable, where, session: () => openSession(docker) }
}

export const hasStatus = (error: unknown, ...statuses: number[]): boolean =>
  error instanceof Refusal && statuses.includes(error.status)

/** The connection broke while an answer was being read. */
export const isLost = (error: unknown): boolean =>
  /^(ECONNRESET|EPIPE|ERR_STREAM_PREMATURE_CLOSE|HPE_\w+)$/.test((error as { code?: string }).code ?? '')

function dial(docker: Docker, ask: Ask, abortSignal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      {
        path: `${ask.path}?`, // the SDK adds the query, or takes the question mark away
        method: ask.method,
        options: { _query: defined(ask.query), _body: ask.body ?? {} },
        ...(ask.file ? { file: ask.file } : {}),
        isStream: true,
        abortSignal,
        statusCodes: STATUS_OK,
      },
      (error, answer) => (error ? reject(error) : resolve(answer as IncomingMessage)),
    )
  })
}

const defined = (query: Ask['query'] = {}) =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))

function asRefusal(error: unknown, ask: Ask): Refusal | null {
  const { statusCode, message } = error as { statusCode?: number; message?: string }
  if (statusCode === undefined) return null
  const said = (message ?? '').replace(/^\(HTTP code \d+\) .*? - /, '').trim()
  return new Refusal(statusCode, `Docker refused ${ask.method} ${ask.path}: ${said}`, error)
}

function unreachableFault(where: string, cause: unknown): Fault {
  const { code, message } = cause as { code?: string; message?: string }
  const advice: Record<string, string> = {
    ENOENT: 'there is no socket: is Docker installed and running?',
    ECONNREFUSED: 'nothing listens there: start Docker',
    EACCES: 'this user may not open the socket: add it to the group docker',
  }
  const why = advice[code ?? ''] ?? `the connection failed (${code ?? message ?? 'no reason given'})`
  return new Fault('engine.unreachable', `Docker does not answer at ${where}: ${why}`, { cause })
}
