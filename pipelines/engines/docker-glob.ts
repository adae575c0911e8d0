import picomatch from 'picomatch'

// A glob is somebody's text and a file's name is another's: together they could keep a regular expression busy for ever. So
// each name of a path is matched by itself, where it has at most 255 bytes, and `**` is not left to the expression.

const MOST_GLOB = 300
const MOST_STARS = 3
const MOST_DEPTH = 64
const OPTIONS = { dot: true, nonegate: true, noextglob: true, noglobstar: true, strictSlashes: true }

export interface Globs {
  /** The deepest folders or files, relative, that hold all that can match; '' is the working directory itself. */
  bases: string[]
  matches: (path: string) => boolean
  /** What is no glob that we take. */
  refused: { glob: string; because: string }[]
}

type Part = '**' | ((name: string) => boolean)

/** Globs relative to a folder: `*`, `?`, `[a-z]` and `{a,b}` within one name, `**` over any. A name alone is all below it too. */
export function readGlobs(globs: readonly string[]): Globs {
  const refused: Globs['refused'] = []
  const bases: string[] = []
  const parts: Part[][] = []
  for (const glob of globs) {
    const names = glob.split('/').filter((name, at) => name !== '.' && (name !== '' || at === 0))
    const why = problem(glob, names)
    if (why) {
      refused.push({ glob: glob.slice(0, 100), because: why })
      continue
    }
    const magic = names.findIndex((name) => picomatch.scan(name).isGlob)
    bases.push((magic < 0 ? names : names.slice(0, magic)).join('/'))
    const compiled = names.map((name): Part => (/^\*\*+$/.test(name) ? '**' : picomatch(literal(name), OPTIONS)))
    parts.push(compiled)
    if (magic < 0) parts.push([...compiled, '**'])
  }
  return { bases: outermost(bases), matches: (path) => parts.some((of) => follows(of, path.split('/'))), refused }
}

/** To picomatch these are a regular expression's own, `(a+)+` for one. */
const literal = (name: string) => name.replace(/[()+|]/g, '\\$&')

function problem(glob: string, names: readonly string[]): string | null {
  if (glob.length > MOST_GLOB) return `is longer than ${MOST_GLOB} characters`
  if (names.length === 0 || names[0] === '' || names.includes('..')) return 'is not relative to the working directory'
  if (names.some((name) => name.split(/\*+/).length - 1 > MOST_STARS))
    return `has more than ${MOST_STARS} * in one name`
  return /\{[^}]*\//.test(glob) ? 'has a / within braces' : null
}

/** Without those that lie in another. */
function outermost(bases: readonly string[]): string[] {
  const unique = [...new Set(bases)]
  return unique.filter(
    (base) => !unique.some((other) => other !== base && (other === '' || base.startsWith(`${other}/`))),
  )
}

/** Each pair of a part and a name is looked at once. */
function follows(parts: readonly Part[], names: readonly string[]): boolean {
  if (names.length > MOST_DEPTH) return false
  const reach = (at: number, into: Set<number>): Set<number> =>
    parts[at] === '**' ? reach(at + 1, into.add(at)) : into.add(at)
  let reached = reach(0, new Set())
  for (const name of names) {
    const next = new Set<number>()
    for (const at of reached) {
      const part = parts[at]
      if (part === '**') reach(at, next)
      else if (part?.(name)) reach(at + 1, next)
    }
    reached = next
  }
  return reached.has(parts.length)
}
