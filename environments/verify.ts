import { admitNext } from '../pipelines/advance'
import { asWorker, type Context } from '../pipelines/context'
import { owe } from '../pipelines/owe'
import { MAX_ATTEMPTS } from '../pipelines/retry'
import { foldStages, type StageStatus } from '../pipelines/run'
import type { ServiceFile } from '../pipelines/service-file'
import { planVerification, type StagePlan } from '../pipelines/stage-plan'
import { lowerOf, type TrustClass } from '../pipelines/trust'
import { ringWaiting } from '../pipelines/waiting-promotions'
import { type Actor, NOW, type Tx, transaction } from '../prisma/record'
import type { EnvironmentPolicy } from './environment'
import { movePromotion } from './move-promotion'
import { observeNow } from './observe'
import { ringEnvironment, takePlaceOf } from './place'
import { putBack } from './put-back'
import { oweWayBack } from './way-back'

interface Deployed {
  id: number
  epoch: number
  status: string
  runId: number
  projectId: number
  environmentId: number
  environment: string
  service: string
  priority: number
  digest: string
  /** Of the release, and of the run that it is verified for. */
  trust: TrustClass
  runTrust: TrustClass
  policy: Pick<EnvironmentPolicy, 'verify' | 'on_verify_failed'>
  plan: { service?: ServiceFile } | null
}

async function readDeployed(tx: Tx, id: number): Promise<Deployed | null> {
  await takePlaceOf(tx, id)
  const { rows } = await tx.query<Deployed>(
    `SELECT p.id, p.epoch, p.status, p."runId", p.priority, l.service, l.digest, l.trust, r.trust AS "runTrust", e."projectId", e.id AS "environmentId", e.name AS environment, e.policy, r.plan
     FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" JOIN "Run" r ON r.id = p."runId" JOIN "Release" l ON l.id = p."releaseId"
     WHERE p.id = $1 FOR UPDATE OF p`,
    [id],
  )
  return rows[0] ?? null
}

/** It was not verified by anything that could have run. */
async function failAtOnce(tx: Tx, { id, epoch, environmentId }: Deployed, because: string, by: Actor) {
  await movePromotion(tx, { id, from: 'deployed', event: 'begin', epoch, by })
  const set = { finishedAt: NOW, forgeDueAt: NOW }
  await movePromotion(tx, { id, from: 'verifying', event: 'fail', epoch, because, set, by })
  await ringEnvironment(tx, environmentId)
}

/** Begins what decides whether a deployment counts as verified; where nothing does, a look after the record decides. */
export async function beginVerification(context: Context, id: number): Promise<void> {
  const unverified = await begin(context, id, false)
  if (unverified === null) return
  // The look retires what served before, or falls back to it: a deployment counts only once it serves alone.
  await observeNow(context, unverified)
  if (!context.stopping.aborted) await begin(context, id, true)
}

/** @returns the deployment, where no stage verifies it and it was not looked at since; else null */
async function begin(context: Context, id: number, isLookedAt: boolean): Promise<Deployed | null> {
  const by = asWorker(context)
  return transaction(context.record, async (tx) => {
    const deployed = await readDeployed(tx, id)
    if (deployed === null || deployed.status !== 'deployed') return null
    const names = deployed.policy.verify ?? []
    const service = deployed.plan?.service
    if (service === undefined && names.length > 0) {
      await failAtOnce(tx, deployed, UNREAD, by)
      return null
    }
    const stages = service === undefined ? [] : planVerification(service, names)
    if (stages.length > 0) {
      for (const [position, stage] of stages.entries()) await writeStage(tx, deployed, stage, position)
      await movePromotion(tx, { id, from: 'deployed', event: 'begin', epoch: deployed.epoch, by })
      await admitNext(tx, { runId: deployed.runId, promotionId: id, round: deployed.epoch }, by)
      return null
    }
    if (!isLookedAt) return deployed
    const { health, because: seen } = await readHealth(tx, deployed)
    if (health === 'progressing') return null // it is still due, and looked at again
    if (health === 'unhealthy' || health === 'absent') {
      const because = `it was deployed, and the look after that found it ${health}: ${seen}`
      await failAtOnce(tx, deployed, because, by)
      if (deployed.policy.on_verify_failed === 'rollback') await putBack(tx, deployed, because, by, context.signer)
      return null
    }
    const because =
      names.length === 0
        ? `${deployed.environment} verifies nothing beyond the deployment itself`
        : `the service file defines no ${names.join(' and no ')} stage, so the deployment itself is what was verified`
    await movePromotion(tx, {
      id,
      from: 'deployed',
      event: 'pass',
      epoch: deployed.epoch,
      because,
      set: VERIFIED,
      by,
    })
    await afterwards(tx, deployed)
    return null
  })
}

