/** 90000 → `1 min 30 s`; 1500 → `1.5 s`. */
export function asDuration(ms: number): string {
  const seconds = Math.round(ms / 100) / 10
  if (seconds < 60) return `${seconds} s`
  const rest = Math.round(seconds % 60)
  return rest === 0 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 60)} min ${rest} s`
}

export function asSize(bytes: number): string {
  const mib = bytes / 2 ** 20
  return mib >= 1024 ? `${round(mib / 1024)} GiB` : `${round(mib)} MiB`
}

const round = (value: number) => Math.round(value * 10) / 10

/** Terminal sequences: colours and cursor (CSI), titles and links (OSC). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
const ESCAPES = /\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?)/g

/** Output of strangers, made fit for a page and a record: no escape sequences, no control characters. Its end is kept. */
export function plainWords(text: string, mostCharacters: number): string {
  const plain = text
    .replace(ESCAPES, '')
    .replace(/[^\P{C}\n\t]/gu, '')
    .trim()
  return plain.length <= mostCharacters ? plain : `…${plain.slice(1 - mostCharacters)}`
}
