import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRecord } from '../../prisma/client'
import { migrate } from '../../prisma/migrate'
import { WEB } from '../../prisma/rights'
import { provisionRoles, type RoleUrls, whyNotSeparated } from '../../prisma/roles'
import { openDoorbell } from '../../worker/queue'
import { freshDatabase } from '../database'

const TRAIL = ['AuditEntry', 'AuditLeaf', 'AuditName', 'Checkpoint'] as const
const ENTRY = `INSERT INTO "AuditEntry" ("kind", "actor", "actorName", "subject", "subjectId") VALUES ('run.accept', 'shiplock', 'Shiplock', 'run', 1)`
const append = (actor: string) =>
  `SELECT audit_append('session.open', '${actor}', 'x', NULL::int, 'account', 1, NULL::int, NULL, NULL, '', '{}'::jsonb)`

async function ask(connectionString: string, sql: string, ...more: string[]): Promise<Record<string, unknown>[]> {
  const db = new pg.Client({ connectionString })
  await db.connect()
  try {
    let { rows } = await db.query(sql)
    for (const next of more) rows = (await db.query(next)).rows
    return rows
  } finally {
    await db.end()
  }
}

/** What PostgreSQL says to it, in its code; "done" where it did it. */
const verdict = (url: string, ...sql: string[]) =>
  ask(url, ...(sql as [string, ...string[]])).then(
    () => 'done',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  )
const REFUSED = '42501'

