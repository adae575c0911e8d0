import type { Trust } from '../audit/trust'
import { databaseClock } from '../prisma/clock'
import type { Tx } from '../prisma/record'
import { mustBeSigned, type Question, readQuestion } from './answerable'
import { boundOf, boundOfChange } from './bound'
import { type Facts, needsPasskey, type Rule, tally, type Vote } from './gate'
import { type AnswerRow, type Standard, soundness } from './sound'
import type { BoundPolicy, BoundPromotion } from './statement'

/** The answers to a question at this moment, and what new ones are held against. */
export interface Standing {
  votes: Vote[]
  unsound: Facts['unsound'][number][]
  bound: { type: 'shiplock.signoff'; bound: BoundPromotion } | { type: 'shiplock.policy'; bound: BoundPolicy }
  standard: Standard
  now: Date
}

export async function answersOf(
  tx: Tx,
  question: Pick<Question, 'promotionId' | 'policyChangeId' | 'policy'>,
  trust: Trust,
): Promise<Standing> {
  const now = await databaseClock(tx)
  const bound: Standing['bound'] =
    question.promotionId !== null
      ? { type: 'shiplock.signoff', bound: await boundOf(tx, question.promotionId) }
      : { type: 'shiplock.policy', bound: await boundOfChange(tx, question.policyChangeId ?? 0) }
  const standard: Standard = {
    type: bound.type,
    bound: bound.bound,
    hands: bound.bound.excluded,
    now,
    needsKey: (answer) => mustBeSigned(question.policy, answer),
  }
  const { rows } = await tx.query<AnswerRow>(ANSWERS_OF[bound.type], [question.promotionId ?? question.policyChangeId])
  const votes: Vote[] = []
  const unsound: Standing['unsound'] = []
  for (const row of rows) {
    const { because, signed } = await soundness(tx, row, standard, trust)
    if (because === null) votes.push(asVote(row, signed))
    else unsound.push({ id: row.id, account: row.account, status: row.status, because })
  }
  return { votes, unsound, bound, standard, now }
}

const asVote = (row: AnswerRow, signed: boolean): Vote => ({
  id: row.id,
  accountId: row.accountId,
  account: row.account,
  person: row.person,
  role: row.role,
  decision: row.decision,
  comment: row.comment,
  at: row.at,
  until: row.expiresAt,
  signed,
})

/** Whether everybody has agreed to a policy change who must: by the rules that are in force now, not by the proposed ones. */
export async function agreedBy(tx: Tx, changeId: number, trust: Trust): Promise<{ enough: boolean; because: string }> {
  const question = await readQuestion(tx, { policyChangeId: changeId })
  const { votes } = await answersOf(tx, question, trust)
  const lacking = tally(question.policy.approvals, votes).filter((r) => r.by.length < r.count)
  if (lacking.length === 0) {
    const by = votes.map((v) => `${v.account} (${v.role})`).join(', ')
    return { enough: true, because: by === '' ? 'nobody has to agree there' : `agreed to by ${by}` }
  }
  const words = lacking.map((r) => `${r.count - r.by.length} of ${r.count} from ${inWords(r)}`)
  return { enough: false, because: `${words.join(' and ')} still to agree` }
}

const inWords = (rule: Rule) => `${rule.role}${needsPasskey(rule) ? ' with a passkey' : ''}`

const COLUMNS = `s.id, s."accountId", s."accountName" AS account, COALESCE('forge:' || a."forgeUserId", 'account:' || a.id) AS person, s.role, s.decision,
  s.comment, s.status, s.at, s."expiresAt", s.statement, s.hash, k."credentialId", s."clientData", s."authenticatorData", s.signature,
  s.role = ANY("roles_of"(s."accountId", e."projectId", e.name)) AS "hasRole",
  EXISTS (SELECT 1 FROM "AuditEntry" t WHERE t.subject = 'approval' AND t."subjectId" = s.id
    AND (t.kind IN ('approval.withdraw', 'approval.void', 'approval.expire') OR (t.kind = 'approval.use' AND s.status = 'given'))) AS "isOver"`
const WHOSE = `JOIN "Account" a ON a.id = s."accountId" LEFT JOIN "Passkey" k ON k.id = s."passkeyId"`

/** The answers that were given; to a promotion as it was last asked for. */
const ANSWERS_OF = {
  'shiplock.signoff': `SELECT ${COLUMNS} FROM "Approval" s JOIN "Promotion" p ON p.id = s."promotionId" AND p.ask = s.ask
    JOIN "Environment" e ON e.id = p."environmentId" ${WHOSE}
    WHERE s."promotionId" = $1 AND s.status IN ('given', 'used') ORDER BY s.id LIMIT 100`,
  'shiplock.policy': `SELECT ${COLUMNS} FROM "Approval" s JOIN "PolicyChange" c ON c.id = s."policyChangeId"
    JOIN "Environment" e ON e.id = c."environmentId" ${WHOSE}
    WHERE s."policyChangeId" = $1 AND s.status IN ('given', 'used') ORDER BY s.id LIMIT 100`,
}
