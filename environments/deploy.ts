import { asWorker, type Context } from '../pipelines/context'
import { Fault, isBug } from '../pipelines/fault'
import { LEASE_MS, lapsedClaim } from '../pipelines/lease'
import { MAX_ATTEMPTS, retryAfter } from '../pipelines/retry'
import { inMs, NOW, PLUS_ONE, type Tx, transaction } from '../prisma/record'
import { askForImage } from './ask-image'
import { type DeploymentRow, deploymentOf } from './deployment'
import { readFacts } from './facts'
import { judge } from './gate'
import { movePromotion } from './move-promotion'
import { ringEnvironment } from './place'
import { askTarget } from './reach'
import { spendAnswers, voidFallen } from './spend-answers'
import { TARGETS } from './targets/index'
import type { Deployment, Observation, Target } from './targets/target'

type Claimed = DeploymentRow & { attempts: number }

/** Brings a queued promotion to its environment: judges the gates once more, applies, observes, and compares digests. */
export async function deployPromotion(context: Context, id: number): Promise<void> {
  await askTarget(context, id)
  await askForImage(context, id)
  const claimed = await claim(context, id)
  if (claimed === null) return
  await context.leases.hold('promotion', id, claimed.epoch, async (lost) => {
    const signal = AbortSignal.any([lost, context.stopping])
    try {
      const outcome = await carry(deploymentOf(claimed, context.instance), targetOf(claimed), signal)
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
    await tx.query(
      `SELECT 1 FROM "Environment" WHERE id = (SELECT "environmentId" FROM "Promotion" WHERE id = $1) FOR UPDATE`,
      [id],
    )
    const facts = await readFacts(tx, id, context.trust)
    if (facts === null) return null
    const { state, because, verdicts } = judge(facts)
    const by = asWorker(context)
    if (state !== 'open') {
      await voidFallen(tx, facts, by)
      await movePromotion(tx, {
        id,
        from: 'queued',
        event: 'hold',
        because,
        set: { verdicts: { json: verdicts }, dueAt: NOW },
        by,
      })
      return null
    }
    const promotion = await movePromotion(tx, {
      id,
      from: 'queued',
      event: 'claim',
      by,
      set: {
        epoch: PLUS_ONE,
        attempts: PLUS_ONE,
        leaseUntil: inMs(LEASE_MS),
        worker: context.worker,
        startedAt: NOW,
        finishedAt: null,
        forgeDueAt: NOW,
        verdicts: { json: verdicts },
      },
    })
    if (promotion === null) return null
    await spendAnswers(tx, facts, promotion.epoch, by)
    return readClaimed(tx, id)
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
  if (make === undefined)
    throw new Fault(
      'input.invalid',
      `${claimed.environment} names the target kind ${claimed.policy.target.kind}, which does not exist`,
    )
  return make(claimed.policy.target)
}

interface Outcome {
  ok: boolean
  because: string
  observation: Observation | null
  /** What the target said on the way; for the trail. */
  progress: string[]
}

const MOST_PROGRESS = 200

/** Success is what was observed, never what was asked. */
async function carry(deployment: Deployment, target: Target, signal: AbortSignal): Promise<Outcome> {
  const progress: string[] = []
  const note = (line: string) => {
    if (progress.length < MOST_PROGRESS) progress.push(line.slice(0, 500))
  }
  const applied = await target.apply(deployment, note, signal)
  if (!applied.ok) return { ok: false, because: applied.because, observation: null, progress }
  const observation = await target.observe(deployment)
  const wrong = whatIsWrong(deployment, observation)
  return { ok: wrong === null, because: wrong ?? observation.because, observation, progress }
}

function whatIsWrong(asked: Deployment, { digest, health, because }: Observation): string | null {
  if (digest !== asked.digest)
    return `asked for ${asked.digest}, and observed ${digest ?? 'no single digest'}: ${because}`
  return health === 'healthy' ? null : `the release runs and is ${health}: ${because}`
}

async function settle(context: Context, claimed: Claimed, { ok, because, observation, progress }: Outcome) {
  const { id, epoch } = claimed
  const set = {
    observed: observation?.digest ?? null,
    url: observation?.url ?? null,
    inside: { json: observation?.inside ?? null },
    leaseUntil: null,
    forgeDueAt: NOW,
  }
  const change = {
    id,
    from: 'deploying',
    epoch,
    because,
    data: { progress, digest: set.observed },
    by: asWorker(context),
  } as const
  await transaction(context.record, async (tx) => {
    if (ok) await movePromotion(tx, { ...change, event: 'observe', set: { ...set, deployedAt: NOW } })
    else await movePromotion(tx, { ...change, event: 'fail', set: { ...set, finishedAt: NOW } })
    await ringEnvironment(tx, claimed.environmentId)
  })
}

async function errored(context: Context, claimed: Claimed, error: unknown) {
  const { again, attempts, waitMs, because, data } = retryAfter(error, claimed.attempts)
  if (isBug(error)) console.error(`a bug while deploying promotion ${claimed.id}:`, error)
  const set = {
    leaseUntil: null,
    dueAt: inMs(waitMs),
    attempts,
    ...(again ? {} : { finishedAt: NOW, forgeDueAt: NOW }),
  }
  const { id, epoch } = claimed
  await transaction(context.record, async (tx) => {
    await movePromotion(tx, {
      id,
      from: 'deploying',
      event: 'err',
      epoch,
      because,
      set,
      data,
      by: asWorker(context),
    })
    await ringEnvironment(tx, claimed.environmentId)
  })
}

async function giveBack(context: Context, claimed: Claimed) {
  await transaction(context.record, (tx) =>
    movePromotion(tx, {
      id: claimed.id,
      from: 'deploying',
      event: 'lose',
      epoch: claimed.epoch,
      because: 'its worker was stopped',
      by: asWorker(context),
      set: { leaseUntil: null, attempts: Math.max(0, claimed.attempts - 1) },
    }),
  )
}

/** Takes a lapsed claim away; whoever takes it up finds what was half-made by its labels. */
export async function losePromotion(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const lapsed = await lapsedClaim(tx, 'promotion', id)
    if (lapsed === null) return
    const change = {
      id,
      from: 'deploying',
      epoch: lapsed.epoch,
      set: { leaseUntil: null, attempts: lapsed.attempts },
      by: asWorker(context),
    } as const
    if (lapsed.attempts >= MAX_ATTEMPTS)
      await movePromotion(tx, {
        ...change,
        event: 'err',
        because: `its worker died ${MAX_ATTEMPTS} times`,
      })
    else await movePromotion(tx, { ...change, event: 'lose', because: 'its worker gave no sign of life' })
  })
}

/** An errored promotion whose time has come is queued again, and passes the gates again. */
export async function retryPromotion(context: Context, id: number): Promise<void> {
  await transaction(context.record, (tx) =>
    movePromotion(tx, { id, from: 'errored', event: 'retry', by: asWorker(context) }),
  )
}
