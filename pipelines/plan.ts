import { createHash } from 'node:crypto'
import { inMs, NOW, PLUS_ONE, record, transaction, type Tx } from '../prisma/record'
import { admitNext } from './advance'
import { asWorker, type Context } from './context'
import { defaultService, withBuild } from './defaults'
import { canRetry, Fault, isFault } from './fault'
import { forgeOf } from './forge-of'
import { type Commit, fetchCommit } from './git'
import { type BranchKind, FLOW } from './gitflow'
import { LEASE_MS } from './lease'
import { owe } from './owe'
import { RUN, STAGE } from './run'
import { parseServiceFile, type Problem, SERVICE_FILE, type ServiceFile } from './service-file'
import { planStages, type StagePlan } from './stage-plan'

/** What is read of a service file; the parser refuses what is near it. */
const MAX_SERVICE_FILE = 256 * 1024

/** What a run was planned to do; stored with it, so that what ran can be read for ever. */
export interface Plan {
  service: ServiceFile
  /** The repository has no service file: the default pipeline was used, and the test environment is as far as it may go. */
  templated: boolean
  /** What is valid in the service file and not carried by this version. */
  notes: Problem[]
  /** Changes when the way of building changes: with the tree, it is what a release is known by. */
  buildKey: string
}

interface Claimed {
  id: number
  projectId: number
  branch: string
  branchKind: BranchKind
  commit: string
  epoch: number
  attempts: number
  priority: number
}

type Answer =
  | { kind: 'plan'; commit: Commit; plan: Plan; stages: StagePlan[]; release: Release | null }
  | { kind: 'superseded'; because: string }
  | { kind: 'canceled'; because: string }
  | { kind: 'failed'; because: string; problems?: Problem[] }

interface Release {
  id: number
  digest: string
  run: number
}

const MAX_ATTEMPTS = 20
const retryMs = (attempt: number) => Math.min(1000 * 2 ** attempt, 60_000)

/** Reads the head from the forge and the service file at the commit, and writes the run's stages; or says why there are none. */
export async function planRun(context: Context, runId: number): Promise<void> {
  const claimed = await claim(context, runId)
  if (claimed === null) return
  await context.leases.hold('run', runId, claimed.epoch, async (lost) => {
    const signal = AbortSignal.any([lost, context.stopping])
    try {
      const answer = await find(context, claimed, signal)
      if (!lost.aborted) await write(context, claimed, answer)
    } catch (error) {
      if (!lost.aborted) await errored(context, claimed, error)
    }
  })
}

async function claim(context: Context, id: number): Promise<Claimed | null> {
  return transaction(context.record, async (tx) => {
    const row = await record(tx, 'run', RUN, {
      id, from: 'queued', event: 'claim', ifDue: true, by: asWorker(context),
      set: { epoch: PLUS_ONE, attempts: PLUS_ONE, leaseUntil: inMs(LEASE_MS), worker: context.worker },
    })
    return row === null ? null : (row as unknown as Claimed)
  })
}

/** Events are hints: what is built is the head that the forge names now. */
async function find(context: Context, run: Claimed, signal: AbortSignal): Promise<Answer> {
  const { forge, project } = await forgeOf(context, run.projectId)
  if (project.forgeProjectId === null) throw new Fault('forge.unreachable', 'the project is not connected yet')
  const dir = `${context.cache}/${run.projectId}`
  const fetching = fetchCommit({ dir, url: project.cloneUrl, credentials: forge.gitCredentials(), commit: run.commit, deadlineMs: 120_000, signal })
  fetching.catch(() => {}) // judged below, after the head: a commit that is gone is no fault where the branch has moved on
  const head = await forge.head(project.forgeProjectId, run.branch)
  if (head === null) return { kind: 'canceled', because: 'the branch is no longer on the forge' }
  if (head.commit !== run.commit) {
    await takeUpHead(context, run, head)
    return { kind: 'superseded', because: `${run.branch} has moved on to ${head.commit.slice(0, 12)}` }
  }
  const twin = await twinOf(context, run)
  if (twin !== null) return { kind: 'superseded', because: `run #${twin} is of the same commit on the same branch` }
  return plan(context, run, await fetching, project.name)
}

