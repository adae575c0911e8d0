import { asWorker, type Context } from '../pipelines/context'
import { mayGoOn } from '../pipelines/explained-run'
import { Fault } from '../pipelines/fault'
import { FLOW, flowOf } from '../pipelines/gitflow'
import { oweTag } from '../pipelines/owe-tag'
import type { RecordHandle } from '../prisma/client'
import { type Actor, type Person, ring, type Tx, tell, transaction } from '../prisma/record'
import { ringPromotion, takePlace, takePlaceOf } from './place'
import type { PromotionKind } from './promotion'
import { releaseTag } from './release'
import { supersedeOlder } from './supersede'

interface Wanted {
  environmentId: number
  releaseId: number
  runId: number
  kind: PromotionKind
  requestedBy: string
  requesterId?: number | null
  reason?: string
  insteadOf?: number | null
  certificate?: string
  priority: number
}

/** What goes back goes first: something is broken now. */
export const FIRST = -10

/** Writes a promotion, which the gates then judge. The caller holds the environment's row. @returns null: it is there already */
export async function writePromotion(tx: Tx, wanted: Wanted, by: Actor, because: string): Promise<number | null> {
  const { rows } = await tx.query<{ id: number; projectId: number }>(
    `INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", kind, "requestedBy", "requesterId", reason, "insteadOf", priority, certificate)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING
     RETURNING id, (SELECT "projectId" FROM "Environment" WHERE id = "environmentId") AS "projectId"`,
    [
      wanted.environmentId,
      wanted.releaseId,
      wanted.runId,
      wanted.kind,
      wanted.requestedBy,
      wanted.requesterId ?? null,
      wanted.reason ?? '',
      wanted.insteadOf ?? null,
      wanted.priority,
      wanted.certificate ?? null,
    ],
  )
  const made = rows[0]
  if (made === undefined) return null
  await tell(tx, {
    kind: 'promotion.request',
    subject: 'promotion',
    subjectId: made.id,
    runId: wanted.runId,
    projectId: made.projectId,
    by,
    because,
    data: { kind: wanted.kind, release: wanted.releaseId, insteadOf: wanted.insteadOf ?? null },
  })
  await ring(tx, `promotion:${made.id}:waiting`)
  return made.id
}

/** Requests the environment that a succeeded run's branch goes to by itself; once per run. */
export async function promoteOnward(context: Context, runId: number): Promise<void> {
  const by = asWorker(context)
  await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<{
      projectId: number
      releaseId: number
      branch: string
      goesTo: string
      priority: number
      environmentId: number | null
      pusherName: string
      branchKind: string
      commit: string
      tag: string
      version: string
      flow: unknown
    }>(
      `SELECT r."projectId", r."releaseId", r.branch, r."branchKind", r."commit", r."goesTo", r.priority, r."pusherName", l.tag, l.version, j.flow,
         e.id AS "environmentId"
       FROM "Run" r JOIN "Release" l ON l.id = r."releaseId" JOIN "Project" j ON j.id = r."projectId"
       LEFT JOIN "Environment" e ON e."projectId" = r."projectId" AND e.name = r."goesTo" AND e."removedAt" IS NULL
       WHERE r.id = $1 AND r.status = 'succeeded' AND r."releaseId" IS NOT NULL AND r."goesTo" IS NOT NULL AND r."movedOnAt" IS NULL
       FOR UPDATE OF r`,
      [runId],
    )
    const run = rows[0]
    if (run === undefined || !(await mayGoOn(tx, runId, by))) return
    await tx.query('UPDATE "Run" SET "movedOnAt" = clock_timestamp() WHERE id = $1', [runId])
    if (run.branchKind === 'master') {
      const policy = flowOf(run.flow).tag
      await oweTag(tx, {
        projectId: run.projectId,
        runId,
        releaseId: run.releaseId,
        name: run.tag,
        anew: (at, ordinal) => releaseTag(run.version, at, ordinal),
        commit: run.commit,
        policy,
      })
    }
    if (run.environmentId === null) {
      await tell(tx, {
        kind: 'promotion.impossible',
        subject: 'run',
        subjectId: runId,
        runId,
        projectId: run.projectId,
        by,
        because: `the project has no environment called ${run.goesTo}`,
      })
      return
    }
    await takePlace(tx, run.environmentId)
    const wanted = {
      environmentId: run.environmentId,
      releaseId: run.releaseId,
      runId,
      kind: 'onward',
      requestedBy: `push by ${run.pusherName}`,
      priority: run.priority,
    } as const
    const id = await writePromotion(tx, wanted, by, `${run.goesTo} follows by itself`)
    if (id !== null) await supersedeOlder(tx, { id, runId, branch: run.branch, environmentId: run.environmentId }, by)
  })
}