describe('the roles of web and worker', () => {
  const instance = randomBytes(4).toString('hex')
  let db: Awaited<ReturnType<typeof freshDatabase>>
  let urls: RoleUrls
  beforeAll(async () => {
    db = await freshDatabase()
    await ask(db.url, ENTRY)
    await ask(db.url, `INSERT INTO "Checkpoint" (size, root, note) VALUES (1, '\\x00', 'note')`)
    urls = await made()
  })
  afterAll(async () => {
    const { username: web } = new URL(urls.webUrl)
    const { username: worker } = new URL(urls.workerUrl)
    await ask(db.url, `DROP OWNED BY "${web}", "${worker}" CASCADE`, `DROP ROLE "${web}", "${worker}"`)
    await db.drop()
  })
  const made = async (given?: Partial<RoleUrls>) => {
    const roles = await provisionRoles(db.url, instance, given)
    if ('why' in roles) throw new Error(roles.why)
    return roles
  }

  describe.each(['webUrl', 'workerUrl'] as const)('%s', (which) => {
    it.each(TRAIL)('7 ways of changing %s are refused', async (table) => {
      const column = { AuditEntry: 'because', AuditLeaf: 'body', AuditName: 'name', Checkpoint: 'note' }[table]
      const ways = [
        `INSERT INTO "${table}" SELECT * FROM "${table}"`,
        `UPDATE "${table}" SET "${column}" = "${column}"`,
        `DELETE FROM "${table}"`,
        `TRUNCATE "${table}" CASCADE`,
        `DROP TABLE "${table}" CASCADE`,
        `ALTER TABLE "${table}" DISABLE TRIGGER ALL`,
        'SET session_replication_role = replica',
      ]
      const found = await Promise.all(ways.map((way) => verdict(urls[which], way)))
      // A worker publishes checkpoints: here it is the number that is taken.
      const insert = which === 'workerUrl' && table === 'Checkpoint' ? '23505' : REFUSED
      expect(found).toEqual([insert, ...Array(6).fill(REFUSED)])
    })

    it('entries go in by the one function, and say who wrote them', async () => {
      const writer = which === 'webUrl' ? 'web' : 'worker'
      const [row] = await ask(urls[which], append('account:1'))
      const id = row?.audit_append
      expect(await ask(urls[which], `SELECT writer FROM "AuditEntry" WHERE id = ${id}`)).toEqual([{ writer }])
      const [leaf] = await ask(
        urls[which],
        `SELECT convert_from(body, 'UTF8') AS body FROM "AuditLeaf" WHERE "entryId" = ${id}`,
      )
      expect(JSON.parse(String(leaf?.body)).writer).toBe(writer)
    })

    it('nothing can be made beside the record, and nobody else can be become', async () => {
      const me = new URL(urls[which]).username
      const ways = [
        'CREATE TABLE public.mine (id int)',
        `CREATE FUNCTION public.trail_writer2() RETURNS text LANGUAGE sql AS 'SELECT 1::text'`,
        'CREATE OR REPLACE FUNCTION public."trail_writer"() RETURNS text LANGUAGE sql AS $$SELECT $q$worker$q$::text$$',
        'SET SESSION AUTHORIZATION postgres',
        'SET ROLE postgres',
        `ALTER ROLE "${me}" SUPERUSER`,
        `CREATE ROLE "${me}_too_worker" LOGIN`,
        `COPY (SELECT 1) TO PROGRAM 'true'`,
        `SELECT pg_read_file('/etc/hostname')`,
        'SELECT rolpassword FROM pg_authid',
        'INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES (1, 1, 1)',
        'SELECT "trail_link"(e) FROM "AuditEntry" e',
      ]
      expect(await Promise.all(ways.map((way) => verdict(urls[which], way)))).toEqual(ways.map(() => REFUSED))
    })

    it('starts where nothing is to be migrated', async () => {
      expect(await migrate(urls[which])).toEqual([])
      const record = openRecord(urls[which], { max: 1 })
      expect(await whyNotSeparated(record)).toBeNull()
      await record.close()
    })
  })

  it('the web process cannot write an entry in a worker’s name', async () => {
    expect(await verdict(urls.webUrl, append('worker:w1'))).toBe(REFUSED)
    expect(await verdict(urls.workerUrl, append('worker:w1'))).toBe('done')
  })

  it('what makes a worker act is not the web process’s to write', async () => {
    const ways = [
      ['Environment', 'policy', `'{}'`],
      ['Environment', 'policyVersion', '7'],
      ['Passkey', 'certificate', `'x'`],
      ['Passkey', 'roles', `'[]'`],
      ['Passkey', 'admittedAt', 'now()'],
      ['Passkey', 'spki', `'\\x00'`],
      ['Approval', 'consumedEpoch', 'NULL'],
      ['Approval', 'signature', 'NULL'],
      ['Approval', 'statement', `'\\x00'`],
      ['Release', 'digest', `'x'`],
      ['Release', 'image', `'x'`],
      ['Promotion', 'observed', `'x'`],
      ['Promotion', 'releaseId', '1'],
      ['Promotion', 'deployedAt', 'now()'],
      ['Promotion', 'deployedEpoch', '1'],
      ['Observed', 'health', `'healthy'`],
      ['Observed', 'digest', `'x'`],
      ['Observed', 'setPromotion', '1'],
      ['Stage', 'digest', `'x'`],
      ['Run', 'pusherId', `'1'`],
      ['Project', 'forgeUrl', `'http://elsewhere'`],
      ['Project', 'cloneUrl', `'http://elsewhere'`],
    ]
    const found = await Promise.all(ways.map(([t, c, v]) => verdict(urls.webUrl, `UPDATE "${t}" SET "${c}" = ${v}`)))
    expect(found).toEqual(ways.map(() => REFUSED))
    const rows = [
      `INSERT INTO "PolicyVersion" ("environmentId", version, policy, sha256, "authorName", certificate) VALUES (1, 1, '{}', 'x', 'x', 'x')`,
      `INSERT INTO "Release" SELECT * FROM "Release"`,
      `INSERT INTO "Stage" SELECT * FROM "Stage"`,
      `UPDATE "PolicyVersion" SET policy = '{}'`,
      `DELETE FROM "Approval"`,
      `DELETE FROM "Promotion"`,
      `DELETE FROM "Environment"`,
    ]
    expect(await Promise.all(rows.map((row) => verdict(urls.webUrl, row)))).toEqual(rows.map(() => REFUSED))
  })

  it('a policy that was agreed to is changed by no process', async () => {
    const ways = [`UPDATE "PolicyVersion" SET policy = '{}'`, `DELETE FROM "PolicyVersion"`]
    for (const way of ways) expect(await verdict(urls.workerUrl, way)).toBe(REFUSED)
  })

  it('the queue is the worker’s alone; one that an earlier version left is made anew', async () => {
    await ask(db.url, 'CREATE SCHEMA bullmq', 'CREATE TABLE bullmq.left_over (id int)')
    urls = await made()
    const doorbell = openDoorbell({ databaseUrl: urls.workerUrl, instance })
    await doorbell.ring('quick', 'plan', 1, 0, 10)
    await doorbell.close()
    const [{ tables } = { tables: [] }] = await ask(
      urls.workerUrl,
      `SELECT array_agg(tablename::text) AS tables FROM pg_tables WHERE schemaname = 'bullmq'`,
    )
    expect(tables).not.toEqual([])
    expect(tables).not.toContain('left_over')
    for (const table of tables as string[])
      expect(await verdict(urls.webUrl, `SELECT 1 FROM bullmq."${table}"`), table).toBe(REFUSED)
  })

  it('each start makes passwords of its own: those of the last one are worth nothing', async () => {
    const before = urls
    urls = await made()
    expect(await verdict(before.webUrl, 'SELECT 1')).toBe('28P01')
    expect(await verdict(urls.webUrl, 'SELECT 1')).toBe('done')
  })

  it('the web process may write no column that does not exist', async () => {
    const rows = await ask(
      db.url,
      `SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_schema = 'public'`,
    )
    const there = new Set(rows.map((r) => r.name))
    const named = Object.entries(WEB).flatMap(([table, { insert = '', update = '' }]) =>
      `${insert} ${update}`
        .split(' ')
        .filter((c) => c !== '' && c !== '*')
        .map((c) => `${table}.${c}`),
    )
    expect(named.filter((name) => !there.has(name))).toEqual([])
  })

  it('more rights than these, from anywhere, are seen', async () => {
    const { username } = new URL(urls.webUrl)
    await ask(db.url, 'GRANT DELETE ON "AuditEntry" TO PUBLIC')
    expect(await provisionRoles(db.url, instance)).toEqual({ why: expect.stringMatching(/_web may DELETE AuditEntry/) })
    await ask(db.url, 'REVOKE DELETE ON "AuditEntry" FROM PUBLIC', `ALTER ROLE "${username}" SUPERUSER`)
    expect(await provisionRoles(db.url, instance)).toEqual({ why: expect.stringMatching(/more than an ordinary role/) })
    await ask(db.url, `ALTER ROLE "${username}" NOSUPERUSER`)
    urls = await made()
  })
})

