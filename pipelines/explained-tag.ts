// Does the trail explain a version tag that is owed? Asked before a worker makes it on the forge.
import { type Actor, record, type Tx } from '../prisma/record'
import { alarm } from './alarm'
import { TAG } from './tag'

interface Making {
  id: number
  epoch: number
  name: string
  commit: string
  runId: number | null
  releaseId: number | null
}

export interface ToldOfTag {
  /** Web and worker have database roles of their own; else an entry proves nothing, and nothing is asked of it. */
  apart: boolean
  /** What a worker wrote when it was owed. Entries of earlier versions name no commit. */
  owed: { name: string | null; commit: string | null; run: number | null; release: number | null } | null
  /** The run that it is of, where that is one of the production branch that succeeded. */
  run: { commit: string; release: number | null } | null
}

const TOLD = `
SELECT "trail_writer"() <> 'owner' AS apart,
  (SELECT jsonb_build_object('name', e.data->>'name', 'commit', e.data->>'commit', 'run', e."runId", 'release', e."releaseId") FROM "AuditEntry" e
   WHERE e.subject = 'tag' AND e."subjectId" = t.id AND e.kind = 'tag.owed' AND e.writer <> 'web' ORDER BY e.id LIMIT 1) AS owed,
  (SELECT jsonb_build_object('commit', r."commit", 'release', r."releaseId") FROM "Run" r
   WHERE r.id = t."runId" AND r."projectId" = t."projectId" AND r.status = 'succeeded' AND r."branchKind" = 'master') AS run
FROM "Tag" t WHERE t.id = $1`

/** Null: the trail explains it. Else what is missing there. */
export function whyNotOwed(row: Omit<Making, 'id' | 'epoch'>, { apart, owed, run }: ToldOfTag): string | null {
  if (!apart) return null
  if (owed === null) return 'no entry of a worker says that it is owed'
  if (run === null) return 'its run is not one of the production branch that succeeded'
  const pairs = [
    ['name', owed.name, row.name],
    ['commit', owed.commit ?? run.commit, row.commit],
    ['commit', run.commit, row.commit],
    ['run', owed.run, row.runId],
    ['release', owed.release ?? run.release, row.releaseId],
    ['release', run.release, row.releaseId],
  ] as const
  const other = pairs.find(([, said, written]) => said !== written)
  return other === undefined ? null : `the ${other[0]} that is owed is ${other[1]}, and the record says ${other[2]}`
}

/** Ends a tag that was claimed and that no entry explains. @returns true: it may be made, as the row has it */
export async function mayBeMade(tx: Tx, making: Making, by: Actor): Promise<boolean> {
  const { rows } = await tx.query<ToldOfTag>(TOLD, [making.id])
  const told = rows[0]
  const because = told === undefined ? null : whyNotOwed(making, told)
  if (because === null) return true
  await record(tx, 'tag', TAG, {
    id: making.id,
    from: 'making',
    event: 'refuse',
    epoch: making.epoch,
    because: `the audit trail does not explain it: ${because}. Make the tag by hand`,
    set: { leaseUntil: null },
    by,
  })
  await alarm(tx, { subject: 'tag', id: making.id, because }, by)
  return false
}
