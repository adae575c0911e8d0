import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asGrants, asRole, type Viewer } from '../../app/_server/permit'
import { ALL_CHANGES, ALL_PROMOTIONS, DONE, NEEDS_ME } from '../../app/approvals/find'
import { countNeedsMe, listApprovals, TABS, type Tab } from '../../app/approvals/read'
import { ensureTrailKey, openSigner, openTrust } from '../../audit/keys'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { freshDatabase } from '../database'
import { seed } from '../web/seed'
import { type Answering, LEDGER, seedAnswers } from '../web/seed-answers'

let record: RecordHandle
let answering: Answering
let drop: () => Promise<void>
const keys = fs.mkdtempSync(path.join(os.tmpdir(), 'shiplock-approvals-'))
beforeAll(async () => {
  const database = await freshDatabase()
  drop = database.drop
  record = openRecord(database.url)
  ensureTrailKey(keys)
  const signer = openSigner(keys)
  const trust = openTrust(keys, null, await readOrigin(record), () => 'http://localhost:8300')
  await seed(record, signer, { empty: true })
  answering = await seedAnswers({ record, signer, trust })
  await promotionsThatAreOver()
})
afterAll(async () => {
  await record?.close()
  await drop?.()
  fs.rmSync(keys, { recursive: true, force: true })
})

const MANY = 30_000
/** An installation that has been at work for a while. */
async function promotionsThatAreOver() {
  await record.pool.query(
    `INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", kind, status, "requestedBy", "finishedAt")
     SELECT CASE WHEN n % 2 = 0 THEN $1::int ELSE $2::int END, 700, 700, 'by-hand', 'verified', 'a test', clock_timestamp()
     FROM generate_series(1, $3::int) n`,
    [LEDGER.production, LEDGER.frozen, MANY],
  )
  await record.pool.query('ANALYZE')
}

async function viewerOf(name: string): Promise<Viewer> {
  const account = await record.db.account.findUniqueOrThrow({ where: { name }, include: { memberships: true } })
  const { id, role, memberships } = account
  return { kind: 'account', id, accountId: id, name, role: asRole(role), grants: asGrants(memberships) }
}

const keyOf = (item: { subject: string; id: number; needs: string }) => `${item.subject} ${item.id} ${item.needs}`
const whole = async (name: string, tab: Tab) =>
  (await listApprovals(record, await viewerOf(name), { tab, limit: 100 })).items

describe('what needs me', () => {
  it('is what a rule asks of a role of mine, and lacks, of others’ changes, unanswered', async () => {
    const { promotions } = answering
    const found = new Set((await whole('olga', 'needs-me')).map(keyOf))
    for (const story of ['open', 'half', 'own', 'expired', 'frozen', 'overriding', 'passkey'] as const)
      expect([...found], story).toContain(`promotion ${promotions[story]} answer`)
    expect([...found]).toContain(`policyChange ${answering.change} answer`)
    for (const story of ['signed', 'rejected', 'broken'] as const)
      expect([...found], story).not.toContain(`promotion ${promotions[story]} answer`)
    expect((await whole('otto', 'needs-me')).map(keyOf)).not.toContain(`promotion ${promotions.own} answer`)
    expect((await whole('owen', 'needs-me')).map(keyOf)).not.toContain(`policyChange ${answering.change} answer`)
  })

  it('is for a member of one environment what is asked there, and nothing of the others', async () => {
    const items = await whole('mira', 'needs-me')
    expect(items.length).toBeGreaterThan(0)
    expect([...new Set(items.map((item) => item.environment))]).toEqual(['production'])
    await record.db.membership.updateMany({
      where: { accountId: answering.people.mira.accountId },
      data: { environment: 'settlement' },
    })
    const moved = await whole('mira', 'needs-me')
    expect([...new Set(moved.map((item) => item.environment))]).toEqual(['settlement'])
    await record.db.membership.updateMany({
      where: { accountId: answering.people.mira.accountId },
      data: { environment: 'production' },
    })
  })

  it('is nothing for who only reads, and for a disabled account', async () => {
    expect(await whole('vera', 'needs-me')).toEqual([])
    await record.db.account.update({ where: { name: 'otto' }, data: { disabledAt: new Date() } })
    expect(await whole('otto', 'needs-me')).toEqual([])
    await record.db.account.update({ where: { name: 'otto' }, data: { disabledAt: null } })
  })

  it('is counted as it is listed', async () => {
    for (const name of ['olga', 'otto', 'owen', 'mira', 'vera', 'ann']) {
      const count = await countNeedsMe(record, await viewerOf(name))
      expect(count, name).toEqual({ needsMe: (await whole(name, 'needs-me')).length, more: false })
    }
  })

  it('of which each line may be answered, and says who still must', async () => {
    for (const item of await whole('olga', 'needs-me')) {
      expect(item.can, keyOf(item)).toEqual({ may: true, because: '' })
      if (item.needs === 'answer') expect(item.rules.some((r) => r.role === 'ops' && r.by.length < r.count)).toBe(true)
    }
  })
})

describe('pages', () => {
  it.each(TABS)('of %s come one after the other, without a gap and without anything twice', async (tab) => {
    const viewer = await viewerOf(tab === 'done' ? 'owen' : 'olga')
    const bound = 40
    const all = (await listApprovals(record, viewer, { tab, limit: bound })).items.map(keyOf)
    const read: string[] = []
    let after: string | undefined
    do {
      const page = await listApprovals(record, viewer, { tab, limit: 3, after })
      expect(page.items.length).toBeLessThanOrEqual(3)
      read.push(...page.items.map(keyOf))
      after = page.next ?? undefined
    } while (after !== undefined && read.length < all.length)
    expect(read.slice(0, all.length)).toEqual(all)
    expect(new Set(read).size).toBe(read.length)
  })

  it.each(TABS)('of %s refuse a cursor that is none', async (tab) => {
    await expect(listApprovals(record, await viewerOf('olga'), { tab, after: "1' OR 1" })).rejects.toMatchObject({
      code: 'input.invalid',
    })
  })
})

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  Plans?: Plan[]
}
const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

describe('the reads', () => {
  it.each([
    ['needs me', NEEDS_ME, (id: number) => [id, null, null, null, 101]],
    ['done', DONE, (id: number) => [id, 2 ** 31 - 1, 26]],
    ['all promotions', ALL_PROMOTIONS, () => [null, 2 ** 31 - 1, 26]],
    ['all changes', ALL_CHANGES, () => [null, 2 ** 31 - 1, 26]],
  ] as const)('of %s look at what they show, not at all that there ever was', async (_, sql, parameters) => {
    const { rows } = await record.pool.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`,
      parameters(answering.people.olga.accountId),
    )
    const plan = rows[0]?.['QUERY PLAN'][0]?.Plan
    const promotions = nodes(plan as Plan).filter((node) => node['Relation Name'] === 'Promotion')
    for (const node of promotions) {
      expect(node['Node Type']).not.toBe('Seq Scan')
      expect(node['Actual Rows'] * node['Actual Loops']).toBeLessThan(200)
    }
  })
})
