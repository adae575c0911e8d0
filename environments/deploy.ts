import { asWorker, type Context } from '../pipelines/context'
import { isBug } from '../pipelines/fault'
import { LEASE_MS, lapsedClaim } from '../pipelines/lease'
import { MAX_ATTEMPTS, retryAfter } from '../pipelines/retry'
import { blameTheDisk, shortOfRoom } from '../pipelines/room'
import { inMs, NOW, PLUS_ONE, type Tx, transaction } from '../prisma/record'
import { askForImage } from './ask-image'
import { type DeploymentRow, deploymentOf } from './deployment'
import { readFacts } from './facts'
import { judge } from './gate'
import { expectReading, isWithdrawing, keepReading, takeReading } from './keep-reading'
import { movePromotion } from './move-promotion'
import { observeNow } from './observe'
import { ringEnvironment, takePlaceOf } from './place'
import { askTarget } from './reach'
import { spendAnswers, voidFallen } from './spend-answers'
import { targetOf } from './target-of'
import type { Deployment, Observation, Target } from './targets/target'

type Claimed = DeploymentRow & { attempts: number }

/**
 * Brings a queued promotion to its environment: judges the gates once more, applies, observes, compares digests, and records.
 * Only then does what served before go: see observe.ts, which also looks after whatever ends in between.
 */
export async function deployPromotion(context: Context, id: number): Promise<void> {
  await askTarget(context, id)
  await askForImage(context, id)
  const short = await shortOfRoom(context)
  const claimed = await claim(context, id, short !== null)
  if (claimed === null) return
  await context.leases.hold('promotion', id, claimed.epoch, async (lost) => {
    const signal = AbortSignal.any([lost, context.stopping])
    try {
      const outcome = await carry(deploymentOf(claimed, context.instance), targetOf(claimed), signal)
      if (!outcome.ok && !signal.aborted) await blameTheDisk(context, outcome.because)
      if (!signal.aborted) await settle(context, claimed, outcome)
      else if (!lost.aborted) await giveBack(context, claimed)
    } catch (error) {
      if (lost.aborted) return // somebody else decides now
      if (context.stopping.aborted) return giveBack(context, claimed)
      await errored(context, claimed, error)
    }
  })
  await observeNow(context, claimed)
}

/** The gates are judged in the very transaction that claims the environment, so nothing comes between. */
async function claim(context: Context, id: number, noRoom: boolean): Promise<Claimed | null> {
  return transaction(context.record, async (tx) => {
    const environmentId = await takePlaceOf(tx, id)
    // It stays queued, and is asked again within a second.
    if (environmentId === null || (await isWithdrawing(tx, environmentId))) return null
    const facts = await readFacts(tx, id, context.trust)
    if (facts === null) return null
    const { state, because, verdicts } = judge(facts)
    const by = asWorker(context)
    // Another worker has the room: it stays queued, and that one takes it.
    if (state === 'open' && noRoom) return null
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
    const claimed = await readClaimed(tx, id)
    if (claimed !== null) await expectReading(tx, claimed)
    return claimed
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
  const { id, epoch, environmentId } = claimed
  const observed = observation?.digest ?? null
  const by = asWorker(context)
  const change = { id, from: 'deploying', epoch, because, data: { progress, digest: observed }, by } as const
  const set = { observed, leaseUntil: null, forgeDueAt: NOW }
  await transaction(context.record, async (tx) => {
    await takePlaceOf(tx, id)
    if (ok && observation !== null) {
      const { url, inside } = observation
      const deployed = { ...set, url, inside: { json: inside }, deployedAt: NOW, deployedEpoch: epoch }
      // Null: it was canceled, stopped or taken up anew meanwhile, and what was made is not what serves.
      if ((await movePromotion(tx, { ...change, event: 'observe', set: deployed })) === null) return
      const row = await takeReading(tx, claimed)
      if (row !== null) await keepReading(tx, row, observation, { set: observation.set, promotion: id }, by)
    } else
      await movePromotion(tx, {
        ...change,
        event: 'fail',
        set: { ...set, url: null, inside: { json: null }, finishedAt: NOW },
      })
    await ringEnvironment(tx, environmentId)
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
