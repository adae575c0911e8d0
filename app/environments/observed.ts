/**
 * What was last seen running in an environment `e`, and whether that is what the record says serves there (`runs`). An
 * environment serves one project, and so one service; where that was renamed, the one deployed last counts.
 */
export const OBSERVED_THERE = `
  SELECT o.*, q."releaseId", COALESCE(o.digest = l.digest, false) AS runs FROM "Observed" o
  LEFT JOIN "Promotion" q ON q.id = o."promotionId" LEFT JOIN "Release" l ON l.id = q."releaseId"
  WHERE o."environmentId" = e.id ORDER BY q."deployedAt" DESC NULLS LAST, o.id DESC LIMIT 1`
