// What the web process's database role can make happen, and cannot: nothing but its connection, against a Shiplock that runs.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, SERVICE, Shiplock, serviceFile } from '../given'

const DENIED = '42501'

describe('the record against a web process that was taken over', () => {
  let shiplock: Shiplock
  let web: pg.Pool
  let project: number
  beforeAll(async () => {
    shiplock = await Shiplock.start()
    web = new pg.Pool({ connectionString: shiplock.webUrl, max: 2 })
    project = await shiplock.project()
  }, 120_000)
  afterAll(async () => {
    await web?.end()
    await shiplock?.close()
  })

  /** What PostgreSQL says; "done" where it did it. All of it in one transaction, as an attacker would. */
  const attempt = async (...statements: (string | [string, unknown[]])[]): Promise<string> => {
    const client = await web.connect()
    try {
      await client.query('BEGIN')
      for (const s of statements) await (typeof s === 'string' ? client.query(s) : client.query(...s))
      await client.query('COMMIT')
      return 'done'
    } catch (error) {
      await client.query('ROLLBACK')
      return (error as { code?: string }).code ?? (error as Error).message
    } finally {
      client.release()
    }
  }
  const told = (kind: string, subject: string, id: number, actor = 'account:1', data = {}) =>
    [
      `SELECT audit_append($1, $2, 'admin', $3::int, $4, $5::int, NULL::int, NULL, NULL, '', $6::jsonb)`,
      [kind, actor, project, subject, id, JSON.stringify(data)],
    ] as [string, unknown[]]
  const rows = async <T extends object>(sql: string, values: unknown[] = []) =>
    (await shiplock.record.pool.query<T & pg.QueryResultRow>(sql, values)).rows
  const kindsOf = async (subject: string, id: number) =>
    (
      await rows<{ kind: string }>(
        'SELECT kind FROM "AuditEntry" WHERE subject = $1 AND "subjectId" = $2 ORDER BY id',
        [subject, id],
      )
    ).map((r) => r.kind)

  it('the honest way: a release branch is built, and prerelease serves it', async () => {
    const commit = await shiplock.push('release/1.0', { 'www/index.html': 'honest\n' })
    await shiplock.verified(commit, 'prerelease')
  })

  it('D1: a failed run does not succeed because a row says so', async () => {
    const files = { ...SERVICE, '.shiplock.yaml': serviceFile({ unit: 'false' }), 'www/index.html': 'fails\n' }
    const commit = await shiplock.push('release/1.1', files)
    const { id } = await shiplock.endedRun(commit)
    const as = [
      `UPDATE "Stage" SET status = 'succeeded' WHERE "runId" = ${id}`,
      `UPDATE "Run" SET status = 'succeeded' WHERE id = ${id}`,
    ]
    for (const one of as) expect(await attempt(one)).toBe(DENIED)
    expect(await attempt(...as, told('run.pass', 'run', id))).toBe(DENIED)
    expect(await attempt(told('run.pass', 'run', id, 'shiplock'))).toBe(DENIED)
    expect(await attempt(told('stage.pass', 'stage', id, 'shiplock'))).toBe(DENIED)
    const [run] = await rows<{ status: string; releaseId: number | null }>(
      'SELECT status, "releaseId" FROM "Run" WHERE id = $1',
      [id],
    )
    expect(run).toEqual({ status: 'failed', releaseId: null })

    // Past the database's guard, as its owner might: the worker asks the trail, stops the run, and says so everywhere.
    await rows(`UPDATE "Stage" SET status = 'succeeded' WHERE "runId" = $1`, [id])
    await rows(`UPDATE "Run" SET status = 'succeeded' WHERE id = $1`, [id])
    const stopped = await eventually('the run is stopped', async () => {
      const now = await shiplock.client.run(id)
      return now.status === 'refused' && now
    })
    expect(stopped.because).toMatch(/^the audit trail does not explain it: no entry of a worker says that it passed/)
    expect(await kindsOf('run', id)).toEqual(expect.arrayContaining(['run.fail', 'run.disown', 'run.unexplained']))
    expect(await rows('SELECT 1 FROM "Promotion" WHERE "runId" = $1', [id])).toEqual([])
    await shiplock.told(commit, { shiplock: 'failed' })
  })

  it('D2: a feature commit that was never merged does not become a release, whatever its row says', async () => {
    const commit = await shiplock.push('feature/not-merged', { 'www/index.html': 'not merged\n' })
    const { id: own } = await shiplock.endedRun(commit)
    // As where its own run was canceled: then nothing else stands for this commit.
    await rows(`UPDATE "Run" SET status = 'canceled' WHERE id = $1`, [own])
    const columns =
      '"projectId", "contentKey", service, branch, "branchKind", origin, "commit", before, "pusherName", status, priority'
    const insert = (over: Record<string, string | number> = {}) => {
      const row = {
        contentKey: `forged-${Math.random()}`,
        branch: 'feature/not-merged',
        branchKind: 'release',
        origin: 'push',
        status: 'queued',
        priority: 10,
        ...over,
      }
      return `WITH made AS (INSERT INTO "Run" (${columns}) VALUES (${project}, '${row.contentKey}', 'hello', '${row.branch}', '${row.branchKind}', '${row.origin}',
        '${commit}', '${'0'.repeat(40)}', 'x', '${row.status}', ${row.priority}) RETURNING id)`
    }
    const accepted = `SELECT made.id, audit_append('run.accept', 'shiplock', 'Shiplock', ${project}, 'run', made.id, made.id, NULL, 'queued', '', '{}') FROM made`
    // Without an entry; as a worker's find; with a status of its own; with a priority before everything.
    for (const row of [
      insert(),
      insert({ origin: 'reconcile' }),
      insert({ status: 'succeeded' }),
      insert({ status: 'held' }),
      insert({ priority: -999 }),
    ]) {
      const way = row === undefined ? '' : row
      expect(await attempt(`${way} SELECT id FROM made`)).toBe(DENIED)
    }
    for (const row of [insert({ origin: 'head' }), insert({ status: 'running' })])
      expect(await attempt(`${row} ${accepted}`)).toBe(DENIED)
    for (const column of [
      'releaseId',
      'goesTo',
      'tree',
      'plan',
      'movedOnAt',
      'mergeRequestId',
      'definitionCommit',
      'epoch',
      'dueAt',
    ])
      expect(
        await attempt(`INSERT INTO "Run" (${columns}, "${column}") SELECT ${columns}, "${column}" FROM "Run" LIMIT 1`),
        column,
      ).toBe(DENIED)

    // With an entry it is a run like any other that a webhook makes: what its branch is says the branch.
    expect(await attempt(`${insert({ contentKey: 'forged' })} ${accepted}`)).toBe('done')
    const [forged] = await rows<{ id: number }>(`SELECT id FROM "Run" WHERE "contentKey" = 'forged'`)
    const id = forged?.id ?? 0
    const ended = await eventually('it has ended', async () => {
      const [now] = await rows<{ status: string; branchKind: string; goesTo: string | null; releaseId: number | null }>(
        'SELECT status, "branchKind", "goesTo", "releaseId" FROM "Run" WHERE id = $1 AND "finishedAt" IS NOT NULL',
        [id],
      )
      return now
    })
    expect(ended).toEqual({ status: 'succeeded', branchKind: 'feature', goesTo: null, releaseId: null })
    expect(await rows('SELECT name FROM "Stage" WHERE "runId" = $1', [id])).toEqual([{ name: 'static' }])
    const [claim] = await rows<{ data: object }>(
      `SELECT data FROM "AuditEntry" WHERE subject = 'run' AND "subjectId" = $1 AND kind = 'run.claim' ORDER BY id LIMIT 1`,
      [id],
    )
    expect(claim?.data).toMatchObject({ branchKind: { said: 'release', derived: 'feature' } })
    expect(await rows('SELECT 1 FROM "Promotion" WHERE "runId" = $1', [id])).toEqual([])

    // A run that no entry explains, past the database's guard.
    const planted = `planted-${commit}`
    await rows(
      `INSERT INTO "Run" (${columns}) SELECT "projectId", $1, service, 'release/1.0', 'release', 'push', "commit", before, "pusherName", 'queued', 10 FROM "Run" WHERE id = $2`,
      [planted, id],
    )
    await eventually('it is refused', async () => {
      const [now] = await rows<{ status: string; because: string }>(
        'SELECT status, because FROM "Run" WHERE "contentKey" = $1',
        [planted],
      )
      return now?.status === 'refused' && /no entry says that it was accepted/.test(now.because)
    })
  })

  it('D3: an old release is not promoted by a row alone, nor for a person who is not in the trail', async () => {
    const [old] = await rows<{ releaseId: number; runId: number; environmentId: number; promotionId: number }>(
      `SELECT p."releaseId", p."runId", p."environmentId", p.id AS "promotionId" FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId"
       WHERE e.name = 'prerelease' AND p.status = 'verified' ORDER BY p.id LIMIT 1`,
    )
    if (old === undefined) throw new Error('nothing is verified')
    const [test] = await rows<{ id: number }>(`SELECT id FROM "Environment" WHERE name = 'test'`)
    const columns = '"environmentId", "releaseId", "runId", kind, "requestedBy", "requesterId"'
    const insert = (kind: string, requester: string, more = ['', '']) =>
      `WITH made AS (INSERT INTO "Promotion" (${columns}${more[0]}) VALUES (${test?.id}, ${old.releaseId}, ${old.runId}, '${kind}', 'admin', ${requester}${more[1]}) RETURNING id)`
    const asked = (data: object, actor = 'account:1', kind = 'promotion.request') =>
      `SELECT made.id, audit_append('${kind}', '${actor}', 'admin', ${project}, 'promotion', made.id, ${old.runId}, NULL, NULL, '', '${JSON.stringify(data)}') FROM made`
    const honest = { kind: 'by-hand', release: old.releaseId }
    const refused = [
      `${insert('by-hand', '1')} SELECT id FROM made`,
      `${insert('by-hand', '1')} ${asked(honest, 'account:1', 'promotion.cancel')}`,
      `${insert('onward', 'NULL')} ${asked(honest)}`,
      `${insert('onward', '1')} ${asked(honest)}`,
      `${insert('put-back', '1')} ${asked(honest)}`,
      `${insert('by-hand', 'NULL')} ${asked(honest)}`,
      `${insert('by-hand', '1', [', certificate', `, 'x'`])} ${asked(honest)}`,
      `${insert('by-hand', '1', [', status', `, 'queued'`])} ${asked(honest)}`,
      `${insert('by-hand', '1', [', priority', `, -1000`])} ${asked(honest)}`,
      `${insert('by-hand', '1')} ${asked(honest, 'worker:w1')}`,
    ]
    for (const way of refused) expect(await attempt(way), way).toBe(DENIED)
    // An entry that speaks of another release, or of another person: the row is there, and the worker refuses it.
    for (const [data, actor, why, requester = '1'] of [
      [honest, 'account:999', /there is no account 999/, '999'],
      [{ ...honest, release: 99 }, 'account:1', /names another release/],
      [{ ...honest, kind: 'rollback' }, 'account:1', /the record says by-hand/],
      [honest, 'account:2', /names another person/],
      [honest, 'shiplock', /names another person/],
    ] as const) {
      expect(await attempt(`${insert('by-hand', requester)} ${asked(data, actor)}`)).toBe('done')
      const [last] = await rows<{ id: number }>('SELECT max(id) AS id FROM "Promotion"')
      const ended = await eventually('it is refused', async () => {
        const now = await shiplock.client.promotion(last?.id ?? 0)
        return now.status === 'refused' && now
      })
      expect(ended.because).toMatch(why)
      expect(ended.verdicts.find((v) => v.gate === 'record')?.state).toBe('shut')
      expect(await kindsOf('promotion', last?.id ?? 0)).toContain('promotion.unexplained')
    }
    // The release of one run with the run of another, whose branch may go further.
    const commit = await shiplock.push('develop', { 'www/index.html': 'of develop\n' })
    await shiplock.verified(commit, 'test')
    const [other] = await rows<{ id: number }>('SELECT "releaseId" AS id FROM "Run" WHERE "commit" = $1', [commit])
    const mixed = insert('by-hand', '1').replace(
      `${test?.id}, ${old.releaseId},`,
      `${old.environmentId}, ${other?.id},`,
    )
    expect(await attempt(`${mixed} ${asked({ kind: 'by-hand', release: other?.id })}`)).toBe('done')
    const [last] = await rows<{ id: number }>('SELECT max(id) AS id FROM "Promotion"')
    await eventually('it is refused', async () => {
      const now = await shiplock.client.promotion(last?.id ?? 0)
      return now.status === 'refused' && /its run is not one that succeeded with this release/.test(now.because)
    })
    // The honest way, by REST: a signed-in person requests it, and the trail says so.
    const { id } = await shiplock.client.promote(old.releaseId, test?.id ?? 0, 'have a look')
    await eventually(
      'it is verified there',
      async () => (await shiplock.client.promotion(id)).status === 'verified',
      60_000,
    )
    expect((await kindsOf('promotion', id))[0]).toBe('promotion.request')
    const running = await rows<{ id: number }>(
      `SELECT p.id FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" WHERE e.name = 'test' AND p."deployedAt" IS NOT NULL ORDER BY p.id`,
    )
    expect(running.at(-1)?.id).toBe(id)
  })

  it('D1: a forged notification makes a worker look, and no more', async () => {
    const files = { ...SERVICE, '.shiplock.yaml': serviceFile({ unit: 'sleep 3' }), 'www/index.html': 'slow\n' }
    const commit = await shiplock.push('release/1.2', files)
    const stage = await eventually('the unit stage runs', async () => {
      const [now] = await rows<{ id: number; runId: number }>(
        `SELECT s.id, s."runId" FROM "Stage" s JOIN "Run" r ON r.id = s."runId" WHERE r."commit" = $1 AND s.name = 'unit' AND s.status = 'running'`,
        [commit],
      )
      return now
    })
    const payloads = [
      ...['canceled', 'succeeded', 'queued', 'failed', ''].map((status) => `stage:${stage.id}:${status}:0:-999999999`),
      `run:${stage.runId}:canceled`,
      `run:${stage.runId}:succeeded`,
      `run:${stage.runId}:queued:99999999999:NaN`,
      'onward:0:due',
      'promotion:99999999999999999999:queued',
      'promotion:-1:queued',
      'promotion:1e3:waiting:-5:1e9',
      'project:0x10:connecting',
      '',
      ':::::',
      'stage',
      `trail:${'9'.repeat(4000)}:due`,
      'environment:1:unagreed',
      'constructor:1:prototype',
    ]
    for (let times = 0; times < 10; times++)
      for (const payload of payloads) await web.query(`SELECT pg_notify('shiplock', $1)`, [payload])
    const run = await shiplock.endedRun(commit)
    expect(run.status).toBe('succeeded')
    const [ended] = await rows<{ attempts: number; epoch: number }>(
      'SELECT attempts, epoch FROM "Stage" WHERE id = $1',
      [stage.id],
    )
    expect(ended).toEqual({ attempts: 1, epoch: 1 })
    expect(await kindsOf('stage', stage.id)).toEqual(['stage.admit', 'stage.claim', 'stage.pass'])
    await shiplock.verified(commit, 'prerelease')
  })
})
