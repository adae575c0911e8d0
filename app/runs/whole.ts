// A run as its page shows it: with its tests and artifacts counted, its merge request, its tags and what is merged back.
import { z } from 'zod'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import type { Prisma } from '../../prisma/generated/client'
import type { StageShape } from '../shapes'
import { readRun } from './read'
import { type BackMergeShape, BesideShape, type RunStage, type RunWhole, TestSummaryShape } from './shapes'

const MERGE_REQUEST = {
  id: true,
  iid: true,
  title: true,
  source: true,
  target: true,
  status: true,
  fork: true,
  sourcePath: true,
} as const satisfies Prisma.MergeRequestSelect

const BACK_MERGE = {
  id: true,
  source: true,
  target: true,
  hotfix: true,
  status: true,
  because: true,
  iid: true,
  url: true,
  createdAt: true,
} as const satisfies Prisma.BackMergeSelect

/** Tags and back-merges that one page shows. */
const MOST = 20

const ABOUT = {
  projectId: true,
  branch: true,
  commit: true,
  origin: true,
  definitionCommit: true,
  mergeRequest: { select: MERGE_REQUEST },
  tags: { select: { id: true, name: true, status: true, because: true, by: true }, orderBy: { id: 'asc' }, take: MOST },
  promotions: { select: { backMerges: { select: BACK_MERGE } }, orderBy: { id: 'asc' }, take: MOST },
  stages: {
    where: { promotionId: null },
    select: { id: true, name: true, definition: true, tests: true },
    orderBy: { position: 'asc' },
  },
} as const satisfies Prisma.RunSelect
type About = Prisma.RunGetPayload<{ select: typeof ABOUT }>

/** Of a definition, what stands beside the commands; an older one has neither. */
const Beside = z
  .object({ services: BesideShape.shape.services.catch([]), cache: z.array(z.string()).catch([]) })
  .catch({ services: [], cache: [] })
const Tests = TestSummaryShape.nullable().catch(null)

function asWholeStage(stage: StageShape, row: About['stages'][number] | undefined, artifacts: number): RunStage {
  const { services, cache } = Beside.parse(row?.definition)
  return {
    ...stage,
    services,
    caches: cache,
    tests: Tests.parse(row?.tests ?? null),
    artifacts,
  }
}

const asBackMerge = (row: Prisma.BackMergeGetPayload<{ select: typeof BACK_MERGE }>): BackMergeShape => ({
  ...row,
  createdAt: row.createdAt.toISOString(),
})

/** The merge request whose head this commit is: a fork's is linked, one of the repository itself is found by its branch. */
const mergeRequestOf = async (record: RecordHandle, about: About) =>
  about.mergeRequest ??
  (await record.db.mergeRequest.findFirst({
    where: { projectId: about.projectId, head: about.commit, source: about.branch, fork: false },
    select: MERGE_REQUEST,
    orderBy: { id: 'desc' },
  }))

/** How many files each stage left; those of an earlier attempt are gone. */
async function artifactsOf(record: RecordHandle, stages: About['stages']): Promise<Map<number, number>> {
  const counted = await record.db.artifact.groupBy({
    by: ['stageId'],
    where: { stageId: { in: stages.map((s) => s.id) } },
    _count: { _all: true },
  })
  return new Map(counted.map((c) => [c.stageId, c._count._all]))
}

/** One run with everything its page shows. Throws not.found. */
export async function readWholeRun(record: RecordHandle, id: number): Promise<RunWhole> {
  const run = await readRun(record, id)
  const about = await record.db.run.findUnique({ where: { id }, select: ABOUT })
  if (!about) throw new Fault('not.found', `there is no run #${id}`)
  const [mergeRequest, artifacts] = await Promise.all([
    mergeRequestOf(record, about),
    artifactsOf(record, about.stages),
  ])
  return {
    ...run,
    origin: about.origin,
    mergeRequest,
    definitionCommit: about.definitionCommit,
    stages: run.stages.map((stage) => {
      const row = about.stages.find((s) => s.name === stage.name)
      return asWholeStage(stage, row, artifacts.get(row?.id ?? 0) ?? 0)
    }),
    tags: about.tags,
    backMerges: about.promotions.flatMap((p) => p.backMerges.map(asBackMerge)),
  }
}
