// Heads of the flow's branches against what was seen of them.
import { createHash } from 'node:crypto'
import { SHIPLOCK, type Tx, transaction } from '../prisma/record'
import { cancelRun } from './cancel'
import { asWorker, type Context } from './context'
import { isFault } from './fault'
import type { Forge, ForgeBranch } from './forges/forge'
import { type BranchKind, FLOW, type FlowSettings, placeOf } from './gitflow'
import { makeRun } from './make-run'

const MOST_CANCELED = 100
const ZEROS = '0'.repeat(40)

/** A project whose turn it is, at the moment it was claimed. */
export interface Reconciled {
  id: number
  name: string
  path: string
  flow: FlowSettings
  forge: Forge
  forgeProjectId: number
  /** What was made after this cannot be judged by what the forge said then. */
  at: Date
  /** Nothing was ever seen: what is there now is no missed push. */
  isFirst: boolean
}

interface Head extends ForgeBranch {
  kind: BranchKind
}

/** Takes up heads whose webhook never came, and ends the runs of branches that are gone. */
export async function reconcileBranches(context: Context, project: Reconciled): Promise<void> {
  const { branches, isComplete } = await project.forge.branches(project.forgeProjectId)
  const heads = branches.flatMap((branch): Head[] => {
    const place = placeOf(branch.name, project.flow)
    return 'kind' in place ? [{ ...branch, kind: place.kind }] : []
  })
  await transaction(context.record, async (tx) => {
    const missed = project.isFirst ? [] : await unseen(tx, project.id, heads)
    for (const { head, before } of missed) await takeUp(tx, context, project, head, before)
    await noteHeads(tx, project, heads)
    if (isComplete) await forget(tx, project, branches)
    await tx.query('UPDATE "Project" SET "reconciledAt" = clock_timestamp() WHERE id = $1', [project.id])
  })
  // A list that was cut short says nothing about what is not on it.
  if (isComplete) await cancelGone(context, project, branches)
}

/** Heads that neither an earlier look nor any run knows, in the forge's order. */
async function unseen(tx: Tx, projectId: number, heads: readonly Head[]): Promise<{ head: Head; before: string }[]> {
  const { rows } = await tx.query<{ branch: string; before: string | null }>(
    `SELECT h.branch, b."commit" AS before FROM unnest($2::text[], $3::text[]) AS h(branch, "commit")
     LEFT JOIN "BranchHead" b ON b."projectId" = $1 AND b.branch = h.branch
     WHERE b."commit" IS DISTINCT FROM h."commit"
       AND NOT EXISTS (SELECT 1 FROM "Run" r WHERE r."projectId" = $1 AND r.branch = h.branch AND r."commit" = h."commit")`,
    [projectId, heads.map((h) => h.name), heads.map((h) => h.commit)],
  )
  const before = new Map(rows.map((r) => [r.branch, r.before]))
  return heads.filter((h) => before.has(h.name)).map((head) => ({ head, before: before.get(head.name) ?? ZEROS }))
}

async function takeUp(tx: Tx, context: Context, project: Reconciled, head: Head, before: string) {
  // The key of a head that planning takes up: both at once make one run.
  const content = createHash('sha256').update(`${head.name}\0${head.commit}`).digest('hex')
  const because = `its webhook never came: the head of ${head.name} was read from the forge`
  await makeRun(
    tx,
    {
      projectId: project.id,
      contentKey: `head:${content}`,
      service: project.name,
      branch: head.name,
      branchKind: head.kind,
      origin: 'reconcile',
      status: 'queued',
      commit: head.commit,
      before,
      title: head.title,
      pusherName: 'seen on the forge',
      priority: FLOW[head.kind].priority,
    },
    asWorker(context),
    because,
  )
}

/** What was noted since the forge was asked is newer. */
const noteHeads = (tx: Tx, project: Reconciled, heads: readonly Head[]) =>
  tx.query(
    `INSERT INTO "BranchHead" ("projectId", branch, "commit") SELECT $1, h.branch, h."commit" FROM unnest($2::text[], $3::text[]) AS h(branch, "commit")
     ON CONFLICT ("projectId", branch) DO UPDATE SET "commit" = EXCLUDED."commit", "seenAt" = clock_timestamp()
       WHERE "BranchHead"."commit" <> EXCLUDED."commit" AND "BranchHead"."seenAt" < $4`,
    [project.id, heads.map((h) => h.name), heads.map((h) => h.commit), project.at],
  )

const forget = (tx: Tx, project: Reconciled, branches: readonly ForgeBranch[]) =>
  tx.query(`DELETE FROM "BranchHead" WHERE "projectId" = $1 AND "seenAt" < $3 AND branch <> ALL($2::text[])`, [
    project.id,
    branches.map((b) => b.name),
    project.at,
  ])

async function cancelGone(context: Context, project: Reconciled, branches: readonly ForgeBranch[]) {
  const { rows } = await context.record.pool.query<{ id: number }>(
    `SELECT id FROM "Run" WHERE "projectId" = $1 AND status IN ('queued', 'planning', 'running', 'errored') AND "branchKind" <> 'fork'
       AND "createdAt" < $3 AND branch <> ALL($2::text[]) ORDER BY id LIMIT ${MOST_CANCELED}`,
    [project.id, branches.map((b) => b.name), project.at],
  )
  for (const { id } of rows) {
    try {
      await cancelRun(context.record, id, SHIPLOCK, 'the branch was deleted; its webhook never came')
    } catch (error) {
      if (!isFault(error) || error.code !== 'conflict') throw error // it has ended by itself meanwhile
    }
  }
}
