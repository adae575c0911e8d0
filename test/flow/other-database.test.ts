// The ways in which a database can be another one than was signed, each at the gate, at the claim, and when it is accepted.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { acceptDatabase, doubtOf } from '../../audit/accept'
import { readAlarm } from '../../audit/head'
import { readMemory, writeMemory } from '../../audit/keys'
import { doubts } from '../../audit/restored'
import { deployPromotion } from '../../environments/deploy'
import { readFacts } from '../../environments/facts'
import { judge } from '../../environments/gate'
import type { Context } from '../../pipelines/context'
import { Leases } from '../../pipelines/lease'
import { SHIPLOCK } from '../../prisma/record'
import { watchTrail } from '../../worker/checkpoint'
import { type GivenRelease, givenRelease } from './given-release'
import { type GivenTrail, givenTrail, rechain } from './given-trail'

let trail: GivenTrail
let release: GivenRelease
let context: Context
let leases: Leases

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  trail = await givenTrail({ connections: 8 })
  release = await givenRelease(trail)
  context = aWorker(trail.dir)
  leases = new Leases(trail.record)
  await trail.tells(3)
  await trail.worker().signs()
})
afterEach(async () => {
  vi.restoreAllMocks()
  leases?.close()
  await trail?.end()
})

/** A worker that remembers in this folder. */
function aWorker(dir: string, name = 'w1'): Context {
  const { context: known } = trail.worker()
  const trust = { ...known.trust, agreed: () => undefined, removed: () => false, doubts: doubts(dir, trail.origin) }
  const own = { keys: join(trail.dir, 'keys'), cache: join(trail.dir, 'cache'), engine: {}, instance: 'test', leases }
  return { ...known, ...own, worker: name, trail: dir, trust } as unknown as Context
}

const pool = () => trail.record.pool
const size = async () =>
  (await pool().query<{ n: number }>('SELECT COALESCE(max(seq) + 1, 0)::int AS n FROM "AuditLeaf"')).rows[0]?.n ?? 0
const cut = (from: number) =>
  trail.tamper(`DELETE FROM "Checkpoint" WHERE size > ${from};
    WITH l AS (DELETE FROM "AuditLeaf" WHERE seq >= ${from} RETURNING "entryId") DELETE FROM "AuditEntry" WHERE id IN (SELECT "entryId" FROM l)`)
/** What this worker's gate says of the database. */
const gate = async (worker = context) => {
  const facts = await readFacts(pool(), release.promotionId, worker.trust)
  if (facts === null) throw new Error('there is no promotion')
  return judge(facts).verdicts.find((v) => v.gate === 'signed')
}
const status = async () =>
  (
    await pool().query<{ status: string; epoch: number }>('SELECT status, epoch FROM "Promotion" WHERE id = $1', [
      release.promotionId,
    ])
  ).rows[0]
const accept = (dir = trail.dir) =>
  acceptDatabase(pool(), {
    dir,
    trust: { origin: trail.origin, keys: [trail.publicKey] },
    by: SHIPLOCK,
    because: 'the disk failed',
  })

const WORLDS: [string, RegExp, () => Promise<void>][] = [
  ['an older one', /signed/, async () => cut((await size()) - 2)],
  [
    'a fork of the same length',
    /another one than was signed/,
    async () => {
      await cut((await size()) - 2)
      await trail.tells(2)
    },
  ],
  [
    'a fork that has grown further',
    /another one than was signed/,
    async () => {
      await cut((await size()) - 2)
      await trail.tells(9)
    },
  ],
  ['one without a single entry', /signed/, () => cut(0)],
]

