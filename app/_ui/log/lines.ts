import type { LogPage } from '../../shapes'
import { type Style, settle, styleAfter } from './ansi'

/** More than this is only in the download: the oldest go first. */
const MAX_LINES = 400_000
/** Dropped this many at once, so that dropping is rare. */
const DROP = 20_000
/** A longer line goes on in the next row: one row never holds megabytes. */
const MAX_ROW = 4_000

/** One row of the view. */
export interface Row {
  /** The line's number; 0: the row before goes on, or it is a mark. */
  number: number
  text: string
  /** The style it begins in. */
  style: Style
  /** Bytes that were not kept here. */
  gap: number
}

/** A log as rows, growing at its end. Its memory is bounded. */
export class LogLines {
  rows: Row[] = []
  /** Rows that went for want of room. */
  dropped = 0
  #number = 0
  #style: Style = 0
  /** The last line has not ended yet: what comes next belongs to it. */
  #open = ''
  #openRows = 0

  /** Rows that will not change any more: all but those of the unfinished line. */
  get settled() {
    return this.rows.length - this.#openRows
  }

  get lineCount() {
    return this.#number
  }

  clear() {
    this.rows = []
    this.dropped = 0
    this.#number = 0
    this.#style = 0
    this.#open = ''
    this.#openRows = 0
  }

  append(page: Pick<LogPage, 'text' | 'gaps'>) {
    let at = 0
    for (const gap of page.gaps) {
      this.#take(page.text.slice(at, gap.at))
      this.#close()
      this.rows.push({ number: 0, text: '', style: 0, gap: gap.bytes })
      at = gap.at
    }
    this.#take(page.text.slice(at))
    if (this.rows.length > MAX_LINES) {
      this.rows.splice(0, DROP)
      this.dropped += DROP
    }
  }

  #take(text: string) {
    if (text === '') return
    const parts = (this.#open + text).split('\n')
    // The rows of the unfinished line are made again with what has come to it.
    if (this.#openRows > 0) {
      this.rows.length -= this.#openRows
      this.#number--
      this.#openRows = 0
    }
    this.#open = parts.pop() ?? ''
    for (const line of parts) this.#style = this.#write(line)
    if (this.#open !== '') {
      const before = this.rows.length
      this.#write(this.#open)
      this.#openRows = this.rows.length - before
    }
  }

  /** @returns the style after the line */
  #write(line: string): Style {
    const shown = settle(line)
    this.#number++
    let style = this.#style
    for (let from = 0; from === 0 || from < shown.length; from += MAX_ROW) {
      const text = shown.slice(from, from + MAX_ROW)
      this.rows.push({ number: from === 0 ? this.#number : 0, text, style, gap: 0 })
      style = styleAfter(text, style)
    }
    return styleAfter(line, this.#style)
  }

  /** The unfinished line stays as it is. */
  #close() {
    if (this.#openRows > 0) this.#style = styleAfter(this.#open, this.#style)
    this.#open = ''
    this.#openRows = 0
  }
}
