// The database demands the trail, and lets the web process take the arrows that people take.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { APPROVAL } from '../../environments/approval'
import { PASSKEY } from '../../environments/passkey'
import { POLICY_CHANGE } from '../../environments/policy-change'
import { PROMOTION } from '../../environments/promotion'
import { BACK_MERGE } from '../../pipelines/back-merge'
import { MERGE_ACTION, MERGE_REQUEST } from '../../pipelines/merge-request'
import { PROJECT } from '../../pipelines/project'
import { RUN, STAGE } from '../../pipelines/run'
import { TAG } from '../../pipelines/tag'
import { WEB_ARROWS, WORKER_KINDS } from '../../prisma/arrows'
import { provisionRoles, type RoleUrls } from '../../prisma/roles'
import { freshDatabase } from '../database'
import { type GivenRecord, givenRecord } from '../given-record'

const MACHINES: Record<string, Readonly<Record<string, object>>> = {
  Run: RUN,
  Stage: STAGE,
  Promotion: PROMOTION,
  Project: PROJECT,
  MergeRequest: MERGE_REQUEST,
  MergeAction: MERGE_ACTION,
  Tag: TAG,
  BackMerge: BACK_MERGE,
  Approval: APPROVAL,
  PolicyChange: POLICY_CHANGE,
  Passkey: PASSKEY,
}
const subjectOf = (table: string) => `${table[0]?.toLowerCase()}${table.slice(1)}`

