// One YAML document of untrusted text as plain data, with the line of everything. Never throws, and is quick on hostile
// input: the text, its tokens, its depth and its aliases are bounded before anything is built from them.
import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  type Scalar,
  type YAMLMap,
} from 'yaml'

/** `line` counts from 1, null where no line is to blame; `path` is like `stages.unit.run[0]`, empty for the whole file. */
export interface Problem {
  line: number | null
  path: string
  message: string
}

type Path = readonly (string | number)[]

export interface YamlDocument {
  /** Objects have no prototype. Undefined where the text could not be read. */
  value: unknown
  problems: Problem[]
  /** The line of the key (or list entry) at a path, or of the nearest thing above it. */
  lineOf(path: Path): number
  /** A number or boolean as it stands in the text: 1.0 is not "1". */
  written(path: Path): string | undefined
}

export const MAX_BYTES = 64 * 1024
/** About 800 lines of a service file; parsing this many takes some 20 ms. */
const MAX_LEXEMES = 6000
/** Each may be an escape that does not exist, for which the library makes an Error with its stack. */
const MAX_BACKSLASHES = 2000
const MAX_DEPTH = 40
const MAX_ALIASES = 20
/** Nodes read, those that aliases repeat included. */
const MAX_NODES = 4000
/** Control characters, halves of a surrogate pair, what changes the direction of text (it hides commands), what a bad decoder leaves. */
const NOT_TEXT = /(?![\t\n\r\u0085])\p{Cc}|\p{Cs}|[\u202a-\u202e\u2066-\u2069\ufffd-\uffff]/u

/** Cut for a message: a hostile key may be as long as the file. */
export const cut = (text: string) => (text.length > 40 ? `${text.slice(0, 40)}…` : text)

const keyOf = (path: Path) => path.join('\0')

export const pathInWords = (path: Path) =>
  path.map((p, i) => (typeof p === 'number' ? `[${p}]` : `${i ? '.' : ''}${cut(p)}`)).join('')