async function plan(context: Context, run: Claimed, commit: Commit, projectName: string): Promise<Answer> {
  const read = await readService(context, commit, projectName)
  if (!read.ok) return { kind: 'failed', because: read.because, problems: read.problems }
  const { service, templated, notes } = read
  const order = { kind: run.branchKind, service, image: `${service.service}:run-${run.id}`, bases: context.bases }
  const fresh = planStages(order)
  const buildKey = buildKeyOf(fresh)
  const release = await knownRelease(context, run, commit.tree, buildKey)
  const stages = release === null ? fresh : planStages({ ...order, knownRelease: release })
  return { kind: 'plan', commit, plan: { service, templated, notes, buildKey }, stages, release }
}

/** How the image is made, apart from the tree: another template or base image is another way of building. */
function buildKeyOf(stages: readonly StagePlan[]): string {
  const build = stages.map((s) => s.definition).find((d) => d.kind === 'build')
  return createHash('sha256').update(JSON.stringify(build?.kind === 'build' ? build.dockerfile : null)).digest('hex')
}

type Read = { ok: true; service: ServiceFile; templated: boolean; notes: Problem[] } | { ok: false; because: string; problems: Problem[] }

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

/** A newer, unseen head is carried by a run of its own; its webhook, when it comes, finds the commit taken. */
async function takeUpHead(context: Context, run: Claimed, head: { commit: string; title: string }) {
  await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<{ id: number }>(
      `INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", "commit", before, title, "pusherName", priority)
       SELECT "projectId", $2, service, branch, "branchKind", $3, "commit", $4, 'seen on the forge', priority FROM "Run" o
       WHERE o.id = $1 AND NOT EXISTS (SELECT 1 FROM "Run" n WHERE n."projectId" = o."projectId" AND n.branch = o.branch AND n."commit" = $3)
       ON CONFLICT ("projectId", "contentKey") DO NOTHING RETURNING id`,
      [run.id, `head:${createHash('sha256').update(`${run.branch}\0${head.commit}`).digest('hex')}`, head.commit, head.title],
    )
    const id = rows[0]?.id
    if (id === undefined) return
    await tx.query(
      `INSERT INTO "AuditEntry" (kind, actor, "actorName", "projectId", subject, "subjectId", "runId", after, because)
       VALUES ('run.accept', $1, $2, $3, 'run', $4, $4, 'queued', 'the head of the branch, read from the forge')`,
      [asWorker(context).actor, asWorker(context).actorName, run.projectId, id],
    )
    await tx.query(`SELECT pg_notify('shiplock', 'run:' || $1::text || ':queued')`, [id])
  })
}

/** The latest other run of this branch that counts, when it already carries this very commit. */
async function twinOf(context: Context, run: Claimed): Promise<number | null> {
  const { rows } = await context.record.pool.query<{ id: number; commit: string; status: string }>(
    `SELECT id, "commit", status FROM "Run" WHERE "projectId" = $1 AND branch = $2 AND id <> $3
       AND status NOT IN ('superseded', 'refused', 'canceled', 'queued') ORDER BY id DESC LIMIT 1`,
    [run.projectId, run.branch, run.id],
  )
  const last = rows[0]
  return last !== undefined && last.commit === run.commit && ['planning', 'running', 'succeeded'].includes(last.status) ? last.id : null
}

/** Build once: a release of the same tree, built the same way, whose image is still there. */
async function knownRelease(context: Context, run: Claimed, tree: string, buildKey: string): Promise<Release | null> {
  if (FLOW[run.branchKind].goesTo === null) return null
  const { rows } = await context.record.pool.query<Release>(
    `SELECT l.id, l.digest, (SELECT min(r.id) FROM "Run" r WHERE r."releaseId" = l.id) AS run
     FROM "Release" l WHERE l."projectId" = $1 AND l.tree = $2 AND l."buildKey" = $3`,
    [run.projectId, tree, buildKey],
  )
  const release = rows[0]
  return release !== undefined && (await context.engine.image(release.digest)) !== null ? release : null
}

async function write(context: Context, run: Claimed, answer: Answer) {
  const by = asWorker(context)
  const at = { id: run.id, from: 'planning', epoch: run.epoch, by } as const
  const ended = { leaseUntil: null, finishedAt: NOW }
  await transaction(context.record, async (tx) => {
    if (answer.kind === 'plan') return writePlan(tx, context, run, answer)
    const { because } = answer
    if (answer.kind === 'superseded') await record(tx, 'run', RUN, { ...at, event: 'supersede', because, set: ended })
    else if (answer.kind === 'canceled') await record(tx, 'run', RUN, { ...at, event: 'cancel', because, set: ended })
    else {
      const done = await record(tx, 'run', RUN, { ...at, event: 'fail', because, set: { ...ended, plan: { json: { problems: answer.problems ?? [] } } } })
      if (done !== null) await owe(tx, { projectId: run.projectId, runId: run.id, name: 'shiplock', wanted: 'failed', description: because })
    }
  })
}

