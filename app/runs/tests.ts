// What the tests of a stage came to: the cases of its latest attempt that left any.
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { DEFAULT_LIMIT, MAX_LIMIT } from '../paging'
import { TestSummaryShape } from './shapes'
import { type StageOf, stageId } from './stage-of'
import type { TestCaseShape, TestPage } from './test-shapes'

export interface TestFilter {
  /** `next` of the page before */
  after?: string | undefined
  limit?: number | undefined
  /** passed | failed | errored | skipped */
  status?: string | undefined
}

/** `<epoch>.<position>`: the attempt, and the last case of the page before. */
function parseCursor(after: string | undefined): { epoch: number; position: number } | null {
  if (after === undefined || after === '') return null
  const parts = /^(\d{1,9})\.(\d{1,9})$/.exec(after)
  if (!parts) throw new Fault('input.invalid', 'after: this is no cursor of tests: pass the `next` of the page before')
  return { epoch: Number(parts[1]), position: Number(parts[2]) }
}

const Stored = TestSummaryShape.nullable().catch(null)

/**
 * The cases of a stage in the order of its reports. A cursor of an earlier attempt starts again at the beginning.
 * Throws not.found, or input.invalid for a cursor that is none.
 */
export async function readTests(record: RecordHandle, of: StageOf, ask: TestFilter = {}): Promise<TestPage> {
  const asked = parseCursor(ask.after)
  const limit = Math.min(Math.max(ask.limit ?? DEFAULT_LIMIT, 1), MAX_LIMIT)
  const id = await stageId(record, of)
  const stage = await record.db.stage.findUnique({
    where: { id },
    select: { id: true, name: true, status: true, tests: true },
  })
  if (stage === null) throw new Fault('not.found', `the stage ${of.stage} was removed just now`)
  const newest = await record.db.testCase.findFirst({
    where: { stageId: id },
    select: { epoch: true },
    orderBy: { epoch: 'desc' },
  })
  const head = {
    stage: stage.name,
    status: stage.status,
    summary: Stored.parse(stage.tests),
    attempt: newest?.epoch ?? 0,
  }
  if (newest === null) return { ...head, items: [], next: null }
  const rows = await record.db.testCase.findMany({
    where: {
      stageId: id,
      epoch: newest.epoch,
      ...(asked?.epoch === newest.epoch ? { position: { gt: asked.position } } : {}),
      ...(ask.status === undefined ? {} : { status: ask.status }),
    },
    orderBy: { position: 'asc' },
    take: limit + 1,
  })
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    ...head,
    items: shown.map(
      ({ position, suite, name, status, ms, message, output }): TestCaseShape => ({
        position,
        suite,
        name,
        status,
        ms,
        message,
        output,
      }),
    ),
    next: rows.length > limit && last ? `${newest.epoch}.${last.position}` : null,
  }
}
