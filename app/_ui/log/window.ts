// Which rows are in sight. Every row has a whole number of text lines, all of one height, so nothing has to be measured. Pure.
import { columns } from './ansi'
import type { Row } from './lines'

export const LINE_PX = 20
/** Up to this many rows are all drawn, and the browser's own search finds everything. */
const ALL = 1_500
const BEYOND = 40

/** Where each row begins, in text lines. Without wrapping that is its index. */
export class Layout {
  /** starts[i]: text lines before row i; one more entry than rows. */
  #starts: number[] = [0]
  #columns = 0
  #first: Row | undefined
  #settled = 0

  /**
   * @param wrap columns that fit in one text line; 0: lines are not wrapped
   * @param settled rows at the beginning that will not change any more
   */
  measure(rows: readonly Row[], wrap: number, settled: number) {
    // What went from the front, or another width: all anew. Otherwise only what was not settled the last time.
    if (wrap !== this.#columns || rows[0] !== this.#first) this.#settled = 0
    this.#columns = wrap
    this.#first = rows[0]
    if (wrap === 0) return
    const known = Math.min(this.#settled, rows.length, this.#starts.length - 1)
    this.#settled = settled
    this.#starts.length = known + 1
    for (let i = known; i < rows.length; i++) {
      const row = rows[i]
      const lines = row ? Math.max(1, Math.ceil(columns(row.text) / wrap)) : 1
      this.#starts.push((this.#starts[i] ?? 0) + lines)
    }
  }

  start(row: number) {
    return this.#columns === 0 ? row : (this.#starts[row] ?? this.#starts.at(-1) ?? 0)
  }

  /** The row that holds this text line. */
  rowAt(line: number, count: number) {
    if (this.#columns === 0) return Math.max(0, Math.min(Math.floor(line), count - 1))
    let low = 0
    let high = Math.max(0, count - 1)
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] ?? 0) <= line) low = middle
      else high = middle - 1
    }
    return low
  }

  /** From `first` up to but not including `end` are to be drawn. */
  inSight(top: number, height: number, count: number): { first: number; end: number } {
    if (count <= ALL) return { first: 0, end: count }
    return {
      first: Math.max(0, this.rowAt(top / LINE_PX, count) - BEYOND),
      end: Math.min(count, this.rowAt((top + height) / LINE_PX, count) + 1 + BEYOND),
    }
  }
}
