// Barriers that somebody broke: shown for ever on the promotion and on its release.
import type { RecordHandle } from '../../prisma/client'
import { databaseClock } from '../../prisma/clock'
import { rolesAt, type Viewer } from '../_server/permit'
import type { Can } from './shapes'

export interface Exception {
  approval: number
  promotion: number
  environment: string
  projectId: number
  decision: 'override' | 'break-glass'
  by: string
  because: string
  at: string
  /** A deployment was done with it. */
  used: boolean
  /** Of a break-glass. `at` null: nobody has looked at it yet. */
  review: { dueAt: string; overdue: boolean; at: string | null; by: string; found: string; can: Can } | null
}

const MOST = 50

/** Newest first, of one promotion or of all promotions of a release. What was taken back before it was used is not among them. */
export async function readExceptions(
  record: RecordHandle,
  of: { promotionId: number } | { releaseId: number },
  viewer: Viewer,
): Promise<Exception[]> {
  const rows = await record.db.approval.findMany({
    where: {
      ...('promotionId' in of ? of : { promotion: { releaseId: of.releaseId } }),
      decision: { in: ['override', 'break-glass'] },
      status: { in: ['given', 'used'] },
    },
    select: {
      id: true,
      promotionId: true,
      decision: true,
      accountId: true,
      accountName: true,
      comment: true,
      at: true,
      status: true,
      reviewDueAt: true,
      reviewedAt: true,
      reviewerName: true,
      review: true,
      promotion: { select: { environment: { select: { name: true, projectId: true } } } },
    },
    orderBy: { id: 'desc' },
    take: MOST,
  })
  const now = await databaseClock(record.pool)
  return rows.map((row): Exception => {
    const { name: environment = '', projectId = 0 } = row.promotion?.environment ?? {}
    return {
      approval: row.id,
      promotion: row.promotionId ?? 0,
      environment,
      projectId,
      decision: row.decision === 'override' ? 'override' : 'break-glass',
      by: row.accountName,
      because: row.comment,
      at: row.at.toISOString(),
      used: row.status === 'used',
      review:
        row.reviewDueAt === null
          ? null
          : {
              dueAt: row.reviewDueAt.toISOString(),
              overdue: row.reviewedAt === null && row.reviewDueAt <= now,
              at: row.reviewedAt?.toISOString() ?? null,
              by: row.reviewerName,
              found: row.review,
              can: mayReview(viewer, row.accountId, { projectId, environment }),
            },
    }
  })
}

const REVIEWERS: readonly string[] = ['owner', 'ops']

function mayReview(viewer: Viewer, breaker: number, where: { projectId: number; environment: string }): Can {
  if (viewer.accountId === breaker) return { may: false, because: 'you broke the glass: somebody else reviews it' }
  if (!rolesAt(viewer, where).some((role) => REVIEWERS.includes(role)))
    return { may: false, because: `it takes the role ${REVIEWERS.join(' or ')} in ${where.environment}` }
  return { may: true, because: '' }
}
