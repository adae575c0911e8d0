// A trail as long as one likes, chained as the database chains it, in a few statements and without its triggers.
import type pg from 'pg'

const KINDS = 40
const PEOPLE = 50
const PROJECTS = 20
/** Of each kind of thing; each entry is of one of them. */
const RUNS = 2_000
const RELEASES = 400

const TABLES = ['AuditEntry', 'AuditLeaf'] as const

async function triggers(db: Pick<pg.Pool, 'query'>, on: boolean) {
  for (const table of TABLES) await db.query(`ALTER TABLE "${table}" ${on ? 'ENABLE' : 'DISABLE'} TRIGGER ALL`)
  if (!on) return
  const { rows } = await db.query<{ name: string; on: string }>(
    'SELECT tgname AS name, tgrelid::regclass::text AS on FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = ANY($1::regclass[])',
    [TABLES.map((table) => `"${table}"`)],
  )
  for (const row of rows) await db.query(`ALTER TABLE ${row.on} ENABLE ALWAYS TRIGGER "${row.name}"`)
}

/** What entries are about, and who acts: the same however many entries there are. For an empty database. */
export async function seedPlaces(db: Pick<pg.Pool, 'query'>) {
  await db.query(`INSERT INTO "Project" (forge, "forgeUrl", path, name, "tokenSealed", hook, "hookSealed", "createdBy", status)
    SELECT 'gitlab', 'https://gitlab.example.com', 'team/service-' || n, 'service-' || n, '', 'hook-' || n, '', 'account:1', 'connected'
    FROM generate_series(1, ${PROJECTS}) n`)
  await db.query(`INSERT INTO "Environment" ("projectId", name, position, policy)
    SELECT p.id, v.name, v.position, jsonb_build_object('name', v.name, 'start', 'automatic', 'target', jsonb_build_object('kind', 'docker'))
    FROM "Project" p, (VALUES ('test', 0), ('prerelease', 1), ('production', 2)) v(name, position)`)
  await db.query(`INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, trust, plan)
    SELECT 1 + n % ${PROJECTS}, 'service-' || (1 + n % ${PROJECTS}), 't' || n, 'b', 'sha256:' || n, 'x', '1.0', 'V1.0_' || n, md5(n::text) || '00000000', 'develop', 'develop', '{}'
    FROM generate_series(1, ${RELEASES}) n`)
  await db.query(`INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", "commit", before, title, status, "releaseId")
    SELECT 1 + n % ${PROJECTS}, 'k' || n, 'service-' || (1 + n % ${PROJECTS}), 'develop', 'develop', md5(n::text) || '00000000', '', 'Change ' || n, 'succeeded',
      CASE WHEN n <= ${RELEASES} THEN n END FROM generate_series(1, ${RUNS}) n`)
  await db.query(`INSERT INTO "AuditName" (commitment, actor, name, salt)
    SELECT encode(sha256('\\x01'::bytea || convert_to('Person ' || n, 'UTF8')), 'hex'), 'account:' || n, 'Person ' || n, '\\x01' FROM generate_series(1, ${PEOPLE}) n`)
}

/**
 * Adds entries at the end of a trail that has none of another making. Each is of a run, one in seven
 * of an environment and a release of the same project; some are of no project.
 */
export async function seedEntries(db: Pick<pg.Pool, 'query'>, count: number) {
  await triggers(db, false)
  await db.query(
    `INSERT INTO "AuditEntry" (at, kind, actor, "actorName", writer, "projectId", "environmentId", "releaseId", subject, "subjectId", "runId", before, after, because, data)
     SELECT now() - ($1::int - n) * interval '30 seconds', 'run.kind-' || chr(97 + x.kind / 20) || chr(97 + x.kind % 20), 'account:' || x.person, 'Person ' || x.person, 'worker',
       CASE WHEN x.placed THEN x.project + 1 END,
       CASE WHEN x.placed AND n % 7 = 0 THEN x.project * 3 + 1 + n % 3 END,
       CASE WHEN x.placed AND n % 7 = 0 THEN x.project + 20 * (1 + n / 7 % 19) END,
       'run', x.run, CASE WHEN x.placed THEN x.run END, 'running', 'succeeded', 'the step exited 0 after ' || n || ' ms', jsonb_build_object('n', n, 'name', 'unit')
     FROM generate_series(1, $1::int) n CROSS JOIN LATERAL (SELECT n % ${PROJECTS} AS project, n % 100 <> 0 AS placed, n % ${PROJECTS} + 20 * (1 + n / 20 % 99) AS run,
       (hashint4(n) & 2147483647) % ${KINDS} AS kind, 1 + (hashint4(n + 7) & 2147483647) % ${PEOPLE} AS person) x`,
    [count],
  )
  // The chain as a window over the entries: the state of the aggregate is the leaf before.
  await db.query(`CREATE OR REPLACE FUNCTION seed_link(prev bytea, head text, tail text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
    $$ SELECT sha256('\\x00'::bytea || convert_to(head || encode(prev, 'hex') || tail, 'UTF8')) $$`)
  await db.query(`CREATE OR REPLACE AGGREGATE seed_chain(text, text) (sfunc = seed_link, stype = bytea, initcond = '')`)
  await db.query(
    `INSERT INTO "AuditLeaf" (seq, "entryId", body, leaf)
     SELECT seq, id, convert_to(head || encode(COALESCE(lag(leaf) OVER (ORDER BY seq), ''), 'hex') || tail, 'UTF8'), leaf FROM (
       SELECT seq, id, head, tail, seed_chain(head, tail) OVER (ORDER BY seq) AS leaf FROM (
         SELECT e.id, e.seq,
           format('{"actor":{"id":"%s","name":"%s"},"after":"%s","at":"%s","because":"%s","before":"%s","data":{"n":%s,"name":"unit"},"environment":%s,"kind":"%s","origin":"%s","prev":"',
             e.actor, n.commitment, e.after, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), e.because, e.before, e.data->>'n',
             COALESCE(e."environmentId"::text, 'null'), e.kind, i.origin) AS head,
           format('","project":%s,"release":%s,"run":%s,"seq":%s,"subject":{"id":%s,"kind":"run"},"v":1,"writer":"worker"}',
             COALESCE(e."projectId"::text, 'null'), COALESCE(e."releaseId"::text, 'null'), COALESCE(e."runId"::text, 'null'), e.seq, e."subjectId") AS tail
         FROM (SELECT *, row_number() OVER (ORDER BY id) - 1 AS seq FROM "AuditEntry") e
         JOIN "AuditName" n ON n.actor = e.actor AND n.name = e."actorName" CROSS JOIN "Installation" i) b) c`,
  )
  await triggers(db, true)
  await db.query('VACUUM ANALYZE')
}
