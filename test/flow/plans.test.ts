import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Viewer } from '../../app/_server/permit'
import { listDeliveries } from '../../app/deliveries/read'
import { readBoard, readEnvironment } from '../../app/environments/read'
import { listMergeRequests } from '../../app/merge-requests/read'
import { listProjects } from '../../app/projects/read'
import { listPromotions, readPromotion } from '../../app/promotions/read'
import { listReleases, readRelease } from '../../app/releases/read'
import { listRuns, readRun, runFilters } from '../../app/runs/read'
import type { Trust } from '../../audit/trust'
import { readFacts } from '../../environments/facts'
import { whyOwnChange } from '../../environments/hands'
import { previewGates } from '../../environments/preview'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { DUE, JOB_NAMES, JOBS } from '../../worker/jobs'
import { freshDatabase } from '../database'

const RUNS = 30_000
/** Rows that a page or a sweep may read from a table in sequence; far below what any big table holds. */
const FEW = 500

/** The newest promotion that waits for production. */
let waiting = 0
const ops: Viewer = { kind: 'account', id: 1, accountId: 1, name: 'omar', role: 'ops', grants: [] }
/** Nothing here is signed. */
const trust: Trust = {
  origin: 'shiplock/plans',
  keys: [],
  rpId: 'localhost',
  webOrigin: 'http://localhost',
  agreed: () => undefined,
  removed: () => false,
}
let database: Awaited<ReturnType<typeof freshDatabase>>
let record: RecordHandle

beforeAll(async () => {
  database = await freshDatabase()
  record = openRecord(database.url, { max: 1 })
  const { pool } = record
  await pool.query(`
    INSERT INTO "Project" (forge, "forgeUrl", path, name, "tokenSealed", hook, "hookSealed", "createdBy", status)
    SELECT 'gitlab', 'https://gitlab.example.com', 'team/service-' || n, 'service-' || n, '', 'hook-' || n, '', 'account:1', 'connected' FROM generate_series(1, 20) n`)
  await pool.query(
    `INSERT INTO "Environment" ("projectId", name, position, policy)
     SELECT j.id, v.name, v.position, v.policy::jsonb FROM "Project" j, (VALUES
       ('test', 0, '{"name":"test","start":"automatic","target":{"kind":"docker"}}'),
       ('production', 2, '{"name":"production","after":"test","start":"on-signoff","target":{"kind":"docker"},"approvals":[{"role":"ops","count":1}]}')
     ) v(name, position, policy)`,
  )
  await pool.query(`
    INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", "commit", before, title, status, "goesTo", "movedOnAt", "startedAt", "finishedAt")
    SELECT 1 + n % 20, 'k' || n, 'service-' || (1 + n % 20), CASE WHEN n % 3 = 0 THEN 'develop' ELSE 'feature/' || n END, 'develop', md5(n::text) || '00000000', '', 'Change ' || n,
      CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'succeeded' END, NULL, now(), now(), now() FROM generate_series(1, ${RUNS}) n`)
  await pool.query(`
    INSERT INTO "Stage" ("runId", name, position, status, definition, "startedAt", "finishedAt")
    SELECT r.id, s.name, s.position, 'succeeded', '{"kind":"step","image":"x","run":["x"],"env":{},"limits":{}}', now(), now()
    FROM "Run" r, (VALUES ('static', 0), ('build', 1), ('unit', 2)) s(name, position)`)
  await pool.query(`
    INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, trust, plan)
    SELECT "projectId", service, 't' || id, 'b', 'sha256:' || id, 'x', '1.0', 'V' || id, "commit", branch, 'release', '{}' FROM "Run" WHERE branch = 'develop'`)
  await pool.query(`
    INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", status, "requestedBy", "deployedAt")
    SELECT e.id, l.id, substr(l.tree, 2)::int, CASE WHEN l.id % 7 = 0 THEN 'failed' ELSE 'verified' END, 'x', now() FROM "Release" l JOIN "Environment" e ON e."projectId" = l."projectId" AND e.name = 'test'`)
  await pool.query(`
    INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", status, "requestedBy")
    SELECT e.id, l.id, substr(l.tree, 2)::int, 'waiting', 'x' FROM "Release" l JOIN "Environment" e ON e."projectId" = l."projectId" AND e.name = 'production' ORDER BY l.id DESC LIMIT 20`)
  await pool.query(`
    INSERT INTO "MergeRequest" ("projectId", iid, title, source, target, head, status, "dueAt", "syncedAt", "mergeCommit")
    SELECT "projectId", id, title, branch, 'develop', "commit", CASE WHEN id % 100 = 0 THEN 'opened' ELSE 'merged' END, NULL, now(), md5(id::text) FROM "Run"`)
  await pool.query(`
    INSERT INTO "Tag" ("projectId", name, "commit", "runId", "releaseId", status) SELECT "projectId", tag, "commit", substr(tree, 2)::int, id, 'made' FROM "Release"`)
  await pool.query(`
    INSERT INTO "BackMerge" ("projectId", "releaseId", "promotionId", source, target, "commit", hotfix, status, "dueAt")
    SELECT l."projectId", l.id, p.id, l.branch, 'develop', l."commit", true, 'merged', NULL FROM "Release" l JOIN "Promotion" p ON p."releaseId" = l.id AND p.status <> 'waiting'`)
  await pool.query(
    `INSERT INTO "Delivery" ("projectId", key, event, decision, because, "runId", bytes, body) SELECT "projectId", 'd' || id, 'Push Hook', 'accepted', 'a push', id, 10, 'x' FROM "Run"`,
  )
  await pool.query(
    `INSERT INTO "Report" ("projectId", "runId", name, wanted, sent, "dueAt") SELECT "projectId", id, 'static', 'success', 'success', NULL FROM "Run"`,
  )
  // Chained one by one they would take as long as all the rest together; what is read here is the entries.
  await pool.query('ALTER TABLE "AuditEntry" DISABLE TRIGGER USER')
  await pool.query(`
    INSERT INTO "AuditEntry" (kind, actor, "actorName", "projectId", subject, "subjectId", "runId", after)
    SELECT 'run.pass', 'worker:w', 'worker w', "projectId", 'run', id, id, status FROM "Run"`)
  await pool.query('VACUUM ANALYZE')
  const { rows } = await pool.query<{ id: number }>(`SELECT max(id) AS id FROM "Promotion" WHERE status = 'waiting'`)
  waiting = rows[0]?.id ?? 0
}, 120_000)
afterAll(async () => {
  await record?.close()
  await database?.drop()
})

