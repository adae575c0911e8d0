import { oweBackMerge } from '../pipelines/back-merges'
import { FLOW, flowOf, nameOf } from '../pipelines/gitflow'
import type { Tx } from '../prisma/record'

interface Arrived {
  projectId: number
  releaseId: number
  environment: string
  kind: string
  flow: unknown
  master: string
  masterCommit: string
  source: string | null
  sourceKind: string | null
  sourceCommit: string | null
}

/** What reached the end of the flow must come back to develop: the branch that was merged, or the production branch itself. */
export async function oweWayBack(tx: Tx, promotionId: number) {
  const { rows } = await tx.query<Arrived>(
    `SELECT r."projectId", p."releaseId", e.name AS environment, p.kind, j.flow, r.branch AS master, r."commit" AS "masterCommit",
       s.branch AS source, s."branchKind" AS "sourceKind", s."commit" AS "sourceCommit"
     FROM "Promotion" p JOIN "Run" r ON r.id = p."runId" JOIN "Environment" e ON e.id = p."environmentId" JOIN "Project" j ON j.id = r."projectId"
     LEFT JOIN LATERAL (
       SELECT branch, "branchKind", "commit" FROM "Run"
       WHERE "releaseId" = p."releaseId" AND "branchKind" IN ('release', 'hotfix') AND status = 'succeeded' ORDER BY id DESC LIMIT 1) s ON true
     WHERE p.id = $1 AND r."branchKind" = 'master' AND p.kind IN ('onward', 'by-hand')`,
    [promotionId],
  )
  const arrived = rows[0]
  if (arrived === undefined || arrived.environment !== FLOW.master.goesTo) return
  const flow = flowOf(arrived.flow)
  if (!flow.back_merge && arrived.sourceKind !== 'hotfix') return
  await oweBackMerge(tx, {
    projectId: arrived.projectId,
    releaseId: arrived.releaseId,
    promotionId,
    source: arrived.source ?? arrived.master,
    target: nameOf('develop', flow),
    commit: arrived.sourceCommit ?? arrived.masterCommit,
    hotfix: arrived.sourceKind === 'hotfix',
  })
}
