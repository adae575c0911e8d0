// A JUnit report, as the many tools write it that call their output so. Pure; the file is as untrusted as the step that left it.
import { SaxesParser } from 'saxes'
import type { CaseStatus, TestCase } from './test-report'

/** Bytes; a larger report is not read. */
export const MAX_REPORT = 5 * 1024 * 1024
/** Cases that are kept of a report, and of a stage. */
export const MAX_CASES = 2_000
/** Cases that are counted of a report: what has more was written to be slow. */
const MAX_COUNTED = 100_000
const MAX_DEPTH = 100
/** Bytes of a case's message, and of its output. */
const MAX_TEXT = 8 * 1024
const MAX_NAME = 1024
/** 24 days, which is what the record's column holds. */
const MAX_MS = 2 ** 31 - 1

/** How many cases there were, those included that are not kept. */
export type Tally = Record<'total' | CaseStatus | 'ms', number>

export interface JunitReport {
  /** At most MAX_CASES, in the order of the report; where there are more, those that did not pass come first. */
  cases: TestCase[]
  tally: Tally
  /** Why the report, or the rest of it, could not be read: empty where it could. */
  problems: string[]
}

/**
 * Reads one report. Never throws, whatever the bytes are. What stands before a mistake in the XML is kept.
 * @param clean is given every text before it is cut, to take secrets out of it
 */
export function parseJunit(bytes: Buffer, clean: (text: string) => string = (text) => text): JunitReport {
  const reading = new Reading(clean)
  const problem = bytes.length > MAX_REPORT ? `is larger than ${MAX_REPORT / 1024 ** 2} MiB` : reading.read(bytes)
  return { cases: mostTelling(reading.cases, MAX_CASES), tally: reading.tally, problems: problem ? [problem] : [] }
}

export const emptyTally = (): Tally => ({ total: 0, passed: 0, failed: 0, errored: 0, skipped: 0, ms: 0 })

/** At most so many cases, in their order: those that did not pass, and then the first that did. */
export function mostTelling(cases: readonly TestCase[], most: number): TestCase[] {
  const isBad = ({ status }: TestCase) => status === 'failed' || status === 'errored'
  const bad = Math.min(most, cases.filter(isBad).length)
  let roomForBad = bad
  let roomForOthers = most - bad
  return cases.filter((c) => (isBad(c) ? roomForBad-- > 0 : roomForOthers-- > 0))
}

/** The end of a text is left out, never half a character; the mark is what tells. Bytes. */
export function cutText(text: string, most: number): string {
  if (text.length <= most && Buffer.byteLength(text) <= most) return text
  // A character has at most four bytes: what lies beyond cannot be within the limit.
  const head = Buffer.from(text.slice(0, most)).subarray(0, most - Buffer.byteLength('…'))
  return `${new TextDecoder('utf-8', { ignoreBOM: true }).decode(head, { stream: true })}…`
}

/** What decides about a case, the worst first. */
const OUTCOMES: readonly [element: string, status: CaseStatus][] = [
  ['error', 'errored'],
  ['failure', 'failed'],
  ['skipped', 'skipped'],
]
const OUTPUTS = ['system-out', 'system-err']

interface OpenCase {
  suite: string
  name: string
  ms: number
  found: Map<string, { message: string; texts: string[] }>
  outputs: string[]
}

class Reading {
  readonly cases: TestCase[] = []
  readonly tally = emptyTally()
  private readonly clean: (text: string) => string
  private readonly path: string[] = []
  private readonly suites: string[] = []
  private current: OpenCase | null = null
  private text: string[] | null = null

  constructor(clean: (text: string) => string) {
    this.clean = clean
  }

  /** @returns what is wrong, or null */
  read(bytes: Buffer): string | null {
    let text: string
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } catch {
      return 'is not UTF-8' // the decoder says no more than that
    }
    if (text.trim() === '') return 'is empty'
    const declared = /^\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([\w.:-]{1,40})["']/.exec(text)?.[1] ?? 'UTF-8'
    if (!/^(utf-?8|us-ascii)$/i.test(declared) && text.length !== bytes.length)
      return `says that it is ${declared}: reports are read as UTF-8`
    try {
      this.parse(text)
      return null
    } catch (error) {
      return error instanceof Error
        ? `is not a readable report: ${cutText(error.message, 200)}`
        : 'is not a readable report'
    }
  }

