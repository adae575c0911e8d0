import type { Tx } from '../prisma/record'
import type { Hands } from './statement'

/**
 * Who had a hand in what a promotion changes: pushers of its commits, authors and mergers of the merge requests that brought
 * them, who merged them here, who asked for it by hand, started it, or had it tried again. By numeric ids of the forge and by
 * accounts; a git author line says nothing. The commits are those between what runs there and what comes (Promotion.range).
 */
export async function handsOf(tx: Tx, promotionId: number): Promise<Hands> {
  const { rows } = await tx.query<{ forge: string[] | null; accounts: number[] | null }>(HANDS, [promotionId])
  return { forge: rows[0]?.forge ?? [], accounts: rows[0]?.accounts ?? [] }
}

const HANDS = `
WITH it AS (SELECT p.id, p."releaseId", p."runId", p.kind, p."requesterId", p."startedById", p."retriedById", p.range, e."projectId"
  FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" WHERE p.id = $1),
commits AS (
  SELECT r."commit" FROM it JOIN "Run" r ON r."releaseId" = it."releaseId" AND r.id <= it."runId"
  UNION SELECT c FROM it, jsonb_array_elements_text(COALESCE(it.range->'commits', '[]')) c),
runs AS (SELECT r."pusherId" FROM it JOIN commits c ON true JOIN "Run" r ON r."projectId" = it."projectId" AND r."commit" = c."commit"),
requests AS (
  SELECT m.id, m."authorId", m."mergerId" FROM it JOIN commits c ON true JOIN "MergeRequest" m ON m."projectId" = it."projectId" AND m.head = c."commit"
  UNION
  SELECT m.id, m."authorId", m."mergerId" FROM it JOIN commits c ON true JOIN "MergeRequest" m ON m."projectId" = it."projectId" AND m."mergeCommit" = c."commit"),
forge AS (SELECT "pusherId" AS id FROM runs UNION SELECT "authorId" FROM requests UNION SELECT "mergerId" FROM requests),
accounts AS (
  SELECT a.id FROM "Account" a WHERE a."forgeUserId" IN (SELECT id FROM forge WHERE id <> '')
  UNION SELECT a."accountId" FROM "MergeAction" a JOIN requests q ON q.id = a."mergeRequestId" WHERE a.kind = 'merge' AND a.status = 'done'
  UNION SELECT CASE WHEN it.kind = 'by-hand' THEN it."requesterId" END FROM it
  UNION SELECT it."startedById" FROM it UNION SELECT it."retriedById" FROM it)
SELECT (SELECT array_agg(id ORDER BY id) FROM forge WHERE id <> '') AS forge,
  (SELECT array_agg(id ORDER BY id) FROM accounts WHERE id IS NOT NULL) AS accounts`

/** Why this person may not answer for this promotion: they had a hand in it. Null: they had none. */
export async function whyOwnChange(tx: Tx, promotionId: number, accountId: number): Promise<string | null> {
  const hands = await handsOf(tx, promotionId)
  return hands.accounts.includes(accountId)
    ? 'you had a hand in this change (pushed, wrote, merged, asked for, started or retried it), and nobody signs their own change'
    : null
}
