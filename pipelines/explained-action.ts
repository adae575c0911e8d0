// Does the trail explain what is asked for on a merge request? Asked before a worker does it on the forge.
import { type Actor, NOW, record, type Tx } from '../prisma/record'
import { alarm } from './alarm'
import { MERGE_ACTION } from './merge-request'

const BECAUSE = 'no entry says that this person asked for this, on this request, at this head'

// What is done stands in the trail as it is done: an approval there is no merge, and another request is another one.
const ASKED = `
SELECT "trail_writer"() = 'owner' OR EXISTS (
  SELECT 1 FROM "MergeRequest" m JOIN "AuditEntry" t ON t.subject = 'mergeRequest' AND t."subjectId" = m.id
  WHERE m.id = a."mergeRequestId" AND m."projectId" = a."projectId" AND t.kind = 'mergeRequest.' || a.kind
    AND t.data->'action' = to_jsonb(a.id) AND t.data->>'head' = a.head AND t.actor = 'account:' || a."accountId") AS asked
FROM "MergeAction" a WHERE a.id = $1`

/** Ends an action that was claimed and that no entry explains. @returns true: it may be done, as the row has it */
export async function mayBeDone(tx: Tx, action: { id: number; epoch: number }, by: Actor): Promise<boolean> {
  const { rows } = await tx.query<{ asked: boolean }>(ASKED, [action.id])
  if (rows[0]?.asked === true) return true
  await record(tx, 'mergeAction', MERGE_ACTION, {
    id: action.id,
    from: 'doing',
    event: 'refuse',
    epoch: action.epoch,
    because: `the audit trail does not explain it: ${BECAUSE}. Ask for it again`,
    set: { leaseUntil: null, finishedAt: NOW },
    by,
  })
  await alarm(tx, { subject: 'mergeAction', id: action.id, because: BECAUSE }, by)
  return false
}