describe('where the owner of the database may make no roles', () => {
  const name = `owner_${randomBytes(4).toString('hex')}`
  const given = { web: `${name}_web`, worker: `${name}_worker` }
  let db: Awaited<ReturnType<typeof freshDatabase>>
  let ownerUrl: string
  const as = (role: string) => {
    const url = new URL(db.url)
    url.username = role
    url.password = 'a password'
    return url.href
  }
  beforeAll(async () => {
    db = await freshDatabase({ empty: true })
    const database = new URL(db.url).pathname.slice(1)
    await ask(db.url, `CREATE ROLE ${name} LOGIN PASSWORD 'a password'`, `ALTER DATABASE ${database} OWNER TO ${name}`)
    ownerUrl = as(name)
    await migrate(ownerUrl)
  })
  afterAll(async () => {
    const postgres = new URL(db.url)
    postgres.pathname = '/shiplock'
    await db.drop()
    for (const role of [given.web, given.worker, name]) await ask(postgres.href, `DROP ROLE IF EXISTS ${role}`)
  })

  it('that is said in one sentence, with what to do, and nothing was changed', async () => {
    const { why } = (await provisionRoles(ownerUrl, 'abcd')) as { why: string }
    expect(why).toMatch(/permission denied to create role.*CREATE ROLE shiplock_web LOGIN.*WEB_DATABASE_URL/)
    const record = openRecord(ownerUrl, { max: 1 })
    expect(await whyNotSeparated(record)).toMatch(/use the role that owns the database/)
    await record.close()
  })

  it('roles that somebody else made are taken, and get the same rights', async () => {
    for (const role of [given.web, given.worker]) await ask(db.url, `CREATE ROLE ${role} LOGIN PASSWORD 'a password'`)
    const urls = { webUrl: as(given.web), workerUrl: as(given.worker) }
    expect(await provisionRoles(ownerUrl, 'abcd', urls)).toEqual(urls)
    expect(await verdict(urls.webUrl, append('account:1'))).toBe('done')
    expect(await verdict(urls.webUrl, 'DELETE FROM "AuditEntry"')).toBe(REFUSED)
    const doorbell = openDoorbell({ databaseUrl: urls.workerUrl, instance: 'abcd' })
    await doorbell.ring('quick', 'plan', 1, 0, 10)
    await doorbell.close()
  })

  it('a database that is behind cannot be brought up to date by the web process, which says so', async () => {
    await ask(
      ownerUrl,
      `DELETE FROM _prisma_migrations WHERE migration_name = (SELECT max(migration_name) FROM _prisma_migrations)`,
    )
    await expect(migrate(as(given.web))).rejects.toThrow(/older than this Shiplock, and the role owner_\w+_web may not/)
  })

  it('one of the two addresses alone, or the owner’s, is refused', async () => {
    for (const urls of [{ webUrl: as(given.web) }, { webUrl: ownerUrl, workerUrl: as(given.worker) }])
      expect(await provisionRoles(ownerUrl, 'abcd', urls)).toEqual({ why: expect.stringMatching(/are set together/) })
  })
})
