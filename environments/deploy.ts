import { asWorker, type Context } from '../pipelines/context'
import { canRetry, Fault, isFault } from '../pipelines/fault'
import { LEASE_MS } from '../pipelines/lease'
import { inMs, NOW, PLUS_ONE, record, transaction, type Tx } from '../prisma/record'
import { deploymentOf, type DeploymentRow } from './deployment'
import { readFacts } from './facts'
import { judge } from './gate'
import { ringEnvironment } from './promote'
import { PROMOTION } from './promotion'
import type { Deployment, Observation, Target } from './targets/target'
import { TARGETS } from './targets/index'

const MAX_ATTEMPTS = 5
const RETRY_MS = [2_000, 5_000, 15_000, 60_000]

type Claimed = DeploymentRow & { attempts: number }

/** Brings a queued promotion to its environment: judges the gates once more, applies, observes, and compares digests. */
export async function deployPromotion(context: Context, id: number): Promise<void> {
  const claimed = await claim(context, id)
  if (claimed === null) return
  await context.leases.hold('promotion', id, claimed.epoch, async (lost) => {
    const signal = AbortSignal.any([lost, context.stopping])
    try {
      const outcome = await carry(context, deploymentOf(claimed, context.instance), targetOf(claimed), signal)
      if (!signal.aborted) await settle(context, claimed, outcome)
      else if (!lost.aborted) await giveBack(context, claimed)
    } catch (error) {
      if (lost.aborted) return // somebody else decides now
      if (context.stopping.aborted) return giveBack(context, claimed)
      await errored(context, claimed, error)
    }
  })
}

/** The gates are judged in the very transaction that claims the environment, so nothing comes between. */
async function claim(context: Context, id: number): Promise<Claimed | null> {
  return transaction(context.record, async (tx) => {
    await tx.query(`SELECT 1 FROM "Environment" WHERE id = (SELECT "environmentId" FROM "Promotion" WHERE id = $1) FOR UPDATE`, [id])
    const facts = await readFacts(tx, id)
    if (facts === null) return null
    const { state, because, verdicts } = judge(facts, new Date())
    const by = asWorker(context)
    if (state !== 'open') {
      await record(tx, 'promotion', PROMOTION, { id, from: 'queued', event: 'hold', because, set: { verdicts: { json: verdicts }, dueAt: NOW }, by })
      return null
    }
    const promotion = await record(tx, 'promotion', PROMOTION, {
      id, from: 'queued', event: 'claim', by,
      set: { epoch: PLUS_ONE, attempts: PLUS_ONE, leaseUntil: inMs(LEASE_MS), worker: context.worker, startedAt: NOW, verdicts: { json: verdicts } },
    })
    return promotion === null ? null : readClaimed(tx, id)
  })
}

async function readClaimed(tx: Tx, id: number): Promise<Claimed | null> {
  const { rows } = await tx.query<Claimed>(
    `SELECT p.id, p.epoch, p.attempts, p."environmentId", e.name AS environment, e.policy, l.id AS "releaseId", l."projectId", l.service,
       l.digest, l."commit", l.version, l.plan
     FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" JOIN "Release" l ON l.id = p."releaseId" WHERE p.id = $1`,
    [id],
  )
  return rows[0] ?? null
}

function targetOf(claimed: Claimed): Target {
  const make = TARGETS[claimed.policy.target.kind]
  if (make === undefined) throw new Fault('input.invalid', `${claimed.environment} names the target kind ${claimed.policy.target.kind}, which does not exist`)
  return make(claimed.policy.target)
}

type Outcome = { ok: true; observation: Observation } | { ok: false; because: string; observation: Observation | null }

/** Success is what was observed, never what was asked. */
async function carry(context: Context, deployment: Deployment, target: Target, signal: AbortSignal): Promise<Outcome> {
  const applied = await target.apply(deployment, () => {}, signal)
  if (!applied.ok) return { ok: false, because: applied.because, observation: null }
  const observation = await target.observe(deployment)
  if (observation.digest !== deployment.digest) {
    return { ok: false, because: `asked for ${deployment.digest}, and observed ${observation.digest ?? 'no single digest'}: ${observation.because}`, observation }
  }
  if (observation.health !== 'healthy') return { ok: false, because: `the release runs and is ${observation.health}: ${observation.because}`, observation }
  return { ok: true, observation }
}

