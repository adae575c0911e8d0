// What a worker makes of rows that a web process wrote, or had written before the database refused it.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TOLD, type Told, whyUnexplained } from '../../environments/explained'
import { mayBeDone } from '../../pipelines/explained-action'
import { mayBePlanned } from '../../pipelines/explained-run'
import { lapsedClaim } from '../../pipelines/lease'
import { tell, transaction } from '../../prisma/record'
import { JOBS } from '../../worker/jobs'
import { type GivenRoles, givenRoles } from './given-roles'

let given: GivenRoles
beforeAll(async () => {
  given = await givenRoles()
  await given.owner.query(`UPDATE "Promotion" SET kind = 'by-hand'`)
})
afterAll(() => given?.close())

const BY = { actor: 'worker:w1', actorName: 'worker w1' }
const id = (table: string) => given.ids[table] ?? (table === 'Project' ? given.project : 0)

describe('a claim without an end', () => {
  const CLAIMS = [
    ['run', 'Run', 'planning', 'losePlan'],
    ['stage', 'Stage', 'running', 'loseStage'],
    ['promotion', 'Promotion', 'deploying', 'losePromotion'],
    ['project', 'Project', 'checking', 'loseProject'],
    ['tag', 'Tag', 'making', 'loseTag'],
    ['mergeAction', 'MergeAction', 'doing', 'loseMergeAction'],
  ] as const
  it.each(CLAIMS)('D3: of a %s has lapsed, and its work is taken up again', async (subject, table, status, job) => {
    const asked = async (until: string) => {
      await given.owner.query(
        `UPDATE "${table}" SET status = $1, "leaseUntil" = ${until}, attempts = 1, worker = 'w1' WHERE id = $2`,
        [status, id(table)],
      )
      const { rows } = await given.record.pool.query<{ id: number }>(JOBS[job].due)
      const lapsed = await transaction(given.record, (tx) => lapsedClaim(tx, subject, id(table)))
      return { due: rows.map((r) => r.id), lapsed: lapsed !== null }
    }
    expect(await asked('NULL')).toEqual({ due: [id(table)], lapsed: true })
    expect(await asked(`clock_timestamp() - interval '1 second'`)).toEqual({ due: [id(table)], lapsed: true })
    expect(await asked(`clock_timestamp() + interval '9 seconds'`)).toEqual({ due: [], lapsed: false })
  })
})

describe('entries that were written before there was a row', () => {
  beforeEach(async () => {
    await given.owner.query(`UPDATE "Run" SET status = 'planning', "leaseUntil" = NULL`)
  })
  const next = async (table: string) => {
    const { rows } = await given.owner.query<{ id: number }>(`SELECT nextval('"${table}_id_seq"')::int AS id`)
    return rows[0]?.id ?? 0
  }

  it('D2: do not refuse the run of that number that a worker finds', async () => {
    const run = await next('Run')
    await given.planted({ kind: 'run.accept', subject: 'run', id: run })
    await transaction(given.record, async (tx) => {
      await tx.query(
        `INSERT INTO "Run" (id, "projectId", "contentKey", origin, service, branch, "branchKind", "commit", before, status)
         VALUES ($2, $1, 'found', 'reconcile', 's', 'develop', 'develop', 'c', 'b', 'queued')`,
        [given.project, run],
      )
      await tell(tx, { kind: 'run.accept', subject: 'run', subjectId: run, projectId: given.project, by: BY })
    })
    await given.owner.query(`UPDATE "Run" SET status = 'planning' WHERE id = $1`, [run])
    expect(await transaction(given.record, (tx) => mayBePlanned(tx, { id: run, epoch: 0 }, BY))).toBe(true)
  })

  it('D2: alone explain no run that only a worker finds', async () => {
    const { rows } = await given.owner.query<{ id: number }>(
      `INSERT INTO "Run" ("projectId", "contentKey", origin, service, branch, "branchKind", "commit", before, status)
       VALUES ($1, 'alone', 'reconcile', 's', 'develop', 'develop', 'c', 'b', 'planning') RETURNING id`,
      [given.project],
    )
    const run = rows[0]?.id ?? 0
    await given.planted({ kind: 'run.accept', subject: 'run', id: run })
    expect(await transaction(given.record, (tx) => mayBePlanned(tx, { id: run, epoch: 0 }, BY))).toBe(false)
  })

  it.each([
    ['onward', null, 'worker:w1', { kind: 'onward' }],
    ['by-hand', 1, 'account:1', { kind: 'by-hand' }],
  ])('D2: do not refuse a promotion of kind %s', async (kind, requesterId, actor, data) => {
    const number = await next('Promotion')
    for (const one of [
      { actor: 'account:99' },
      { data: { kind: 'put-back', release: 'x' } },
      { data: { release: 99 } },
    ])
      await given.planted({ kind: 'promotion.request', subject: 'promotion', id: number, ...one })
    const { environment, record, owner } = given
    await owner.query(
      `INSERT INTO "Promotion" (id, "environmentId", "releaseId", "runId", kind, "requestedBy", "requesterId")
       VALUES ($6, $1, $2, $3, $4, 'mia', $5)`,
      [environment, id('Release'), id('Run'), kind, requesterId, number],
    )
    const asked = async () => {
      const { rows } = await record.pool.query<{ told: Told }>(
        `SELECT ${TOLD} AS told FROM "Promotion" it JOIN "Environment" e ON e.id = it."environmentId" JOIN "Release" l ON l.id = it."releaseId"
         LEFT JOIN "Environment" a ON false WHERE it.id = $1`,
        [number],
      )
      const told = { ...(rows[0]?.told as Told), fits: true, passed: true, digest: '', verified: null }
      return whyUnexplained({ kind: kind as 'onward', requesterId, releaseId: id('Release'), digest: null }, told)
    }
    expect(await asked()).not.toBeNull()
    const append = `SELECT audit_append('promotion.request', $1, 'mia', $2::int, 'promotion', $3::int, NULL::int, NULL, NULL, '', $4::jsonb)`
    const values = [actor, given.project, number, JSON.stringify({ ...data, release: id('Release') })]
    await (kind === 'onward' ? record.pool.query(append, values) : given.web.query(append, values))
    expect(await asked()).toBeNull()
  })
})

