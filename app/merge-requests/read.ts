import { previewGates } from '../../environments/preview'
import { Fault } from '../../pipelines/fault'
import { FLOW, KINDS } from '../../pipelines/gitflow'
import { whyNotMerge } from '../../pipelines/merge-actions'
import { headRun } from '../../pipelines/request-run'
import { type TrustClass, trustOf, usableBy } from '../../pipelines/trust'
import type { RecordHandle } from '../../prisma/client'
import { databaseClock } from '../../prisma/clock'
import type { Prisma } from '../../prisma/generated/client'
import type { Viewer } from '../_server/permit'
import { asPage, isId, onePage, type PageAsk } from '../paging'
import type { RunWhole } from '../runs/shapes'
import { readWholeRun } from '../runs/whole'
import type { PageOf, VerdictShape } from '../shapes'
import { type Visible, within } from '../visible'
import { forgeApprovals, hereApprovals } from './approvals'
import { type Facts, mayAllow, mayApprove, mayMerge, whyItWaits } from './can'
import { type MergeActionShape, MergeRequestDetail, type MergeRequestShape } from './shapes'

const COLUMNS = {
  id: true,
  iid: true,
  status: true,
  title: true,
  source: true,
  target: true,
  sourceKind: true,
  targetKind: true,
  fork: true,
  draft: true,
  authorName: true,
  head: true,
  pairOk: true,
  pairBecause: true,
  mergeable: true,
  createdAt: true,
  syncedAt: true,
  project: { select: { id: true, path: true, forge: true } },
} as const satisfies Prisma.MergeRequestSelect
type Row = Prisma.MergeRequestGetPayload<{ select: typeof COLUMNS }>

/** What was asked for on one merge request, as far as its page shows it. */
const MOST_ACTIONS = 50

const DETAIL = {
  ...COLUMNS,
  because: true,
  sourcePath: true,
  authorId: true,
  mergerName: true,
  webUrl: true,
  approvals: true,
  mergeCommit: true,
  forgeBecause: true,
  actions: {
    select: {
      id: true,
      kind: true,
      head: true,
      accountId: true,
      accountName: true,
      status: true,
      because: true,
      createdAt: true,
      finishedAt: true,
    },
    orderBy: { id: 'desc' },
    take: MOST_ACTIONS,
  },
} as const satisfies Prisma.MergeRequestSelect
export type DetailRow = Prisma.MergeRequestGetPayload<{ select: typeof DETAIL }>

const asMergeRequest = (row: Row): MergeRequestShape => ({
  id: row.id,
  iid: row.iid,
  project: row.project,
  status: row.status,
  title: row.title,
  source: row.source,
  target: row.target,
  sourceKind: row.sourceKind,
  targetKind: row.targetKind,
  fork: row.fork,
  draft: row.draft,
  author: row.authorName,
  head: row.head,
  pair: { ok: row.pairOk, because: row.pairBecause },
  mergeable: row.mergeable,
  createdAt: row.createdAt.toISOString(),
  syncedAt: row.syncedAt?.toISOString() ?? null,
})

const asAction = ({ accountName, ...row }: DetailRow['actions'][number]): MergeActionShape => ({
  id: row.id,
  kind: row.kind,
  head: row.head,
  by: accountName,
  status: row.status,
  because: row.because,
  createdAt: row.createdAt.toISOString(),
  finishedAt: row.finishedAt?.toISOString() ?? null,
})

export interface MergeRequestFilter extends PageAsk {
  /** A project's id */
  project?: number | undefined
  /** A status of MERGE_REQUEST */
  status?: string | undefined
}

/** Merge requests, newest first; every filter must hold. Throws input.invalid for a cursor that is none. */
export async function listMergeRequests(
  record: RecordHandle,
  visible: Visible,
  ask: MergeRequestFilter = {},
): Promise<PageOf<MergeRequestShape>> {
  const page = onePage(ask)
  const where = {
    ...page.before,
    ...within(visible, ask.project),
    ...(ask.status === undefined ? {} : { status: ask.status }),
  }
  const rows = await record.db.mergeRequest.findMany({ where, select: COLUMNS, orderBy: page.orderBy, take: page.take })
  return asPage(rows, page.limit, asMergeRequest)
}

/** The run of the head, as its own page tells it. */
async function runOfHead(record: RecordHandle, row: DetailRow): Promise<RunWhole | null> {
  if (row.head === '') return null
  const found = await headRun(record.pool, { ...row, projectId: row.project.id })
  return found === null ? null : readWholeRun(record, found.id)
}

/**
 * What the gates would say of what follows the merge by itself. A branch that adopts takes the release of the head over,
 * because the tree will be the same; anything else is built anew.
 */