/** Rows read in sequence from each big table while `work` ran on the only connection. */
async function readInSequence(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const counts = async () => {
    await record.pool.query('SELECT pg_stat_force_next_flush()')
    const { rows } = await record.pool.query<{ relname: string; n: string }>(
      'SELECT relname, seq_tup_read AS n FROM pg_stat_user_tables',
    )
    return new Map(rows.map((r) => [r.relname, Number(r.n)]))
  }
  const before = await counts()
  await work()
  const after = await counts()
  return Object.fromEntries(
    [...after].map(([name, n]) => [name, n - (before.get(name) ?? 0)] as const).filter(([, n]) => n > FEW),
  )
}

describe(`with ${RUNS.toLocaleString('en')} runs, nothing reads a table from end to end`, () => {
  it.each(JOB_NAMES.map((name) => [name]))('what is due for %s', async (name) => {
    expect(await readInSequence(() => record.pool.query(`${JOBS[name].due} LIMIT 50`))).toEqual({})
  })
  it.each([
    ['losePlan', 'Run_leased'],
    ['loseStage', 'Stage_leased'],
    ['losePromotion', 'Promotion_leased'],
    ['loseTag', 'Tag_due'],
  ] as const)('D3: claims without an end are found for %s by the index %s', async (name, index) => {
    const { rows } = await record.pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${JOBS[name].due} LIMIT 50`)
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(plan).toContain(index)
    expect(plan).not.toContain('Seq Scan')
  })
  it('and a question that has no index is noticed', async () => {
    const noticed = await readInSequence(() => record.pool.query(`SELECT 1 FROM "Run" WHERE title = 'no such title'`))
    expect(noticed).toEqual({ Run: RUNS })
  })
  it('the whole sweep', async () => expect(await readInSequence(() => record.pool.query(DUE))).toEqual({}))
  it.each<[string, () => Promise<unknown>]>([
    ['the newest runs', () => listRuns(record, 'all', {})],
    ['an old page of runs', () => listRuns(record, 'all', { after: '1000' })],
    ['runs of a service', () => listRuns(record, 'all', { service: 'service-3' })],
    ['runs of a branch', () => listRuns(record, 'all', { branch: 'develop' })],
    ['failed runs', () => listRuns(record, 'all', { status: 'failed' })],
    ['runs of a status that none has', () => listRuns(record, 'all', { status: 'errored' })],
    ['runs of a project', () => listRuns(record, 'all', { project: 3 })],
    ['runs of a member of two projects', () => listRuns(record, [3, 5], {})],
    ['runs of a member of a project that is asleep', () => listRuns(record, [1], {})],
    ['one run with all of it', () => readRun(record, 12_345)],
    ['the choices of the filters for a member', () => runFilters(record, [3, 5])],
    ['the board of a member', () => readBoard(record, [3, 5])],
    ['the inbox of a member', () => listDeliveries(record, [3, 5], {})],
    ['the promotions of a member', () => listPromotions(record, [3, 5], {})],
    ['the releases of a member', () => listReleases(record, [3, 5], {})],
    ['the merge requests of a member', () => listMergeRequests(record, [3, 5], {})],
    ['the projects of a member', () => listProjects(record, [3, 5], {})],
    ['the choices of the filters', () => runFilters(record, 'all')],
    ['the board', () => readBoard(record, 'all')],
    ['an environment', () => readEnvironment(record, 'all', 'test')],
    ['the inbox', () => listDeliveries(record, 'all', {})],
    ['the newest promotions', () => listPromotions(record, 'all', {})],
    [
      'promotions to an environment that wait',
      () => listPromotions(record, 'all', { environment: 'production', status: 'waiting' }),
    ],
    ['one promotion with its gates', () => readPromotion(record, waiting, ops, trust)],
    ['what the gates judge by', () => readFacts(record.pool, waiting, trust)],
    [
      'what the gates would say',
      () =>
        previewGates(record, {
          projectId: 3,
          environment: 'production',
          branch: 'master',
          branchKind: 'master',
          releaseId: 77,
          templated: false,
        }),
    ],
    ['who had a hand in a release', () => whyOwnChange(record.pool, 77, 1)],
    ['the newest releases', () => listReleases(record, 'all', {})],
    ['one release with its trace', () => readRelease(record, 77, ops)],
    ['the newest merge requests', () => listMergeRequests(record, 'all', {})],
    ['open merge requests', () => listMergeRequests(record, 'all', { status: 'opened' })],
    ['the projects', () => listProjects(record, 'all', {})],
  ])('%s', async (_what, read) => expect(await readInSequence(read)).toEqual({}))
})
