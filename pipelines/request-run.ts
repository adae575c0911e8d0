// The run that checks a merge request's head.
import type { Tx } from '../prisma/record'

export interface HeadRun {
  id: number
  status: string
  because: string
  /** Null: it was not planned yet. */
  templated: boolean | null
  stages: { name: string; status: string }[]
}

/** The latest run of the head on its own branch, or of the fork's request; one that another took the place of counts last. */
export async function headRun(
  tx: Tx,
  request: { id: number; projectId: number; head: string; source: string; fork: boolean },
): Promise<HeadRun | null> {
  const { rows } = await tx.query<HeadRun>(
    `SELECT r.id, r.status, r.because, (r.plan->>'templated')::boolean AS templated,
       COALESCE((SELECT json_agg(json_build_object('name', s.name, 'status', s.status) ORDER BY s.position)
         FROM "Stage" s WHERE s."runId" = r.id AND s."promotionId" IS NULL), '[]') AS stages
     FROM "Run" r WHERE r."projectId" = $1 AND r."commit" = $2
       AND CASE WHEN $3 THEN r."mergeRequestId" = $4 ELSE r."mergeRequestId" IS NULL AND r.branch = $5 END
     ORDER BY r.status = 'superseded', r.id DESC LIMIT 1`,
    [request.projectId, request.head, request.fork, request.id, request.source],
  )
  return rows[0] ?? null
}