/** Without the service file it is not known what would verify it: that is no reason to let it pass. */
const UNREAD = 'the plan of its run holds no service file, so nothing says how it is verified'

/** The last reading of this deployment. Unknown where there is none, or another deployment was recorded since. */
async function readHealth(tx: Tx, { id, environmentId, service }: Deployed) {
  const { rows } = await tx.query<{ health: string; because: string }>(
    'SELECT health, because FROM "Observed" WHERE "environmentId" = $1 AND service = $2 AND "promotionId" = $3',
    [environmentId, service, id],
  )
  return rows[0] ?? { health: 'unknown', because: '' }
}

const VERIFIED = { verifiedAt: NOW, finishedAt: NOW, forgeDueAt: NOW }

async function writeStage(tx: Tx, deployed: Deployed, stage: StagePlan, position: number) {
  await tx.query(
    `INSERT INTO "Stage" ("runId", "promotionId", round, name, position, definition, priority, digest, trust) VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9)`,
    [
      deployed.runId,
      deployed.id,
      deployed.epoch,
      stage.name,
      position,
      JSON.stringify(stage.definition),
      deployed.priority,
      deployed.digest,
      lowerOf(deployed.trust, deployed.runTrust),
    ],
  )
  await owe(tx, {
    projectId: deployed.projectId,
    runId: deployed.runId,
    name: `${deployed.environment}/${stage.name}`,
    wanted: 'pending',
    description: '',
  })
}

/** Ends a verification whose stages have all ended: verified, failed, or could not be found out. */
export async function settleVerification(context: Context, id: number): Promise<void> {
  const by = asWorker(context)
  await transaction(context.record, async (tx) => {
    const deployed = await readDeployed(tx, id)
    if (deployed === null || deployed.status !== 'verifying') return
    const { rows } = await tx.query<{ name: string; status: StageStatus; because: string; attempts: number }>(
      `SELECT name, status, because, attempts FROM "Stage" WHERE "promotionId" = $1 AND round = $2 ORDER BY position`,
      [id, deployed.epoch],
    )
    if (rows.some((s) => s.status === 'errored' && s.attempts < MAX_ATTEMPTS)) return
    const folded = foldStages(rows.map((s) => s.status))
    if (folded === 'running') return
    const bad = rows.find((s) => s.status === folded)
    const because =
      folded === 'succeeded'
        ? `${rows.map((s) => s.name).join(' and ')} passed against ${deployed.environment}`
        : `${bad?.name ?? ''}: ${bad?.because ?? ''}`
    const at = { id, from: 'verifying', epoch: deployed.epoch, because, by } as const
    if (folded === 'succeeded') await movePromotion(tx, { ...at, event: 'pass', set: VERIFIED })
    else if (folded === 'errored')
      await movePromotion(tx, {
        ...at,
        event: 'err',
        set: { attempts: MAX_ATTEMPTS, finishedAt: NOW, forgeDueAt: NOW },
      })
    else {
      await movePromotion(tx, { ...at, event: 'fail', set: { finishedAt: NOW, forgeDueAt: NOW } })
      if (deployed.policy.on_verify_failed === 'rollback') await putBack(tx, deployed, because, by, context.signer)
    }
    await afterwards(tx, deployed, folded === 'succeeded')
  })
}

/** The environment is free again, and what waits for this release elsewhere may go on. */
async function afterwards(tx: Tx, deployed: Deployed, isVerified = true) {
  await ringEnvironment(tx, deployed.environmentId)
  if (!isVerified) return
  await oweWayBack(tx, deployed.id)
  await ringWaiting(tx, deployed.projectId)
}
