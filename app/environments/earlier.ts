import type { RecordHandle } from '../../prisma/client'

/** Releases to choose from when going back: further back than this nobody goes in a hurry. */
const MAX_EARLIER = 20
/** Promotions looked through for them: several are of the same release. */
const LOOK_THROUGH = 200

export interface Earlier {
  release: number
  tag: string
  digest: string
  commit: string
  verifiedAt: string
  refusedBy: string | null
}

interface Row extends Omit<Earlier, 'verifiedAt'> {
  verifiedAt: Date
  at: number
}

const EARLIER = `
SELECT DISTINCT ON (v."releaseId") v.id AS at, v."releaseId" AS release, l.tag, l.digest, l."commit",
  COALESCE(v."verifiedAt", v."finishedAt", v."createdAt") AS "verifiedAt",
  CASE WHEN l."refusedAt" IS NULL THEN NULL ELSE l."refusedBy" END AS "refusedBy"
FROM (
  SELECT id, "releaseId", observed, "verifiedAt", "finishedAt", "createdAt" FROM "Promotion"
  WHERE "environmentId" = $1 AND status = 'verified' ORDER BY id DESC LIMIT ${LOOK_THROUGH}
) v JOIN "Release" l ON l.id = v."releaseId" AND l.digest = v.observed
WHERE v."releaseId" IS DISTINCT FROM $2
ORDER BY v."releaseId", v.id DESC`

/**
 * What an environment could go back to: releases that were verified there, newest first.
 * @param running the release that runs there now; null: none
 */
export async function readEarlier(
  record: RecordHandle,
  environmentId: number,
  running: number | null,
): Promise<Earlier[]> {
  const { rows } = await record.pool.query<Row>(EARLIER, [environmentId, running])
  return rows
    .sort((a, b) => b.at - a.at)
    .slice(0, MAX_EARLIER)
    .map(({ at: _, ...row }) => ({ ...row, verifiedAt: row.verifiedAt.toISOString() }))
}
