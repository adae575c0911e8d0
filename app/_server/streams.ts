import type { FastifyReply, FastifyRequest } from 'fastify'
import { Fault } from '../../pipelines/fault'

/** Streams of one process, and of one account: each holds a socket and a little memory. */
const MAX_STREAMS = 500
const MAX_EACH = 40
const HEARTBEAT_MS = 15_000
/** Then the client comes again, and its right to look is asked for again. */
const MAX_LIFE_MS = 10 * 60_000
/** A client that takes nothing for this long is let go. */
const DRAIN_MS = 30_000
/** What may wait in memory for one client that reads slowly. */
const MAX_UNREAD = 512 * 1024

export interface Stream {
  /** Ends when the client left, or the stream was closed for any other reason. */
  readonly ended: AbortSignal
  /** Writes one event. Resolves when there is room for the next; never throws: a client that left has ended. */
  send(event: string, data: unknown, id?: string): Promise<void>
  end(): void
}

/** The open server-sent event streams, counted, kept awake, and ended together when the process stops. */
export class Streams {
  readonly #open = new Map<Stream, number>()

  get size() {
    return this.#open.size
  }

  /** Takes the reply over. Throws too.many. */
  open(request: FastifyRequest, reply: FastifyReply, accountId: number): Stream {
    const mine = [...this.#open.values()].filter((account) => account === accountId).length
    if (this.#open.size >= MAX_STREAMS || mine >= MAX_EACH)
      throw new Fault('too.many', 'too many streams are open: close some pages, or ask without `follow`', {
        retryAfterMs: 10_000,
      })
    const raw = reply.raw
    const ended = new AbortController()
    const stream: Stream = {
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
    const life = setTimeout(() => raw.end(), MAX_LIFE_MS)
    raw.on('error', () => {}) // 'close' follows, and is what counts
    raw.on('close', () => {
      clearInterval(heartbeat)
      clearTimeout(life)
      this.#open.delete(stream)
      ended.abort()
    })
    this.#open.set(stream, accountId)
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

  endAll() {
    for (const stream of this.#open.keys()) stream.end()
  }
}
