import type { Tx } from '../prisma/record'
import type { CommitState } from './forges/forge'

/** What a stage's status is called on a commit. */
export const STATE_OF: Record<string, CommitState> = {
  pending: 'pending',
  queued: 'pending',
  running: 'running',
  succeeded: 'success',
  failed: 'failed',
  errored: 'failed',
  skipped: 'skipped',
  canceled: 'canceled',
}

/** Notes, in the transaction of the change, that the forge should hear of it. Only the newest state of a name is owed. */
export async function owe(
  tx: Tx,
  report: { projectId: number; runId: number; name: string; wanted: CommitState; description: string },
) {
  await tx.query(
    `INSERT INTO "Report" ("projectId", "runId", name, wanted, description) VALUES ($1, $2, $3, $4, left($5, 200))
     ON CONFLICT ("runId", name) DO UPDATE SET wanted = EXCLUDED.wanted, description = EXCLUDED.description, "dueAt" = clock_timestamp(), attempts = 0`,
    [report.projectId, report.runId, report.name, report.wanted, report.description],
  )
}