describe('what is asked for on a merge request', () => {
  /** Asked for by the web process, in one transaction with the entry that its data names. @returns may a worker do it? */
  async function asked(over: { kind?: string; actor?: string; head?: string; project?: number } = {}) {
    const { web, owner, record, account } = given
    await web.query('BEGIN')
    const { rows } = await web.query<{ id: number }>(
      `INSERT INTO "MergeAction" ("projectId", "mergeRequestId", kind, head, "accountId", "accountName")
       VALUES ($1, $2, 'merge', 'c', $3, 'mia') RETURNING id`,
      [over.project ?? given.project, id('MergeRequest'), account],
    )
    const action = rows[0]?.id ?? 0
    await web.query(
      `SELECT audit_append($1, $2, 'mia', $3::int, 'mergeRequest', $4::int, NULL::int, NULL, NULL, '', $5::jsonb)`,
      [
        `mergeRequest.${over.kind ?? 'merge'}`,
        over.actor ?? `account:${account}`,
        given.project,
        id('MergeRequest'),
        JSON.stringify({ action, head: over.head ?? 'c' }),
      ],
    )
    await web.query('COMMIT')
    await owner.query(`UPDATE "MergeAction" SET status = 'doing' WHERE id = $1`, [action])
    const may = await transaction(record, (tx) => mayBeDone(tx, { id: action, epoch: 0 }, BY))
    const after = await owner.query<{ status: string }>('SELECT status FROM "MergeAction" WHERE id = $1', [action])
    const told = await owner.query(
      `SELECT 1 FROM "AuditEntry" WHERE kind = 'mergeAction.unexplained' AND "subjectId" = $1`,
      [action],
    )
    return { may, status: after.rows[0]?.status, alarms: told.rowCount }
  }

  it('is done where its entry says the same', async () => {
    expect(await asked()).toEqual({ may: true, status: 'doing', alarms: 0 })
  })

  it.each([
    ['an approval', { kind: 'approve' }],
    ['another person', { actor: 'account:99' }],
    ['another head', { head: 'd' }],
  ])('D3: is not done where its entry speaks of %s', async (_what, over) => {
    expect(await asked(over)).toEqual({ may: false, status: 'refused', alarms: 1 })
  })

  it('D3: is not done in a project that the request is not of', async () => {
    const { rows } = await given.owner.query<{ id: number }>(
      `INSERT INTO "Project" (forge, "forgeUrl", path, name, "tokenSealed", hook, "hookSealed", "createdBy", status)
       SELECT forge, "forgeUrl", 'team/other', 'other', "tokenSealed", 'other', "hookSealed", "createdBy", status FROM "Project" WHERE id = $1 RETURNING id`,
      [given.project],
    )
    expect(await asked({ project: rows[0]?.id ?? 0 })).toEqual({ may: false, status: 'refused', alarms: 1 })
  })
})