/** Reads one document; a problem of the syntax ends it, any other is noted and the rest is still read. */
export function readYaml(text: string): YamlDocument {
  const lines = new LineCounter()
  const problems: Problem[] = []
  const nothing: YamlDocument = { value: undefined, problems, lineOf: () => 1, written: () => undefined }
  const fatal = (line: number | null, message: string) => {
    problems.push({ line, path: '', message })
    return nothing
  }

  if (text.length > MAX_BYTES || Buffer.byteLength(text) > MAX_BYTES)
    return fatal(null, 'the file is larger than 64 KiB')
  const strange = NOT_TEXT.exec(text)
  if (strange) {
    const code = (strange[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
    return fatal(
      text.slice(0, strange.index).split('\n').length,
      `the file is not plain text: it holds the character U+${code}`,
    )
  }

  if (text.split('\\', MAX_BACKSLASHES + 2).length > MAX_BACKSLASHES + 1)
    return fatal(null, `the file holds more than ${MAX_BACKSLASHES} backslashes`)

  const parsed = compose(text, lines)
  if ('refused' in parsed) return fatal(lines.linePos(parsed.at).line || 1, parsed.refused)
  const [document, second] = parsed.documents
  if (second)
    return fatal(lines.linePos(second.range[0]).line, 'a second document starts here; one file describes one service')
  if (!document) return { ...nothing, value: null }
  if (document.directives?.yaml.explicit && document.directives.yaml.version !== '1.2') {
    return fatal(1, `the file says YAML ${document.directives.yaml.version}; it is read as YAML 1.2: remove the line`)
  }
  for (const { code, message, pos } of document.errors) {
    problems.push({
      line: lines.linePos(pos[0]).line,
      path: '',
      message: SYNTAX[code] ?? `not valid YAML: ${cutLong(message)}`,
    })
  }
  return problems.length ? nothing : new Reading(lines, problems).read(document)
}

const SYNTAX: Record<string, string> = { TAB_AS_INDENT: 'a tab is not allowed as indentation; use spaces' }
const cutLong = (message: string) => (message.length > 160 ? `${message.slice(0, 160)}…` : message)

type Composed = { documents: Document.Parsed[] } | { refused: string; at: number }

function compose(text: string, lines: LineCounter): Composed {
  const parser = new Parser(lines.addNewLine)
  const tokens = []
  let lexemes = 0
  lines.addNewLine(0)
  try {
    for (const lexeme of new Lexer().lex(text)) {
      for (const token of parser.next(lexeme)) tokens.push(token)
      if (parser.stack.length > MAX_DEPTH) return { refused: 'the file is nested too deeply', at: parser.offset }
      if (++lexemes > MAX_LEXEMES)
        return { refused: 'the file holds too much for a service file: some 800 lines are read', at: parser.offset }
    }
    for (const token of parser.end()) tokens.push(token)
    // The library compares each key with every other; Reading does it with a set.
    const composer = new Composer({
      version: '1.2',
      uniqueKeys: false,
      prettyErrors: false,
      strict: true,
      resolveKnownTags: false,
    })
    const documents: Document.Parsed[] = []
    for (const document of composer.compose(tokens, false, text.length)) if (documents.push(document) > 1) break
    return { documents }
  } catch (error) {
    // Whatever the library trips over is the file's fault for us: the answer is no, with its own words.
    return {
      refused: `not valid YAML: ${cutLong(error instanceof Error ? error.message : String(error))}`,
      at: parser.offset,
    }
  }
}

const CORE_TAG = /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/

/** Turns nodes into plain data, once: keeps the lines, and refuses what a service file has no use for. */
class Reading {
  private readonly anchors = new Map<string, Node>()
  private readonly line = new Map<string, number>()
  private readonly source = new Map<string, string>()
  private aliases = 0
  private nodes = 0
  private readonly lines: LineCounter
  private readonly problems: Problem[]

  constructor(lines: LineCounter, problems: Problem[]) {
    this.lines = lines
    this.problems = problems
  }

  read(document: Document.Parsed): YamlDocument {
    const value = this.plain(document.contents, [])
    return {
      value,
      problems: this.problems,
      lineOf: (path) => this.lineOf(path),
      written: (path) => this.source.get(keyOf(path)),
    }
  }

  private lineOf(path: Path): number {
    for (let n = path.length; n > 0; n--) {
      const line = this.line.get(keyOf(path.slice(0, n)))
      if (line !== undefined) return line
    }
    return 1
  }

  private problem(node: Node | null, path: Path, message: string): undefined {
    const line = node?.range ? this.lines.linePos(node.range[0]).line : this.lineOf(path)
    this.problems.push({ line, path: pathInWords(path), message })
  }

  private plain(node: Node | null, path: Path): unknown {
    this.nodes += 1
    if (node === null) return null
    if (isAlias(node)) return this.alias(node, path)
    if (node.tag && !CORE_TAG.test(node.tag)) {
      return this.problem(
        node,
        path,
        `the tag \`${cut(node.tag.replace('tag:yaml.org,2002:', '!!'))}\` is not carried; write plain values`,
      )
    }
    if (node.anchor) this.anchors.set(node.anchor, node)
    if (isMap(node)) return this.map(node as YAMLMap<Node, Node | null>, path)
    if (isSeq(node)) return node.items.map((item, i) => this.entry(item as Node | null, [...path, i]))
    return this.scalar(node as Scalar, path)
  }

  private entry(item: Node | null, path: Path): unknown {
    if (item?.range) this.line.set(keyOf(path), this.lines.linePos(item.range[0]).line)
    return this.plain(item, path)
  }

  private scalar(node: Scalar, path: Path): unknown {
    if (typeof node.value !== 'string' && node.source !== undefined) this.source.set(keyOf(path), node.source)
    return node.value
  }

  /** Each alias is read again from its anchor: the budget is what stops an explosion, and an alias of itself. */
  private alias(node: Alias, path: Path): unknown {
    const anchored = this.anchors.get(node.source)
    if (!anchored) return this.problem(node, path, `the alias \`*${cut(node.source)}\` names no anchor above it`)
    if (this.aliases > MAX_ALIASES) return undefined
    this.aliases = this.nodes > MAX_NODES ? MAX_ALIASES + 1 : this.aliases + 1
    if (this.aliases > MAX_ALIASES) return this.problem(node, path, 'aliases repeat too much; write the values out')
    return this.plain(anchored, path)
  }

  private map(node: YAMLMap<Node, Node | null>, path: Path): Record<string, unknown> {
    const value: Record<string, unknown> = Object.create(null)
    const first = new Map<string, number>()
    for (const { key, value: node_ } of node.items) {
      const name = this.key(key, path)
      if (name === null) continue
      const line = key.range ? this.lines.linePos(key.range[0]).line : this.lineOf(path)
      const before = first.get(name)
      if (before !== undefined) {
        this.problem(key, [...path, name], `\`${cut(name)}\` stands here a second time; first on line ${before}`)
        continue
      }
      first.set(name, line)
      this.line.set(keyOf([...path, name]), line)
      value[name] = this.plain(node_, [...path, name])
    }
    return value
  }

  /** The name of a key, or null (and a problem) where it cannot be one. */
  private key(key: Node, path: Path): string | null {
    const value = isScalar(key) ? key.value : undefined
    if (typeof value !== 'string') {
      const what = isScalar(key)
        ? typeof value === 'number'
          ? `the number ${cut(key.source ?? '')}`
          : cut(key.source || 'nothing')
        : isSeq(key)
          ? 'a list'
          : isMap(key)
            ? 'a mapping'
            : 'an alias'
      this.problem(key, path, `expected a key that is a string, found ${what}`)
      return null
    }
    if (value === '<<') this.problem(key, [...path, value], 'merge keys (`<<`) are not carried; write the keys out')
    else if (value === '__proto__') this.problem(key, [...path, value], '`__proto__` is not allowed as a key')
    else return value
    return null
  }
}
