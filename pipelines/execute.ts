import { inMs, NOW, NOW_IF_NULL, PLUS_ONE, record, transaction } from '../prisma/record'
import { advanceStage } from './advance'
import { cachesOf } from './cache-key'
import { asWorker, type Context } from './context'
import type { Base, Files, Verdict, WorkLabel } from './engines/engine'
import { isBug } from './fault'
import { forgeOf } from './forge-of'
import { fetchCommit } from './git'
import { LEASE_MS, lapsedClaim } from './lease'
import { owe } from './owe'
import { MAX_ATTEMPTS, retryAfter } from './retry'
import { blameTheDisk, shortOfRoom } from './room'
import { STAGE } from './run'
import { builtElsewhere, whyBuiltAgain } from './same-tree'
import { StageLog } from './stage-log'
import { StageDefinition } from './stage-plan'
import { resultsOf } from './stage-results'
import type { TrustClass } from './trust'

const GRACE_MS = 10_000

interface Claimed {
  id: number
  runId: number
  projectId: number
  name: string
  epoch: number
  attempts: number
  definition: StageDefinition
  commit: string
  tree: string
  title: string
  service: string
  digest: string | null
  /** Of what the stage makes, as its planning derived it. */
  trust: TrustClass
  /** What the images of its Dockerfile were when the run was planned. */
  bases: Base[]
  promotionId: number | null
  round: number
  /** Of a promotion's stage: where the release runs, and how a container of the same engine reaches it. */
  environment: string | null
  inside: { network: string; url: string } | null
}

type Outcome = Verdict & { digest?: string; bases?: Base[] }

/** Runs one stage, if it is still due: claims it, does it in containers, and records the verdict under the claim's epoch. */
export async function executeStage(context: Context, stageId: number): Promise<void> {
  if ((await shortOfRoom(context)) !== null) return // it stays queued; the sweep asks again, and health says why
  const claimed = await claim(context, stageId)
  if (claimed === null) return
  await context.leases.hold('stage', claimed.id, claimed.epoch, async (lost) => {
    const signal = AbortSignal.any([lost, context.stopping])
    const { forge, project, token } = await forgeOf(context, claimed.projectId)
    const log = new StageLog(context.record, claimed.id, claimed.epoch, [token])
    try {
      const label = {
        instance: context.instance,
        project: claimed.projectId,
        trust: claimed.trust,
        run: claimed.runId,
        stage: labelOf(claimed),
        epoch: claimed.epoch,
      }
      const fetch = async (): Promise<Files> => {
        const commit = await fetchCommit({
          dir: `${context.cache}/${claimed.projectId}`,
          url: project.cloneUrl,
          credentials: forge.gitCredentials(),
          commit: claimed.commit,
          deadlineMs: 300_000,
          signal,
        })
        return (prefix) => commit.files(prefix)
      }
      const outcome = await work(context, claimed, { label, fetch, log, secrets: [token] }, signal)
      if (!outcome.ok && !signal.aborted) await blameTheDisk(context, outcome.because)
      await log.end()
      if (lost.aborted) return // somebody else decides now
      if (context.stopping.aborted) await giveBack(context, claimed)
      else await settle(context, claimed, outcome)
    } catch (error) {
      if (lost.aborted) return
      if (context.stopping.aborted) return giveBack(context, claimed)
      await log.say(`could not find out: ${(error as Error).message}`)
      await log.end()
      await errored(context, claimed, error)
    }
  })
}

async function claim(context: Context, id: number): Promise<Claimed | null> {
  const by = asWorker(context)
  return transaction(context.record, async (tx) => {
    const stage = await record(tx, 'stage', STAGE, {
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
        exitCode: null,
        logBytes: 0,
      },
    })
    if (stage === null) return null
    const { rows } = await tx.query<Omit<Claimed, 'definition'>>(
      `UPDATE "Run" r SET "startedAt" = COALESCE(r."startedAt", clock_timestamp()) FROM "Stage" s
       WHERE s.id = $1 AND r.id = s."runId"
       RETURNING s.id, s."runId", r."projectId", s.name, s.epoch, s.attempts, r."commit", r.tree, r.title, r.service,
         s.trust, COALESCE(r.plan->'bases', '[]') AS bases, s."promotionId", s.round, COALESCE(s.digest, (SELECT b.digest FROM "Stage" b
           WHERE b."runId" = r.id AND b.name = 'build' AND b."promotionId" IS NULL)) AS digest,
         (SELECT p.inside FROM "Promotion" p WHERE p.id = s."promotionId") AS inside,
         (SELECT e.name FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" WHERE p.id = s."promotionId") AS environment`,
      [id],
    )
    const row = rows[0]
    if (row === undefined) return null
    const name = row.environment === null ? row.name : `${row.environment}/${row.name}`
    await owe(tx, { projectId: row.projectId, runId: row.runId, name, wanted: 'running', description: '' })
    return { ...row, definition: StageDefinition.parse(stage.definition) }
  })
}

