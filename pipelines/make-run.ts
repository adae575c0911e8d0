// A run that no push's webhook made.
import { type Actor, ring, type Tx } from '../prisma/record'
import type { BranchKind } from './gitflow'

export interface NewRun {
  projectId: number
  /** Unique within the project: the same content makes one run. */
  contentKey: string
  service: string
  branch: string
  branchKind: BranchKind | 'fork'
  origin: 'reconcile' | 'merge-request'
  status: 'queued' | 'held'
  commit: string
  before: string
  title: string
  pusherId?: string
  pusherName: string
  priority: number
  mergeRequestId?: number
  /** A fork's: where its service file is read. */
  definitionCommit?: string
}

/** Makes a run with its entry in the trail. Null: there is one of the same content. */
export async function makeRun(tx: Tx, run: NewRun, by: Actor, because: string): Promise<number | null> {
  const { rows } = await tx.query<{ id: number }>(
    `INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", origin, status, because, "commit", before, title,
       "pusherId", "pusherName", priority, "mergeRequestId", "definitionCommit")
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
     ON CONFLICT ("projectId", "contentKey") DO NOTHING RETURNING id`,
    [
      run.projectId,
      run.contentKey,
      run.service,
      run.branch,
      run.branchKind,
      run.origin,
      run.status,
      run.status === 'held' ? because : '',
      run.commit,
      run.before,
      run.title,
      run.pusherId ?? '',
      run.pusherName,
      run.priority,
      run.mergeRequestId ?? null,
      run.definitionCommit ?? null,
    ],
  )
  const id = rows[0]?.id
  if (id === undefined) return null
  await tx.query(`SELECT audit_append('run.accept', $1, $2, $3::int, 'run', $4::int, $4::int, NULL, $5, $6, '{}')`, [
    by.actor,
    by.actorName,
    run.projectId,
    id,
    run.status,
    because,
  ])
  await ring(tx, `run:${id}:${run.status}`)
  return id
}
