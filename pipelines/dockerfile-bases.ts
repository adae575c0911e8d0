// The images that a Dockerfile starts from or copies from. Pure; reads what BuildKit reads, and gives up on nothing.

/** A value that grows beyond this is no image's name any more. */
const MAX_VALUE = 4096
const MAX_DEPTH = 10

/**
 * The images named by `FROM`, `COPY --from` and `RUN --mount=from`, in their order, each once. Stages of the file itself,
 * their numbers and `scratch` are none. Defaults of the `ARG`s before the first `FROM` are put in, as BuildKit does it; a
 * name that stays unknown is given as it is written.
 */
export function basesOf(dockerfile: string): string[] {
  const { instructions, mark } = readInstructions(dockerfile)
  const args = new Map<string, string>()
  const stages = new Set<string>()
  const bases = new Set<string>()
  const add = (image: string) => {
    if (image.toLowerCase() !== 'scratch' && !stages.has(image.toLowerCase())) bases.add(image)
  }
  let inStage = false
  for (const { name, rest } of instructions) {
    const words = wordsOf(rest, mark)
    if (name === 'ARG' && !inStage) for (const word of words) readArg(word, args, mark)
    if (name === 'FROM') {
      inStage = true
      const [written, as, alias] = words.filter((word) => !word.startsWith('--'))
      if (written !== undefined) add(expand(written, args, mark) || plain(written, mark))
      if (as?.toLowerCase() === 'as' && alias !== undefined) stages.add(plain(alias, mark).toLowerCase())
    }
    if (name === 'COPY' || name === 'RUN')
      for (const from of sources(name, words)) if (!/^\d*$/.test(from)) add(plain(from, mark))
  }
  return [...bases]
}

