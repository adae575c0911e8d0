import { inMs, NOW, PLUS_ONE, record, type Tx, transaction } from '../prisma/record'
import { asWorker, type Context } from './context'
import { defaultService, withBuild } from './defaults'
import { mayBePlanned } from './explained-run'
import { Fault, isBug } from './fault'
import { forgeOf } from './forge-of'
import type { Forge } from './forges/forge'
import { type Commit, fetchCommit } from './git'
import { type BranchKind, FLOW, flowOf, kindOf, type RunKind } from './gitflow'
import { takeUpHead, twinOf } from './head'
import { howBuilt } from './how-built'
import { imageName } from './image-name'
import { knownRelease } from './known-release'
import { LEASE_MS, lapsedClaim } from './lease'
import type { Answer, PlanningRun } from './planned'
import { MAX_PLAN_ATTEMPTS, retryAfter } from './retry'
import { shortOfRoom } from './room'
import { RUN } from './run'
import { type Problem, parseServiceFile, SERVICE_FILE, type ServiceFile } from './service-file'
import { planStages } from './stage-plan'
import { trustOf } from './trust'
import { oweFailure, writeAnswer } from './write-plan'

/** What is read of a service file; the parser refuses what is near it. */
const MAX_SERVICE_FILE = 256 * 1024
const MAX_DOCKERFILE = 256 * 1024

/** Reads the head from the forge and the service file at the commit, and writes the run's stages; or says why there are none. */
export async function planRun(context: Context, runId: number): Promise<void> {
  if ((await shortOfRoom(context)) !== null) return // it stays queued; the sweep asks again, and health says why
  const claimed = await claim(context, runId)
  if (claimed === null) return
  await context.leases.hold('run', runId, claimed.epoch, async (lost) => {
    const signal = AbortSignal.any([lost, context.stopping])
    try {
      const answer = await find(context, claimed, signal)
      if (!lost.aborted) await writeAnswer(context, claimed, answer)
    } catch (error) {
      if (!lost.aborted) await errored(context, claimed, error)
    }
  })
}

async function claim(context: Context, id: number): Promise<PlanningRun | null> {
  const by = asWorker(context)
  return transaction(context.record, async (tx) => {
    const { said, kind } = await kindOfRun(tx, id)
    const row = await record(tx, 'run', RUN, {
      id,
      from: 'queued',
      event: 'claim',
      ifDue: true,
      by,
      set: {
        epoch: PLUS_ONE,
        attempts: PLUS_ONE,
        leaseUntil: inMs(LEASE_MS),
        worker: context.worker,
        branchKind: kind,
        trust: trustOf(kind),
        ...(kind === 'fork' || kind === 'other' ? {} : { priority: FLOW[kind].priority }),
      },
      ...(kind === said ? {} : { data: { branchKind: { said, derived: kind } } }),
    })
    const run = row as unknown as PlanningRun | null
    return run !== null && (await mayBePlanned(tx, run, by)) ? run : null
  })
}

/** What a branch is called in the flow decides, when the run is planned: never what its row says, which others may write. */
async function kindOfRun(tx: Tx, id: number): Promise<{ said: string; kind: RunKind }> {
  const { rows } = await tx.query<{ branch: string; branchKind: string; mergeRequestId: number | null; flow: unknown }>(
    `SELECT r.branch, r."branchKind", r."mergeRequestId", j.flow FROM "Run" r JOIN "Project" j ON j.id = r."projectId" WHERE r.id = $1`,
    [id],
  )
  const [row] = rows
  return row === undefined
    ? { said: 'other', kind: 'other' }
    : { said: row.branchKind, kind: kindOf(row, flowOf(row.flow)) }
}

/** Events are hints: what is built is the head that the forge names now. */
async function find(context: Context, run: PlanningRun, signal: AbortSignal): Promise<Answer> {
  const { forge, project } = await forgeOf(context, run.projectId)
  if (project.forgeProjectId === null) throw new Fault('forge.unreachable', 'the project is not connected yet')
  const fetch = (commit: string, ref?: string) =>
    fetchCommit({
      dir: `${context.cache}/${run.projectId}`,
      url: project.cloneUrl,
      credentials: forge.gitCredentials(),
      commit,
      deadlineMs: 120_000,
      signal,
      isFresh: run.attempts === 1,
      ...(ref === undefined ? {} : { ref }),
    })
  if (run.branchKind === 'other') return { kind: 'refused', because: `${run.branch} has no place in the flow any more` }
  if (run.branchKind === 'fork')
    return findFork(context, run, { forge, fetch, id: project.forgeProjectId, name: project.name })
  const fetching = fetch(run.commit)
  fetching.catch(() => {}) // judged below, after the head: a commit that is gone is no fault where the branch has moved on
  const head = await forge.head(project.forgeProjectId, run.branch)
  if (head === null) return { kind: 'canceled', because: 'the branch is no longer on the forge' }
  if (head.commit !== run.commit) {
    await takeUpHead(context, run, head)
    return { kind: 'superseded', because: `${run.branch} has moved on to ${head.commit.slice(0, 12)}` }
  }
  const twin = await twinOf(context, run)
  if (twin !== null) return { kind: 'superseded', because: `run #${twin} is of the same commit on the same branch` }
  const commit = await fetching
  return plan(context, { ...run, branchKind: run.branchKind }, commit, await readService(context, commit, project.name))
}