async function gatesAfter(record: RecordHandle, row: DetailRow, run: RunWhole | null) {
  const kind = KINDS.find((k) => k === row.targetKind)
  const environment = kind === undefined ? null : FLOW[kind].goesTo
  if (kind === undefined || environment === null || row.fork || !row.pairOk || row.status !== 'opened') return null
  const release = FLOW[kind].adopts && run !== null ? await releaseOf(record, run.id, usableBy(trustOf(kind))) : null
  const now = await databaseClock(record.pool)
  const judged = await previewGates(record, {
    projectId: row.project.id,
    environment,
    branch: row.target,
    branchKind: kind,
    releaseId: release,
    templated: run?.templated ?? false,
  })
  return judged === null
    ? null
    : {
        environment,
        state: judged.state,
        because: judged.because,
        verdicts: judged.verdicts.map((v) => sinceItWas(v, now)),
      }
}

/** Nobody has asked for the promotion yet: what would wait for it from now on waits since no time. */
function sinceItWas(verdict: VerdictShape, now: Date): VerdictShape {
  const { since, ...rest } = verdict
  return since === undefined || now.getTime() - Date.parse(since) < JUST_NOW_MS ? rest : verdict
}
const JUST_NOW_MS = 10_000

/** Null: there is none, or its trust class is too low to be adopted. */
const releaseOf = async (record: RecordHandle, run: number, classes: readonly TrustClass[]) =>
  (
    await record.db.run.findFirst({
      where: { id: run, release: { trust: { in: [...classes] } } },
      select: { releaseId: true },
    })
  )?.releaseId ?? null

const UNDER_WAY = new Set(['queued', 'doing'])

function factsOf(row: DetailRow, run: RunWhole | null, notMergeable: string | null): Facts {
  return {
    projectId: row.project.id,
    status: row.status,
    target: row.target,
    head: row.head,
    draft: row.draft,
    pair: { ok: row.pairOk, because: row.pairBecause },
    mergeable: row.mergeable,
    author: row.authorName,
    authorId: row.authorId,
    createdAt: row.createdAt,
    notMergeable,
    run:
      run === null
        ? null
        : {
            id: run.id,
            status: run.status,
            because: run.because,
            since: new Date(run.finishedAt ?? run.startedAt ?? run.createdAt),
            waiting: run.waiting,
          },
    approvals: [
      ...forgeApprovals(row).map((a) => ({ forgeUserId: a.id, accountId: null })),
      ...hereApprovals(row)
        .filter((a) => a.head === row.head)
        .map((a) => ({ forgeUserId: null, accountId: a.accountId })),
    ],
    underWay: row.actions
      .filter((a) => UNDER_WAY.has(a.status))
      .map((a) => ({ kind: a.kind, by: a.accountName, accountId: a.accountId, since: a.createdAt })),
  }
}

/** Kinds as they were stored; one that this version does not know has no arrow. */
const asPair = (row: DetailRow): Parameters<typeof whyNotMerge>[1] => ({
  ...row,
  projectId: row.project.id,
  sourceKind: row.fork ? 'fork' : (KINDS.find((k) => k === row.sourceKind) ?? 'other'),
  targetKind: KINDS.find((k) => k === row.targetKind) ?? 'other',
})

const forgeUserOf = async (record: RecordHandle, account: number) =>
  (await record.db.account.findUnique({ where: { id: account }, select: { forgeUserId: true } }))?.forgeUserId ?? null

/** One merge request with everything its page shows, and what `viewer` may do with it. Throws not.found. */
export async function readMergeRequest(record: RecordHandle, id: number, viewer: Viewer): Promise<MergeRequestDetail> {
  const row = isId(id) ? await record.db.mergeRequest.findUnique({ where: { id }, select: DETAIL }) : null
  if (!row) throw new Fault('not.found', `there is no merge request #${id}`)
  const [run, forgeUserId, notMergeable] = await Promise.all([
    runOfHead(record, row),
    forgeUserOf(record, viewer.accountId),
    whyNotMerge(record.pool, asPair(row)),
  ])
  const facts = factsOf(row, run, notMergeable)
  const who = { viewer, forgeUserId }
  return {
    ...asMergeRequest(row),
    because: row.because,
    sourcePath: row.sourcePath,
    webUrl: row.webUrl,
    forgeBecause: row.forgeBecause,
    merger: row.mergerName,
    mergeCommit: row.mergeCommit,
    run: run === null ? null : asHeadRun(run),
    next: await gatesAfter(record, row, run),
    approvals: [
      ...forgeApprovals(row).map((a) => ({ by: a.name, where: 'forge' as const, head: null, at: null })),
      ...hereApprovals(row).map((a) => ({ by: a.name, where: 'here' as const, head: a.head, at: a.at })),
    ],
    actions: row.actions.map(asAction),
    waiting: whyItWaits(facts),
    can: { approve: mayApprove(facts, who), merge: mayMerge(facts, who), allow: mayAllow(facts, who) },
  }
}

/** Of the run, what a list shows: its own page has the rest. */
const HeadRun = MergeRequestDetail.shape.run.unwrap()
const asHeadRun = (run: RunWhole) => HeadRun.parse(run)
