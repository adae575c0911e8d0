// One promotion, or one change of a policy: who has answered and whether it counts, who still may, and what the one who looks
// may do. The same functions judge it as when an answer is given.
import type { Trust } from '../../audit/trust'
import { type Question, readQuestion, type Subject, whichRole, whyNoKey } from '../../environments/answerable'
import { answersOf, type Standing } from '../../environments/answers'
import { needsPasskey, tally } from '../../environments/gate'
import { DECISIONS, type Decision } from '../../environments/statement'
import type { RecordHandle } from '../../prisma/client'
import { type Tx, transaction } from '../../prisma/record'
import type { Viewer } from '../_server/permit'
import type { Can, EligibleShape, RuleShape, VoteShape } from './shapes'

/** Answers that a page shows, newest first; people that may still answer. */
const MOST = 100

export interface Answers {
  votes: VoteShape[]
  eligible: EligibleShape[]
  rules: RuleShape[]
  can: Record<'approve' | 'reject' | 'override' | 'breakGlass', Can>
}

/** Everything about the answers to it, for this viewer. Throws not.found; input.invalid where the policy cannot be read. */
export async function readAnswers(
  record: RecordHandle,
  subject: Subject,
  viewer: Viewer,
  trust: Trust,
): Promise<Answers> {
  return transaction(record, async (tx) => {
    await tx.query('SET TRANSACTION READ ONLY')
    const question = await readQuestion(tx, subject)
    const standing = await answersOf(tx, question, trust)
    const rows = await readRows(tx, question)
    const open = question.status === 'waiting' || question.status === 'proposed'
    return {
      votes: rows.map((row) => asVote(row, { open, standing, question, viewer })),
      eligible: open ? await readEligible(tx, question, standing) : [],
      rules: tally(question.policy.approvals, open ? standing.votes : usedOf(rows)).map((rule) => ({
        role: rule.role,
        count: rule.count,
        by: rule.by,
        passkey: needsPasskey(rule),
      })),
      can: await whatMay(tx, question, standing, viewer),
    }
  })
}

interface Row {
  id: number
  accountId: number
  account: string
  role: string
  decision: Decision
  comment: string
  at: Date
  expiresAt: Date
  signed: boolean
  hash: string
  status: string
  because: string
  reviewDueAt: Date | null
  reviewedAt: Date | null
  reviewer: string
  review: string
}

async function readRows(tx: Tx, { promotionId, policyChangeId }: Question): Promise<Row[]> {
  const of = promotionId === null ? 'policyChangeId' : 'promotionId'
  const { rows } = await tx.query<Row>(
    `SELECT s.id, s."accountId", s."accountName" AS account, s.role, s.decision, s.comment, s.at, s."expiresAt", s."passkeyId" IS NOT NULL AS signed,
       s.hash, s.status, s.because, s."reviewDueAt", s."reviewedAt", s."reviewerName" AS reviewer, s.review
     FROM "Approval" s WHERE s."${of}" = $1 ORDER BY s.id DESC LIMIT ${MOST}`,
    [promotionId ?? policyChangeId],
  )
  return rows
}

/** Of what is over, the answers that it was done with. */
const usedOf = (rows: readonly Row[]) =>
  rows.filter((r) => r.status === 'used').map((r) => ({ ...r, person: String(r.accountId) }))

interface Around {
  open: boolean
  standing: Standing
  question: Question
  viewer: Viewer
}

function asVote(row: Row, around: Around): VoteShape {
  const because = whyNotCounted(row, around)
  return {
    approval: row.id,
    account: row.account,
    mine: row.accountId === around.viewer.accountId,
    role: row.role,
    decision: DECISIONS.find((d) => d === row.decision) ?? 'approve',
    comment: row.comment,
    at: row.at.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    signed: row.signed,
    hash: row.hash,
    status: row.status,
    counts: because === '',
    because,
    review:
      row.reviewDueAt === null
        ? null
        : {
            dueAt: row.reviewDueAt.toISOString(),
            at: row.reviewedAt?.toISOString() ?? null,
            by: row.reviewer,
            found: row.review,
            can: mayReview(row, around.viewer),
          },
  }
}

/** Empty: it counts, or it was what the deployment was done with. */
function whyNotCounted(row: Row, { open, standing }: Around): string {
  if (row.status === 'used' || row.decision === 'reject') return ''
  if (row.status !== 'given') return row.because || ENDED[row.status] || row.status
  const fallen = standing.unsound.find((u) => u.id === row.id)
  if (fallen !== undefined) return fallen.because
  return open && !standing.votes.some((v) => v.id === row.id) ? 'it was given to an earlier attempt' : ''
}

const ENDED: Record<string, string> = {
  withdrawn: 'it was taken back',
  expired: 'it was not used in time',
  void: 'what it was given for has changed',
}

function mayReview(row: Row, viewer: Viewer): Can {
  if (row.reviewedAt !== null) return { may: false, because: `${row.reviewer} has reviewed it` }
  if (row.accountId === viewer.accountId)
    return { may: false, because: 'you broke the glass: somebody else reviews it' }
  return { may: true, because: '' }
}

async function whatMay(tx: Tx, question: Question, standing: Standing, viewer: Viewer): Promise<Answers['can']> {
  const one = async (decision: Decision): Promise<Can> => {
    const answer = await whichRole(tx, question, decision, viewer.accountId, standing.votes)
    if (!('role' in answer)) return { may: false, because: answer.because }
    const because = await whyNoKey(tx, question, { role: answer.role, decision }, viewer.accountId)
    return because === null ? { may: true, because: '' } : { may: false, because }
  }
  return {
    approve: await one('approve'),
    reject: await one('reject'),
    override: await one('override'),
    breakGlass: await one('break-glass'),
  }
}

interface Person {
  id: number
  name: string
  roles: string[]
  keys: string[] | null
}

/** Whoever has a role that a rule asks for, and what stands against each: everybody may see whom to ask. */
async function readEligible(tx: Tx, question: Question, standing: Standing): Promise<EligibleShape[]> {
  const rules = question.policy.approvals
  const { rows } = await tx.query<Person>(
    `SELECT a.id, a.name, roles_of(a.id, $1, $2) AS roles,
       (SELECT array_agg(DISTINCT r) FROM "Passkey" k, jsonb_array_elements_text(k.roles) r WHERE k."accountId" = a.id AND k.status = 'admitted') AS keys
     FROM "Account" a
     WHERE a."disabledAt" IS NULL AND (a.role = ANY ($3) OR EXISTS (
       SELECT 1 FROM "Membership" m WHERE m."accountId" = a.id AND m."projectId" = $1 AND m.environment IN ('', $2) AND m.role = ANY ($3)))
     ORDER BY a.name LIMIT ${MOST}`,
    [question.projectId, question.environment, rules.map((r) => r.role)],
  )
  return rows.map((person) => {
    const asked = rules.filter((rule) => person.roles.includes(rule.role))
    const because = whyNotThem(person, asked, question, standing)
    return { account: person.name, roles: [...new Set(asked.map((r) => r.role))], may: because === '', because }
  })
}

function whyNotThem(
  { id, keys }: Person,
  asked: Question['policy']['approvals'],
  question: Question,
  { votes, standard }: Standing,
): string {
  if (votes.some((v) => v.accountId === id && v.decision === 'approve')) return 'has answered'
  if (question.authorId === id) return 'proposed it'
  if (standard.hands.accounts.includes(id)) return 'had a hand in this change'
  const open = asked.some((rule) => !needsPasskey(rule) || (keys ?? []).includes(rule.role))
  return open ? '' : 'has no admitted passkey'
}
