// Debts to develop: noted when production has been verified, looked at again when develop moves.
import { ring, SHIPLOCK, type Tx, tell } from '../prisma/record'
import { UNPAID } from './back-merge'

export interface OwedBackMerge {
  projectId: number
  releaseId: number
  promotionId: number
  /** The branch that is merged back. */
  source: string
  target: string
  /** What the target must contain. */
  commit: string
  hotfix: boolean
}

/** Notes that what reached production must come back. Once per promotion, however often it is called. */
export async function oweBackMerge(tx: Tx, owed: OwedBackMerge): Promise<void> {
  const { rows } = await tx.query<{ id: number; runId: number }>(
    `INSERT INTO "BackMerge" AS b ("projectId", "releaseId", "promotionId", source, target, "commit", hotfix) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT ("promotionId") DO NOTHING RETURNING b.id, (SELECT p."runId" FROM "Promotion" p WHERE p.id = b."promotionId") AS "runId"`,
    [owed.projectId, owed.releaseId, owed.promotionId, owed.source, owed.target, owed.commit, owed.hotfix],
  )
  const row = rows[0]
  if (row === undefined) return
  await tell(tx, {
    kind: 'backMerge.owe',
    subject: 'backMerge',
    subjectId: row.id,
    projectId: owed.projectId,
    runId: row.runId,
    by: SHIPLOCK,
    because: `what reached production must come back to ${owed.target}`,
    data: { name: owed.source, target: owed.target, commit: owed.commit, hotfix: owed.hotfix },
  })
  await ring(tx, `backMerge:${row.id}:owed`)
}

const MOST = 100

/** The target has moved: what is owed to it may have come. */
export async function touchBackMerges(tx: Tx, projectId: number): Promise<void> {
  const { rows } = await tx.query<{ id: number }>(
    `UPDATE "BackMerge" SET "dueAt" = clock_timestamp(), attempts = 0 WHERE id IN (
       SELECT id FROM "BackMerge" WHERE "projectId" = $1 AND status = ANY($2) ORDER BY id LIMIT ${MOST}) RETURNING id`,
    [projectId, UNPAID],
  )
  for (const { id } of rows) await ring(tx, `backMerge:${id}:due`)
}
