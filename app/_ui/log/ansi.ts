// A program's output as lines of styled text. Colours and weights are taken from its escape sequences; every other sequence
// is dropped, so nothing that a program prints can do anything but be read. React escapes the text itself. Pure.

export interface Span {
  text: string
  className: string
}

/** One number for a style: the low four bits are the colour and one (0: none), the others the weights. */
export type Style = number
const COLOUR = 15
const BOLD = 16
const DIM = 32
const ITALIC = 64
const UNDERLINE = 128

// CSI … final byte · OSC, DCS, APC, PM and SOS up to their end · any other two- or three-byte sequence · a lone ESC.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters it is about
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])?/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters it is about
const COLOURS = /^\u001b\[([0-9;:]*)m$/
// Control characters, and those that turn the direction of writing: with these a line can be made to read as another one.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters it is about
const UNSEEN = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

const clean = (text: string) => text.replace(UNSEEN, '').replaceAll('\t', '    ')

/** What a terminal would have left standing: a carriage return writes over what was there. */
export function settle(line: string): string {
  const whole = line.endsWith('\r') ? line.slice(0, -1) : line
  return whole.includes('\r') ? whole.slice(whole.lastIndexOf('\r') + 1) : whole
}

/** The style that follows where a line begins in this one. */
export function styleAfter(line: string, style: Style): Style {
  if (!line.includes('\u001b')) return style
  let now = style
  for (const [sequence] of line.matchAll(ESCAPES)) now = applied(sequence, now)
  return now
}

function applied(sequence: string, style: Style): Style {
  const colours = COLOURS.exec(sequence)
  if (!colours) return style
  const codes = (colours[1] ?? '').split(/[;:]/).map(Number)
  let now = style
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0
    if (code === 38 || code === 48) {
      // 38;5;n and 38;2;r;g;b: of the large palettes only the first sixteen have a place here.
      const small = codes[i + 1] === 5 ? (codes[i + 2] ?? 16) : 16
      if (code === 38 && small < 16) now = (now & ~COLOUR) | ((small % 8) + 1)
      i += codes[i + 1] === 5 ? 2 : 4
    } else now = changed(code, now)
  }
  return now
}

function changed(code: number, style: Style): Style {
  if (code === 0) return 0
  if (code === 1) return style | BOLD
  if (code === 2) return style | DIM
  if (code === 3) return style | ITALIC
  if (code === 4) return style | UNDERLINE
  if (code === 22) return style & ~(BOLD | DIM)
  if (code === 23) return style & ~ITALIC
  if (code === 24) return style & ~UNDERLINE
  if (code === 39) return style & ~COLOUR
  if (code >= 30 && code <= 37) return (style & ~COLOUR) | (code - 29)
  if (code >= 90 && code <= 97) return (style & ~COLOUR) | (code - 89)
  return style
}

function classesOf(style: Style): string {
  const classes: string[] = []
  if (style & COLOUR) classes.push(`sgr-${(style & COLOUR) - 1}`)
  else if (style & DIM) classes.push('sgr-dim')
  if (style & BOLD) classes.push('sgr-bold')
  if (style & ITALIC) classes.push('sgr-italic')
  if (style & UNDERLINE) classes.push('sgr-underline')
  return classes.join(' ')
}

/** The pieces of one line, beginning in the style that the lines before left. */
export function spans(line: string, style: Style): Span[] {
  const found: Span[] = []
  let now = style
  let at = 0
  const push = (to: number) => {
    const text = clean(line.slice(at, to))
    if (text !== '') found.push({ text, className: classesOf(now) })
  }
  for (const match of line.matchAll(ESCAPES)) {
    push(match.index)
    at = match.index + match[0].length
    now = applied(match[0], now)
  }
  push(line.length)
  return found
}

/** The line as it reads. */
export const plain = (line: string) => clean(line.includes('\u001b') ? line.replace(ESCAPES, '') : line)

const WIDE =
  /[\u1100-\u115f\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/gu
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
const ASCII = /^[\u0000-\u007f]*$/

/** How many columns of a monospace font the line takes: Chinese characters and the like take two. */
export function columns(line: string): number {
  const text = plain(line)
  if (ASCII.test(text)) return text.length
  return [...text].length + (text.match(WIDE)?.length ?? 0)
}
