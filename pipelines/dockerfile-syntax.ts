// The `# syntax=` line of a Dockerfile: it makes BuildKit fetch that image and run it as the builder, which then shares between
// builds what it likes. Pure.
import { directivesOf, trimmed } from './dockerfile'

/** From here on the official frontend keeps cache mounts apart when it is told to (BUILDKIT_CACHE_MOUNT_NS). */
const OLDEST_MINOR = 2
/** From here on it knows documents, `RUN <<EOF`. */
const HEREDOCS_MINOR = 4

const linesOf = (dockerfile: string) => dockerfile.replace(/^\ufeff/, '').split(/\r?\n/)

/** Whether `RUN <<EOF` opens a document: by the frontend that the file names, or by the engine's own. */
export function heredocsIn(dockerfile: string, builtIn: boolean): boolean {
  const named = directivesOf(linesOf(dockerfile)).find(({ name }) => name === 'syntax')
  if (!named) return builtIn
  const minor = minorOf(named.value)
  return minor !== null && minor >= HEREDOCS_MINOR
}

/**
 * Why the builder that the file asks for is not taken. Only Docker's own, in a version that keeps builds apart, is let
 * through. This looks at every leading comment, so it errs on the side of asking. Forms: `#`, `//` (BuildKit 0.11), JSON.
 */
export function syntaxProblem(dockerfile: string): { line: number; because: string } | null {
  const lines = linesOf(dockerfile)
  const first = directiveProblem(lines)
  if (first !== null) return first
  const effective = directivesOf(lines).filter(({ name }) => name === 'syntax')
  for (const [at, text] of lines.entries()) {
    const comment = trimmed(text)
    if (comment !== '' && !/^(#|\/\/)/.test(comment)) {
      if (/^\{.*"syntax"/is.test(lines.slice(at).join('\n'))) return foreign(at, '(named in JSON)')
      break
    }
    const image = comment.match(/^(?:#|\/\/)\s*syntax\s*=\s*(.+)/i)?.[1]
    if (image === undefined) continue
    const name = image.replace(/^docker\.io\//, '')
    if (!/^docker\/dockerfile(?![\w/-])/.test(name)) return foreign(at, image)
    if (minorOf(image) === null)
      return {
        line: at + 1,
        because: `the builder ${image.slice(0, 200)} is not known to keep the caches of projects apart: write \`# syntax=docker/dockerfile:1\`, or a version from 1.${OLDEST_MINOR} on without a digest`,
      }
    if (effective.length !== 1 || (effective[0]?.line === at && text !== comment) || comment.startsWith('//'))
      return { line: at + 1, because: 'write `# syntax=docker/dockerfile:1` as the first line of the file, and once' }
  }
  return null
}

/** Where the parts of BuildKit do not agree: the front half of a line is read by one rule, the rest by another. */
function directiveProblem(lines: readonly string[]): { line: number; because: string } | null {
  if (lines[0]?.startsWith('\ufeff'))
    return { line: 1, because: 'two byte order marks begin the file: save it without them' }
  for (const [at, text] of lines.entries()) {
    const comment = trimmed(text)
    if (comment !== '' && !/^(#|\/\/)/.test(comment)) return null
    const asked = comment.match(/^(?:#|\/\/)\s*escape\s*=\s*(.*)/i)?.[1]
    if (asked !== undefined && asked !== '\\')
      return {
        line: at + 1,
        because:
          '# escape= is for images of Windows, and its mark counts only in a part of the file: leave it out, and continue lines with a backslash',
      }
  }
  return null
}

const foreign = (at: number, image: string) => ({
  line: at + 1,
  because: `the file asks for a foreign builder (# syntax=${image.slice(0, 200)}): only docker/dockerfile is permitted`,
})

/** The minor version of the official frontend that is named; `1` and `latest` are the newest. Null: another, or unknown. */
function minorOf(image: string): number | null {
  const tag = /^(?:docker\.io\/)?docker\/dockerfile(?::([\w.]+))?$/.exec(image)
  if (!tag) return null
  if (tag[1] === undefined || tag[1] === '1' || tag[1] === 'latest') return Number.POSITIVE_INFINITY
  const minor = Number(/^1\.(\d+)(?:\.\d+)?$/.exec(tag[1])?.[1] ?? Number.NaN)
  return minor >= OLDEST_MINOR ? minor : null
}