/** What a stage's containers are called by: the stages of a verification are beside those of the run. */
const labelOf = ({ name, promotionId, round }: Pick<Claimed, 'name' | 'promotionId' | 'round'>) =>
  promotionId === null ? name : `p${promotionId}.${round}-${name}`

interface Hands {
  label: WorkLabel
  fetch: () => Promise<Files>
  log: StageLog
  secrets: readonly string[]
}

async function work(context: Context, claimed: Claimed, hands: Hands, signal: AbortSignal): Promise<Outcome> {
  const { definition } = claimed
  if (claimed.attempts > 1) await hands.log.say(`attempt ${claimed.attempts}`)
  if (definition.kind === 'refused') return { ok: false, because: definition.because, exitCode: null }
  if (definition.kind === 'build') return build(context, claimed, definition, hands, signal)
  return step(context, claimed, definition, hands, signal)
}

type Definition<K extends StageDefinition['kind']> = Extract<StageDefinition, { kind: K }>

async function build(
  context: Context,
  claimed: Claimed,
  definition: Definition<'build'>,
  { label, fetch, log }: Hands,
  signal: AbortSignal,
): Promise<Outcome> {
  const asking = { stageId: claimed.id, trust: claimed.trust }
  const elsewhere = await builtElsewhere(context, asking, signal)
  if (elsewhere !== null) {
    const because = `run #${elsewhere.run} built the same tree: ${elsewhere.digest}`
    await log.say(because)
    return { ok: true, because, exitCode: null, digest: elsewhere.digest, bases: elsewhere.bases }
  }
  const again = await whyBuiltAgain(context, asking)
  if (again !== null) await log.say(again)
  const verdict = await context.engine.build(
    {
      label,
      files: await fetch(),
      dockerfile: definition.dockerfile,
      bases: claimed.bases,
      image: definition.image,
      imageLabels: {
        'org.opencontainers.image.revision': claimed.commit,
        'org.opencontainers.image.title': claimed.service,
        'shiplock.tree': claimed.tree,
      },
      limits: { ...definition.limits, graceMs: GRACE_MS },
    },
    log.write,
    signal,
  )
  return again !== null && verdict.ok ? { ...verdict, because: `${verdict.because}; ${again}` } : verdict
}

async function step(
  context: Context,
  claimed: Claimed,
  definition: Definition<'step'>,
  { label, fetch, log, secrets }: Hands,
  signal: AbortSignal,
): Promise<Outcome> {
  const image = definition.image ?? claimed.digest
  if (image === null)
    return { ok: false, because: 'it needs the image of this run, and no build stage made one', exitCode: null }
  if (claimed.promotionId !== null && claimed.inside === null)
    return {
      ok: false,
      because: `nothing of ${claimed.environment} answers at an address: give deploy.ports`,
      exitCode: null,
    }
  const { reports, artifacts, services, workdir } = definition
  const results = resultsOf(context.record, {
    stageId: claimed.id,
    epoch: claimed.epoch,
    reports,
    artifacts,
    secrets,
    say: (text) => log.say(text),
  })
  const collects = reports.length + artifacts.length > 0
  const verdict = await context.engine.run(
    {
      label,
      image,
      own: definition.image === null,
      run: definition.run,
      files: definition.image === null ? null : await fetch(),
      ...(workdir === undefined ? {} : { workdir }),
      env: { ...surroundings(claimed), ...definition.env },
      limits: { ...definition.limits, graceMs: GRACE_MS },
      services,
      ...(claimed.inside === null ? {} : { network: claimed.inside.network }),
      caches: cachesOf(claimed.projectId, claimed.trust, definition.image, definition.cache),
      ...(collects ? { collect: results } : {}),
    },
    log.write,
    signal,
  )
  if (collects && !signal.aborted) await results.store()
  return verdict
}

