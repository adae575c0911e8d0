// The inbox: what waits for an answer, what was answered, and everything that asks for answers.
import { type Rule, tally } from '../../environments/gate'
import { handsOf } from '../../environments/hands'
import { DECISIONS } from '../../environments/statement'
import type { RecordHandle } from '../../prisma/client'
import type { Prisma } from '../../prisma/generated/client'
import { rolesAt, type Viewer } from '../_server/permit'
import { policyOf } from '../environments/policy'
import { DEFAULT_LIMIT, MAX_LIMIT } from '../paging'
import type { PageOf } from '../shapes'
import { type Found, findAll, findDone, findNeedsMe } from './find'
import type { ApprovalCount, ApprovalItem, Can } from './shapes'

export const TABS = ['needs-me', 'done', 'all'] as const
export type Tab = (typeof TABS)[number]

export interface ApprovalAsk {
  tab: Tab
  /** `next` of the page before; each tab has cursors of its own. */
  after?: string | undefined
  /** 1 to 100; 25 where it is absent */
  limit?: number | undefined
}

const FIND = { 'needs-me': findNeedsMe, done: findDone, all: findAll } as const

/** One tab of the inbox, newest first. Throws input.invalid for a cursor that is none. */
export async function listApprovals(
  record: RecordHandle,
  viewer: Viewer,
  { tab, after, limit = DEFAULT_LIMIT }: ApprovalAsk,
): Promise<PageOf<ApprovalItem>> {
  const { found, next } = await FIND[tab](record, viewer, {
    after,
    limit: Math.min(Math.max(Math.trunc(limit), 1), MAX_LIMIT),
  })
  return { items: await readItems(record, viewer, found), next }
}

/** What the badge shows at most. */
const MOST_COUNTED = 99

/** How much waits for this very person: for the badge. */
export async function countNeedsMe(record: RecordHandle, viewer: Viewer): Promise<ApprovalCount> {
  // Nobody without one of these roles anywhere is asked: their pages cost nothing more.
  if (!rolesAt(viewer).some((role) => ANSWERS.has(role))) return { needsMe: 0, more: false }
  const { found, next } = await findNeedsMe(record, viewer, { limit: MOST_COUNTED })
  return { needsMe: found.length, more: next !== null }
}
const ANSWERS: ReadonlySet<string> = new Set(['owner', 'ops', 'developer'])

const PLACE = {
  id: true,
  name: true,
  policy: true,
  project: { select: { id: true, path: true, name: true } },
} as const satisfies Prisma.EnvironmentSelect

const PROMOTION = {
  id: true,
  kind: true,
  ask: true,
  status: true,
  because: true,
  requestedBy: true,
  remindedAt: true,
  createdAt: true,
  environment: { select: PLACE },
  release: { select: { tag: true, service: true } },
  run: { select: { title: true } },
} as const satisfies Prisma.PromotionSelect

const CHANGE = {
  id: true,
  status: true,
  because: true,
  reason: true,
  authorId: true,
  authorName: true,
  createdAt: true,
  environment: { select: PLACE },
} as const satisfies Prisma.PolicyChangeSelect

const ANSWER = {
  id: true,
  promotionId: true,
  policyChangeId: true,
  ask: true,
  accountId: true,
  accountName: true,
  role: true,
  decision: true,
  status: true,
  passkeyId: true,
  at: true,
  reviewDueAt: true,
} as const satisfies Prisma.ApprovalSelect

type PromotionRow = Prisma.PromotionGetPayload<{ select: typeof PROMOTION }>
type ChangeRow = Prisma.PolicyChangeGetPayload<{ select: typeof CHANGE }>
type AnswerRow = Prisma.ApprovalGetPayload<{ select: typeof ANSWER }>

/** Answers that are read for one page: a few for each line. */
const MOST_ANSWERS = 2_000

async function readItems(record: RecordHandle, viewer: Viewer, found: readonly Found[]): Promise<ApprovalItem[]> {
  const ids = (subject: Found['subject']) => found.filter((f) => f.subject === subject).map((f) => f.id)
  const [promotionIds, changeIds] = [ids('promotion'), ids('policyChange')]
  const [promotions, changes, answers] = await Promise.all([
    record.db.promotion.findMany({ where: { id: { in: promotionIds } }, select: PROMOTION }),
    record.db.policyChange.findMany({ where: { id: { in: changeIds } }, select: CHANGE }),
    record.db.approval.findMany({
      where: { OR: [{ promotionId: { in: promotionIds } }, { policyChangeId: { in: changeIds } }] },
      select: ANSWER,
      orderBy: { id: 'desc' },
      take: MOST_ANSWERS,
    }),
  ])
  const items: ApprovalItem[] = []
  for (const line of found) {
    const promotion = line.subject === 'promotion' ? promotions.find((p) => p.id === line.id) : undefined
    const change = line.subject === 'policyChange' ? changes.find((c) => c.id === line.id) : undefined
    if (promotion) items.push(await ofPromotion(record, viewer, { line, promotion, answers }))
    if (change) items.push(ofChange(viewer, { line, change, answers }))
  }
  return items
}

