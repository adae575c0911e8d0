import type { FastifyReply, FastifyRequest } from 'fastify'
import { Fault } from '../../pipelines/fault'
import type { Viewer } from './permit'

/** Streams of one process, and of one account: each holds a socket and a little memory. */
const MAX_STREAMS = 500
const MAX_EACH = 40
const HEARTBEAT_MS = 15_000
/** So often it is asked whether they may still look: a session may end, a role be taken away. */
const AGAIN_MS = 30_000
/** Then the client comes again. */
const MAX_LIFE_MS = 10 * 60_000
/** A client that takes nothing for this long is let go. */
const DRAIN_MS = 30_000
/** What may wait in memory for one client that reads slowly. */
const MAX_UNREAD = 512 * 1024

/** Who looks, and who they are when that is asked again; null: they may no longer. */
export interface Looking {
  viewer: Viewer
  again: () => Promise<Viewer | null>
}

export interface Stream {
  /** As of at most 30 s ago. */
  readonly viewer: Viewer
  /** Ends when the client left, or the stream was closed for any other reason. */
  readonly ended: AbortSignal
  /** Writes one event. Resolves when there is room for the next; never throws: a client that left has ended. */
  send(event: string, data: unknown, id?: string): Promise<void>
  end(): void
}

/** The open server-sent event streams, counted, kept awake, and ended together when the process stops. */
export class Streams {
  readonly #open = new Map<Stream, { accountId: number; again: () => Promise<void> }>()

  /** @param againMs how often it is asked whether they may still look */
  constructor(private readonly againMs = AGAIN_MS) {}

  get size() {
    return this.#open.size
  }

  /** Takes the reply over. Throws too.many. */
  open(request: FastifyRequest, reply: FastifyReply, looking: Looking): Stream {
    const { accountId } = looking.viewer
    const mine = [...this.#open.values()].filter((open) => open.accountId === accountId).length
    if (this.#open.size >= MAX_STREAMS || mine >= MAX_EACH)
      throw new Fault('too.many', 'too many streams are open: close some pages, or ask without `follow`', {
        retryAfterMs: 10_000,
      })
    const raw = reply.raw
    const ended = new AbortController()
    let viewer = looking.viewer
    const stream: Stream = {
      get viewer() {
        return viewer
      },
      ended: ended.signal,
      send: (event, data, id) =>
        this.#send(
          raw,
          ended.signal,
          `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
        ),
      end: () => raw.end(),
    }
    const heartbeat = setInterval(() => raw.write(':\n\n'), HEARTBEAT_MS)
    let asking: Promise<void> | undefined
    const again = () => {
      asking ??= looking
        .again()
        // A database that is away cannot say yes.
        .catch(() => null)
        .then((now) => {
          asking = undefined
          if (now === null) raw.end()
          else viewer = now
        })
      return asking
    }
    const asked = setInterval(() => void again(), this.againMs)
    const life = setTimeout(() => raw.end(), MAX_LIFE_MS)
    raw.on('error', () => {}) // 'close' follows, and is what counts
    raw.on('close', () => {
      clearInterval(heartbeat)
      clearTimeout(life)
      clearInterval(asked)
      this.#open.delete(stream)
      ended.abort()
    })
    this.#open.set(stream, { accountId, again })
    reply.hijack()
    request.raw.socket.setNoDelay(true)
    const headers = reply.getHeaders() as Record<string, string>
    raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
    raw.write('retry: 2000\n\n')
    return stream
  }

  async #send(raw: FastifyReply['raw'], ended: AbortSignal, text: string): Promise<void> {
    if (ended.aborted || raw.writableEnded) return
    if (raw.writableLength > MAX_UNREAD) return void raw.destroy()
    if (raw.write(text)) return
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        raw.off('drain', done)
        raw.off('close', done)
        resolve()
      }
      const timer = setTimeout(() => {
        raw.destroy()
        done()
      }, DRAIN_MS)
      raw.on('drain', done)
      raw.on('close', done)
    })
  }

  /** Asks again now for whatever this account has open. */
  async recheck(accountId: number): Promise<void> {
    await Promise.all([...this.#open.values()].filter((o) => o.accountId === accountId).map((o) => o.again()))
  }

  endAll() {
    for (const stream of this.#open.keys()) stream.end()
  }
}