const surroundings = (claimed: Claimed): Record<string, string> => ({
  CI: 'true',
  SHIPLOCK: 'true',
  SHIPLOCK_COMMIT: claimed.commit,
  SHIPLOCK_RUN: String(claimed.runId),
  SHIPLOCK_STAGE: claimed.name,
  SHIPLOCK_SERVICE: claimed.service,
  ...(claimed.environment === null ? {} : { SHIPLOCK_ENVIRONMENT: claimed.environment }),
  ...(claimed.inside === null ? {} : { SHIPLOCK_URL: claimed.inside.url }),
})

async function settle(context: Context, claimed: Claimed, outcome: Outcome) {
  const done = {
    finishedAt: NOW_IF_NULL,
    leaseUntil: null,
    exitCode: outcome.exitCode,
    ...(outcome.digest === undefined ? {} : { digest: outcome.digest }),
  }
  await transaction(context.record, async (tx) => {
    // Before the stage ends: a release is cut from what the run says that it was built from.
    if (outcome.bases !== undefined)
      await tx.query(
        `UPDATE "Run" SET plan = jsonb_set(plan, '{bases}', $3::jsonb)
         WHERE id = $1 AND EXISTS (SELECT FROM "Stage" WHERE id = $2 AND epoch = $4 AND status = 'running')`,
        [claimed.runId, claimed.id, JSON.stringify(outcome.bases), claimed.epoch],
      )
    await advanceStage(tx, {
      id: claimed.id,
      from: 'running',
      event: outcome.ok ? 'pass' : 'fail',
      epoch: claimed.epoch,
      because: outcome.because,
      set: done,
      // The trail's word for what was built: the record's alone is not believed (explained-run.ts).
      ...(outcome.digest === undefined ? {} : { data: { digest: outcome.digest } }),
      by: asWorker(context),
    })
  })
}

async function errored(context: Context, claimed: Claimed, error: unknown) {
  const { attempts, waitMs, because, data } = retryAfter(error, claimed.attempts)
  if (isBug(error)) console.error(`a bug in stage ${claimed.id}:`, error)
  const set = {
    finishedAt: NOW_IF_NULL,
    leaseUntil: null,
    dueAt: inMs(waitMs),
    attempts,
  }
  const by = asWorker(context)
  await transaction(context.record, (tx) =>
    advanceStage(tx, { id: claimed.id, from: 'running', event: 'err', epoch: claimed.epoch, because, set, data, by }),
  )
}

/** The worker was told to stop before the stage ended: another takes it up at once. */
async function giveBack(context: Context, claimed: Claimed) {
  await context.engine.cleanUp({
    instance: context.instance,
    run: claimed.runId,
    stage: labelOf(claimed),
    upToEpoch: claimed.epoch,
  })
  await transaction(context.record, (tx) =>
    advanceStage(tx, {
      id: claimed.id,
      from: 'running',
      event: 'lose',
      epoch: claimed.epoch,
      because: 'its worker was stopped',
      by: asWorker(context),
      set: { leaseUntil: null, attempts: Math.max(0, claimed.attempts - 1) },
    }),
  )
}

/** Takes a lapsed claim away from a worker that gave no sign of life; the stage is due again. */
export async function loseStage(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const stage = await lapsedClaim(tx, 'stage', id)
    if (stage === null) return
    const by = asWorker(context)
    if (stage.attempts >= MAX_ATTEMPTS) {
      await advanceStage(tx, {
        id,
        from: 'running',
        event: 'err',
        epoch: stage.epoch,
        because: `its worker died ${MAX_ATTEMPTS} times`,
        set: { leaseUntil: null, finishedAt: NOW },
        by,
      })
    } else {
      await advanceStage(tx, {
        id,
        from: 'running',
        event: 'lose',
        epoch: stage.epoch,
        because: 'its worker gave no sign of life',
        set: { leaseUntil: null, attempts: stage.attempts },
        by,
      })
    }
  })
}

/** An errored stage whose time has come is queued again. */
export async function retryErrored(context: Context, id: number): Promise<void> {
  await transaction(context.record, (tx) =>
    advanceStage(tx, { id, from: 'errored', event: 'retry', by: asWorker(context) }),
  )
}
