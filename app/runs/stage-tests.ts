// The cases of one stage as its page shows them: what did not pass first, however many passed before it.
import type { RecordHandle } from '../../prisma/client'
import { MAX_LIMIT } from '../paging'
import type { StageOf } from './stage-of'
import type { TestCaseShape, TestPage } from './test-shapes'
import { readTests } from './tests'

export interface StageTests {
  /** In the order of the reports. */
  cases: TestCaseShape[]
  summary: TestPage['summary']
  next: string | null
}

/** One page of cases; the first has, besides, the first hundred that failed and that errored. Throws not.found. */
export async function readStageTests(record: RecordHandle, of: StageOf, after?: string): Promise<StageTests> {
  const page = await readTests(record, of, { after, limit: MAX_LIMIT })
  if (after !== undefined || page.next === null) return { cases: page.items, summary: page.summary, next: page.next }
  const bad = await Promise.all(
    ['failed', 'errored'].map((status) => readTests(record, of, { status, limit: MAX_LIMIT })),
  )
  const all = new Map([...page.items, ...bad.flatMap((b) => b.items)].map((one) => [one.position, one]))
  return {
    cases: [...all.values()].toSorted((a, b) => a.position - b.position),
    summary: page.summary,
    next: page.next,
  }
}
