import { hashOf, type Json } from '../audit/canonical'
import { Fault } from '../pipelines/fault'
import type { Tx } from '../prisma/record'
import { handsOf } from './hands'
import { policySha } from './policy-agreed'
import type { BoundPolicy, BoundPromotion } from './statement'

interface PromotionRow {
  projectId: number
  path: string
  forgeProjectId: number | null
  environmentId: number
  environment: string
  id: number
  kind: string
  ask: number
  releaseId: number
  tag: string
  tree: string
  digest: string
  bytes: string | null
  buildKey: string
  bases: Json
  plan: Json
  commit: string
  branch: string
  tests: Json
  requests: number[] | null
  policy: Json
  policyVersion: number
  previous: string | null
}

/** What a sign-off of this promotion would bind at this moment. @throws Fault not.found */
export async function boundOf(tx: Tx, promotionId: number): Promise<BoundPromotion> {
  const { rows } = await tx.query<PromotionRow>(BOUND, [promotionId])
  const row = rows[0]
  if (row === undefined) throw new Fault('not.found', `there is no promotion #${promotionId}`)
  return {
    project: { id: row.projectId, path: row.path },
    environment: { id: row.environmentId, name: row.environment },
    promotion: { id: row.id, kind: row.kind, ask: row.ask },
    release: { id: row.releaseId, tag: row.tag, tree: row.tree },
    digest: row.digest,
    size: row.bytes === null ? null : Number(row.bytes),
    git: { repository: row.forgeProjectId, commit: row.commit, branch: row.branch },
    build_sha256: hashOf({ key: row.buildKey, bases: row.bases }),
    config_sha256: hashOf(row.plan),
    tests_sha256: hashOf(row.tests ?? []),
    merge_requests: row.requests ?? [],
    policy: { version: row.policyVersion, sha256: policySha(row.policy) },
    previous_digest: row.previous,
    excluded: await handsOf(tx, promotionId),
  }
}

// Results and requests of runs up to the promotion's own: what comes later is not what was asked about.
const BOUND = `
SELECT e."projectId", j.path, j."forgeProjectId", e.id AS "environmentId", e.name AS environment, e.policy, e."policyVersion",
  p.id, p.kind, p.ask, l.id AS "releaseId", l.tag, l.tree, l.digest, l.bytes, l."buildKey", l.bases, l.plan, r."commit", r.branch,
  (SELECT jsonb_agg(jsonb_build_array(s."runId", s.name, s.status, s.tests) ORDER BY s."runId", s.position)
   FROM "Run" t JOIN "Stage" s ON s."runId" = t.id AND s."promotionId" IS NULL
   WHERE t."releaseId" = l.id AND t.id <= p."runId" AND s.status IN ('succeeded', 'failed', 'skipped')) AS tests,
  (SELECT array_agg(DISTINCT m.iid ORDER BY m.iid) FROM "Run" t JOIN "MergeRequest" m ON m."projectId" = t."projectId" AND m."mergeCommit" = t."commit"
   WHERE t."releaseId" = l.id AND t.id <= p."runId") AS requests,
  (SELECT d.observed FROM (
     SELECT q.observed, q."deployedAt" FROM "Promotion" q WHERE q."environmentId" = e.id AND q."deployedAt" IS NOT NULL AND q.id <> p.id
     ORDER BY q.id DESC LIMIT 20) d ORDER BY d."deployedAt" DESC LIMIT 1) AS previous
FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" JOIN "Project" j ON j.id = e."projectId"
JOIN "Release" l ON l.id = p."releaseId" JOIN "Run" r ON r.id = p."runId" WHERE p.id = $1`

/** What agreeing to a change of a policy would bind at this moment. @throws Fault not.found */
export async function boundOfChange(tx: Tx, changeId: number): Promise<BoundPolicy> {
  const { rows } = await tx.query<{
    projectId: number
    path: string
    environmentId: number
    environment: string
    policy: Json
    policyVersion: number
    proposed: Json
    authorId: number
    forgeUserId: string | null
  }>(
    `SELECT e."projectId", j.path, e.id AS "environmentId", e.name AS environment, e.policy, e."policyVersion", c.policy AS proposed,
       c."authorId", a."forgeUserId"
     FROM "PolicyChange" c JOIN "Environment" e ON e.id = c."environmentId" JOIN "Project" j ON j.id = e."projectId"
     LEFT JOIN "Account" a ON a.id = c."authorId" WHERE c.id = $1`,
    [changeId],
  )
  const row = rows[0]
  if (row === undefined) throw new Fault('not.found', `there is no policy change #${changeId}`)
  return {
    project: { id: row.projectId, path: row.path },
    environment: { id: row.environmentId, name: row.environment },
    change: changeId,
    policy: { version: row.policyVersion, sha256: policySha(row.policy) },
    policy_sha256: policySha(row.proposed),
    excluded: { accounts: [row.authorId], forge: row.forgeUserId === null ? [] : [row.forgeUserId] },
  }
}