/** What the flags of a `COPY` or `RUN` take from elsewhere. BuildKit puts no variables in here. */
function sources(name: 'COPY' | 'RUN', words: readonly string[]): string[] {
  const end = words.findIndex((word) => !word.startsWith('--'))
  const flags = words.slice(0, end === -1 ? words.length : end)
  if (name === 'COPY') return flags.flatMap((flag) => /^--from=(.*)$/is.exec(flag)?.[1] ?? [])
  return flags
    .flatMap((flag) => /^--mount=(.*)$/is.exec(flag)?.[1]?.replaceAll(/["']/g, '').split(',') ?? [])
    .flatMap((field) => /^\s*from=(.*)$/is.exec(field)?.[1]?.trim() ?? [])
}

interface Instruction {
  /** In capitals. */
  name: string
  rest: string
}

function readInstructions(text: string): { instructions: Instruction[]; mark: string } {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  const mark = escapeOf(lines)
  const instructions: Instruction[] = []
  for (let at = 0; at < lines.length; ) {
    const joined: string[] = []
    let goesOn = true
    for (; goesOn && at < lines.length; at++) {
      const line = (lines[at] ?? '').trimStart()
      // Within an instruction, comments and empty lines are passed over.
      if (line.startsWith('#') || line === '') {
        if (joined.length === 0) goesOn = false
        continue
      }
      const trimmed = line.trimEnd()
      goesOn = trimmed.endsWith(mark)
      joined.push(goesOn ? trimmed.slice(0, -1) : line)
    }
    const found = /^([a-z]+)(?:\s+([\s\S]*))?$/i.exec(joined.join('').trim())
    if (!found) continue
    const instruction = { name: (found[1] ?? '').toUpperCase(), rest: found[2] ?? '' }
    instructions.push(instruction)
    for (const heredoc of heredocsOf(instruction, mark)) at = after(heredoc, lines, at)
  }
  return { instructions, mark }
}

/** The parser directive `escape`, which names the mark that continues a line: directives stand before anything else. */
function escapeOf(lines: readonly string[]): string {
  for (const line of lines) {
    const directive = /^\s*#\s*([a-z][a-z0-9]*)\s*=\s*(\S.*?)\s*$/i.exec(line.slice(0, 500))
    if (!directive) break
    if (directive[1]?.toLowerCase() === 'escape' && directive[2] === '`') return '`'
  }
  return '\\'
}

interface Heredoc {
  name: string
  tabs: boolean
}

/** `<<EOF` as a word of its own; what follows up to EOF is no Dockerfile. */
function heredocsOf({ name, rest }: Instruction, mark: string): Heredoc[] {
  if (name === 'ONBUILD') {
    const inner = /^([a-z]+)\s+([\s\S]*)$/i.exec(rest)
    return inner ? heredocsOf({ name: (inner[1] ?? '').toUpperCase(), rest: inner[2] ?? '' }, mark) : []
  }
  if (!['RUN', 'COPY', 'ADD'].includes(name) || !rest.includes('<<')) return []
  return wordsOf(rest, mark).flatMap((word) => {
    const found = /^\d*<<(-?)([^<]+)$/.exec(word)
    return found ? { name: plain(found[2] ?? '', mark), tabs: found[1] === '-' } : []
  })
}

function after({ name, tabs }: Heredoc, lines: readonly string[], from: number): number {
  const end = lines.findIndex((line, i) => i >= from && (tabs ? line.replace(/^\t+/, '') : line) === name)
  return end === -1 ? lines.length : end + 1
}

/** Split at white space outside quotes and braces; the quotes stay. */
function wordsOf(text: string, mark: string): string[] {
  const words: string[] = []
  let word = ''
  let quote = ''
  let braces = 0
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? ''
    if (sign === mark && quote !== "'" && at + 1 < text.length) {
      word += sign + text[++at]
      continue
    }
    if (quote) quote = sign === quote ? '' : quote
    else if (sign === '"' || sign === "'") quote = sign
    else if (sign === '{' && word.endsWith('$')) braces++
    else if (sign === '}' && braces > 0) braces--
    else if (/\s/.test(sign) && braces === 0) {
      if (word) words.push(word)
      word = ''
      continue
    }
    word += sign
  }
  if (word) words.push(word)
  return words
}

function readArg(word: string, args: Map<string, string>, mark: string) {
  const [, name, value] = /^([A-Za-z_]\w*)(?:=([\s\S]*))?$/.exec(word) ?? []
  if (name === undefined || value === undefined) return
  const expanded = expand(value, args, mark)
  if (expanded === null) args.delete(name)
  else args.set(name, expanded)
}

/** Without its quotes and escapes, and with its variables as they are. */
const plain = (word: string, mark: string) => expand(word, null, mark) ?? word

/**
 * A word with its variables put in, without quotes and escapes. Null: one of them has no value, or the whole becomes too long.
 * @param args null: variables stay as they are written
 */
function expand(word: string, args: ReadonlyMap<string, string> | null, mark: string, depth = 0): string | null {
  let out = ''
  let quote = ''
  for (let at = 0; at < word.length; at++) {
    const sign = word[at] ?? ''
    if (sign === mark && quote !== "'" && at + 1 < word.length) out += word[++at]
    else if (quote ? sign === quote : sign === '"' || sign === "'") quote = quote ? '' : sign
    else if (sign === '$' && quote !== "'" && args !== null) {
      const variable = variableAt(word, at)
      const value = variable && resolve(variable, args, mark, depth)
      if (!variable || typeof value !== 'string') return null
      out += value
      at = variable.end - 1
    } else out += sign
    if (out.length > MAX_VALUE) return null
  }
  return out
}

interface Variable {
  name: string
  /** One of :- - :+ + :? ?; empty where there is none. */
  operator: string
  word: string
  /** Place of the first character after it. */
  end: number
}

function variableAt(text: string, at: number): Variable | null {
  if (text[at + 1] !== '{') {
    const name = /^[A-Za-z_]\w*/.exec(text.slice(at + 1, at + 1 + MAX_VALUE))?.[0]
    return name === undefined ? null : { name, operator: '', word: '', end: at + 1 + name.length }
  }
  let open = 1
  let end = at + 2
  for (; end < text.length && open > 0; end++) {
    if (text[end] === '{') open++
    if (text[end] === '}') open--
  }
  const inner = /^([A-Za-z_]\w*)(?:(:?[-+?])([\s\S]*))?$/.exec(text.slice(at + 2, end - 1))
  if (open > 0 || !inner) return null
  return { name: inner[1] ?? '', operator: inner[2] ?? '', word: inner[3] ?? '', end }
}

function resolve(
  { name, operator, word }: Variable,
  args: ReadonlyMap<string, string>,
  mark: string,
  depth: number,
): string | null {
  const value = args.get(name)
  const isThere = value !== undefined && !(operator.startsWith(':') && value === '')
  const other = () => (depth < MAX_DEPTH ? expand(word, args, mark, depth + 1) : null)
  if (operator.endsWith('-')) return isThere ? value : other()
  if (operator.endsWith('+')) return isThere ? other() : ''
  return isThere ? value : null
}
