import { Fault } from '../pipelines/fault'
import type { Tx } from '../prisma/record'
import { EnvironmentPolicy } from './environment'
import { needsPasskey, type Rule, tally, type Vote } from './gate'
import { whyOwnChange } from './hands'
import { type ImageThere, imageThere, whyNotOffered } from './image'
import { MAY_SAY } from './sound'
import type { Decision } from './statement'

/** What a person could answer to: a promotion, or a change of a policy. */
export interface Question {
  promotionId: number | null
  policyChangeId: number | null
  status: string
  ask: number
  projectId: number
  runId: number | null
  environmentId: number
  environment: string
  policy: EnvironmentPolicy
  tag: string
  digest: string
  /** As a worker was told by the target; of a policy change: there is none. */
  image: ImageThere | null
  authorId: number | null
}

interface Row extends Omit<Question, 'policy' | 'image'> {
  policy: unknown
  imageAsked: string | null
  imageBecause: string
}

export type Subject = { promotionId: number } | { policyChangeId: number }

/** @throws Fault not.found; input.invalid where the environment's policy cannot be read */
export async function readQuestion(tx: Tx, subject: Subject): Promise<Question> {
  const isPromotion = 'promotionId' in subject
  const id = isPromotion ? subject.promotionId : subject.policyChangeId
  const { rows } = await tx.query<Row>(isPromotion ? OF_PROMOTION : OF_CHANGE, [id])
  const row = rows[0]
  if (row === undefined)
    throw new Fault('not.found', `there is no ${isPromotion ? 'promotion' : 'policy change'} #${id}`)
  const policy = EnvironmentPolicy.safeParse(row.policy)
  if (!policy.success)
    throw new Fault(
      'input.invalid',
      `the policy of ${row.environment} cannot be read: nobody can answer until it is mended`,
    )
  const { imageAsked, imageBecause, ...question } = row
  return { ...question, policy: policy.data, image: isPromotion ? imageThere(row) : null }
}

const OF_PROMOTION = `
SELECT p.id AS "promotionId", NULL::int AS "policyChangeId", p.status, p.ask, e."projectId", p."runId", e.id AS "environmentId",
  e.name AS environment, e.policy, l.tag, l.digest, p."imageAsked", p."imageBecause", NULL::int AS "authorId"
FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" JOIN "Release" l ON l.id = p."releaseId" WHERE p.id = $1`
const OF_CHANGE = `
SELECT NULL::int AS "promotionId", c.id AS "policyChangeId", c.status, 1 AS ask, e."projectId", NULL::int AS "runId", e.id AS "environmentId",
  e.name AS environment, e.policy, '' AS tag, '' AS digest, NULL::text AS "imageAsked", '' AS "imageBecause", c."authorId"
FROM "PolicyChange" c JOIN "Environment" e ON e.id = c."environmentId" WHERE c.id = $1`

/** The person's roles where the question is asked. */
export async function rolesAt(tx: Tx, accountId: number, question: Question): Promise<string[]> {
  const { rows } = await tx.query<{ roles: string[] }>('SELECT "roles_of"($1, $2, $3) AS roles', [
    accountId,
    question.projectId,
    question.environment,
  ])
  return rows[0]?.roles ?? []
}

/** Why not, and whether it is the person (rather than the moment) that stands against it. */
export interface No {
  own: boolean
  because: string
}
const no = (because: string, own = false): No => ({ own, because })

/**
 * Whether a person may give this answer now. `votes` are the answers that stand.
 * @returns the role that it would count for, or why not
 */
export async function whichRole(
  tx: Tx,
  question: Question,
  decision: Decision,
  accountId: number,
  votes: readonly Vote[],
): Promise<{ role: string } | No> {
  const waits = question.promotionId !== null ? question.status === 'waiting' : question.status === 'proposed'
  if (!waits) return no(`it does not wait for an answer: it is ${question.status}`)
  // A yes to what cannot go is in vain: it is not asked for. A no always counts.
  const vain =
    question.image === null || decision === 'reject'
      ? null
      : whyNotOffered(question.environment, question.tag, question.image)
  if (vain !== null) return no(vain)
  const { approvals } = question.policy
  if (approvals.length === 0 && decision !== 'override' && decision !== 'break-glass')
    return no(`${question.environment} asks nobody for an approval`)
  const mine = votes.find((v) => v.accountId === accountId && v.decision === decision)
  if (mine !== undefined) return no(`you have answered already, and it counts until ${mine.until.toISOString()}`)
  const roles = await rolesAt(tx, accountId, question)
  const role = roleFor(approvals, decision, roles, votes)
  if (typeof role !== 'string') return role.own ? no(`${role.because}; ${yours(roles)}`, true) : role
  const own = await whyNotYours(tx, question, accountId)
  return own === null ? { role } : no(own, true)
}

/** Where a rule of the policy asks for a passkey, so do the answers that open the same door another way. */
export function mustBeSigned(
  policy: Pick<EnvironmentPolicy, 'approvals'>,
  answer: { role: string; decision: Decision },
) {
  if (answer.decision === 'reject') return false // a no opens nothing
  const strict = policy.approvals.filter((rule) => rule.passkey === 'required')
  return answer.decision === 'approve' ? strict.some((rule) => rule.role === answer.role) : strict.length > 0
}

/**
 * Why an answer in this role would be in vain, as the rows say: for a button that need not be pressed to learn it. Whether a key
 * counts is judged from what is certified. Null: nothing stands against it.
 */
export async function whyNoKey(
  tx: Tx,
  { policy, environment }: Question,
  answer: { role: string; decision: Decision },
  accountId: number,
): Promise<string | null> {
  if (!mustBeSigned(policy, answer)) return null
  const { rows } = await tx.query<{ has: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM "Passkey" WHERE "accountId" = $1 AND status = 'admitted' AND roles ? $2) AS has`,
    [accountId, answer.role],
  )
  if (rows[0]?.has) return null
  return `${environment} asks for a passkey, and you have none that was admitted for the role ${answer.role}: add one under Account, Passkeys`
}

const yours = (roles: readonly string[]) =>
  roles.length === 0 ? 'you have no role there' : `yours ${roles.length === 1 ? 'is' : 'are'} ${roles.join(', ')}`

function roleFor(
  rules: readonly Rule[],
  decision: Decision,
  roles: readonly string[],
  votes: readonly Vote[],
): string | No {
  if (decision === 'override' || decision === 'break-glass') {
    const role = ['ops', 'owner'].find((r) => roles.includes(r) && MAY_SAY[decision](r))
    return role ?? no(`it takes the role ${decision === 'override' ? 'ops or owner' : 'ops'}`, true)
  }
  const mine = rules.filter((rule) => roles.includes(rule.role))
  const asked = [...new Set(rules.map((rule) => rule.role))].join(' and ')
  if (mine.length === 0) return no(`it asks for the role ${asked}`, true)
  if (decision === 'reject') return mine[0]?.role ?? asked
  const lacking = tally(rules, votes).filter((rule) => rule.by.length < rule.count && roles.includes(rule.role))
  const strictest = lacking.toSorted((a, b) => Number(needsPasskey(b)) - Number(needsPasskey(a)))[0]
  return strictest?.role ?? no(`enough people with the role ${mine.map((r) => r.role).join(' or ')} have approved it`)
}

async function whyNotYours(tx: Tx, question: Question, accountId: number): Promise<string | null> {
  if (question.promotionId !== null) return whyOwnChange(tx, question.promotionId, accountId)
  return question.authorId === accountId ? 'you proposed this change, and nobody agrees to their own' : null
}
