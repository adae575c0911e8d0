import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Aborted, type DockerApi, hasStatus, isLost } from './docker-api'
import { type Ended, eventText } from './docker-build-events'
import { buildScope } from './docker-build-scope'
import { labelsOf } from './docker-labels'
import { lineCutter } from './docker-lines'
import type { Session } from './docker-session'
import { plainProgress, type Trace } from './docker-trace'
import { orAborted } from './docker-until'
import type { BuildOrder, Log } from './engine'

/** One JSON line of the build's answer; a status with much output is the longest there is (BuildKit sends < 1 MiB). */
const MOST_EVENT = 8 * 2 ** 20
const CANCEL_MS = 10_000

export const imageLabels = (order: BuildOrder) => ({ ...order.imageLabels, ...labelsOf(order.label, 'image') })

/** What is sent: the name of the Dockerfile in the context, the context, and what a reader calls the names in it. */
export interface Sent {
  dockerfile: string
  file: NodeJS.ReadableStream & { destroy(): void }
  readable: (text: string) => string
  /** In the environment of its commands, and in nothing that a layer is known by. */
  marks: Record<string, string>
}

export async function sendBuild(
  api: DockerApi,
  order: BuildOrder,
  { dockerfile, file, readable, marks }: Sent,
  log: Log,
  signal: AbortSignal,
  see: (trace: Trace) => void,
): Promise<Ended> {
  const buildId = randomUUID()
  let contextError: unknown = null
  file.on('error', (error) => {
    contextError = error
  })
  let session: Session | null = null
  try {
    session = await api.session().catch((error: unknown) => {
      throw api.unreachable(error)
    })
    const labels = imageLabels(order)
    const scope = buildScope(order.label)
    const query = {
      version: 2,
      session: session.id,
      buildid: buildId,
      t: order.image,
      dockerfile,
      labels,
      extrahosts: scope.extrahosts,
      buildargs: { ...marks, ...scope.buildargs },
      rm: true,
      forcerm: true,
    }
    // The headers come when the first step starts, which may be after the whole context: the clock is the deadline.
    const ask = {
      method: 'POST' as const,
      path: '/build',
      query,
      file,
      signal,
      deadlineMs: order.limits.timeMs + CANCEL_MS,
    }
    return await readBuild(await api.open(ask), readable, log, signal, api, see)
  } catch (error) {
    if (signal.aborted) await stopBuild(api, buildId)
    throw contextError ?? error
  } finally {
    file.destroy()
    session?.close()
  }
}

/** The closed connection ends a build already; this says it in words, for a proxy that keeps the connection open. */
async function stopBuild(api: DockerApi, buildId: string) {
  const ask = { method: 'POST' as const, path: '/build/cancel', query: { id: buildId }, deadlineMs: CANCEL_MS }
  await api.text(ask).catch((error: unknown) => {
    if (!hasStatus(error, 404, 500)) throw error // such a build is not there (any more): what we wanted
  })
}

async function readBuild(
  answer: IncomingMessage,
  readable: Sent['readable'],
  log: Log,
  signal: AbortSignal,
  api: DockerApi,
  see: (trace: Trace) => void,
): Promise<Ended> {
  const lines = lineCutter(MOST_EVENT)
  const progress = plainProgress()
  const show = (trace: Trace) => {
    see(trace)
    return progress(trace)
  }
  const ended: Ended = { error: null, imageId: null, unobtainable: null, loaded: new Set(), commands: new Set() }
  const take = async (line: Buffer) => {
    const text = [...eventText(line, show, ended)].join('')
    if (text) await log(Buffer.from(readable(text)))
  }
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      for (const line of lines.push(chunk)) await orAborted(signal, take(line))
    }
  } catch (error) {
    if (signal.aborted || !isLost(error)) throw error
    throw api.unreachable(error)
  } finally {
    answer.destroy()
  }
  if (signal.aborted) throw new Aborted()
  await take(lines.rest())
  return { ...ended, error: ended.error && readable(ended.error) }
}
