// What a database of before trust classes holds, and the classes that it gets.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MIGRATIONS, migrate } from '../../prisma/migrate'
import { freshDatabase } from '../database'

const OURS = '20261129102500_trust_classes'
let database: Awaited<ReturnType<typeof freshDatabase>>
let db: pg.Client
const earlier = mkdtempSync(join(tmpdir(), 'shiplock-earlier-'))

beforeAll(async () => {
  for (const name of readdirSync(MIGRATIONS))
    if (name < OURS || name === 'migration_lock.toml')
      cpSync(join(MIGRATIONS, name), join(earlier, name), { recursive: true })
  database = await freshDatabase({ empty: true })
  await migrate(database.url, earlier)
  db = new pg.Client({ connectionString: database.url })
  await db.connect()
})
afterAll(async () => {
  await db?.end()
  await database?.drop()
  rmSync(earlier, { recursive: true })
})

const one = async (sql: string, values: unknown[]) =>
  (await db.query<{ id: number }>(`${sql} RETURNING id`, values)).rows[0]?.id

let made = 0
const project = () =>
  one(
    `INSERT INTO "Project" (forge, "forgeUrl", path, name, "tokenSealed", "hookSealed", hook, "createdBy") VALUES ('gitlab', 'http://forge.test', $1, 'p', '', '', $1, 'test')`,
    [`p${++made}`],
  )
const release = (id: number | undefined, digest: string, branch: string) =>
  one(
    `INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, plan) VALUES ($1, 's', 't', $2, $3, 'i', '1', $2, 'c', $4, '{}')`,
    [id, `k${++made}`, digest, branch],
  )

/** A run with its build stage. @param at minutes after the first */
async function run(
  id: number | undefined,
  kind: string,
  digest: string | null,
  at: number,
  of?: number,
  status = 'succeeded',
) {
  const number = await one(
    `INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", "commit", before, tree, "releaseId") VALUES ($1, $2, 's', $3, $3, 'c', '', 't', $4)`,
    [id, `k${++made}`, kind, of ?? null],
  )
  const stage = await one(
    `INSERT INTO "Stage" ("runId", name, position, status, definition, digest, "finishedAt") VALUES ($1, 'build', 0, $2, '{}', $3, now() + $4 * interval '1 minute')`,
    [number, status, digest, at],
  )
  await one(`INSERT INTO "Artifact" ("stageId", epoch, path, bytes, sha256, data) VALUES ($1, 1, 'a', 0, '', '')`, [
    stage,
  ])
  return { run: number, stage }
}
/** In the order of the ids that are given. */
const classesOf = async (table: string, ids: (number | undefined)[]) =>
  (
    await db.query<{ trust: string }>(
      `SELECT t.trust FROM unnest($1::int[]) WITH ORDINALITY AS w (id, at) JOIN "${table}" t ON t.id = w.id ORDER BY w.at`,
      [ids],
    )
  ).rows.map((r) => r.trust)

it('C2: what is there gets the class of its branch; an image that was taken over, the class of who built it', async () => {
  const [a, b, c] = [await project(), await project(), await project()]
  // A feature built it; release/* cut of the very commit took its image.
  const shared = await release(a, 'sha256:1', 'feature')
  const feature = await run(a, 'feature', 'sha256:1', 1, shared)
  const taker = await run(a, 'release', 'sha256:1', 2, shared)
  // A release branch built it; develop took it.
  const own = await release(a, 'sha256:2', 'develop')
  const develop = await run(a, 'develop', 'sha256:2', 4, own)
  const hotfix = await run(a, 'hotfix', 'sha256:2', 3, own)
  // The same digest in another project is another build.
  const other = await release(b, 'sha256:1', 'master')
  const master = await run(b, 'master', 'sha256:1', 5, other)
  // No build is on record: the lowest of its runs.
  const lost = await release(c, 'sha256:3', 'master')
  await run(c, 'master', 'sha256:3', 6, lost, 'skipped')
  await run(c, 'develop', null, 7, lost, 'skipped')
  const nobodys = await release(c, 'sha256:4', 'master')
  const [fork, refused] = [
    await run(c, 'fork', null, 8, undefined, 'skipped'),
    await run(c, 'other', null, 9, undefined, 'skipped'),
  ]

  expect(await migrate(database.url)).toContain(OURS)

  const runs = [feature, taker, develop, hotfix, master, fork, refused]
  expect(
    await classesOf(
      'Run',
      runs.map((r) => r.run),
    ),
  ).toEqual(
    ['feature', 'release', 'develop', 'release', 'release', 'fork', 'fork'], // of their branches
  )
  const classes = ['feature', 'feature', 'develop', 'release', 'release', 'fork', 'fork']
  expect(
    await classesOf(
      'Stage',
      runs.map((r) => r.stage),
    ),
  ).toEqual(classes)
  const { rows } = await db.query<{ trust: string }>(
    'SELECT trust FROM "Artifact" WHERE "stageId" = ANY($1) ORDER BY "stageId"',
    [runs.map((r) => r.stage)],
  )
  expect(rows.map((r) => r.trust).sort()).toEqual([...classes].sort())
  expect(await classesOf('Release', [shared, own, other, lost, nobodys])).toEqual([
    'feature',
    'release',
    'release',
    'develop',
    'fork',
  ])
})
