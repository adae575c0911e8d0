// Merge requests become due: something happened to them on the forge, or to the run of their head here.
import { ring, type Tx } from '../prisma/record'
import { firstLine } from './title'

/** News of a run come in bursts; the note is written once for each. */
const SETTLE_MS = 1_000
/** Requests of one head that are told of its run. */
const MOST_OF_A_HEAD = 20

/** What an event says of a merge request: a hint for the page, until it was read from the forge. */
export interface Hint {
  title: string
  source: string
  target: string
}

/** It is to be read from the forge at once; one that nobody knew becomes known. @returns its id */
export async function dueMergeRequest(
  tx: Tx,
  projectId: number,
  iid: number,
  hint: Hint = { title: '', source: '', target: '' },
): Promise<{ id: number; isNew: boolean }> {
  const { rows } = await tx.query<{ id: number; isNew: boolean }>(
    `INSERT INTO "MergeRequest" AS m ("projectId", iid, title, source, target) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT ("projectId", iid) DO UPDATE SET "dueAt" = clock_timestamp(), attempts = 0
     RETURNING m.id, m.xmax = 0 AS "isNew"`,
    [projectId, iid, firstLine(hint.title), firstLine(hint.source, 244), firstLine(hint.target, 244)],
  )
  const row = rows[0]
  if (row === undefined) throw new Error('a merge request was neither stored nor found')
  await ring(tx, `mergeRequest:${row.id}:due`)
  return row
}

/**
 * The run of this commit, one of its stages, or a promotion of it has changed: the note of the merge requests whose head it
 * is may say something else now. Called in the transaction of the change.
 */
export async function touchMergeRequests(tx: Tx, projectId: number, commit: string): Promise<void> {
  await tx.query(
    `UPDATE "MergeRequest" SET attempts = 0, "dueAt" = CASE
         WHEN "leaseUntil" IS NULL AND "dueAt" <= clock_timestamp() + $3 * interval '1 millisecond' THEN "dueAt"
         ELSE clock_timestamp() + $3 * interval '1 millisecond' END
     WHERE id IN (SELECT id FROM "MergeRequest" WHERE "projectId" = $1 AND head = $2 AND status = 'opened' ORDER BY id DESC LIMIT $4)`,
    [projectId, commit, SETTLE_MS, MOST_OF_A_HEAD],
  )
}
