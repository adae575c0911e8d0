import type { Trust } from '../../audit/trust'
import { frozenAt, nextFreeze } from '../../environments/freeze'
import { judgeNow } from '../../environments/judge-now'
import { isDeclaredReturn, PROMOTION_KINDS, type PromotionKind } from '../../environments/promotion'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { Prisma } from '../../prisma/generated/client'
import { transaction } from '../../prisma/record'
import { whoIsAlive } from '../_server/alive'
import type { Viewer } from '../_server/permit'
import { readAnswers } from '../approvals/votes'
import { OBSERVED_THERE } from '../environments/observed'
import { policyOf } from '../environments/policy'
import { asPromotion, PROMOTION_COLUMNS } from '../environments/read'
import { compareUrl } from '../forge-links'
import { asPage, isId, onePage, type PageAsk } from '../paging'
import type { PageOf, VerdictShape } from '../shapes'
import { asStage, STAGE_COLUMNS } from '../stages'
import { readTrail } from '../trail'
import { asIds, type Visible, within } from '../visible'
import { canDo } from './can'
import { differences } from './differences'
import { type PromotionDetail, type PromotionItem, TestsShape } from './shapes'

const ITEM = {
  ...PROMOTION_COLUMNS,
  environment: { select: { id: true, name: true, project: { select: { id: true, path: true } } } },
  run: { select: { branch: true, title: true } },
} as const satisfies Prisma.PromotionSelect
type ItemRow = Prisma.PromotionGetPayload<{ select: typeof ITEM }>
type Alive = Awaited<ReturnType<typeof whoIsAlive>>

const asItem = (row: ItemRow, facts: Alive, judged?: VerdictShape[]): PromotionItem => ({
  ...asPromotion(row, facts, judged),
  project: row.environment.project,
  service: row.release.service,
  branch: row.run.branch,
  title: row.run.title,
})

export interface PromotionFilter extends PageAsk {
  /** A project's id */
  project?: number | undefined
  /** Name of an environment */
  environment?: string | undefined
  /** Id of an environment */
  environmentId?: number | undefined
  /** A status of PROMOTION */
  status?: string | undefined
  /** A release's id */
  release?: number | undefined
}

/** Environments that a filter may mean: those of one name, of every project. */
const MAX_PLACES = 1_000

/** Promotions, newest first; every filter must hold. Throws input.invalid for a cursor that is none. */
export async function listPromotions(
  record: RecordHandle,
  visible: Visible,
  ask: PromotionFilter = {},
): Promise<PageOf<PromotionItem>> {
  const page = onePage(ask)
  const where: Prisma.PromotionWhereInput = { ...page.before }
  if (ask.environmentId !== undefined && visible === 'all') where.environmentId = ask.environmentId
  else if (ask.environment !== undefined || ask.project !== undefined || visible !== 'all') {
    // Their ids first: then the index of an environment's promotions serves the list, however long it is.
    const places = await record.db.environment.findMany({
      where: {
        ...(ask.environment === undefined ? {} : { name: ask.environment }),
        ...(ask.environmentId === undefined ? {} : { id: ask.environmentId }),
        ...within(visible, ask.project),
      },
      select: { id: true },
      orderBy: { id: 'asc' },
      take: MAX_PLACES,
    })
    where.environmentId = { in: places.map((p) => p.id) }
  }
  if (ask.status !== undefined) where.status = ask.status
  if (ask.release !== undefined) where.releaseId = ask.release
  const [rows, facts] = await Promise.all([
    record.db.promotion.findMany({ where, select: ITEM, orderBy: page.orderBy, take: page.take }),
    whoIsAlive(record),
  ])
  return asPage(rows, page.limit, (row) => asItem(row, facts))
}

const RELEASE = {
  id: true,
  service: true,
  tag: true,
  digest: true,
  version: true,
  commit: true,
  plan: true,
} as const satisfies Prisma.ReleaseSelect

const DETAIL = {
  ...PROMOTION_COLUMNS,
  insteadOf: true,
  ask: true,
  startedByHand: true,
  forgeDeployment: true,
  forgeState: true,
  forgeBecause: true,
  environment: {
    select: {
      id: true,
      name: true,
      policy: true,
      policyVersion: true,
      project: { select: { id: true, path: true, forge: true, webUrl: true } },
    },
  },
  release: { select: { ...RELEASE, bytes: true, refusedAt: true, refusedBy: true, refusedBecause: true } },
  run: { select: { branch: true, branchKind: true, title: true, pusherName: true } },
} as const satisfies Prisma.PromotionSelect
type DetailRow = Prisma.PromotionGetPayload<{ select: typeof DETAIL }>

