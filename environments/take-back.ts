// An answer after it was given: taken back by who gave it, or, where the glass was broken, looked at by somebody else.
import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { type Person, record, type Tx, tell, transaction } from '../prisma/record'
import { APPROVAL } from './approval'
import { ringEnvironment, ringPromotion, takePlace } from './place'
import { MOST_REASON } from './statement'

/**
 * Takes one's own answer back, until it is used.
 * @throws Fault not.found; not.permitted for somebody else's; conflict where it was used, or counts no longer
 */
export async function withdraw(handle: RecordHandle, approvalId: number, by: Person): Promise<void> {
  await transaction(handle, async (tx) => {
    const approval = await readApproval(tx, approvalId)
    if (approval.accountId !== by.accountId) throw new Fault('not.permitted', 'this answer is not yours')
    await takePlace(tx, approval.environmentId)
    const because = `taken back by ${by.actorName}`
    const row = await record(tx, 'approval', APPROVAL, {
      id: approvalId,
      from: 'given',
      event: 'withdraw',
      because,
      by,
    })
    if (row === null)
      throw new Fault('conflict', 'this answer was used, or counts no longer: there is nothing to take back')
    if (approval.promotionId !== null) await ringPromotion(tx, approval.promotionId)
  })
}

interface ApprovalRow {
  accountId: number
  promotionId: number | null
  environmentId: number
  projectId: number
  runId: number | null
  decision: string
  reviewedAt: Date | null
  environment: string
}

async function readApproval(tx: Tx, id: number): Promise<ApprovalRow> {
  const { rows } = await tx.query<ApprovalRow>(
    `SELECT s."accountId", s."promotionId", e.id AS "environmentId", e."projectId", e.name AS environment, p."runId", s.decision, s."reviewedAt"
     FROM "Approval" s LEFT JOIN "Promotion" p ON p.id = s."promotionId" LEFT JOIN "PolicyChange" c ON c.id = s."policyChangeId"
     JOIN "Environment" e ON e.id = COALESCE(p."environmentId", c."environmentId") WHERE s.id = $1`,
    [id],
  )
  if (rows[0] === undefined) throw new Fault('not.found', `there is no answer #${id}`)
  return rows[0]
}

/**
 * What somebody else finds who looks at a broken glass.
 * @throws Fault not.found; input.invalid without a word; not.permitted for who broke it; conflict where it is none, or was reviewed
 */
export async function reviewGlass(
  handle: RecordHandle,
  approvalId: number,
  because: string,
  by: Person,
): Promise<void> {
  const found = because.trim().slice(0, MOST_REASON)
  if (found === '') throw new Fault('input.invalid', 'because: say what you found')
  await transaction(handle, async (tx) => {
    const approval = await readApproval(tx, approvalId)
    if (approval.decision !== 'break-glass') throw new Fault('conflict', 'only a broken glass is reviewed')
    if (approval.accountId === by.accountId)
      throw new Fault('not.permitted', 'you broke the glass: somebody else reviews it')
    const { rows } = await tx.query<{ may: boolean }>(`SELECT "roles_of"($1, $2, $3) && '{owner,ops}' AS may`, [
      by.accountId,
      approval.projectId,
      approval.environment,
    ])
    if (rows[0]?.may !== true)
      throw new Fault('not.permitted', `it takes the role owner or ops in ${approval.environment}`)
    const { rowCount } = await tx.query(
      `UPDATE "Approval" SET "reviewedAt" = clock_timestamp(), "reviewerId" = $2, "reviewerName" = $3, review = $4
       WHERE id = $1 AND "reviewedAt" IS NULL`,
      [approvalId, by.accountId, by.actorName, found],
    )
    if (!rowCount) throw new Fault('conflict', 'it was reviewed already')
    await tell(tx, {
      kind: 'promotion.review',
      subject: 'promotion',
      subjectId: approval.promotionId ?? 0,
      runId: approval.runId,
      projectId: approval.projectId,
      by,
      because: found,
      data: { approval: approvalId, name: approval.environment },
    })
    await ringEnvironment(tx, approval.environmentId)
  })
}