describe('the database', () => {
  const instance = randomBytes(4).toString('hex')
  let db: Awaited<ReturnType<typeof freshDatabase>>
  let urls: RoleUrls
  let given: GivenRecord
  const clients: Partial<Record<'owner' | 'web' | 'worker', pg.Client>> = {}
  beforeAll(async () => {
    db = await freshDatabase()
    const roles = await provisionRoles(db.url, instance)
    if ('why' in roles) throw new Error(roles.why)
    urls = roles
    given = await givenRecord(db.url)
    for (const [who, url] of [
      ['owner', db.url],
      ['web', urls.webUrl],
      ['worker', urls.workerUrl],
    ] as const) {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      clients[who] = client
    }
  })
  afterAll(async () => {
    await Promise.all(Object.values(clients).map((client) => client.end()))
    const owner = new pg.Client({ connectionString: db.url })
    await owner.connect()
    const names = [urls.webUrl, urls.workerUrl].map((url) => `"${new URL(url).username}"`).join(', ')
    await owner.query(`DROP OWNED BY ${names} CASCADE`)
    await owner.query(`DROP ROLE ${names}`)
    await owner.end()
    await db.drop()
  })

  const by = (who: 'owner' | 'web' | 'worker') => {
    const client = clients[who]
    if (client === undefined) throw new Error(`${who} is not connected`)
    return client
  }
  /** All of it in one transaction; "done", or PostgreSQL's code and what it says. */
  async function attempt(who: 'owner' | 'web' | 'worker', ...statements: string[]): Promise<string> {
    const client = by(who)
    try {
      await client.query('BEGIN')
      for (const sql of statements) await client.query(sql)
      await client.query('COMMIT')
      return 'done'
    } catch (error) {
      await client.query('ROLLBACK')
      return `${(error as { code?: string }).code}: ${(error as Error).message}`
    }
  }
  const REFUSED = /^42501: /
  const entry = (
    kind: string,
    subject: string,
    id: number,
    more: { before?: string; after?: string; data?: object; actor?: string } = {},
  ) => {
    const text = (t: string | undefined) => (t === undefined ? 'NULL' : `'${t}'`)
    return `SELECT audit_append('${kind}', '${more.actor ?? 'account:1'}', 'mia', ${given.project}, '${subject}', ${id}, NULL::int, ${text(more.before)}, ${text(more.after)}, '', '${JSON.stringify(more.data ?? {})}'::jsonb)`
  }
  const id = (table: string) => given.ids[table] ?? 0

  describe('an arrow', () => {
    const pairs = Object.entries(MACHINES).flatMap(([table, machine]) =>
      Object.keys(machine).map((from) => [table, from, Object.keys(machine)] as const),
    )
    it.each(pairs)(
      'of %s from %s is the web process’s only where people take it, and nobody’s without its entry',
      async (table, from, all) => {
        const subject = subjectOf(table)
        const mine = (WEB_ARROWS[table] ?? '').split(/\s+/)
        const first = all.find((status) => status !== from)
        for (const to of all.filter((status) => status !== from)) {
          await by('owner').query(`UPDATE "${table}" SET status = $1 WHERE id = $2`, [from, id(table)])
          const update = `UPDATE "${table}" SET status = '${to}' WHERE id = ${id(table)}`
          const told = entry(`${subject}.x`, subject, id(table), { before: from, after: to })
          const arrow = `${table}: ${from}>${to}`
          for (const who of to === first ? (['web', 'worker'] as const) : []) {
            expect(await attempt(who, update), `${who} ${arrow} untold`).toMatch(REFUSED)
            const other = entry(`${subject}.x`, subject, id(table), { before: from, after: 'other' })
            expect(await attempt(who, other, update), `${who} ${arrow} told otherwise`).toMatch(REFUSED)
            expect(
              await attempt(who, entry('session.open', subject, id(table), { before: from, after: to }), update),
            ).toMatch(REFUSED)
          }
          // The entry comes first, or in the same statement, as record() has it.
          const came = await attempt('web', told, update)
          if (mine.includes(`${from}>${to}`)) expect(came, arrow).toBe('done')
          else expect(came, arrow).toMatch(REFUSED)
          await by('owner').query(`UPDATE "${table}" SET status = $1 WHERE id = $2`, [from, id(table)])
          expect(await attempt('worker', told, update), arrow).toBe('done')
        }
      },
    )

    it('is not told by an entry of another transaction, nor by one that was taken back', async () => {
      const run = id('Run')
      await by('owner').query(`UPDATE "Run" SET status = 'running' WHERE id = $1`, [run])
      const told = entry('run.cancel', 'run', run, { before: 'running', after: 'canceled' })
      const cancel = `UPDATE "Run" SET status = 'canceled' WHERE id = ${run}`
      expect(await attempt('web', told)).toBe('done')
      expect(await attempt('web', cancel)).toMatch(REFUSED)
      expect(await attempt('web', 'SAVEPOINT a', told, 'ROLLBACK TO a', cancel)).toMatch(REFUSED)
      expect(
        await attempt('web', entry('run.cancel', 'run', run + 1, { before: 'running', after: 'canceled' }), cancel),
      ).toMatch(REFUSED)
      expect(await attempt('web', told, cancel)).toBe('done')
    })
  })

  it('D1: no entry of a worker’s deed is written by the web process, in whatever name', async () => {
    for (const kind of WORKER_KINDS) {
      const subject = kind.split('.')[0] ?? ''
      for (const actor of ['shiplock', 'account:1', 'worker:w1'])
        expect(await attempt('web', entry(kind, subject, 1, { actor })), kind).toMatch(REFUSED)
    }
    expect(await attempt('web', entry('run.cancel', 'run', 1, { actor: 'worker:w1' }))).toMatch(REFUSED)
    expect(await attempt('worker', entry('run.pass', 'run', 1, { actor: 'worker:w1' }))).toBe('done')
  })

  it('D2: an entry has the database’s time and writer, whatever it is asked for', async () => {
    const before = (await by('owner').query<{ now: Date }>('SELECT clock_timestamp() AS now')).rows[0]?.now
    const run = id('Run')
    await by('web').query(entry('run.accept', 'run', run))
    const { rows } = await by('owner').query(
      `SELECT writer, at >= $1 AS later FROM "AuditEntry" WHERE subject = 'run' AND "subjectId" = $2 AND kind = 'run.accept'`,
      [before, run],
    )
    expect(rows).toEqual([{ writer: 'web', later: true }])
    expect(
      await attempt(
        'web',
        `INSERT INTO "AuditEntry" (kind, actor, "actorName", subject, "subjectId", at) VALUES ('run.pass', 'shiplock', 'x', 'run', 1, '2020-01-01')`,
      ),
    ).toMatch(REFUSED)
  })

  it('D2: the web process writes no entry about a row that is not there yet, and workers do', async () => {
    for (const table of [...Object.keys(MACHINES), 'Release', 'Environment']) {
      const subject = subjectOf(table)
      const { rows } = await by('owner').query<{ id: number }>(`SELECT max(id) AS id FROM "${table}"`)
      for (const ahead of [1, 50]) {
        const next = (rows[0]?.id ?? 0) + ahead
        expect(await attempt('web', entry(`${subject}.x`, subject, next)), subject).toMatch(REFUSED)
        expect(await attempt('worker', entry(`${subject}.x`, subject, next + 1000)), subject).toBe('done')
      }
      expect(await attempt('web', entry(`${subject}.x`, subject, rows[0]?.id ?? 0)), subject).toBe('done')
    }
  })

  const values = (what: string) => `SELECT ${what}`
  /** What would make something happen that the trail does not explain: each is refused to the web process. */
  const ATTACKS: Record<string, () => string[]> = {
    'a stage’s definition': () => [`UPDATE "Stage" SET definition = '{"kind":"step"}'`],
    'a stage’s digest': () => [`UPDATE "Stage" SET digest = 'sha256:2'`],
    'a stage’s round': () => ['UPDATE "Stage" SET round = 9'],
    'a commit that passed': () => [`UPDATE "Report" SET wanted = 'success'`],
    'a commit that is being checked': () => [`UPDATE "Report" SET wanted = 'running'`],
    'a commit that passed, told anew': () => [
      `INSERT INTO "Report" ("projectId", "runId", name, wanted) ${values(`${given.project}, ${id('Run')}, 'x', 'success'`)}`,
    ],
    'a check that the run does not have': () => [
      `INSERT INTO "Report" ("projectId", "runId", name, wanted) ${values(`${given.project}, ${id('Run')}, 'ci/other', 'failed'`)}`,
    ],
    'a book on a commit': () => [`UPDATE "Report" SET description = repeat('x', 201)`],
    'a report that was sent': () => [`UPDATE "Report" SET sent = 'success'`],
    'a merge request’s head': () => [`UPDATE "MergeRequest" SET head = 'x'`],
    'a merge request that is merged': () => [`UPDATE "MergeRequest" SET "mergeCommit" = 'x', status = 'merged'`],
    'an action on a merge request': () => [`UPDATE "MergeAction" SET status = 'done'`],
    'an action without an entry': () => [
      `INSERT INTO "MergeAction" ("projectId", "mergeRequestId", kind, head, "accountId", "accountName") ${values(`${given.project}, ${id('MergeRequest')}, 'merge', 'c', ${given.account}, 'mia'`)}`,
    ],
    'a tag that Shiplock made': () => [
      `INSERT INTO "Tag" ("projectId", name, "commit", status) ${values(`${given.project}, 'v2', 'c', 'made'`)}`,
    ],
    'a tag that Shiplock is to make': () => [
      `INSERT INTO "Tag" ("projectId", name, "commit", status) ${values(`${given.project}, 'v2', 'c', 'owed'`)}`,
    ],
    'a tag without an entry': () => [
      `INSERT INTO "Tag" ("projectId", name, "commit", status) ${values(`${given.project}, 'v2', 'c', 'stray'`)}`,
    ],
    'another commit of a tag that it may not move': () => [`UPDATE "Tag" SET "commit" = 'evil'`],
    'another name of a tag': () => [`UPDATE "Tag" SET name = 'v9'`],
    'another run of a tag': () => [`UPDATE "Tag" SET "runId" = ${id('Run')}, "releaseId" = ${id('Release')}`],
    'another commit of a tag that is taken': () => [
      entry('tag.take', 'tag', id('Tag'), { before: 'awaited', after: 'taken' }),
      `UPDATE "Tag" SET status = 'taken', "commit" = 'evil'`,
    ],
    'a tag that is gone': () => ['DELETE FROM "Tag"'],
    'a back-merge that is done': () => [`UPDATE "BackMerge" SET status = 'merged'`],
    'a back-merge that is gone': () => ['DELETE FROM "BackMerge"'],
    'a release’s plan': () => [`UPDATE "Release" SET plan = '{"deploy":{}}'`],
    'a release’s image': () => [`UPDATE "Release" SET image = 'x'`],
    'a refusal that is lifted': () => [`UPDATE "Release" SET "refusedAt" = now()`],
    'an environment’s place in the order': () => ['UPDATE "Environment" SET position = 9'],
    'an environment’s policy': () => [`UPDATE "Environment" SET policy = '{}', "policyVersion" = 2`],
    'an environment that is reachable': () => ['UPDATE "Environment" SET "unreachableSince" = NULL'],
    'an environment without an entry': () => [
      `INSERT INTO "Environment" ("projectId", name, position, policy) ${values(`${given.project}, 'x', 1, '{}'`)}`,
    ],
    'a hold': () => ['UPDATE "Environment" SET "heldAt" = now()'],
    'an emergency stop': () => ['UPDATE "Environment" SET "stoppedAt" = now()'],
    'an emergency stop of everything': () => [`UPDATE "Installation" SET "stoppedAt" = now()`],
    'an environment that is removed': () => ['UPDATE "Environment" SET "removedAt" = now()'],
    'a hold, told as something else': () => [
      'UPDATE "Environment" SET "heldAt" = now()',
      entry('environment.ask-policy', 'environment', id('Environment')),
    ],
    'a hold, told of another environment': () => [
      'UPDATE "Environment" SET "heldAt" = now()',
      entry('environment.hold', 'environment', 999),
    ],
    'an answer without an entry': () => [
      `INSERT INTO "Approval" ("promotionId", "accountId", "accountName", role, statement, hash, "expiresAt") ${values(`${id('Promotion')}, ${given.account}, 'mia', 'ops', '\\x00'::bytea, 'h2', now()`)}`,
    ],
    'an answer, told of another one': () => [
      `INSERT INTO "Approval" ("promotionId", "accountId", "accountName", role, statement, hash, "expiresAt") ${values(`${id('Promotion')}, ${given.account}, 'mia', 'ops', '\\x00'::bytea, 'h2', now()`)}`,
      entry('approval.give', 'promotion', id('Promotion'), { data: { approval: 999 } }),
    ],
    'an emergency that is never reviewed': () => [
      `INSERT INTO "Approval" ("promotionId", "accountId", "accountName", role, decision, statement, hash, "expiresAt") ${values(`${id('Promotion')}, ${given.account}, 'mia', 'ops', 'break-glass', '\\x00'::bytea, 'h2', now()`)}`,
    ],
    'an answer that is used again': () => ['UPDATE "Approval" SET "consumedEpoch" = NULL'],
    'an answer of an earlier time': () => [
      'UPDATE "Promotion" SET ask = 1',
      entry('promotion.retry', 'promotion', id('Promotion')),
    ],
    'an answer of a later time': () => ['UPDATE "Promotion" SET ask = ask + 1'],
    'a start by hand': () => [`UPDATE "Promotion" SET "startedByHand" = 'mia'`],
    'a promotion’s verdicts': () => [`UPDATE "Promotion" SET verdicts = '[]'`],
    'a promotion’s epoch': () => ['UPDATE "Promotion" SET epoch = 9'],
    'a claim that does not lapse': () => [`UPDATE "Promotion" SET "leaseUntil" = 'infinity'`],
    'a claim without an end': () => ['UPDATE "Stage" SET "leaseUntil" = NULL'],
    'a claim of a stage': () => [`UPDATE "Stage" SET "leaseUntil" = now()`],
    'a worker that is alive': () => [`INSERT INTO "Worker" (id) VALUES ('w2')`],
    'a worker’s sign of life': () => ['UPDATE "Worker" SET "seenAt" = now()'],
    'a worker that is gone': () => ['DELETE FROM "Worker"'],
    'a head that was never seen': () => ['DELETE FROM "BranchHead"'],
    'a delivery’s body': () => [`UPDATE "Delivery" SET body = '\\x00'`],
    'work that is never due': () => [`UPDATE "Promotion" SET "dueAt" = 'infinity'`],
    'work that is due in a day': () => [`UPDATE "Run" SET "dueAt" = now() + interval '1 day'`],
    'work that is due before all other': () => [`UPDATE "Promotion" SET "dueAt" = '-infinity'`],
    'work that was due long ago': () => [`UPDATE "Run" SET "dueAt" = now() - interval '1 year'`],
    'a passkey that is judged in a thousand years': () => [
      `INSERT INTO "Passkey" ("accountId", name, "credentialId", "publicKey", spki, alg, "dueAt") ${values(`${given.account}, 'x', 'x', '\\x00'::bytea, '\\x00'::bytea, -7, '9999-01-01'`)}`,
    ],
    'news that are never due': () => ['UPDATE "Report" SET "dueAt" = NULL'],
    'a merge request that is never read': () => ['UPDATE "MergeRequest" SET "dueAt" = NULL'],
    'a stage that is tried no more': () => ['UPDATE "Stage" SET attempts = 99'],
    'a run before all others': () => ['UPDATE "Run" SET priority = -1000'],
    'a run that has moved on': () => ['UPDATE "Run" SET "movedOnAt" = NULL'],
    'a run’s release': () => [`UPDATE "Run" SET "releaseId" = ${id('Release')}`],
    'who pushed': () => [`UPDATE "Run" SET "pusherId" = ''`],
    'the flow': () => [`UPDATE "Project" SET flow = '{"branches":{"release":"feature/"}}'`],
    'the forge’s token': () => [`UPDATE "Project" SET "tokenSealed" = '\\x01'`],
    'branches that are never compared': () => [`UPDATE "Project" SET "reconcileAt" = 'infinity'`],
    'a role': () => [`UPDATE "Account" SET role = 'admin'`],
    'a password': () => [`UPDATE "Account" SET "passwordHash" = 'x'`],
    'another person at the forge': () => [`UPDATE "Account" SET "forgeUserId" = '5'`],
    'an account': () => [`INSERT INTO "Account" (name, role) VALUES ('eve', 'admin')`],
    'an account that is gone': () => ['DELETE FROM "Account"'],
    'a membership': () => [
      `INSERT INTO "Membership" ("accountId", "projectId", role) ${values(`${given.account}, ${given.project}, 'owner'`)}`,
    ],
    'a token': () => [
      `INSERT INTO "ApiToken" ("accountId", name, hash, "expiresAt") ${values(`${given.account}, 'x', 'x', now()`)}`,
    ],
    'a passkey': () => [
      `INSERT INTO "Passkey" ("accountId", name, "credentialId", "publicKey", spki, alg) ${values(`${given.account}, 'x', 'x', '\\x00'::bytea, '\\x00'::bytea, -7`)}`,
    ],
    'a passkey that is admitted': () => [`UPDATE "Passkey" SET status = 'admitted'`],
    'its own guard': () => [
      `CREATE OR REPLACE FUNCTION "web_may"(what text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT true $$`,
    ],
    'no guard at all': () => ['ALTER TABLE "Run" DISABLE TRIGGER ALL'],
    'triggers that are replaced': () => ['SET session_replication_role = replica'],
    'a table before the record’s': () => [
      'CREATE TEMP TABLE "AuditEntry" (subject text, "subjectId" int, kind text, before text, after text, data jsonb, id bigserial)',
      `INSERT INTO pg_temp."AuditEntry" (subject, "subjectId", kind) VALUES ('environment', ${id('Environment')}, 'environment.hold')`,
      `UPDATE public."Environment" SET "heldAt" = now()`,
    ],
  }
  it.each(Object.keys(ATTACKS))('D3: the web process does not write %s', async (name) => {
    await by('owner').query(`UPDATE "Passkey" SET status = 'proposed'`)
    await by('owner').query(`UPDATE "Tag" SET status = 'awaited'`)
    await by('owner').query(`UPDATE "Stage" SET status = 'running', "leaseUntil" = now() + interval '9 s'`)
    expect(await attempt('web', ...(ATTACKS[name]?.() ?? []))).toMatch(REFUSED)
  })

  /** The same by the ways that people have: with the entry, it is done. */
  const HONEST: Record<string, () => string[]> = {
    'a hold': () => [
      'UPDATE "Environment" SET "heldAt" = now()',
      entry('environment.hold', 'environment', id('Environment')),
    ],
    'the flow': () => [
      `UPDATE "Project" SET flow = '{"tag":"awaited"}'`,
      entry('project.flow', 'project', given.project),
    ],
    'a role': () => [`UPDATE "Account" SET role = 'viewer'`, entry('account.role', 'account', given.account)],
    'a check that its run has': () => [
      `INSERT INTO "Report" ("projectId", "runId", name, wanted) ${values(`${given.project}, ${id('Run')}, 'unit', 'canceled'`)}
       ON CONFLICT ("runId", name) DO UPDATE SET wanted = EXCLUDED.wanted`,
    ],
    'a commit that was refused': () => [
      `INSERT INTO "Report" ("projectId", "runId", name, wanted) ${values(`${given.project}, ${id('Run')}, 'shiplock', 'failed'`)}`,
    ],
    'work that is due now': () => ['UPDATE "Promotion" SET "dueAt" = clock_timestamp(), attempts = 0'],
    'a tag that a person made': () => [
      entry('tag.take', 'tag', id('Tag'), { before: 'awaited', after: 'taken' }),
      `UPDATE "Tag" SET status = 'taken', name = 'v1.1', by = 'noor'`,
    ],
    'a claim that ends with its status': () => [
      entry('stage.cancel', 'stage', id('Stage'), { before: 'running', after: 'canceled' }),
      `UPDATE "Stage" SET status = 'canceled', "leaseUntil" = NULL`,
    ],
    'a commit that failed': () => [`UPDATE "Report" SET wanted = 'failed'`],
    'trying again': () => [
      `UPDATE "Promotion" SET ask = ask + 1, "retriedById" = ${given.account}`,
      entry('promotion.retry', 'promotion', id('Promotion')),
    ],
  }
  it.each(Object.keys(HONEST))('the web process writes %s, with its entry', async (name) => {
    await by('owner').query(`UPDATE "Tag" SET status = 'awaited'`)
    await by('owner').query(`UPDATE "Stage" SET status = 'running', "leaseUntil" = now() + interval '9 s'`)
    expect(await attempt('web', ...(HONEST[name]?.() ?? []))).toBe('done')
  })

  it('a worker makes nothing without its entry either', async () => {
    const release = `INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, plan) ${values(`${given.project}, 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', '{}'::jsonb`)}`
    for (const way of [
      release,
      'UPDATE "Release" SET digest = \'sha256:9\'',
      `UPDATE "Environment" SET "policyVersion" = 5`,
    ])
      expect(await attempt('worker', way), way).toMatch(REFUSED)
    const { rows } = await by('owner').query<{ id: number }>(`SELECT nextval('"Release_id_seq"')::int + 1 AS id`)
    expect(await attempt('worker', release, entry('release.cut', 'release', rows[0]?.id ?? 0))).toBe('done')
  })

  it('entries that only the owner’s role could vouch for are asked of nobody where web and worker share it', async () => {
    expect(await attempt('owner', `UPDATE "Run" SET status = 'running'`)).toBe('done')
  })
})
