// Reads everything there is to know of one release, as it was at one moment.
import type pg from 'pg'
import { type Proven, proveRelease } from '../../audit/bundle'
import { type About, atOneMoment } from '../../audit/export'
import { leafHash } from '../../audit/tree'
import type { Trust } from '../../audit/trust'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { databaseClock } from '../../prisma/clock'
import { commitUrl } from '../forge-links'
import { isId } from '../paging'
import type { Dossier, DossierHappened, DossierPromotion, DossierRun, DossierStage } from './dossier-shapes'
import { readSignoffs } from './dossier-signoffs'

/** Bounds of each list. */
const MOST = {
  commits: 500,
  mergeRequests: 100,
  runs: 50,
  stages: 1000,
  promotions: 200,
  signoffs: 500,
  happened: 1000,
}

type Db = Pick<pg.PoolClient, 'query'>

interface ReleaseRow {
  projectId: number
  project: string
  forge: string
  webUrl: string
  service: string
  tag: string
  version: string
  digest: string
  image: string
  tree: string
  commit: string
  branch: string
  bases: { image: string; digest: string }[]
  createdAt: Date
  refusedAt: Date | null
  refusedBy: string
  refusedBecause: string
}

/** @throws Fault not.found */
export function readDossier(
  record: RecordHandle,
  id: number,
  known: { about: About; trust: Trust; by: string; version: string },
): Promise<Dossier> {
  return atOneMoment(record.pool, async (db) => {
    const { rows } = await db.query<ReleaseRow>(RELEASE, [isId(id) ? id : 0])
    const [row] = rows
    if (row === undefined) throw new Fault('not.found', `there is no release #${id}`)
    const left: string[] = []
    const bounded = <T>(what: keyof typeof MOST, all: T[]): T[] => {
      if (all.length > MOST[what]) left.push(what)
      return all.slice(0, MOST[what])
    }
    const proven = await proofs(record.pool, db, id)
    const runs = bounded('runs', await readRuns(db, id))
    const promotions = bounded('promotions', await readPromotions(db, id, row.digest))
    const commits = bounded('commits', await readCommits(db, id, row))
    const at = await databaseClock(db)
    return {
      v: 1,
      made: { at: at.toISOString(), by: known.by, version: known.version },
      origin: known.about.origin,
      release: releaseOf(id, row),
      commits,
      mergeRequests: bounded(
        'mergeRequests',
        await readMergeRequests(
          db,
          row.projectId,
          commits.map((c) => c.commit),
        ),
      ),
      runs,
      promotions,
      signoffs: bounded('signoffs', await readSignoffs(db, id, known.trust, proven?.entries ?? [], MOST.signoffs + 1)),
      interventions: bounded('happened', await readHappened(db, INTERVENTIONS, id)),
      history: bounded('happened', await readHappened(db, HISTORY, id)),
      left: [...new Set(left)],
      proofs: proven === null ? null : proofsOf(proven, known.about),
    }
  })
}

const RELEASE = `SELECT l."projectId", p.path AS project, p.forge, p."webUrl", l.service, l.tag, l.version, l.digest, l.image, l.tree, l."commit",
  l.branch, l.bases, l."createdAt", l."refusedAt", l."refusedBy", l."refusedBecause"
FROM "Release" l JOIN "Project" p ON p.id = l."projectId" WHERE l.id = $1`

const releaseOf = (id: number, row: ReleaseRow): Dossier['release'] => ({
  id,
  project: row.project,
  service: row.service,
  tag: row.tag,
  version: row.version,
  digest: row.digest,
  image: row.image,
  tree: row.tree,
  commit: row.commit,
  branch: row.branch,
  createdAt: row.createdAt.toISOString(),
  bases: row.bases.map(({ image, digest }) => ({ image, digest })),
  refused:
    row.refusedAt === null
      ? null
      : { by: row.refusedBy, because: row.refusedBecause, since: row.refusedAt.toISOString() },
})

/** Null where nothing is signed yet: the rest of the dossier is worth having all the same. */
async function proofs(pool: pg.Pool, db: pg.PoolClient, id: number) {
  const { rowCount } = await db.query('SELECT 1 FROM "Checkpoint" LIMIT 1')
  return (rowCount ?? 0) === 0 ? null : proveRelease(pool, db, id)
}

