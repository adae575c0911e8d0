import type { RecordHandle } from '../prisma/client'
import type { Context } from './context'
import { canRetry, isFault } from './fault'
import { forgeOf } from './forge-of'
import type { CommitState } from './forges/forge'
import { tagsOf, withStandingRef } from './standing-ref'

const LEASE = `clock_timestamp() + interval '30 seconds'`
const MAX_ATTEMPTS = 20

interface Owed {
  id: number
  projectId: number
  runId: number
  name: string
  wanted: CommitState
  sent: string | null
  description: string
  attempts: number
  epoch: number
  commit: string
  branch: string
  releaseId: number | null
  /** Of a fork's run: the merge request, whose head is on no branch of the project. */
  iid: number | null
}

/** Tells the forge one commit status. What it cannot be told is tried again, ever more seldom, twenty times in all. */
export async function report(context: Context, id: number): Promise<void> {
  const owed = await claim(context.record, id)
  if (owed === null) return
  try {
    const { forge, project } = await forgeOf(context, owed.projectId)
    const { forgeProjectId } = project
    if (owed.wanted !== owed.sent && forgeProjectId !== null) {
      const branch = owed.iid === null ? owed.branch : forge.headRef(owed.iid)
      const tags = await tagsOf(context.record.pool, owed)
      await withStandingRef({ forge, project: { ...project, forgeProjectId } }, { branch, tags }, (ref) =>
        forge.setStatus(forgeProjectId, {
          commit: owed.commit,
          ref,
          name: owed.name === 'shiplock' ? owed.name : `shiplock/${owed.name}`,
          state: owed.wanted,
          description: owed.description,
          url: `${context.publicUrl}/runs/${owed.runId}`,
        }),
      )
    }
    await told(context.record, owed)
  } catch (error) {
    if (!isFault(error)) throw error
    const again = canRetry(error) && owed.attempts < MAX_ATTEMPTS
    const waitMs = error.retryAfterMs ?? Math.min(1000 * 2 ** owed.attempts, 300_000)
    await context.record.pool.query(
      `UPDATE "Report" SET because = left($3, 1000), "leaseUntil" = NULL,
         "dueAt" = CASE WHEN $4 THEN clock_timestamp() + $5 * interval '1 millisecond' END WHERE id = $1 AND epoch = $2`,
      [owed.id, owed.epoch, error.message, again, waitMs],
    )
  }
}

/** One poster per name at a time: two at once would race to the older state. */
async function claim(record: RecordHandle, id: number): Promise<Owed | null> {
  const { rows } = await record.pool.query<Owed>(
    `UPDATE "Report" p SET epoch = p.epoch + 1, attempts = p.attempts + 1, "leaseUntil" = ${LEASE}
     FROM "Run" r WHERE p.id = $1 AND r.id = p."runId" AND p."dueAt" <= clock_timestamp()
       AND (p."leaseUntil" IS NULL OR p."leaseUntil" < clock_timestamp())
      RETURNING p.id, r."projectId", p."runId", p.name, p.wanted, p.sent, p.description, p.attempts, p.epoch, r."commit", r.branch, r."releaseId",
       (SELECT m.iid FROM "MergeRequest" m WHERE m.id = r."mergeRequestId") AS iid`,
    [id],
  )
  return rows[0] ?? null
}

/** Nothing more is owed, unless the wanted state changed while the forge was being told. */
async function told(record: RecordHandle, owed: Owed) {
  await record.pool.query(
    `UPDATE "Report" SET sent = $3, because = '', "leaseUntil" = NULL,
       "dueAt" = CASE WHEN wanted = $3 AND description = $4 THEN NULL ELSE clock_timestamp() END WHERE id = $1 AND epoch = $2`,
    [owed.id, owed.epoch, owed.wanted, owed.description],
  )
}