/** One promotion with everything its page shows, and what this viewer may do with it. Throws not.found. */
export async function readPromotion(
  record: RecordHandle,
  id: number,
  viewer: Viewer,
  trust: Trust,
): Promise<PromotionDetail> {
  const row = isId(id) ? await record.db.promotion.findUnique({ where: { id }, select: DETAIL }) : null
  if (row === null) throw new Fault('not.found', `there is no promotion #${id}`)
  const [facts, judged, before, running, replacedBy, tests, stages, trail, answers] = await Promise.all([
    whoIsAlive(record),
    row.status === 'waiting' ? verdictsNow(record, id, trust) : undefined,
    row.deployedAt === null ? null : ranBefore(record, row, row.deployedAt),
    runningNow(record, row.environmentId),
    record.db.promotion.findFirst({ where: { insteadOf: id }, select: { id: true }, orderBy: { id: 'desc' } }),
    readTests(record, row.releaseId),
    readVerification(record, id),
    readTrail(record, {
      OR: [
        { subject: 'promotion', subjectId: id },
        { subject: 'approval', subjectId: { in: await answersTo(record, id) } },
      ],
    }),
    readAnswers(record, { promotionId: id }, viewer, trust),
  ])
  const policy = policyOf(row.environment.policy)
  const current = row.deployedAt === null ? running : (before ?? null)
  const { refusedAt, refusedBy, refusedBecause } = row.release
  return {
    ...asItem(row, facts, judged),
    project: { id: row.environment.project.id, path: row.environment.project.path },
    branchKind: row.run.branchKind,
    pusher: row.run.pusherName,
    start: policy.start,
    startedByHand: row.startedByHand,
    insteadOf: row.insteadOf,
    replacedBy: replacedBy?.id ?? null,
    refused: refusedAt === null ? null : { by: refusedBy, because: refusedBecause, since: refusedAt.toISOString() },
    rules: answers.rules,
    votes: answers.votes,
    eligible: answers.eligible,
    policyVersion: row.environment.policyVersion,
    ask: row.ask,
    image: { bytes: row.release.bytes === null ? null : Number(row.release.bytes) },
    frozen: freezeOf(policy.freeze, facts.now),
    current: current === null ? null : asRunning(current),
    differences: differences(current?.release ?? null, row.release, policy.replicas),
    commits: commitsBetween(row, current?.release.commit),
    tests,
    stages: stages.map((s) => ({ id: s.id, ...asStage(s, facts.now) })),
    forge: {
      deployment: row.forgeDeployment === null ? null : String(row.forgeDeployment),
      state: row.forgeState,
      because: row.forgeBecause,
    },
    trail,
    can: canDo(viewer, {
      status: row.status,
      kind: row.kind,
      projectId: row.environment.project.id,
      environment: row.environment.name,
      start: policy.start,
      startedByHand: row.startedByHand,
      isRunning: running?.id === id,
      refused: refusedAt !== null,
      answers: answers.can,
    }),
  }
}

/** What becomes of an answer stands in the trail under the answer. */
async function answersTo(record: RecordHandle, promotionId: number): Promise<number[]> {
  const rows = await record.db.approval.findMany({ where: { promotionId }, select: { id: true }, take: 100 })
  return rows.map((row) => row.id)
}

/** Whether its environment is frozen now, and when it is next. */
function freezeOf(freezes: Parameters<typeof frozenAt>[0], now: Date): PromotionDetail['frozen'] {
  const frozen = frozenAt(freezes, now)
  const next = frozen === null ? nextFreeze(freezes, now) : null
  return {
    now: frozen && { reason: frozen.reason, until: frozen.until.toISOString() },
    next: next && { reason: next.reason, since: next.since.toISOString() },
  }
}

/** The gates at this moment: what is stored is as old as the last review. Undefined: it is gone. */
async function verdictsNow(record: RecordHandle, id: number, trust: Trust): Promise<VerdictShape[] | undefined> {
  return transaction(record, async (tx) => {
    await tx.query('SET TRANSACTION READ ONLY')
    return (await judgeNow(tx, id, trust))?.verdicts
  })
}

