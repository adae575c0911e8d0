import type { Tx } from '../prisma/record'

/**
 * Who had a hand in what a release holds: pushers of the runs it was made or adopted by, authors and mergers of the merge
 * requests of those commits, and who merged them here.
 * @returns forge ids and account ids
 */
async function handsOf(tx: Tx, releaseId: number): Promise<{ forge: Set<string>; accounts: Set<number> }> {
  const { rows } = await tx.query<{ forge: string[] | null; accounts: number[] | null }>(
    `WITH runs AS (SELECT "projectId", "commit", "pusherId" FROM "Run" WHERE "releaseId" = $1),
     requests AS (
       SELECT m.id, m."authorId", m."mergerId" FROM "MergeRequest" m JOIN runs r ON r."projectId" = m."projectId" AND m.head = r."commit"
       UNION
       SELECT m.id, m."authorId", m."mergerId" FROM "MergeRequest" m JOIN runs r ON r."projectId" = m."projectId" AND m."mergeCommit" = r."commit")
     SELECT (SELECT array_agg(DISTINCT id) FROM (SELECT "pusherId" AS id FROM runs UNION SELECT "authorId" FROM requests UNION SELECT "mergerId" FROM requests) f WHERE id <> '') AS forge,
       (SELECT array_agg(DISTINCT a."accountId") FROM "MergeAction" a JOIN requests q ON q.id = a."mergeRequestId" WHERE a.kind = 'merge' AND a.status = 'done') AS accounts`,
    [releaseId],
  )
  return { forge: new Set(rows[0]?.forge ?? []), accounts: new Set(rows[0]?.accounts ?? []) }
}

/** Why this person may not sign this release off: they had a hand in it. Null: they had none. */
export async function whyOwnChange(tx: Tx, releaseId: number, accountId: number): Promise<string | null> {
  const hands = await handsOf(tx, releaseId)
  if (hands.accounts.has(accountId)) return 'you merged this change, and nobody signs their own change'
  const { rows } = await tx.query<{ forgeUserId: string | null }>('SELECT "forgeUserId" FROM "Account" WHERE id = $1', [
    accountId,
  ])
  const forgeUser = rows[0]?.forgeUserId
  return forgeUser != null && hands.forge.has(forgeUser)
    ? 'you pushed, wrote or merged this change, and nobody signs their own change'
    : null
}