describe('J9: a database that is another one than was signed', () => {
  it('J9: as it was signed, and grown since, the gate is open', async () => {
    expect(await gate()).toMatchObject({ state: 'open' })
    await trail.tells(4)
    expect(await gate()).toMatchObject({ state: 'open' })
    expect(await watchTrail(context)).toBeNull()
    expect(await doubtOf(pool() as never, trail.dir, trail.origin)).toBeNull()
  })

  it.each(WORLDS)('J9: %s: nothing is claimed on any path, and accepted it goes on', async (_what, because, change) => {
    await change()
    // No look, no alarm and no restart in between: the claim itself sees it.
    for (const kind of ['onward', 'by-hand', 'rollback', 'put-back']) {
      await pool().query(`UPDATE "Promotion" SET kind = $2, status = 'queued' WHERE id = $1`, [
        release.promotionId,
        kind,
      ])
      expect(await gate(), kind).toMatchObject({ state: 'waiting', because: expect.stringMatching(because) })
      await deployPromotion(context, release.promotionId)
      expect(await status(), kind).toMatchObject({ status: 'waiting', epoch: 0 })
    }
    expect((await watchTrail(context))?.because).toMatch(because)
    expect(readAlarm(trail.dir)?.because).toMatch(because)

    const told = await doubtOf(pool() as never, trail.dir, trail.origin)
    expect(told?.difference).toMatchObject({ signed: expect.any(Number), has: expect.any(Number) })
    const accepted = await accept()
    expect(accepted).toMatchObject({ folder: expect.stringContaining('before-') })
    const { rows } = await pool().query<{ kind: string }>('SELECT kind FROM "AuditEntry" ORDER BY id DESC LIMIT 1')
    expect(rows[0]?.kind).toBe('trail.accept')
    expect(await watchTrail(context)).toBeNull()
    expect(await gate()).toMatchObject({ state: 'open' })
    await trail.worker().signs()
    expect((await trail.sizes()).at(-1)).toBe(await size())
  })

  it.each(['', '{"origin":"x"', '{}', 'null'])(
    'J9: a memory that holds %j stops as well, and says which file',
    async (text) => {
      writeFileSync(join(trail.dir, 'head.json'), text)
      expect(await gate()).toMatchObject({ state: 'waiting', because: expect.stringContaining('head.json') })
      expect((await watchTrail(context))?.what).toBe('unreadable')
    },
  )

  it('J9: a trail of another installation, and one that was edited, are never accepted', async () => {
    await rechain(trail, 2, (body) => ({ ...body, because: 'nothing happened here' }))
    await expect(accept()).rejects.toThrow('not whole')
    expect(await gate()).toMatchObject({ state: 'waiting' })
    await trail.tamper(`UPDATE "Installation" SET origin = 'shiplock/other'`)
    expect((await gate())?.because).toContain('another trail')
    await expect(accept()).rejects.toThrow('not whole')
  })

  it('J9: the right one put back, it goes on by itself', async () => {
    const kept = join(trail.dir, 'kept')
    mkdirSync(kept)
    const head = join(trail.dir, 'head.json')
    const right = readFileSync(head, 'utf8')
    // As if more had been signed than there is.
    await trail.tells(2)
    await trail.worker().signs()
    const ahead = readFileSync(head, 'utf8')
    await cut((await size()) - 2)
    expect(ahead).not.toBe(right)
    expect(await watchTrail(context)).not.toBeNull()
    writeFileSync(head, right)
    rmSync(join(trail.dir, 'checkpoints.txt'))
    expect(await watchTrail(context)).toBeNull()
    expect(await gate()).toMatchObject({ state: 'open' })
  })

  it('J9: one worker has seen it: another, whose memory is empty, deploys nothing either', async () => {
    const empty = join(trail.dir, 'empty')
    mkdirSync(empty)
    const other = aWorker(empty, 'w2')
    await cut((await size()) - 2)
    expect(await gate(other)).toMatchObject({ state: 'open' })
    await pool().query(
      `INSERT INTO "Part" (name, worker, state, code, params) VALUES ('trail', 'w1', 'down', 'trail.other', '{"because": "it has 4 entries"}')`,
    )
    expect(await gate(other)).toMatchObject({ state: 'waiting', because: expect.stringContaining('it has 4 entries') })
    // The first is gone for good: who accepts takes its word back as well, and only once it is gone.
    expect(await accept(empty)).toEqual({ gone: [] })
    await pool().query(`UPDATE "Part" SET "seenAt" = now() - interval '1 minute'`)
    expect(await accept(empty)).toEqual({ gone: ['w1'] })
    expect(await gate(other)).toMatchObject({ state: 'open' })
  })

  it('J9: two memories: each accepts for itself, and until then the other goes on to refuse', async () => {
    const second = `${trail.dir}-second`
    cpSync(trail.dir, second, { recursive: true })
    const other = aWorker(second, 'w2')
    await cut((await size()) - 2)
    await accept()
    expect(await gate()).toMatchObject({ state: 'open' })
    expect(await gate(other)).toMatchObject({ state: 'waiting' })
    await accept(second)
    expect(await gate(other)).toMatchObject({ state: 'open' })
    rmSync(second, { recursive: true })
  })

  it('J9: a deployment under way is let go of when it is seen', async () => {
    const held = new Promise<boolean>((resolve) => {
      context = { ...context, leases }
      void leases.hold('promotion', release.promotionId, 1, async (lost) => {
        await cut((await size()) - 2)
        await watchTrail(context)
        resolve(lost.aborted)
      })
    })
    expect(await held).toBe(true)
  })

  it('J9: accepted, removed passkeys stay removed, and what was remembered is kept', async () => {
    writeMemory(trail.dir, { agreed: { 1: 7 }, removed: ['key-1'] })
    await cut((await size()) - 2)
    const accepted = (await accept()) as { folder: string }
    expect(readMemory(trail.dir)).toEqual({ agreed: {}, removed: ['key-1'] })
    expect(readMemory(accepted.folder)).toEqual({ agreed: { 1: 7 }, removed: ['key-1'] })
  })

  it('J9: a web process cannot accept it: it may not touch what a worker has said', async () => {
    const { WEB } = await import('../../prisma/rights')
    expect(WEB.Part).toBeUndefined()
  })
})
