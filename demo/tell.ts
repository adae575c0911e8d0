// How the demo talks: one line per thing that happened, and one line that moves while something takes long.
import { stripVTControlCharacters, styleText } from 'node:util'

const colour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined
const paint = (style: Parameters<typeof styleText>[0], text: string) => (colour ? styleText(style, text) : text)
const started = performance.now()
const clock = () => paint('dim', `${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`)

export const seconds = (ms: number) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

export function say(text: string) {
  wipe()
  console.log(`${clock()}  ${text}`)
}

export const heading = (text: string) => {
  wipe()
  console.log(`\n${clock()}  ${paint('bold', text)}`)
}
export const who = (name: string) => paint('cyan', name)
export const good = (text: string) => paint('green', text)
export const bad = (text: string) => paint('red', text)
export const faint = (text: string) => paint('dim', text)

const SIGN: Record<string, string> = {
  succeeded: good('✓'),
  deployed: good('✓'),
  failed: bad('✗'),
  errored: bad('!'),
  skipped: faint('–'),
  canceled: faint('×'),
  running: '…',
  refused: bad('⊘'),
  waiting: '⏸',
}
export const sign = (status: string) => SIGN[status] ?? '·'

let moving = false
function wipe() {
  if (moving) process.stdout.write('\r\u001b[2K')
  moving = false
}

/**
 * Asks again and again until there is an answer, and shows what it waits for.
 * @throws after `deadlineMs`, naming what did not come
 */
export async function until<T>(what: () => string, ask: () => Promise<T | null>, deadlineMs: number): Promise<T> {
  const from = performance.now()
  let lastLine = from
  for (;;) {
    const answer = await ask()
    if (answer !== null) {
      wipe()
      return answer
    }
    const passed = performance.now() - from
    if (passed > deadlineMs) throw new Error(`gave up after ${seconds(deadlineMs)}: ${what()}`)
    if (process.stdout.isTTY) {
      wipe()
      process.stdout.write(`${clock()}  ${faint(`… ${what()} (${seconds(passed)})`)}`)
      moving = true
    } else if (performance.now() - lastLine > 10_000) {
      lastLine = performance.now()
      say(faint(`… ${what()} (${seconds(passed)})`))
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** A table with columns as wide as they need to be. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]) {
  const plain = stripVTControlCharacters
  const wide = head.map((h, i) => Math.max(h.length, ...rows.map((r) => plain(r[i] ?? '').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((c, i) => c + ' '.repeat(Math.max(0, (wide[i] ?? 0) - plain(c).length)))
      .join('   ')
      .trimEnd()
  wipe()
  console.log(`\n  ${paint('bold', line(head))}`)
  for (const row of rows) console.log(`  ${line(row)}`)
  console.log()
}
