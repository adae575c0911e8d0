// Does the trail explain a run? Asked before a worker plans it, freezes what it built, and lets it go on.
import { type Actor, NOW, record, type Tx } from '../prisma/record'
import { alarm } from './alarm'
import { owe } from './owe'
import { RUN } from './run'

interface Told {
  projectId: number
  origin: string
  status: string
  /** Web and worker have database roles of their own; else an entry proves nothing, and nothing is asked of it. */
  apart: boolean
  /** Who wrote that it was accepted, a worker before the web process, which may write more of them; null: there is no such entry. */
  accepted: string | null
  passed: boolean
  /** Of its build stage, where it built: what the record says, and what a worker's entry says (empty: it names none). */
  built: { record: string; told: string | null } | null
}

/** Origins that a webhook does not have: a worker found these commits on the forge. */
const FOUND_BY_A_WORKER: readonly string[] = ['head', 'reconcile', 'merge-request']

async function toldOf(tx: Tx, runId: number): Promise<Told | undefined> {
  const { rows } = await tx.query<Told>(TOLD, [runId])
  return rows[0]
}

const TOLD = `
SELECT r."projectId", r.origin, r.status, "trail_writer"() <> 'owner' AS apart,
  (SELECT t.writer FROM "AuditEntry" t WHERE t.subject = 'run' AND t."subjectId" = r.id AND t.kind = 'run.accept'
   ORDER BY t.writer = 'web', t.id LIMIT 1) AS accepted,
  EXISTS (SELECT 1 FROM "AuditEntry" t WHERE t.subject = 'run' AND t."subjectId" = r.id AND t.kind = 'run.pass' AND t.writer <> 'web') AS passed,
  (SELECT jsonb_build_object('record', s.digest, 'told',
     (SELECT COALESCE(t.data->>'digest', '') FROM "AuditEntry" t WHERE t.subject = 'stage' AND t."subjectId" = s.id AND t.kind = 'stage.pass'
      AND t.writer <> 'web' ORDER BY t.id DESC LIMIT 1))
   FROM "Stage" s WHERE s."runId" = r.id AND s.name = 'build' AND s."promotionId" IS NULL AND s.digest IS NOT NULL AND s.status = 'succeeded') AS built
FROM "Run" r WHERE r.id = $1`

function whyNotAccepted({ apart, accepted, origin }: Told): string | null {
  if (!apart) return null
  if (accepted === null) return 'no entry says that it was accepted'
  return accepted === 'web' && FOUND_BY_A_WORKER.includes(origin)
    ? `only a worker accepts a run of origin ${origin}, and the web process wrote it`
    : null
}

function whyNotPassed({ apart, passed, built }: Told): string | null {
  if (!apart) return null
  if (!passed) return 'no entry of a worker says that it passed'
  if (built === null) return null // what it runs was built before: the release has entries of its own
  if (built.told === null) return 'no entry of a worker says that its build stage passed'
  return built.told === '' || built.told === built.record
    ? null
    : `its build stage made ${built.told}, and the record says ${built.record}`
}

/** Ends a run that was claimed for planning and that no entry explains. @returns true: it may be planned */
export async function mayBePlanned(tx: Tx, run: { id: number; epoch: number }, by: Actor): Promise<boolean> {
  const told = await toldOf(tx, run.id)
  const because = told === undefined ? null : whyNotAccepted(told)
  if (told === undefined || because === null) return true
  await record(tx, 'run', RUN, {
    id: run.id,
    from: 'planning',
    event: 'refuse',
    epoch: run.epoch,
    ...ended(because),
    by,
  })
  await noteEnd(tx, run.id, told.projectId, because, by)
  return false
}

/** Ends a run that says it succeeded, where no entry of a worker says so. @returns true: what it built may go on */
export async function mayGoOn(tx: Tx, runId: number, by: Actor): Promise<boolean> {
  const told = await toldOf(tx, runId)
  const because = told === undefined ? null : (whyNotAccepted(told) ?? whyNotPassed(told))
  if (told === undefined || because === null) return true
  await record(tx, 'run', RUN, { id: runId, from: 'succeeded', event: 'disown', ...ended(because), by })
  await noteEnd(tx, runId, told.projectId, because, by)
  return false
}

const ended = (because: string) => ({
  because: `the audit trail does not explain it: ${because}. Push again to have the commit run`,
  set: { leaseUntil: null, finishedAt: NOW },
})

async function noteEnd(tx: Tx, id: number, projectId: number, because: string, by: Actor) {
  await alarm(tx, { subject: 'run', id, because }, by)
  const description = 'the audit trail does not explain this run'
  await owe(tx, { projectId, runId: id, name: 'shiplock', wanted: 'failed', description })
}
