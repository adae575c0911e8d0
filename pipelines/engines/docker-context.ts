import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { type Dockerfile, readDockerfile } from '../dockerfile'
import type { Builder } from '../dockerfile-bases'
import { dockerfileProblem } from '../dockerfile-rules'
import { heredocsIn, syntaxProblem } from '../dockerfile-syntax'
import { ignoredBy } from './docker-ignore'
import { plainPath, readTar, TAR_END, tarEntry } from './docker-tar'
import type { BuildOrder, Files } from './engine'

const MOST_TEXT = 2 ** 20
const IGNORE = '.dockerignore'

/** What a build is given, with its Dockerfile as it was read; or why it is not started at all. */
export type BuildContext =
  | { dockerfile: Dockerfile; name: string; stream: (dockerfile: string) => Readable }
  | { because: string }

/**
 * Finds and checks the Dockerfile before anything is built, and reads .dockerignore: BuildKit leaves that to the client,
 * whose context this is. It costs one more pass over the files.
 */
export async function buildContext(
  order: Pick<BuildOrder, 'dockerfile' | 'files'>,
  builder: Builder,
): Promise<BuildContext> {
  const { dockerfile } = order
  const path = 'path' in dockerfile ? plainPath(dockerfile.path) : null
  const found = await readFiles(order.files, path === null ? [IGNORE] : [IGNORE, path])
  const text = 'text' in dockerfile ? dockerfile.text : found.get(plainPath(dockerfile.path))
  if (text === undefined) return { because: `The commit has no file ${path} to build from` }
  if (typeof text !== 'string') return text
  const file = readDockerfile(text, { heredocs: heredocsIn(text, builder.heredocs) })
  const problem = syntaxProblem(text) ?? dockerfileProblem(file, builder.platform)
  if (problem)
    return { because: `${path ?? 'The Dockerfile of the template'}, line ${problem.line}: ${problem.because}` }
  const ignore = found.get(IGNORE)
  const leftOut = ignoredBy(typeof ignore === 'string' ? ignore : '')
  // The name holds the text's hash: no file of the commit has it by accident, and the same template hits the cache.
  const name = path ?? `.shiplock-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.Dockerfile`
  return { dockerfile: file, name, stream: (body) => sentFiles(order.files, name, leftOut, Buffer.from(body)) }
}

/** The text of each of these paths that the files hold, or why it is none. */
async function readFiles(files: Files, paths: readonly string[]): Promise<Map<string, string | { because: string }>> {
  const source = files()
  const found = new Map<string, string | { because: string }>()
  let chunks: Buffer[] = []
  try {
    for await (const { header, data } of readTar(bytesOf(source))) {
      const path = plainPath(header.name)
      if (!paths.includes(path)) {
        if (found.size === paths.length) break
        continue
      }
      if (data === null) chunks = []
      else chunks.push(data)
      if (header.type !== '0') found.set(path, { because: `${path} is not a plain file, and must be one` })
      else if (header.size > MOST_TEXT)
        return new Map(paths.map((name) => [name, { because: `${path} is over 1 MiB` }]))
      else found.set(path, Buffer.concat(chunks).subarray(0, header.size).toString())
    }
  } finally {
    discard(source)
  }
  return found
}

/** What goes to the engine: the files without the ignored ones, and the Dockerfile as it was made ready, in the place of theirs. */
function sentFiles(files: Files, dockerfile: string, leftOut: (path: string) => boolean, own: Buffer): Readable {
  return stream(files, async function* (source) {
    for await (const { header, raw, data } of readTar(source)) {
      const path = plainPath(header.name)
      if (path !== dockerfile && !leftOut(path)) yield raw ?? data
    }
    yield tarEntry({ name: dockerfile, body: own, mode: 0o644 })
    yield TAR_END
  })
}

/** The files rewritten on the fly; destroying the result ends the source, and an error of the source is its own. */
export function stream(files: Files, rewrite: (source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>): Readable {
  const source = files()
  const out = Readable.from(rewrite(bytesOf(source)), { objectMode: false, highWaterMark: 2 ** 18 })
  out.once('close', () => discard(source))
  return out
}

/** An emptied, closed source must not keep git running behind a pipe that nobody reads. */
function discard(source: NodeJS.ReadableStream) {
  source.on('error', () => {}) // whatever it still reports, the answer is known
  if ('destroy' in source && typeof source.destroy === 'function') source.destroy()
}

const bytesOf = (source: NodeJS.ReadableStream) => source as unknown as AsyncIterable<Buffer>