async function ofPromotion(
  record: RecordHandle,
  viewer: Viewer,
  { line, promotion, answers }: { line: Found; promotion: PromotionRow; answers: readonly AnswerRow[] },
): Promise<ApprovalItem> {
  const own = answers.filter((a) => a.promotionId === promotion.id)
  const asked = own.filter((a) => a.ask === promotion.ask)
  const common = lineOf(viewer, line, promotion, { all: own, asked })
  const { open, roles } = common.standing
  const hands = open && roles.length > 0 ? await handsOf(record.pool, promotion.id) : null
  const glass = line.needs === 'review' ? own.find((a) => a.id === line.approval) : undefined
  return {
    ...common.item,
    subject: 'promotion',
    kind: promotion.kind,
    service: promotion.release.service,
    title: promotion.run.title,
    tag: promotion.release.tag,
    by: line.needs === 'review' ? (glass?.accountName ?? '') : promotion.requestedBy,
    reminded: promotion.remindedAt?.toISOString() ?? null,
    due: glass?.reviewDueAt?.toISOString() ?? null,
    can:
      line.needs === 'review'
        ? YES
        : common.standing.can(hands?.accounts.includes(viewer.accountId) ? 'you had a hand in this change' : null),
  }
}

function ofChange(
  viewer: Viewer,
  { line, change, answers }: { line: Found; change: ChangeRow; answers: readonly AnswerRow[] },
): ApprovalItem {
  const own = answers.filter((a) => a.policyChangeId === change.id)
  const { item, standing } = lineOf(viewer, line, change, { all: own, asked: own })
  return {
    ...item,
    subject: 'policyChange',
    kind: '',
    service: change.environment.project.name,
    title: change.reason,
    tag: null,
    by: change.authorName,
    reminded: null,
    due: null,
    can: standing.can(change.authorId === viewer.accountId ? 'you proposed it yourself' : null),
  }
}

const YES: Can = { may: true, because: '' }
/** An override opens another door: the rules still ask for an answer. */
const ANSWER_TO_IT: ReadonlySet<string> = new Set(['approve', 'reject', 'break-glass'])
const OPEN: ReadonlySet<string> = new Set(['waiting', 'proposed'])

/** What both kinds have in common, and how the one who asks stands to it. */
function lineOf(
  viewer: Viewer,
  line: Found,
  row: PromotionRow | ChangeRow,
  { all, asked }: { all: readonly AnswerRow[]; asked: readonly AnswerRow[] },
) {
  const { id: environmentId, name: environment, policy, project } = row.environment
  const rules: readonly Rule[] = policyOf(policy).approvals
  const mine = all.find((a) => a.accountId === viewer.accountId)
  const answered = asked.some(
    (a) => a.accountId === viewer.accountId && a.status === 'given' && ANSWER_TO_IT.has(a.decision),
  )
  const held: readonly string[] = rolesAt(viewer, { projectId: project.id, environment })
  const roles = rules.map((r) => r.role).filter((role) => held.includes(role))
  const open = OPEN.has(row.status)
  const can = (own: string | null): Can => {
    const because = !open
      ? `it is ${row.status}, and no longer waits`
      : roles.length === 0
        ? `${environment} asks for ${rules.map((r) => `the role ${r.role}`).join(' and ') || 'nobody'}`
        : (own ?? (answered ? 'you have answered it already' : null))
    return because === null ? YES : { may: false, because }
  }
  const item = {
    id: row.id,
    needs: line.needs,
    environment,
    environmentId,
    project: { id: project.id, path: project.path },
    status: row.status,
    since: (line.needs === 'review' ? line.at : row.createdAt).toISOString(),
    expired: asked.filter((a) => a.status === 'expired').length,
    rules: tally(rules, asked.flatMap(asVote)).map(({ role, count, by, passkey }) => ({
      role,
      count,
      by,
      passkey: passkey === 'required',
    })),
    mine: mine ? { decision: mine.decision, at: mine.at.toISOString(), status: mine.status } : null,
  }
  return { item, standing: { open, roles, can } }
}

/** As the record has it; whether it still stands is judged where it is opened, and before it is used. */
function asVote(a: AnswerRow) {
  const decision = DECISIONS.find((d) => d === a.decision)
  if (decision === undefined || (a.status !== 'given' && a.status !== 'used')) return []
  return [{ account: a.accountName, person: String(a.accountId), role: a.role, decision, signed: a.passkeyId !== null }]
}