function proofsOf({ anchor, entries }: Awaited<ReturnType<typeof proveRelease>>, about: About): Dossier['proofs'] {
  return {
    checkpoint: {
      size: anchor.size,
      root: anchor.root.toString('hex'),
      at: anchor.at.toISOString(),
      note: anchor.note,
    },
    keys: about.keys.map(({ publicKey, from }) => ({ publicKey, from })),
    entries: entries.map(proofOf),
  }
}

const proofOf = ({ seq, body, path }: Proven) => ({
  seq,
  kind: (JSON.parse(body.toString('utf8')) as { kind: string }).kind,
  leaf: leafHash(body).toString('hex'),
  body: body.toString('utf8'),
  path: path.map((node) => node.toString('base64')),
})

const time = (at: Date | null) => at?.toISOString() ?? null

interface StageRow {
  runId: number
  promotionId: number | null
  name: string
  status: string
  because: string
  digest: string | null
  tests: DossierStage['tests']
  startedAt: Date | null
  finishedAt: Date | null
}

const stageOf = ({ tests, ...s }: StageRow): DossierStage => ({
  name: s.name,
  status: s.status,
  because: s.because,
  digest: s.digest,
  tests:
    tests === null
      ? null
      : {
          total: tests.total,
          passed: tests.passed,
          failed: tests.failed,
          errored: tests.errored,
          skipped: tests.skipped,
        },
  startedAt: time(s.startedAt),
  finishedAt: time(s.finishedAt),
})

async function readStages(db: Db, which: 'runId' | 'promotionId', ids: readonly number[]): Promise<StageRow[]> {
  const { rows } = await db.query<StageRow>(
    `SELECT s."runId", s."promotionId", s.name, s.status, s.because, s.digest, s.tests, s."startedAt", s."finishedAt" FROM "Stage" s
     WHERE s."${which}" = ANY ($1) ${which === 'runId' ? 'AND s."promotionId" IS NULL' : ''} ORDER BY s.round, s.position, s.id LIMIT ${MOST.stages}`,
    [ids],
  )
  return rows
}

async function readRuns(db: Db, id: number): Promise<DossierRun[]> {
  const { rows } = await db.query<{
    id: number
    branch: string
    commit: string
    title: string
    pusher: string
    status: string
    createdAt: Date
    finishedAt: Date | null
  }>(
    `SELECT id, branch, "commit", title, "pusherName" AS pusher, status, "createdAt", "finishedAt" FROM "Run"
     WHERE "releaseId" = $1 ORDER BY id LIMIT ${MOST.runs + 1}`,
    [id],
  )
  const stages = await readStages(
    db,
    'runId',
    rows.map((r) => r.id),
  )
  return rows.map((run, at) => ({
    ...run,
    adopted: at > 0,
    createdAt: run.createdAt.toISOString(),
    finishedAt: time(run.finishedAt),
    stages: stages.filter((s) => s.runId === run.id).map(stageOf),
  }))
}

async function readPromotions(db: Db, id: number, digest: string): Promise<DossierPromotion[]> {
  const { rows } = await db.query<
    Omit<DossierPromotion, 'same' | 'verification' | 'createdAt' | 'deployedAt' | 'verifiedAt' | 'finishedAt'> &
      Record<'createdAt', Date> &
      Record<'deployedAt' | 'verifiedAt' | 'finishedAt', Date | null>
  >(
    `SELECT p.id, e.name AS environment, p.kind, p.status, p.because, p.reason, p."requestedBy", p.observed, p."createdAt", p."deployedAt",
       p."verifiedAt", p."finishedAt" FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId"
     WHERE p."releaseId" = $1 ORDER BY p.id LIMIT ${MOST.promotions + 1}`,
    [id],
  )
  const stages = await readStages(
    db,
    'promotionId',
    rows.map((r) => r.id),
  )
  return rows.map((p) => ({
    ...p,
    same: p.observed === null ? null : p.observed === digest,
    createdAt: p.createdAt.toISOString(),
    deployedAt: time(p.deployedAt),
    verifiedAt: time(p.verifiedAt),
    finishedAt: time(p.finishedAt),
    verification: stages.filter((s) => s.promotionId === p.id).map(stageOf),
  }))
}