async function settle(context: Context, claimed: Claimed, outcome: Outcome) {
  const by = asWorker(context)
  await transaction(context.record, async (tx) => {
    const { id, epoch } = claimed
    const observed = { observed: outcome.observation?.digest ?? null, url: outcome.observation?.url ?? null, leaseUntil: null, finishedAt: NOW }
    if (outcome.ok) {
      await record(tx, 'promotion', PROMOTION, {
        id, from: 'deploying', event: 'observe', epoch, because: outcome.observation.because, set: { ...observed, deployedAt: NOW }, by,
        data: { digest: outcome.observation.digest, replicas: outcome.observation.replicas.map((r) => r.name) },
      })
    } else {
      await record(tx, 'promotion', PROMOTION, { id, from: 'deploying', event: 'fail', epoch, because: outcome.because, set: observed, by })
    }
    await ringEnvironment(tx, claimed.environmentId)
  })
}

async function errored(context: Context, claimed: Claimed, error: unknown) {
  const again = canRetry(error) && claimed.attempts < MAX_ATTEMPTS
  const waitMs = RETRY_MS[claimed.attempts - 1] ?? 60_000
  if (!isFault(error)) console.error(`a bug while deploying promotion ${claimed.id}:`, error)
  const because = isFault(error) ? error.message : `a fault of Shiplock itself: ${(error as Error).message}`
  await transaction(context.record, async (tx) => {
    await record(tx, 'promotion', PROMOTION, {
      id: claimed.id, from: 'deploying', event: 'err', epoch: claimed.epoch, by: asWorker(context),
      because: again ? `${because}; tried again in ${Math.ceil(waitMs / 1000)} s (attempt ${claimed.attempts} of ${MAX_ATTEMPTS})` : because,
      set: { leaseUntil: null, dueAt: inMs(waitMs), ...(again ? {} : { attempts: MAX_ATTEMPTS, finishedAt: NOW }) },
      data: isFault(error) ? { code: error.code } : { stack: String((error as Error).stack).slice(0, 4000) },
    })
    await ringEnvironment(tx, claimed.environmentId)
  })
}

async function giveBack(context: Context, claimed: Claimed) {
  await transaction(context.record, (tx) =>
    record(tx, 'promotion', PROMOTION, {
      id: claimed.id, from: 'deploying', event: 'lose', epoch: claimed.epoch, because: 'its worker was stopped', by: asWorker(context),
      set: { leaseUntil: null, attempts: Math.max(0, claimed.attempts - 1) },
    }),
  )
}

/** Takes a lapsed claim away; whoever takes it up finds what was half-made by its labels. */
export async function losePromotion(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<{ epoch: number; attempts: number }>(
      `SELECT epoch, attempts FROM "Promotion" WHERE id = $1 AND status = 'deploying' AND "leaseUntil" < clock_timestamp()`,
      [id],
    )
    const lapsed = rows[0]
    if (lapsed === undefined) return
    const change = { id, from: 'deploying', epoch: lapsed.epoch, set: { leaseUntil: null }, by: asWorker(context) } as const
    if (lapsed.attempts >= MAX_ATTEMPTS) await record(tx, 'promotion', PROMOTION, { ...change, event: 'err', because: `its worker died ${MAX_ATTEMPTS} times` })
    else await record(tx, 'promotion', PROMOTION, { ...change, event: 'lose', because: 'its worker gave no sign of life' })
  })
}

/** An errored promotion whose time has come is queued again, and passes the gates again. */
export async function retryPromotion(context: Context, id: number): Promise<void> {
  await transaction(context.record, (tx) => record(tx, 'promotion', PROMOTION, { id, from: 'errored', event: 'retry', by: asWorker(context) }))
}
