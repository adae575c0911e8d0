import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { trailChoices } from '../../app/trail/filters'
import { type TrailFilter, type TrailScope, trailScope } from '../../app/trail/find'
import { readProof } from '../../app/trail/proof'
import { listCheckpoints, listEntries, readEntry, readHead } from '../../app/trail/read'
import { verifyNote } from '../../audit/checkpoint'
import { inclusionProof } from '../../audit/tree'
import { seedEntries, seedPlaces } from '../../bench/seed-trail'
import { tell, transaction } from '../../prisma/record'
import { type GivenTrail, givenTrail, MIA } from './given-trail'

const ENTRIES = 40_000
/** Rows that a page may touch, whatever it asks for: a page has 25, and each has a few others beside it. */
const FEW = 2_600
const ALL: TrailScope = { projects: 'all', installation: true }

let trail: GivenTrail
beforeAll(async () => {
  trail = await givenTrail({ connections: 1 })
  await seedPlaces(trail.record.pool)
  await seedEntries(trail.record.pool, ENTRIES)
  await trail.worker().signs()
}, 120_000)
afterAll(() => trail?.end())

/** Rows read from each table, by index or in sequence, while `work` ran on the only connection. */
async function touched(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const counts = async () => {
    await trail.record.pool.query('SELECT pg_stat_force_next_flush()')
    const { rows } = await trail.record.pool.query<{ relname: string; n: string }>(
      `SELECT relname, seq_tup_read + idx_tup_fetch AS n FROM pg_stat_user_tables WHERE relname IN ('AuditEntry', 'AuditLeaf', 'AuditName', 'Checkpoint')`,
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
const list = (ask: TrailFilter = {}, scope = ALL) => listEntries(trail.record, scope, ask)

describe(`with ${ENTRIES.toLocaleString('en')} entries a page touches few rows`, () => {
  const SOME: TrailScope = { projects: [3, 7, 11], installation: false }
  it.each<[string, () => Promise<unknown>]>([
    ['the newest', () => list()],
    ['an old page', () => list({ after: '900' })],
    ['of a person', () => list({ person: 'account:17' })],
    ['of a person who did nothing', () => list({ person: 'account:999' })],
    ['of a project', () => list({ project: 5 })],
    ['of an environment in every project', () => list({ environment: 'production' })],
    ['of an environment of a project', () => list({ environment: 'production', project: 5 })],
    ['of a kind', () => list({ kind: 'run.kind-ac' })],
    ['of a kind that there is not', () => list({ kind: 'run.never' })],
    ['of a release', () => list({ release: 33 })],
    ['of a day long ago', () => list({ from: dayAgo(12), to: dayAgo(12) })],
    ['of a time when there was nothing', () => list({ from: '2001-01-01', to: '2001-01-02' })],
    ['of a time to come', () => list({ from: '2999-01-01' })],
    ['of a kind, long ago', () => list({ kind: 'run.kind-ac', to: dayAgo(10) })],
    ['of all but the installation', () => list({}, { projects: 'all', installation: false })],
    ['of the projects that one may see', () => list({}, SOME)],
    ['a person in the projects that one may see', () => list({ person: 'account:4' }, SOME)],
    ['nothing, for who sees nothing', () => list({}, { projects: [], installation: false })],
    ['one entry', () => readEntry(trail.record, ALL, 1_234)],
    ['the head', () => readHead(trail.record)],
    ['the checkpoints', () => listCheckpoints(trail.record)],
    ['the choices of the filters', () => trailChoices(trail.record, ALL)],
    ['the choices of who sees some projects', () => trailChoices(trail.record, SOME)],
  ])('%s', async (_what, read) => expect(await touched(read)).toEqual({}))
  it('and a question that reads the trail from end to end is noticed', async () => {
    expect(
      await touched(() => trail.record.pool.query(`SELECT count(because) FROM "AuditEntry" WHERE because = 'no'`)),
    ).toEqual({
      AuditEntry: ENTRIES,
    })
  })
})
const dayAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10)

describe('the filters', () => {
  it('all hold at once, and pages follow one another without a gap', async () => {
    const seen: number[] = []
    let after: string | undefined
    do {
      const page = await list({ project: 5, person: 'account:5', after, limit: 10 })
      expect(page.items.filter((e) => e.project?.id !== 5 || e.actor !== 'account:5')).toEqual([])
      seen.push(...page.items.map((e) => e.id))
      after = page.next ?? undefined
    } while (after !== undefined)
    const { rows } = await trail.record.pool.query(
      `SELECT id::int FROM "AuditEntry" WHERE "projectId" = 5 AND actor = 'account:5' ORDER BY id DESC`,
    )
    expect(seen).toEqual(rows.map((r) => r.id))
    expect(seen.length).toBeGreaterThan(25)
  })
  it('a day is whole, from its first moment to its last', async () => {
    const day = dayAgo(5)
    const { rows } = await trail.record.pool.query(
      `SELECT count(*)::int AS n FROM "AuditEntry" WHERE at >= $1::date AND at < $1::date + 1`,
      [day],
    )
    let [n, after] = [0, undefined as string | undefined]
    do {
      const page = await list({ from: day, to: day, after, limit: 100 })
      expect(page.items.filter((e) => !e.at.startsWith(day))).toEqual([])
      n += page.items.length
      after = page.next ?? undefined
    } while (after !== undefined)
    expect(n).toBe(rows[0].n)
    expect(n).toBe(2_880)
  })
  it('a release is followed from its first run on, the oldest first', async () => {
    const first = await list({ release: 33, limit: 15 })
    const second = await list({ release: 33, limit: 100, after: first.next as string })
    const items = [...first.items, ...second.items]
    const { rows } = await trail.record.pool.query(
      'SELECT id::int FROM "AuditEntry" WHERE "releaseId" = 33 OR "runId" = 33 ORDER BY id',
    )
    expect(items.map((e) => e.id)).toEqual(rows.map((r) => r.id))
    expect(items.some((e) => e.run === 33 && e.release === null)).toBe(true)
    expect(items.some((e) => e.release?.id === 33 && e.run !== 33)).toBe(true)
  })
  it('what is no time is refused in words', async () => {
    await expect(list({ from: 'yesterday' })).rejects.toThrow(
      'from: "yesterday" is no day and no moment: write 2026-11-21',
    )
  })
})

describe('who sees what', () => {
  it('of no project: administrators and auditors of the installation', () => {
    const viewer = {
      kind: 'account',
      id: 1,
      accountId: 1,
      name: 'x',
      grants: [{ projectId: 3, environment: '', role: 'auditor' }],
    } as const
    expect(trailScope({ ...viewer, role: 'admin' })).toEqual(ALL)
    expect(trailScope({ ...viewer, role: 'auditor' })).toEqual(ALL)
    expect(trailScope({ ...viewer, role: 'ops' })).toEqual({ projects: 'all', installation: false })
    expect(trailScope({ ...viewer, role: 'member' })).toEqual({ projects: [3], installation: false })
  })
  it('lists, entries, bytes and proofs keep to it', async () => {
    const scope: TrailScope = { projects: [3], installation: false }
    const of = async (ask: TrailFilter) =>
      new Set((await list({ ...ask, limit: 100 }, scope)).items.map((e) => e.project?.id))
    expect(await of({})).toEqual(new Set([3]))
    expect(await of({ project: 5 })).toEqual(new Set())
    expect(await of({ environment: 'production' })).toEqual(new Set([3]))
    expect(await of({ release: 33 })).toEqual(new Set())
    const [mine] = (await list({ project: 3 })).items
    const [other] = (await list({ project: 5 })).items
    expect(await readEntry(trail.record, scope, mine?.seq as number)).toMatchObject({ project: { id: 3 } })
    await expect(readEntry(trail.record, scope, other?.seq as number)).rejects.toThrow('there is no entry')
    await expect(readProof(trail.record, scope, other?.seq as number)).rejects.toThrow('there is no entry')
    expect(
      (await list({ limit: 100 }, { projects: 'all', installation: false })).items.every((e) => e.project !== null),
    ).toBe(true)
    expect((await trailChoices(trail.record, scope)).projects.map((p) => p.id)).toEqual([3])
  })
})

describe('what is signed', () => {
  it('a proof leads to the newest checkpoint, at the edges of blocks too', async () => {
    const { rows } = await trail.record.pool.query<{ leaf: Buffer }>('SELECT leaf FROM "AuditLeaf" ORDER BY seq')
    const leaves = rows.map((r) => r.leaf)
    const { rows: notes } = await trail.record.pool.query<{ note: string }>('SELECT note FROM "Checkpoint"')
    expect(verifyNote(notes[0]?.note ?? '', [trail.publicKey], trail.origin)?.size).toBe(ENTRIES)
    for (const seq of [0, 1, 255, 256, 257, 20_000, 39_935, 39_936, ENTRIES - 1]) {
      const [head, index, ...lines] = (await readProof(trail.record, ALL, seq)).split('\n')
      expect([head, index]).toEqual(['c2sp.org/tlog-proof@v1', `index ${seq}`])
      const proof = lines.slice(0, lines.indexOf(''))
      expect(proof).toEqual(inclusionProof(leaves, seq).map((h) => h.toString('base64')))
      expect(lines.slice(lines.indexOf('') + 1).join('\n')).toBe(notes[0]?.note)
    }
  })
  it('the seeded rows say what their bytes say', async () => {
    expect((await list({ limit: 100 })).items.filter((e) => e.differs !== null || !e.signed)).toEqual([])
  })
})

describe('what is not signed yet', () => {
  let young: GivenTrail
  beforeAll(async () => {
    young = await givenTrail()
  })
  afterAll(() => young?.end())

  it('is told with its age, also after the tail was cut; an alarm stands until it is signed again', async () => {
    expect(await readHead(young.record)).toEqual({
      size: 0,
      checkpoint: null,
      unsigned: { entries: 0, seconds: null },
      separated: false, // these tests write as the database's owner
      alarm: null,
    })
    await young.tells(3)
    await young.worker().signs()
    expect(await readHead(young.record)).toMatchObject({
      size: 3,
      checkpoint: { size: 3 },
      unsigned: { entries: 0, seconds: null },
    })
    await young.tells(2)
    await young.tamper(
      `UPDATE "AuditEntry" SET at = at - interval '90 seconds' WHERE id = (SELECT "entryId" FROM "AuditLeaf" WHERE seq = 3)`,
    )
    const page = await listEntries(young.record, ALL)
    expect(page.head.unsigned.entries).toBe(2)
    expect(page.head.unsigned.seconds).toBeGreaterThanOrEqual(90)
    expect(page.items.map((e) => [e.seq, e.signed, e.differs])).toEqual([
      [4, false, null],
      [3, false, 'at'],
      [2, true, null],
      [1, true, null],
      [0, true, null],
    ])
    await expect(readProof(young.record, ALL, 4)).rejects.toThrow('entry 4 is in no signed checkpoint yet')
    await young.worker().signs()
    expect(await readHead(young.record)).toMatchObject({
      alarm: { because: 'the row of entry 3 says another "at" than its bytes' },
      unsigned: { entries: 3 },
    })
    await young.tamper(
      `UPDATE "AuditEntry" SET at = at + interval '90 seconds' WHERE id = (SELECT "entryId" FROM "AuditLeaf" WHERE seq = 3)`,
    )
    await young.worker().signs()
    expect(await readHead(young.record)).toMatchObject({ alarm: null, checkpoint: { size: 6 } })
  })
  it('what somebody put beside the chain is shown as such', async () => {
    await young.tamper(
      `INSERT INTO "AuditEntry" (kind, actor, "actorName", subject, "subjectId") VALUES ('promotion.verify', 'shiplock', 'Shiplock', 'promotion', 1)`,
    )
    expect((await listEntries(young.record, ALL)).items[0]).toMatchObject({
      seq: null,
      signed: false,
      kind: 'promotion.verify',
    })
  })
  it('an entry is shown with its exact bytes', async () => {
    await transaction(young.record, (tx) =>
      tell(tx, { kind: 'note.make', subject: 'run', subjectId: 1, by: MIA, because: '发布 "q"' }),
    )
    const [{ seq } = { seq: null }] = (await listEntries(young.record, ALL)).items
    const { rows } = await young.record.pool.query<{ body: Buffer }>('SELECT body FROM "AuditLeaf" WHERE seq = $1', [
      seq,
    ])
    const entry = await readEntry(young.record, ALL, seq as number)
    expect(Buffer.from(entry.body)).toEqual(rows[0]?.body)
    expect(entry).toMatchObject({ because: '发布 "q"', checkpoint: null, name: MIA.actorName })
  })
})
