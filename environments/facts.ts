import type { BranchKind } from '../pipelines/gitflow'
import type { Tx } from '../prisma/record'
import type { Facts } from './gate'

interface FactsRow {
  environment: string
  start: Facts['environment']['start']
  environmentId: number
  releaseId: number
  tag: string
  runId: number
  branchKind: BranchKind | 'other'
  templated: boolean
  plan: { config?: Record<string, { required?: boolean; default?: unknown }> }
  busyId: number | null
  busySince: Date | null
  newerId: number | null
  newerRun: number | null
}

/** What the gates judge a promotion by, read in one statement. Null: there is no such promotion. */
export async function readFacts(tx: Tx, promotionId: number): Promise<Facts | null> {
  const { rows } = await tx.query<FactsRow>(FACTS, [promotionId])
  const row = rows[0]
  if (row === undefined) return null
  return {
    environment: { name: row.environment, start: row.start },
    release: { id: row.releaseId, tag: row.tag },
    run: { id: row.runId, branchKind: row.branchKind, templated: row.templated },
    missingConfig: Object.entries(row.plan.config ?? {})
      .filter(([, c]) => c.required === true && c.default === undefined)
      .map(([name]) => name),
    busy: row.busyId === null || row.busySince === null ? null : { id: row.busyId, since: row.busySince },
    newer: row.newerId === null || row.newerRun === null ? null : { id: row.newerId, run: row.newerRun },
  }
}

const FACTS = `
SELECT e.name AS environment, e.policy->>'start' AS start, e.id AS "environmentId", l.id AS "releaseId", l.tag, r.id AS "runId",
  r."branchKind", COALESCE((r.plan->>'templated')::boolean, true) AS templated, l.plan,
  busy.id AS "busyId", busy."startedAt" AS "busySince", newer.id AS "newerId", newer."runId" AS "newerRun"
FROM "Promotion" p
JOIN "Environment" e ON e.id = p."environmentId"
JOIN "Release" l ON l.id = p."releaseId"
JOIN "Run" r ON r.id = p."runId"
LEFT JOIN LATERAL (
  SELECT b.id, b."startedAt" FROM "Promotion" b
  WHERE b."environmentId" = p."environmentId" AND b.status = 'deploying' AND b.id <> p.id LIMIT 1
) busy ON true
LEFT JOIN LATERAL (
  SELECT n.id, n."runId" FROM "Promotion" n
  WHERE n."environmentId" = p."environmentId" AND n."runId" > p."runId"
    AND n.status IN ('waiting', 'queued', 'deploying', 'deployed', 'verified', 'errored')
  ORDER BY n."runId" DESC LIMIT 1
) newer ON true
WHERE p.id = $1`
