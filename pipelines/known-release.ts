import type { Context } from './context'
import { ADOPTS_FROM, FLOW, type RunKind } from './gitflow'
import type { KnownRelease } from './planned'
import { type TrustClass, usableBy } from './trust'

/**
 * Build once: a release of the same tree, built the same way, whose image is still there, and of a trust class that this run
 * may use; its own class comes first. A branch that adopts takes the one that was verified, however it was built: production
 * runs what prerelease ran.
 */
export async function knownRelease(
  context: Context,
  run: { projectId: number; branchKind: RunKind; trust: TrustClass },
  tree: string,
  buildKey: string,
): Promise<KnownRelease | null> {
  if (run.branchKind === 'fork' || run.branchKind === 'other' || FLOW[run.branchKind].goesTo === null) return null
  const { rows } = await context.record.pool.query<KnownRelease>(
    `SELECT l.id, l.digest, (SELECT min(r.id) FROM "Run" r WHERE r."releaseId" = l.id) AS run, v.id IS NOT NULL AS verified
     FROM "Release" l LEFT JOIN LATERAL (
       SELECT p.id FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId"
       WHERE p."releaseId" = l.id AND p.status = 'verified' AND p.observed = l.digest AND e.name = $5 ORDER BY p.id DESC LIMIT 1) v ON true
     WHERE l."projectId" = $1 AND l.tree = $2 AND (l."buildKey" = $3 OR ($4 AND v.id IS NOT NULL)) AND l.trust = ANY($6)
     ORDER BY ($4 AND v.id IS NOT NULL) DESC, l.trust = $7 DESC, v.id DESC NULLS LAST, l.id DESC LIMIT 1`,
    [run.projectId, tree, buildKey, FLOW[run.branchKind].adopts, ADOPTS_FROM, usableBy(run.trust), run.trust],
  )
  const release = rows[0]
  return release !== undefined && (await context.engine.image(release.digest)) !== null ? release : null
}
