import { describe, expect, it } from 'vitest'
import { columns, plain, settle, spans, styleAfter } from '../../app/_ui/log/ansi'
import { LogLines } from '../../app/_ui/log/lines'
import { Layout } from '../../app/_ui/log/window'

const E = '\u001b'
const texts = (lines: LogLines) => lines.rows.map((r) => (r.gap ? `gap ${r.gap}` : r.text))
const read = (...pages: string[]) => {
  const lines = new LogLines()
  for (const text of pages) lines.append({ text, gaps: [] })
  return lines
}

describe('output', () => {
  it('keeps its colours and loses every other sequence', () => {
    expect(spans(`${E}[31;1mbad${E}[0m ${E}]0;title${E}\\${E}[2J${E}[38;5;2mgood${E}[39m${E}(B`, 0)).toEqual([
      { text: 'bad', className: 'sgr-1 sgr-bold' },
      { text: ' ', className: '' },
      { text: 'good', className: 'sgr-2' },
    ])
  })

  it('cannot hide or turn around what it says', () => {
    expect(plain('a\u202eb\u0000c\u2066d')).toBe('abcd')
    expect(plain(`${E}]8;;https://elsewhere.example\u0007here${E}]8;;\u0007`)).toBe('here')
  })

  it('carries a colour over the end of a line', () => {
    const lines = read(`${E}[32mgreen\nstill\n${E}[0mplain\n`)
    expect(lines.rows.map((r) => spans(r.text, r.style)[0]?.className)).toEqual(['sgr-2', 'sgr-2', ''])
    expect(styleAfter(`${E}[1m`, 0)).not.toBe(0)
  })

  it('shows of a progress line what a terminal would have left', () => {
    expect(settle('10%\r60%\rdone')).toBe('done')
    expect(settle('windows\r')).toBe('windows')
  })

  it('does not take long over what looks like the beginning of a sequence', () => {
    const before = performance.now()
    plain(`${E}]`.repeat(50_000))
    plain(`${E}[${';'.repeat(200_000)}`)
    expect(performance.now() - before).toBeLessThan(2_000)
  })
})

describe('lines', () => {
  it('are the same however the pages were cut', () => {
    const whole = read('one\ntwo\nthree\n')
    const cut = read('on', 'e\ntw', 'o\nthree', '\n')
    expect(texts(cut)).toEqual(texts(whole))
    expect(cut.lineCount).toBe(3)
    expect(cut.rows.map((r) => r.number)).toEqual([1, 2, 3])
  })

  it('stand around a mark where something was not kept', () => {
    const lines = new LogLines()
    lines.append({ text: 'before\nafter\n', gaps: [{ at: 7, bytes: 1_900 }] })
    expect(texts(lines)).toEqual(['before', 'gap 1900', 'after'])
  })

  it('that are very long go on in the next row under the same number', () => {
    const lines = read('x'.repeat(9_000), 'x'.repeat(1_000), '\nend\n')
    expect(lines.rows.map((r) => r.text.length)).toEqual([4_000, 4_000, 2_000, 3])
    expect(lines.rows.map((r) => r.number)).toEqual([1, 0, 0, 2])
  })

  it('are bounded', () => {
    const lines = new LogLines()
    for (let i = 0; i < 9; i++) lines.append({ text: '\n'.repeat(50_000), gaps: [] })
    expect(lines.rows.length).toBeLessThanOrEqual(450_000)
    expect(lines.dropped + lines.rows.length).toBe(450_000)
  })
})

describe('the window', () => {
  it('draws what is in sight and a little more', () => {
    const lines = read('line\n'.repeat(10_000))
    const layout = new Layout()
    layout.measure(lines.rows, 0, lines.settled)
    expect(layout.inSight(100_000, 600, lines.rows.length)).toEqual({ first: 4_960, end: 5_071 })
  })

  it('knows the heights of wrapped lines, also of one that is still growing', () => {
    const lines = read('short\n', '0123456789'.repeat(3))
    const layout = new Layout()
    layout.measure(lines.rows, 10, lines.settled)
    expect([0, 1, 2].map((i) => layout.start(i))).toEqual([0, 1, 4])
    lines.append({ text: '01234567890\nnext', gaps: [] })
    layout.measure(lines.rows, 10, lines.settled)
    expect([0, 1, 2, 3].map((i) => layout.start(i))).toEqual([0, 1, 6, 7])
    expect(layout.rowAt(5, 3)).toBe(1)
    expect(columns('部署ok')).toBe(6)
  })
})
