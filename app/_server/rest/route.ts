import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Trust } from '../../../audit/trust'
import type { StartingEnvironment } from '../../../pipelines/connect'
import type { FaultCode } from '../../../pipelines/fault'
import type { RecordHandle } from '../../../prisma/client'
import type { Doorbell } from '../events'
import type { Health } from '../health'
import type { Oidc } from '../oidc'
import type { Action, Viewer } from '../permit'
import type { Streams } from '../streams'
import type { NAMED } from './shapes'
import type { Place } from './where'

/** What every route works with: made once, in the composition root. */
export interface Door {
  record: RecordHandle
  /** Folder of the public sealing key. */
  keys: string
  /** What sign-offs and passkeys are checked with. */
  trust: Trust
  /** What a newly connected project starts with. */
  environments: readonly StartingEnvironment[]
  doorbell: Doorbell
  streams: Streams
  version: string
  /** The origin that browsers use, once the port is known. */
  publicUrl: () => string
  /** What works, and what does not. */
  health: Health
  /** Where people may sign in besides here; null: nowhere. */
  oidc: Oidc | null
}

export interface Ask<P, Q, B> {
  door: Door
  viewer: Viewer
  params: P
  query: Q
  body: B
  request: FastifyRequest
  reply: FastifyReply
  /** Who asks, as they may now: null where the session has ended, or the right to ask this. For what goes on for long. */
  again: () => Promise<Viewer | null>
}

/** What a request is about, before anything is done. */
export type Asked<P, Q, B> = Pick<Ask<P, Q, B>, 'viewer' | 'params' | 'query' | 'body'>

export type ReplyName = keyof typeof NAMED

interface Head {
  method: 'GET' | 'POST' | 'DELETE'
  /** As OpenAPI writes it: /api/v1/runs/{id} */
  path: `/api/${string}`
  /** A row of PERMITS; null: answers without a session, and stands in OPEN. */
  action: Action | null
  /** Further rows of PERMITS that `do` asks for itself, by what the body wants. */
  also?: readonly Action[]
  summary: string
  status: 200 | 201 | 202 | 204 | 303
  reply: ReplyName | null
  /** A list over projects: it shows what lies in visibleProjects(viewer), and nothing else. */
  lists?: true
  /** It may answer with server-sent events instead. */
  stream?: boolean
  /** It answers with the bytes of a file: see `download`. */
  file?: boolean
  faults: readonly FaultCode[]
}

export interface RestRoute extends Head {
  params?: z.ZodObject
  query?: z.ZodObject
  body?: z.ZodObject
  /** What it is about. Every route whose action is held in a project or an environment has it, or `lists`. */
  where?(ask: Asked<unknown, unknown, unknown>): Place
  do(ask: Ask<unknown, unknown, unknown>): Promise<unknown>
}

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined

/** One line of the route table; what `do` gets is what the three schemas let through. */
export function route<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodObject,
  const R extends ReplyName | null,
>(
  line: Head & {
    params?: P
    query?: Q
    body?: B
    reply: R
    where?(ask: Asked<Parsed<P>, Parsed<Q>, Parsed<B>>): Place
    do(
      ask: Ask<Parsed<P>, Parsed<Q>, Parsed<B>>,
    ): Promise<R extends ReplyName ? z.input<(typeof NAMED)[R]> | undefined : void>
  },
): RestRoute {
  // The table forgets which schema each `do` goes with; mount.ts parses with the same line's schemas before it calls.
  return line as unknown as RestRoute
}

/** Bytes that nobody here has looked at. `name` has no folders. */
export interface Download {
  name: string
  bytes: number
  data: Readable
}

/** A line that answers with a file, always as something to be stored: a browser must never show it as a page of ours. */
export function download<P extends z.ZodObject>(
  line: Omit<Head, 'reply' | 'stream' | 'file' | 'method' | 'status'> & {
    params: P
    where?(ask: Asked<z.output<P>, undefined, undefined>): Place
    do(ask: Ask<z.output<P>, undefined, undefined>): Promise<Download>
  },
): RestRoute {
  const whole = {
    ...line,
    method: 'GET',
    status: 200,
    reply: null,
    file: true,
    do: async (ask: Ask<z.output<P>, undefined, undefined>) => {
      const { name, bytes, data } = await line.do(ask)
      ask.reply.headers({
        'content-type': 'application/octet-stream',
        'content-length': bytes,
        'content-disposition': attachment(name),
        'x-content-type-options': 'nosniff',
      })
      return data
    },
  }
  return whole as unknown as RestRoute
}

/** RFC 6266: a plain name for every client, and the whole one for those that read it. */
function attachment(name: string): string {
  const plain = name.replaceAll(/[^\w.() +=@-]/g, '_')
  const whole = encodeURIComponent(name).replaceAll(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`
}