/** A fork's head is checked by what the target branch says: nobody outside decides what runs here. */
async function findFork(
  context: Context,
  run: PlanningRun,
  from: { forge: Forge; fetch: (commit: string, ref?: string) => Promise<Commit>; id: number; name: string },
): Promise<Answer> {
  const { rows } = await context.record.pool.query<{ iid: number }>('SELECT iid FROM "MergeRequest" WHERE id = $1', [
    run.mergeRequestId,
  ])
  const iid = rows[0]?.iid
  if (iid === undefined || run.definitionCommit === null)
    throw new Error(`run ${run.id} of a fork has no merge request`)
  const request = await from.forge.mergeRequest(from.id, iid)
  if (request === null || request.status !== 'opened')
    return { kind: 'canceled', because: `merge request !${iid} is no longer open` }
  if (request.head !== run.commit)
    return { kind: 'superseded', because: `!${iid} has moved on to ${request.head.slice(0, 12)}` }
  const definition = await from.fetch(run.definitionCommit)
  const commit = await from.fetch(run.commit, from.forge.headRef(iid))
  return plan(context, { ...run, branchKind: 'fork' }, commit, await readService(context, definition, from.name))
}

type Planned = PlanningRun & { branchKind: BranchKind | 'fork' }

async function plan(context: Context, run: Planned, commit: Commit, read: Read): Promise<Answer> {
  if (!read.ok) return { kind: 'failed', because: read.because, problems: read.problems }
  const { service, templated, notes } = read
  const image = imageName(
    { instance: context.instance, project: run.projectId, service: service.service },
    `run-${run.id}`,
  )
  const order = { kind: run.branchKind, service, image, bases: context.bases }
  const fresh = planStages(order)
  const { buildKey, bases } = await howBuilt(context, fresh, (path) => commit.readFile(path, MAX_DOCKERFILE))
  const release = await knownRelease(context, run, commit.tree, buildKey)
  const stages = release === null ? fresh : planStages({ ...order, knownRelease: release })
  return { kind: 'plan', commit, plan: { service, templated, notes, buildKey, bases }, stages, release }
}

type Read =
  | { ok: true; service: ServiceFile; templated: boolean; notes: Problem[] }
  | { ok: false; because: string; problems: Problem[] }

async function readService(context: Context, commit: Commit, projectName: string): Promise<Read> {
  const [bytes, names] = await Promise.all([commit.readFile(SERVICE_FILE, MAX_SERVICE_FILE), commit.list()])
  if (bytes !== null) {
    const parsed = parseServiceFile(bytes.toString('utf8'))
    if (parsed.ok) return { ok: true, service: withBuild(parsed.service, names), templated: false, notes: parsed.notes }
    const [first] = parsed.problems
    const more = parsed.problems.length > 1 ? ` (and ${parsed.problems.length - 1} more)` : ''
    const where = first?.line == null ? '' : `line ${first.line}: `
    const what = first?.path ? `${first.path}: ${first.message}` : first?.message
    return { ok: false, because: `${SERVICE_FILE} is not valid: ${where}${what}${more}`, problems: parsed.problems }
  }
  const packageJson = names.includes('package.json') ? await commit.readFile('package.json', 1024 * 1024) : null
  const made = defaultService(projectName, names, packageJson?.toString('utf8'), context.bases)
  if (!made.ok) return { ok: false, because: `there is no ${SERVICE_FILE}, and ${made.because}`, problems: [] }
  return { ok: true, service: made.service, templated: true, notes: [] }
}

async function errored(context: Context, run: PlanningRun, error: unknown) {
  const stopping = context.stopping.aborted
  const { again, attempts, waitMs, because, data } = retryAfter(error, run.attempts, MAX_PLAN_ATTEMPTS)
  if (isBug(error)) console.error(`a bug while planning run ${run.id}:`, error)
  const at = { id: run.id, from: 'planning', epoch: run.epoch, because, by: asWorker(context) } as const
  await transaction(context.record, async (tx) => {
    if (stopping || again) {
      await record(tx, 'run', RUN, {
        ...at,
        event: 'lose',
        set: { leaseUntil: null, dueAt: inMs(stopping ? 0 : waitMs), ...(again ? { attempts } : {}) },
      })
      return
    }
    const done = await record(tx, 'run', RUN, { ...at, event: 'err', set: { leaseUntil: null, finishedAt: NOW }, data })
    if (done !== null) await oweFailure(tx, run, because)
  })
}

/** Takes a lapsed planning claim away from a worker that gave no sign of life. */
export async function losePlan(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const lapsed = await lapsedClaim(tx, 'run', id)
    if (lapsed === null) return
    await record(tx, 'run', RUN, {
      id,
      from: 'planning',
      event: 'lose',
      epoch: lapsed.epoch,
      because: 'its worker gave no sign of life',
      set: { leaseUntil: null, attempts: lapsed.attempts },
      by: asWorker(context),
    })
  })
}
