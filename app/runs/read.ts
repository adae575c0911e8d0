import { z } from 'zod'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { databaseClock } from '../../prisma/clock'
import type { Prisma } from '../../prisma/generated/client'
import { type Alive, whoIsAlive } from '../_server/alive'
import { asPromotion, PROMOTION_COLUMNS } from '../environments/read'
import { commitUrl } from '../forge-links'
import { asPage, isId, onePage, type PageAsk } from '../paging'
import { type PageOf, RunDetail, type RunSummary, TrustShape } from '../shapes'
import { asStage, lasted, STAGE_COLUMNS, STAGE_TIMES, type Times } from '../stages'
import { readTrail } from '../trail'
import { type Visible, within } from '../visible'
import { whyRunWaits } from './waiting'

const SUMMARY = {
  id: true,
  service: true,
  branch: true,
  branchKind: true,
  trust: true,
  epoch: true,
  commit: true,
  title: true,
  pusherName: true,
  status: true,
  because: true,
  createdAt: true,
  startedAt: true,
  finishedAt: true,
  project: { select: { id: true, path: true, forge: true, webUrl: true } },
} as const satisfies Prisma.RunSelect
type SummaryRow = Prisma.RunGetPayload<{ select: typeof SUMMARY }>

/** Its stages, without those that verified one of its promotions. */
const OWN = { promotionId: null } as const

const DETAIL = {
  ...SUMMARY,
  before: true,
  tree: true,
  goesTo: true,
  dueAt: true,
  attempts: true,
  plan: true,
  stages: {
    where: OWN,
    select: STAGE_COLUMNS,
    orderBy: { position: 'asc' },
  },
  promotions: { select: PROMOTION_COLUMNS, orderBy: { id: 'asc' } },
  deliveries: { select: { id: true }, orderBy: { id: 'asc' }, take: 50 },
} as const satisfies Prisma.RunSelect
type DetailRow = Prisma.RunGetPayload<{ select: typeof DETAIL }>

/** Until a worker has looked at the run its row has the lowest class, which is a safe ceiling and not what the run is. */
const trustOfRun = ({ trust, epoch, branchKind }: Pick<SummaryRow, 'trust' | 'epoch' | 'branchKind'>) =>
  epoch === 0 && trust === 'fork' && branchKind !== 'fork' ? null : TrustShape.parse(trust)

function asSummary(row: SummaryRow, stages: readonly Times[], now: Date): Omit<RunSummary, 'stages'> {
  const starts = stages.flatMap((s) => (s.startedAt ? [s.startedAt.getTime()] : []))
  return {
    id: row.id,
    project: { id: row.project.id, path: row.project.path },
    service: row.service,
    branch: row.branch,
    branchKind: row.branchKind,
    trust: trustOfRun(row),
    commit: row.commit,
    title: row.title,
    pusher: row.pusherName,
    status: row.status,
    because: row.because,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    ms: lasted(row, now),
    waited_ms: starts.length > 0 ? Math.max(0, Math.min(...starts) - row.createdAt.getTime()) : null,
  }
}

export interface RunFilter extends PageAsk {
  service?: string | undefined
  branch?: string | undefined
  /** A status of RUN */
  status?: string | undefined
  /** A project's id */
  project?: number | undefined
}

/** Runs, newest first; every filter must hold. Throws input.invalid for a cursor that is none. */
export async function listRuns(
  record: RecordHandle,
  visible: Visible,
  ask: RunFilter = {},
): Promise<PageOf<RunSummary>> {
  const page = onePage(ask)
  const where: Prisma.RunWhereInput = { ...page.before, ...within(visible, ask.project) }
  if (ask.service !== undefined) where.service = ask.service
  if (ask.branch !== undefined) where.branch = ask.branch
  if (ask.status !== undefined) where.status = ask.status
  const rows = await record.db.run.findMany({
    where,
    select: { ...SUMMARY, stages: { where: OWN, select: STAGE_TIMES, orderBy: { position: 'asc' } } },
    orderBy: page.orderBy,
    take: page.take,
  })
  const now = await databaseClock(record.pool)
  return asPage(rows, page.limit, (row) => ({
    ...asSummary(row, row.stages, now),
    stages: row.stages.map((s) => ({ name: s.name, status: s.status, ms: lasted(s, now) })),
  }))
}

/** Of a plan, what people look at. */
const Plan = z
  .object({ problems: RunDetail.shape.problems.catch([]), templated: z.boolean().catch(false) })
  .catch({ problems: [], templated: false })

function asDetail(row: DetailRow, trail: RunDetail['trail'], facts: Alive): RunDetail {
  const plan = Plan.parse(row.plan)
  return {
    ...asSummary(row, row.stages, facts.now),
    before: row.before,
    tree: row.tree,
    webUrl: commitUrl(row.project, row.commit),
    goesTo: row.goesTo,
    stages: row.stages.map((s) => asStage(s, facts.now)),
    promotions: row.promotions.map((p) => asPromotion(p, facts)),
    waiting: whyRunWaits(row, row.stages, facts),
    problems: plan.problems,
    templated: plan.templated,
    deliveries: row.deliveries.map((d) => d.id),
    trail,
  }
}

/** One run with everything its page shows. Throws not.found. */
export async function readRun(record: RecordHandle, id: number): Promise<RunDetail> {
  if (!isId(id)) throw new Fault('not.found', `there is no run #${id}`)
  const [row, trail, facts] = await Promise.all([
    record.db.run.findUnique({ where: { id }, select: DETAIL }),
    readTrail(record, { runId: id }),
    whoIsAlive(record),
  ])
  if (!row) throw new Fault('not.found', `there is no run #${id}`)
  return asDetail(row, trail, facts)
}

export interface RunFilters {
  services: string[]
  branches: string[]
}

/** What the list's filters offer: services and branches of the newest 1,000 runs. */
export async function runFilters(record: RecordHandle, visible: Visible): Promise<RunFilters> {
  const { rows } = await record.pool.query<RunFilters>(
    `WITH recent AS (SELECT service, branch FROM "Run" ${visible === 'all' ? '' : 'WHERE "projectId" = ANY($1)'} ORDER BY id DESC LIMIT 1000)
     SELECT ARRAY(SELECT DISTINCT service FROM recent ORDER BY 1 LIMIT 100) AS services,
            ARRAY(SELECT DISTINCT branch FROM recent ORDER BY 1 LIMIT 100) AS branches`,
    visible === 'all' ? [] : [visible],
  )
  return rows[0] ?? { services: [], branches: [] }
}
