// A Dockerfile as the builder reads it: its instructions, each with its line. Pure. What is allowed and what is built depends on
// this reading, so it follows BuildKit's parser in what is white space, a comment, a continued line and a document.

export interface Instruction {
  /** In capitals. */
  name: string
  rest: string
  /** Its lines, from zero: [from, to) without the documents (`<<EOF`) that follow it, [to, end) those. */
  from: number
  to: number
  end: number
  /** As the builder reads it: one line, without comments. */
  text: string
  /** Names of its documents, in their order. */
  documents: string[]
  /** False: the last of its documents has no end. */
  closed: boolean
}

export interface Dockerfile {
  lines: string[]
  instructions: Instruction[]
}

/** Continues a line, and escapes a sign. The directive `escape` is refused: parts of BuildKit do not heed it. */
export const MARK = '\\'

/** What a builder can do: old ones know no documents. */
export interface Reading {
  heredocs: boolean
}

/** What Go's unicode.IsSpace takes for white space; JavaScript's \s differs by two characters. */
const SPACE = '\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const LEADING = new RegExp(`^[${SPACE}]+`)
const AROUND = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, 'g')
const isSpace = (sign: string) => SPACE_SIGN.test(sign)
const SPACE_SIGN = new RegExp(`^[${SPACE}]$`)
/** What stands between an instruction and its words, and between words that are not quoted. */
const BETWEEN = /[\t\v\f\r ]+/

export const trimmed = (text: string) => text.replace(AROUND, '')

export function readDockerfile(text: string, { heredocs }: Reading): Dockerfile {
  const lines = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line) => line.replace(/\r$/, ''))
  const instructions: Instruction[] = []
  for (let at = 0; at < lines.length; ) {
    const from = at
    const joined: string[] = []
    let goesOn = true
    for (; goesOn && at < lines.length; at++) {
      const line = lines[at] ?? ''
      const bare = line.replace(LEADING, '')
      // Within an instruction, comments and empty lines are passed over.
      if (bare.startsWith('#') || bare === '') {
        if (joined.length === 0) goesOn = false
        continue
      }
      const cut = withoutMark(line)
      goesOn = cut !== null
      const piece = cut ?? line
      joined.push(joined.length === 0 ? piece.replace(LEADING, '') : piece)
    }
    const whole = joined.join('')
    if (trimmed(whole) === '') continue
    const [word = '', ...others] = splitOnce(trimmed(whole))
    const instruction = { name: word.toUpperCase(), rest: others[0] ?? '', from, to: at, text: whole }
    const documents = heredocs ? heredocsOf(instruction) : []
    let closed = true
    for (const heredoc of documents) {
      const end = endOf(heredoc, lines, at)
      closed &&= end !== null
      at = end ?? lines.length
    }
    instructions.push({ ...instruction, end: at, documents: documents.map(({ name }) => name), closed })
  }
  return { lines, instructions }
}

/** The line up to the mark that continues it, or null where none does. */
function withoutMark(line: string): string | null {
  let end = line.length
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--
  return line[end - 1] === MARK ? line.slice(0, end - 1) : null
}

function splitOnce(text: string): string[] {
  const found = BETWEEN.exec(text)
  return found ? [text.slice(0, found.index), text.slice(found.index + found[0].length)] : [text]
}

/** The directives that stand before anything else, `# name=value`, with their lines from zero. */
export function directivesOf(lines: readonly string[]): { name: string; value: string; line: number }[] {
  const found: { name: string; value: string; line: number }[] = []
  for (const [line, text] of lines.entries()) {
    const directive = /^#[\t\f\r ]*([a-z][a-z0-9]*)[\t\f\r ]*=[\t\f\r ]*(\S.*)$/i.exec(trimmed(text))
    if (!directive) break
    found.push({ name: (directive[1] ?? '').toLowerCase(), value: directive[2] ?? '', line })
  }
  return found
}

interface Heredoc {
  name: string
  tabs: boolean
}

/** `<<EOF` as a word of its own; what follows up to EOF is no Dockerfile. */
function heredocsOf({ name, rest }: Pick<Instruction, 'name' | 'rest'>): Heredoc[] {
  if (name === 'ONBUILD') {
    const [word = '', inner = ''] = splitOnce(rest)
    return heredocsOf({ name: word.toUpperCase(), rest: inner })
  }
  if (!['RUN', 'COPY', 'ADD'].includes(name) || !rest.includes('<<')) return []
  return quotedWords(rest).flatMap((word) => {
    const found = /^\d*<<(-?)([^<]+)$/.exec(word)
    return found ? { name: unquoted(found[2] ?? ''), tabs: found[1] === '-' } : []
  })
}

/** The place after its last line; null: it has no end. */
function endOf({ name, tabs }: Heredoc, lines: readonly string[], from: number): number | null {
  const end = lines.findIndex((line, i) => i >= from && (tabs ? line.replace(/^\t+/, '') : line) === name)
  return end === -1 ? null : end + 1
}

/** Split at white space outside quotes and braces; the quotes stay. */
export function quotedWords(text: string): string[] {
  const words: string[] = []
  let word = ''
  let quote = ''
  let braces = 0
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? ''
    if (sign === MARK && quote !== "'" && at + 1 < text.length) {
      word += sign + text[++at]
      continue
    }
    if (quote) quote = sign === quote ? '' : quote
    else if (sign === '"' || sign === "'") quote = sign
    else if (sign === '{' && word.endsWith('$')) braces++
    else if (sign === '}' && braces > 0) braces--
    else if (isSpace(sign) && braces === 0) {
      if (word) words.push(word)
      word = ''
      continue
    }
    word += sign
  }
  if (word) words.push(word)
  return words
}

/** Split at white space alone, as the builder reads the words of FROM, COPY and ADD. */
export const plainWords = (text: string): string[] => trimmed(text).split(BETWEEN).filter(Boolean)

/** Without quotes and escapes; variables stay as they are written. */
export function unquoted(word: string): string {
  let out = ''
  let quote = ''
  for (let at = 0; at < word.length; at++) {
    const sign = word[at] ?? ''
    if (sign === MARK && quote !== "'" && at + 1 < word.length) out += word[++at]
    else if (quote ? sign === quote : sign === '"' || sign === "'") quote = quote ? '' : sign
    else out += sign
  }
  return out
}

export interface Flag {
  /** Without quotes and escapes, as the builder takes it: `--from=x`. */
  text: string
  /** Where it stands in the instruction's rest: [start, end). */
  start: number
  end: number
}

/** The flags at the start of an instruction's words, and where what is no flag begins. */
export function flagsOf(rest: string): { flags: Flag[]; words: number } {
  const flags: Flag[] = []
  let at = 0
  for (;;) {
    while (at < rest.length && isSpace(rest[at] ?? '')) at++
    if (!rest.startsWith('--', at)) return { flags, words: at }
    const start = at
    let text = ''
    let quote = ''
    for (; at < rest.length; at++) {
      const sign = rest[at] ?? ''
      if (sign === MARK) {
        if (at + 1 < rest.length) text += rest[++at]
      } else if (quote) {
        if (sign === quote) quote = ''
        else text += sign
      } else if (sign === '"' || sign === "'") quote = sign
      else if (isSpace(sign)) break
      else text += sign
    }
    if (text === '--') return { flags, words: at }
    flags.push({ text, start, end: at })
  }
}