export interface Request {
  releaseId: number
  environmentId: number
  reason: string
}

/**
 * Asks by hand for a release to go to an environment; the gates judge it like any other.
 * @returns the promotion's id
 * @throws Fault not.found; conflict where it is on its way there already, or no branch of it may go so far
 */
export async function requestPromotion(handle: RecordHandle, asked: Request, by: Person): Promise<number> {
  return transaction(handle, async (tx) => {
    const place = await takePlace(tx, asked.environmentId)
    const { rows } = await tx.query<{ tag: string; projectId: number }>(
      'SELECT tag, "projectId" FROM "Release" WHERE id = $1',
      [asked.releaseId],
    )
    const release = rows[0]
    if (release === undefined || release.projectId !== place.projectId)
      throw new Fault('not.found', `this project has no release #${asked.releaseId}`)
    await refuseTwice(tx, asked, `${release.tag} is on its way to ${place.name} already`)
    const run = await runOf(tx, asked.releaseId, place.name)
    if (run === null) throw new Fault('conflict', `no run has ended that ${release.tag} could be promoted for`)
    const wanted = {
      ...asked,
      runId: run.id,
      kind: 'by-hand',
      requestedBy: by.actorName,
      requesterId: by.accountId,
      priority: run.priority,
    } as const
    const id = await writePromotion(tx, wanted, by, asked.reason || 'asked for by hand')
    if (id === null) throw new Fault('conflict', `${release.tag} is on its way to ${place.name} already`)
    await supersedeOlder(tx, { id, runId: run.id, branch: run.branch, environmentId: place.id }, by)
    return id
  })
}

/** @throws Fault conflict where the release is on its way there already */
export async function refuseTwice(tx: Tx, asked: { releaseId: number; environmentId: number }, because: string) {
  const { rows } = await tx.query<{ id: number }>(
    `SELECT id FROM "Promotion" WHERE "environmentId" = $1 AND "releaseId" = $2
       AND status IN ('waiting', 'queued', 'deploying', 'deployed', 'verifying') LIMIT 1`,
    [asked.environmentId, asked.releaseId],
  )
  if (rows[0]) throw new Fault('conflict', `${because}: promotion #${rows[0].id}`)
}

/** The run that a promotion by hand is for: the newest whose branch may go that far, else the newest. */
async function runOf(tx: Tx, releaseId: number, environment: string) {
  const kinds = Object.entries(FLOW).flatMap(([kind, row]) => (row.goesTo === environment ? [kind] : []))
  const { rows } = await tx.query<{ id: number; branch: string; priority: number }>(
    `SELECT id, branch, priority FROM "Run" WHERE "releaseId" = $1 AND status = 'succeeded'
     ORDER BY ("branchKind" = ANY($2)) DESC, ("branchKind" = 'master') DESC, id DESC LIMIT 1`,
    [releaseId, kinds],
  )
  return rows[0] ?? null
}

/** Starts a promotion that waits in an environment which is started by hand. */
export async function startPromotion(handle: RecordHandle, id: number, by: Person): Promise<void> {
  await transaction(handle, async (tx) => {
    if ((await takePlaceOf(tx, id)) === null) throw new Fault('not.found', `there is no promotion #${id}`)
    const { rows } = await tx.query<{ projectId: number; runId: number }>(
      `UPDATE "Promotion" p SET "startedByHand" = $2, "startedById" = $3 FROM "Environment" e
       WHERE p.id = $1 AND e.id = p."environmentId" AND p.status = 'waiting' AND p."startedByHand" IS NULL AND e.policy->>'start' = 'by-hand'
       RETURNING e."projectId", p."runId"`,
      [id, by.actorName, by.accountId],
    )
    const started = rows[0]
    if (started === undefined)
      throw new Fault(
        'conflict',
        `promotion #${id} does not wait to be started: it was started, or it starts otherwise`,
      )
    await tell(tx, { kind: 'promotion.start', subject: 'promotion', subjectId: id, by, ...started })
    await ringPromotion(tx, id)
  })
}
