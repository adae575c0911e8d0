// What every figure is made of: rounds of A B A B in one run, ratios within a pair, waits that end.
import { setTimeout as sleep } from 'node:timers/promises'

/** What a figure has to say for itself. */
export interface Figure {
  name: string
  what: string
  against: string
  aim: string
  measured: string
  /** null: nothing was aimed at, or it could not be measured. */
  met: boolean | null
  /** Tables and paragraphs in Markdown: where the time goes, and what the figure does not say. */
  where: string[]
}

export interface Spread {
  median: number
  min: number
  max: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (i: number) => sorted[i] ?? Number.NaN
  const half = sorted.length / 2
  const median = sorted.length % 2 === 1 ? at(Math.floor(half)) : (at(half - 1) + at(half)) / 2
  return { median, min: at(0), max: at(sorted.length - 1) }
}

export const median = (values: readonly number[]) => spread(values).median

/** `median (min … max)`. */
export function show({ median: middle, min, max }: Spread, digits: number, unit = ''): string {
  const n = (x: number) => (Number.isFinite(x) ? x.toFixed(digits) : '–')
  return `${n(middle)}${unit} (${n(min)} … ${n(max)})`
}

/** Pairs of the two things compared, the order of a pair swapped each time, so that neither always comes second. */
export async function alternate<A, B>(
  pairs: number,
  a: () => Promise<A>,
  b: () => Promise<B>,
): Promise<{ a: A; b: B }[]> {
  const taken: { a: A; b: B }[] = []
  for (let i = 0; i < pairs; i++) {
    if (i % 2 === 0) taken.push({ a: await a(), b: await b() })
    else {
      const second = await b()
      taken.push({ a: await a(), b: second })
    }
  }
  return taken
}

/** Asks until there is an answer. `everyMs` is how late the answer may be noticed: keep it out of what is measured. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null>,
  deadlineMs = 60_000,
  everyMs = 50,
): Promise<T> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (answer !== null) return answer
    if (performance.now() > end) throw new Error(`gave up after ${deadlineMs / 1000} s: ${what}`)
    await sleep(everyMs)
  }
}

/** A table in Markdown, its columns as wide as they need to be. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const wide = head.map((title, i) => Math.max(3, title.length, ...rows.map((row) => String(row[i] ?? '').length)))
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell, i) => String(cell).padEnd(wide[i] ?? 0)).join(' | ')} |`
  return [line(head), line(wide.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** Now on the clock that the database and the engine stamp their rows with; only for laying out what happened when. */
export const wallMs = () => performance.timeOrigin + performance.now()
