import { type Actor, ring, type Tx, tell } from '../prisma/record'
import type { Facts, Judged } from './gate'

/** Those who may sign are reminded of what waits for nothing but them, as often as the policy says. */
export async function remindSigners(tx: Tx, id: number, facts: Facts, judged: Judged, by: Actor) {
  const { remindMs, name } = facts.environment
  if (remindMs === null || judged.worst?.gate !== 'approvals') return
  const { rows } = await tx.query<{ runId: number; projectId: number }>(
    `UPDATE "Promotion" p SET "remindedAt" = clock_timestamp() FROM "Environment" e
     WHERE p.id = $1 AND e.id = p."environmentId" AND p.status = 'waiting'
       AND COALESCE(p."remindedAt", p."createdAt") <= clock_timestamp() - $2 * interval '1 millisecond' RETURNING p."runId", e."projectId"`,
    [id, remindMs],
  )
  const reminded = rows[0]
  if (reminded === undefined) return
  const because = `${judged.because}: ${judged.worst.who}`
  await tell(tx, {
    kind: 'promotion.remind',
    subject: 'promotion',
    subjectId: id,
    by,
    because,
    data: { name },
    ...reminded,
  })
  await ring(tx, `promotion:${id}:reminded`)
}