const DEPLOYED = { id: true, deployedAt: true, release: { select: RELEASE } } as const satisfies Prisma.PromotionSelect
/** A retry may come after a younger one, yet not long after: what was deployed last is among the newest. */
const LOOK_BACK = 20

/** What its environment was last seen running. Null: not what was deployed there last, or nothing. */
async function runningNow(record: RecordHandle, environmentId: number) {
  const { rows } = await record.pool.query<{ id: number }>(
    `SELECT o."promotionId" AS id FROM "Environment" e JOIN LATERAL (${OBSERVED_THERE}) o ON true WHERE e.id = $1 AND o.runs`,
    [environmentId],
  )
  const id = rows[0]?.id
  return id === undefined ? null : record.db.promotion.findUnique({ where: { id }, select: DEPLOYED })
}

/** What ran in its environment before it was deployed there itself. */
async function ranBefore(record: RecordHandle, { id, environmentId }: DetailRow, deployedAt: Date) {
  const rows = await record.db.promotion.findMany({
    where: { environmentId, id: { not: id }, deployedAt: { lt: deployedAt } },
    select: DEPLOYED,
    orderBy: { id: 'desc' },
    take: LOOK_BACK,
  })
  const time = (row: (typeof rows)[number]) => row.deployedAt?.getTime() ?? 0
  return rows.toSorted((a, b) => time(b) - time(a) || b.id - a.id)[0]
}

function asRunning(row: Prisma.PromotionGetPayload<{ select: typeof DEPLOYED }>) {
  const { id, tag, digest, version, commit } = row.release
  return {
    promotion: row.id,
    release: { id, tag, digest, version, commit },
    deployedAt: (row.deployedAt ?? new Date(0)).toISOString(),
  }
}

function commitsBetween(row: DetailRow, current: string | undefined): PromotionDetail['commits'] {
  const incoming = row.release.commit
  if (current === undefined || current === incoming) return null
  const back = isDeclaredReturn(kindOf(row.kind))
  const [from, to] = back ? [incoming, current] : [current, incoming]
  return { from, to, url: compareUrl(row.environment.project, from, to), back }
}

const kindOf = (kind: string): PromotionKind => PROMOTION_KINDS.find((k) => k === kind) ?? 'onward'

const Summary = TestsShape.omit({ run: true, stage: true })
/** Stages with results that are looked at: a release is made by one run and adopted by a few. */
const MAX_TESTED = 100

/** Test results of the release: its runs' own stages that left any, of each name the latest. */
async function readTests(record: RecordHandle, releaseId: number) {
  const rows = await record.db.stage.findMany({
    where: { run: { releaseId }, promotionId: null, tests: { not: Prisma.DbNull } },
    select: { runId: true, name: true, position: true, tests: true },
    orderBy: { id: 'desc' },
    take: MAX_TESTED,
  })
  const latest = new Map<string, (typeof rows)[number]>()
  for (const row of rows) if (!latest.has(row.name)) latest.set(row.name, row)
  return [...latest.values()]
    .sort((a, b) => a.position - b.position)
    .flatMap(({ runId, name, tests }) => {
      const summary = Summary.safeParse(tests)
      return summary.success ? [{ run: runId, stage: name, ...summary.data }] : []
    })
}

/** Stages that ran against the environment, of the latest attempt. */
async function readVerification(record: RecordHandle, promotionId: number) {
  const rows = await record.db.stage.findMany({
    where: { promotionId },
    select: { id: true, round: true, ...STAGE_COLUMNS },
    orderBy: [{ round: 'desc' }, { position: 'asc' }],
    take: 20,
  })
  return rows.filter((s) => s.round === rows[0]?.round)
}

export interface PromotionFilters {
  environments: string[]
}

/** What the list's filters offer: the names of environments, in their order. */
export async function promotionFilters(record: RecordHandle, visible: Visible): Promise<PromotionFilters> {
  const { rows } = await record.pool.query<{ name: string }>(
    `SELECT name FROM "Environment" WHERE $1::int[] IS NULL OR "projectId" = ANY($1)
     GROUP BY name ORDER BY min(position), name LIMIT 100`,
    [asIds(visible)],
  )
  return { environments: rows.map((r) => r.name) }
}
