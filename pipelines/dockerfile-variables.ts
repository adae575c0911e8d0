// Variables in the words of a Dockerfile: `$A`, `${A}`, `${A:-other}` … as the builder puts them in. Pure.
import { MARK } from './dockerfile'

/** A value that grows beyond this is no image's name any more. */
const MAX_VALUE = 4096
const MAX_DEPTH = 10

/** `ARG NAME=value`, read into `args`; one without a value is empty, and takes away what was known of the name. */
export function readArg(word: string, args: Map<string, string>) {
  const [, name, value] = /^([A-Za-z_]\w*)(?:=([\s\S]*))?$/.exec(word) ?? []
  if (name === undefined) return
  if (value === undefined) {
    if (!AUTOMATIC.has(name)) args.delete(name)
    return
  }
  const expanded = expand(value, args)
  if (expanded === null) args.delete(name)
  else args.set(name, expanded)
}

const AUTOMATIC = new Set(
  ['TARGET', 'BUILD'].flatMap((side) => ['PLATFORM', 'OS', 'ARCH', 'VARIANT'].map((part) => side + part)),
)

/** What every FROM knows without a word: the platform that is built for and on, `linux/arm64/v8`. */
export function automaticArgs(platform: string): Map<string, string> {
  const [os = '', arch = '', variant = ''] = platform.split('/')
  const parts = { PLATFORM: platform, OS: os, ARCH: arch, VARIANT: variant }
  return new Map(
    ['TARGET', 'BUILD'].flatMap((side) => Object.entries(parts).map(([part, value]) => [side + part, value] as const)),
  )
}

/**
 * A word with its variables put in, without quotes and escapes; a variable without a value is empty. Null: it is broken off,
 * says that a value must be given, or becomes too long.
 */
export function expand(word: string, args: ReadonlyMap<string, string>, depth = 0): string | null {
  let out = ''
  let quote = ''
  for (let at = 0; at < word.length; at++) {
    const sign = word[at] ?? ''
    if (sign === MARK && quote !== "'" && at + 1 < word.length) out += word[++at]
    else if (quote ? sign === quote : sign === '"' || sign === "'") quote = quote ? '' : sign
    else if (sign === '$' && quote !== "'") {
      const variable = variableAt(word, at)
      const value = variable && resolve(variable, args, depth)
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

function resolve({ name, operator, word }: Variable, args: ReadonlyMap<string, string>, depth: number): string | null {
  const value = args.get(name)
  const isThere = value !== undefined && !(operator.startsWith(':') && value === '')
  const other = () => (depth < MAX_DEPTH ? expand(word, args, depth + 1) : null)
  if (operator.endsWith('-')) return isThere ? value : other()
  if (operator.endsWith('+')) return isThere ? other() : ''
  if (operator.endsWith('?')) return isThere ? value : null
  return value ?? ''
}