async function writePlan(tx: Tx, context: Context, run: Claimed, answer: Extract<Answer, { kind: 'plan' }>) {
  const by = asWorker(context)
  const { commit, plan, stages, release } = answer
  const done = await record(tx, 'run', RUN, {
    id: run.id, from: 'planning', event: 'plan', epoch: run.epoch, by,
    set: {
      leaseUntil: null, tree: commit.tree, title: commit.title, service: plan.service.service, plan: { json: plan },
      goesTo: FLOW[run.branchKind].goesTo, releaseId: release?.id ?? null,
    },
    data: { stages: stages.map((s) => s.name), templated: plan.templated },
  })
  if (done === null) return
  await supersedeQueued(tx, run, by)
  for (const [position, stage] of stages.entries()) await writeStage(tx, run, stage, position, release, by)
  await admitNext(tx, run.id, by)
}

async function writeStage(tx: Tx, run: Claimed, stage: StagePlan, position: number, release: Release | null, by: ReturnType<typeof asWorker>) {
  const { rows } = await tx.query<{ id: number }>(
    `INSERT INTO "Stage" ("runId", name, position, definition, priority, digest) VALUES ($1, $2, $3, $4::jsonb, $5, $6) RETURNING id`,
    [run.id, stage.name, position, JSON.stringify(stage.definition), run.priority, stage.skip === undefined ? null : (release?.digest ?? null)],
  )
  const id = rows[0]?.id
  if (id === undefined) throw new Error('a stage was not written')
  if (stage.skip !== undefined) await record(tx, 'stage', STAGE, { id, from: 'pending', event: 'skip', because: stage.skip, by })
  await owe(tx, { projectId: run.projectId, runId: run.id, name: stage.name, wanted: stage.skip === undefined ? 'pending' : 'skipped', description: stage.skip ?? '' })
}

/** Older runs of the branch that nobody has begun are not worth beginning. */
async function supersedeQueued(tx: Tx, run: Claimed, by: ReturnType<typeof asWorker>) {
  const { rows } = await tx.query<{ id: number }>(
    `SELECT id FROM "Run" WHERE "projectId" = $1 AND branch = $2 AND id < $3 AND status = 'queued' ORDER BY id LIMIT 100`,
    [run.projectId, run.branch, run.id],
  )
  for (const { id } of rows) {
    await record(tx, 'run', RUN, { id, from: 'queued', event: 'supersede', because: `run #${run.id} is of a newer commit`, set: { finishedAt: NOW }, by })
  }
}

async function errored(context: Context, run: Claimed, error: unknown) {
  const by = asWorker(context)
  const again = context.stopping.aborted || (canRetry(error) && run.attempts < MAX_ATTEMPTS)
  const waitMs = (isFault(error) ? error.retryAfterMs : undefined) ?? retryMs(run.attempts)
  if (!isFault(error)) console.error(`a bug while planning run ${run.id}:`, error)
  const because = isFault(error) ? error.message : `a fault of Shiplock itself: ${(error as Error).message}`
  await transaction(context.record, async (tx) => {
    const at = { id: run.id, from: 'planning', epoch: run.epoch, by } as const
    if (again) {
      await record(tx, 'run', RUN, { ...at, event: 'lose', because, set: { leaseUntil: null, dueAt: inMs(context.stopping.aborted ? 0 : waitMs) } })
    } else {
      const done = await record(tx, 'run', RUN, { ...at, event: 'err', because, set: { leaseUntil: null, finishedAt: NOW }, data: isFault(error) ? { code: error.code } : { stack: String((error as Error).stack).slice(0, 4000) } })
      if (done !== null) await owe(tx, { projectId: run.projectId, runId: run.id, name: 'shiplock', wanted: 'failed', description: because })
    }
  })
}

/** Takes a lapsed planning claim away from a worker that gave no sign of life. */
export async function losePlan(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<{ epoch: number }>(
      `SELECT epoch FROM "Run" WHERE id = $1 AND status = 'planning' AND "leaseUntil" < clock_timestamp()`,
      [id],
    )
    const lapsed = rows[0]
    if (lapsed === undefined) return
    await record(tx, 'run', RUN, { id, from: 'planning', event: 'lose', epoch: lapsed.epoch, because: 'its worker gave no sign of life', set: { leaseUntil: null }, by: asWorker(context) })
  })
}
