import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Fault } from '../fault'
import { Aborted, type DockerApi, hasStatus, isLost, type Session } from './docker-api'
import { buildContext } from './docker-context'
import { findImage, whyNotNamed } from './docker-image'
import { labelsOf } from './docker-labels'
import { lineCutter } from './docker-lines'
import { plainProgress, readTrace, type Trace } from './docker-trace'
import { orAborted, until, within } from './docker-until'
import { asDuration } from './docker-words'
import type { BuildOrder, BuildVerdict, Log } from './engine'

/** One JSON line of the build's answer; a status with much output is the longest there is (BuildKit sends < 1 MiB). */
const MOST_EVENT = 8 * 2 ** 20
const CANCEL_MS = 10_000

/** Builds one image with BuildKit. The verdict's digest is the image's id in this engine's store. */
export async function buildImage(
  api: DockerApi,
  order: BuildOrder,
  log: Log,
  signal: AbortSignal,
): Promise<BuildVerdict> {
  if (signal.aborted) return no('canceled')
  const made = await madeBefore(api, order)
  if (made) {
    await log(Buffer.from(`An earlier attempt of this run has built ${order.image} (${made}): taken.\n`))
    return { ok: true, because: `built by an earlier attempt as ${made}`, exitCode: null, digest: made }
  }
  const taken = await whyNotNamed(api, order.image, imageLabels(order))
  if (taken !== null) return no(taken)
  const clock = until(signal, order.limits.timeMs)
  try {
    const context = await within(clock, () => buildContext(order))
    if ('because' in context) return no(context.because)
    const ended = await sendBuild(api, order, context.dockerfile, context.stream(), log, clock.signal)
    if (ended.error !== null) return badBuild(ended.unobtainable, ended.error, clock.why() !== null, api)
    return built(await findImage(api, ended.imageId ?? order.image), order.image)
  } catch (error) {
    const why = clock.why()
    if (why === 'late') return no(`the build ran longer than ${asDuration(order.limits.timeMs)}`)
    if (why === 'canceled') return no('canceled')
    throw error
  } finally {
    clock.clear()
  }
}

const no = (because: string, exitCode: number | null = null): BuildVerdict => ({ ok: false, because, exitCode })

function built(image: { digest: string } | null, name: string): BuildVerdict {
  if (!image) throw new Fault('engine.refused', `Docker said it built ${name}, and has no such image`)
  return { ok: true, because: `built ${image.digest}`, exitCode: 0, digest: image.digest }
}

/** A lost attempt may have finished after its worker died: same name, same run, same content labels. */
async function madeBefore(api: DockerApi, order: BuildOrder): Promise<string | null> {
  const image = await findImage(api, order.image)
  if (!image) return null
  const { 'shiplock.epoch': _epoch, ...wanted } = imageLabels(order)
  return Object.entries(wanted).every(([name, value]) => image.labels[name] === value) ? image.digest : null
}

const imageLabels = (order: BuildOrder) => ({ ...order.imageLabels, ...labelsOf(order.label, 'image') })

interface Ended {
  error: string | null
  imageId: string | null
  /** The image that a failed step was to fetch. */
  unobtainable: { image: string; because: string } | null
}

async function sendBuild(
  api: DockerApi,
  order: BuildOrder,
  dockerfile: string,
  file: NodeJS.ReadableStream & { destroy(): void },
  log: Log,
  signal: AbortSignal,
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
    const query = {
      version: 2,
      session: session.id,
      buildid: buildId,
      t: order.image,
      dockerfile,
      labels,
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
    return await readBuild(await api.open(ask), log, signal, api)
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

async function readBuild(answer: IncomingMessage, log: Log, signal: AbortSignal, api: DockerApi): Promise<Ended> {
  const lines = lineCutter(MOST_EVENT)
  const show = plainProgress()
  const ended: Ended = { error: null, imageId: null, unobtainable: null }
  const take = async (line: Buffer) => {
    const text = [...eventText(line, show, ended)].join('')
    if (text) await log(Buffer.from(text))
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
  return ended
}

interface BuildEvent {
  id?: string
  stream?: string
  error?: string
  aux?: string | { ID?: string }
}

function* eventText(line: Buffer, show: ReturnType<typeof plainProgress>, ended: Ended): Generator<string> {
  if (line.length === 0) return
  let event: BuildEvent
  try {
    event = JSON.parse(String(line)) as BuildEvent
  } catch {
    yield '(a progress message of the build was too long to show)\n' // cut by the bound; errors are short
    return
  }
  if (event.id === 'moby.buildkit.trace' && typeof event.aux === 'string') {
    const trace = readTrace(event.aux)
    ended.unobtainable ??= unobtainable(trace)
    yield* show(trace)
  } else if (typeof event.aux === 'object' && event.aux?.ID) ended.imageId = event.aux.ID
  else if (event.stream) yield event.stream
  if (event.error) {
    ended.error = event.error
    yield `ERROR: ${event.error}\n`
  }
}

/** BuildKit names the step that looks for an image after the image; its final error leaves the name out. */
function unobtainable(trace: Trace): Ended['unobtainable'] {
  for (const { name, error } of trace.vertexes) {
    const image = name.match(/(?:load metadata for|resolve image config for(?: docker-image:\/\/)?) (\S+)$/)?.[1]
    if (image && error && !isGivenUp(error)) return { image, because: error }
  }
  return null
}

/** The engine ended the build: because of the Dockerfile, or because it was told to stop or is going down. */
function badBuild(lacks: Ended['unobtainable'], error: string, stopped: boolean, api: DockerApi): BuildVerdict {
  if (stopped) throw new Aborted()
  if (lacks) return no(`the build failed: the image ${lacks.image} cannot be pulled: ${lacks.because}`)
  const tail = withoutCommand(error)
  if (isGivenUp(error)) throw api.unreachable(new Error(`the engine gave the build up: ${tail}`))
  if (/^(failed to create endpoint|network \S+ not found)/.test(tail)) {
    throw new Fault('engine.refused', `Docker cannot give a build step its network: ${tail}`)
  }
  const code = tail.match(/^exit code: (\d+)/)?.[1]
  const because = error.replace(/^(?:failed to (?:solve|create)[^:]*: )+/, '')
  return no(`the build failed: ${because}`, code === undefined ? null : Number(code))
}

/** The error after the command it quotes: what a command says of itself must not decide what the error means. */
const withoutCommand = (error: string) =>
  error.replace(/^.*(?:executor failed running \[.*\]: |did not complete successfully: )/s, '')

const isGivenUp = (error: string) =>
  /^rpc error: code = (Canceled|Unavailable)|(context canceled|graceful_stop|transport is closing)$/.test(
    withoutCommand(error),
  )