/** Of its runs, and of what git says lies between what ran there before and what came. */
async function readCommits(db: Db, id: number, row: ReleaseRow): Promise<Dossier['commits']> {
  const { rows } = await db.query<Omit<Dossier['commits'][number], 'url'>>(
    `WITH of AS (
       SELECT "commit", min(id) AS at FROM "Run" WHERE "releaseId" = $1 GROUP BY "commit"
       UNION
       SELECT c, NULL FROM "Promotion" p, jsonb_array_elements_text(COALESCE(p.range->'commits', '[]')) c WHERE p."releaseId" = $1)
     SELECT DISTINCT ON (of."commit") of."commit", r.title, r.branch, r."pusherName" AS pusher, COALESCE(of.at, r.id) AS at
     FROM of LEFT JOIN "Run" r ON r."projectId" = $2 AND r."commit" = of."commit"
     ORDER BY of."commit", r.id LIMIT ${MOST.commits + 1}`,
    [id, row.projectId],
  )
  const order = (r: object) => (r as { at: number | null }).at ?? Number.MAX_SAFE_INTEGER
  return rows
    .sort((a, b) => order(a) - order(b))
    .map(({ commit, title, branch, pusher }) => ({ commit, title, branch, pusher, url: commitUrl(row, commit) }))
}

async function readMergeRequests(db: Db, projectId: number, commits: string[]): Promise<Dossier['mergeRequests']> {
  const { rows } = await db.query<
    Omit<Dossier['mergeRequests'][number], 'approvers'> & { approvals: { name: string }[] }
  >(
    `SELECT iid, title, source, target, status, "authorName" AS author, "mergerName" AS merger, approvals, "webUrl" AS url FROM "MergeRequest"
     WHERE "projectId" = $1 AND ("mergeCommit" = ANY ($2) OR head = ANY ($2)) ORDER BY iid LIMIT ${MOST.mergeRequests + 1}`,
    [projectId, commits],
  )
  return rows.map(({ approvals, ...request }) => ({ ...request, approvers: approvals.map((a) => a.name) }))
}

const HAPPENED = `SELECT l.seq, e.at, e.kind, v.name AS environment, e.actor, e."actorName" AS name, e.because FROM "AuditEntry" e
  LEFT JOIN "AuditLeaf" l ON l."entryId" = e.id LEFT JOIN "Environment" v ON v.id = e."environmentId"`
const HISTORY = `${HAPPENED} WHERE e."releaseId" = $1 AND e.subject IN ('release', 'promotion', 'approval') ORDER BY e.id LIMIT ${MOST.happened + 1}`
const INTERVENTIONS = `WITH way AS (
    SELECT "environmentId", min("createdAt") AS since, max(COALESCE("finishedAt", clock_timestamp())) AS until FROM "Promotion"
    WHERE "releaseId" = $1 GROUP BY "environmentId"),
  picked AS (
    SELECT e.id FROM way w JOIN "AuditEntry" e ON e."environmentId" = w."environmentId" AND e.at BETWEEN w.since AND w.until
      AND e.subject IN ('environment', 'policyChange')
    UNION
    SELECT e.id FROM "AuditEntry" e WHERE e.kind IN ('installation.stop', 'installation.go')
      AND EXISTS (SELECT 1 FROM way w WHERE e.at BETWEEN w.since AND w.until))
  ${HAPPENED} WHERE e.id IN (SELECT id FROM picked) ORDER BY e.id LIMIT ${MOST.happened + 1}`

async function readHappened(db: Db, sql: string, id: number): Promise<DossierHappened[]> {
  const { rows } = await db.query<Omit<DossierHappened, 'seq' | 'at'> & { seq: string | null; at: Date }>(sql, [id])
  return rows.map((row) => ({ ...row, seq: row.seq === null ? null : Number(row.seq), at: row.at.toISOString() }))
}