  private parse(text: string) {
    const parser = new SaxesParser()
    // Its own table inherits from Object: `&constructor;` would be known.
    parser.ENTITIES = Object.assign(Object.create(null), { amp: '&', gt: '>', lt: '<', quot: '"', apos: "'" })
    parser.on('opentag', ({ name, attributes }) => this.open(localName(name), attributes))
    parser.on('closetag', ({ name }) => this.close(localName(name)))
    parser.on('text', (piece) => this.text?.push(piece))
    parser.on('cdata', (piece) => this.text?.push(piece))
    // Without a listener for errors, the first is thrown: nothing after it is believed. A terminal's colours are not worth that.
    parser.write(text.replaceAll(/(?![\t\n\r])[\p{Cc}\uffff\ufffe]/gu, '\ufffd')).close()
  }

  private open(name: string, attributes: Record<string, string>) {
    if (this.path.length === 0 && name !== 'testsuites' && name !== 'testsuite')
      throw new Error(`its root is <${cutText(name, 40)}>, expected <testsuites> or <testsuite>`)
    if (this.path.length >= MAX_DEPTH) throw new Error(`it is nested deeper than ${MAX_DEPTH} elements`)
    const parent = this.path.at(-1)
    this.path.push(name)
    if (name === 'testsuite') this.suites.push(this.tidy(attributes.name ?? '', MAX_NAME))
    else if (name === 'testcase' && this.current === null) this.current = this.begin(attributes)
    else if (this.current !== null && parent === 'testcase') this.within(this.current, name, attributes)
  }

  private begin(attributes: Record<string, string>): OpenCase {
    if (this.tally.total >= MAX_COUNTED) throw new Error(`it holds more than ${MAX_COUNTED} cases`)
    const name = this.tidy(attributes.name ?? '', MAX_NAME)
    const ofClass = this.tidy(attributes.classname ?? '', MAX_NAME)
    // Some tools fill in the class because the format wants one: `test` for all, or the title of the case once more.
    const isTelling = ofClass !== '' && ofClass !== 'test' && ofClass !== name
    const nested = this.suites.filter((suite) => suite !== '').join(' › ')
    const suite = isTelling || nested === '' ? ofClass : cutText(nested, MAX_NAME)
    return { suite, name, ms: milliseconds(attributes.time), found: new Map(), outputs: [] }
  }

  private within(open: OpenCase, name: string, attributes: Record<string, string>) {
    if (OUTPUTS.includes(name)) this.text = open.outputs
    if (!OUTCOMES.some(([element]) => element === name)) return
    const known = open.found.get(name) ?? { message: attributes.message ?? attributes.type ?? '', texts: [] }
    open.found.set(name, known)
    this.text = known.texts
  }

  private close(name: string) {
    this.path.pop()
    if (name === 'testsuite') this.suites.pop()
    if (this.current === null || this.path.includes('testcase')) {
      if (this.path.at(-1) === 'testcase') this.text = null
      return
    }
    if (name === 'testcase') this.end(this.current)
  }

  private end(open: OpenCase) {
    this.current = null
    this.text = null
    const [element, status] = OUTCOMES.find(([name]) => open.found.has(name)) ?? ['', 'passed' as const]
    this.tally.total += 1
    this.tally[status] += 1
    this.tally.ms = Math.min(MAX_MS, this.tally.ms + open.ms)
    const { suite, name, ms } = open
    const { message = '', texts = [] } = open.found.get(element) ?? {}
    const isBad = status === 'failed' || status === 'errored'
    const output = isBad ? this.output(texts, open.outputs) : ''
    const said = message || (firstLine(texts) ?? '')
    this.cases.push({ suite, name, status, ms, message: this.tidy(said, MAX_TEXT), output })
    // What was passed over must not fill the memory either.
    if (this.cases.length >= 2 * MAX_CASES)
      this.cases.splice(0, Number.POSITIVE_INFINITY, ...mostTelling(this.cases, MAX_CASES))
  }

  private output(texts: readonly string[], outputs: readonly string[]): string {
    const parts = [texts.join(''), outputs.join('\n')].map((part) => part.trim()).filter((part) => part !== '')
    return this.tidy(parts.join('\n\n'), MAX_TEXT)
  }

  private tidy(text: string, most: number): string {
    const plain = text.trim()
    return plain === '' ? '' : cutText(this.clean(plain), most)
  }
}

const localName = (name: string) => name.slice(name.indexOf(':') + 1)

const firstLine = (texts: readonly string[]) =>
  texts
    .join('')
    .split('\n', 50)
    .find((line) => line.trim() !== '')

/** Seconds as tools write them (0.5, 1,234.5 or 0,5) in milliseconds; what is no number is 0. */
function milliseconds(time: string | undefined): number {
  if (time === undefined || time.length > 40) return 0
  const plain = time.includes('.') ? time.replaceAll(',', '') : time.replace(',', '.')
  const ms = Math.round(Number(plain) * 1000)
  return ms > 0 ? Math.min(ms, MAX_MS) : 0
}
