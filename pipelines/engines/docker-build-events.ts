import { Fault } from '../fault'
import { Aborted, type DockerApi } from './docker-api'
import { type plainProgress, readTrace, type Trace } from './docker-trace'

/** What came of a build, as its answer said. */
export interface Ended {
  error: string | null
  imageId: string | null
  /** The image that a failed step was to fetch. */
  unobtainable: { image: string; because: string } | null
  /** Every image that the builder looked at, by the name that it knows it by. */
  loaded: Set<string>
  /** Its RUN steps that were really run, by what BuildKit knows them by. */
  commands: Set<string>
}

interface BuildEvent {
  id?: string
  stream?: string
  error?: string
  aux?: string | { ID?: string }
}

export function* eventText(line: Buffer, show: ReturnType<typeof plainProgress>, ended: Ended): Generator<string> {
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
    for (const { name, digest, cached, completed, error } of trace.vertexes) {
      const image = imageOf(name)
      if (image) ended.loaded.add(image)
      // One that failed before its command began had no container.
      const isRun = error === '' || /exit code/.test(error)
      if (completed !== null && !cached && isRun && /^\[[^\]]*\] RUN /.test(name)) ended.commands.add(digest)
    }
    yield* show(trace)
  } else if (typeof event.aux === 'object' && event.aux?.ID) ended.imageId = event.aux.ID
  else if (event.stream) yield event.stream
  if (event.error) {
    ended.error = event.error
    yield `ERROR: ${event.error}\n`
  }
}

/** BuildKit names the step that looks for an image after the image. */
const imageOf = (step: string) =>
  // The source of a COPY or of a mount is looked for without a word: only its first step names it.
  step.match(/^(?:\[[^\]]*\] )?FROM ([^\s@]+)(?:@\S+)?$/)?.[1] ??
  step.match(/^\[[^\]]*\] (?:load metadata for|resolve image config for(?: docker-image:\/\/)?) (\S+)$/)?.[1] ??
  step.match(/^(?:load metadata for|resolve image config for(?: docker-image:\/\/)?) (\S+)$/)?.[1]

/** Its final error leaves the name out. */
function unobtainable(trace: Trace): Ended['unobtainable'] {
  for (const { name, error } of trace.vertexes) {
    const image = imageOf(name)
    if (image && error && !isGivenUp(error)) return { image, because: error }
  }
  return null
}

/** The engine ended the build: because of the Dockerfile, or because it was told to stop or is going down. */
export function whyFailed(
  { unobtainable: lacks }: Pick<Ended, 'unobtainable'>,
  error: string,
  stopped: boolean,
  api: DockerApi,
): { because: string; exitCode: number | null } {
  if (stopped) throw new Aborted()
  if (lacks && /no space left on device/i.test(lacks.because))
    throw new Fault('storage.full', `the engine has no room left for the image ${lacks.image}: ${lacks.because}`)
  if (lacks) return no(`the build failed: the image ${lacks.image} cannot be pulled: ${lacks.because}`)
  const tail = withoutCommand(error)
  if (isGivenUp(error)) throw api.unreachable(new Error(`the engine gave the build up: ${tail}`))
  if (/^(failed to create endpoint|network \S+ not found)/.test(tail)) {
    throw new Fault('engine.refused', `Docker cannot give a build step its network: ${tail}`)
  }
  const code = tail.match(/^exit code: (\d+)/)?.[1]
  if (code === undefined && /no space left on device/i.test(tail))
    throw new Fault('storage.full', `the engine has no room left to build: ${tail}`)
  const because = error.replace(/^(?:failed to (?:solve|create)[^:]*: )+/, '')
  return no(`the build failed: ${because}`, code === undefined ? null : Number(code))
}

const no = (because: string, exitCode: number | null = null) => ({ because, exitCode })

/** The error after the command it quotes: what a command says of itself must not decide what the error means. */
const withoutCommand = (error: string) =>
  error.replace(/^.*(?:executor failed running \[.*\]: |did not complete successfully: )/s, '')

const isGivenUp = (error: string) =>
  /^rpc error: code = (Canceled|Unavailable)|(context canceled|graceful_stop|transport is closing)$/.test(
    withoutCommand(error),
  )
