// What a worker makes of answers, before it acts: the cases T1 to T20, whoever wrote the rows.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { SoftPasskey } from '../../demo/passkey'
import { retryByHand } from '../../environments/end-promotion'
import { expireApproval } from '../../environments/expire-approval'
import { reviewPromotion } from '../../environments/review'
import { requestRollback } from '../../environments/rollback'
import { bytesOf, challengeOf, readStatement, type Statement, statementHash } from '../../environments/statement'
import { reviewGlass, withdraw } from '../../environments/take-back'
import type { Deployment } from '../../environments/targets/target'
import type { Person } from '../../prisma/record'
import { observedAsRecorded } from '../observed'
import { FORGE, Signing, type Waiting } from './given-signing'

let world: Signing
let ops: Person
let place: { project: number; environment: number }
const applied: Deployment[] = []

vi.mock('../../environments/targets/index', async () => {
  const { modelTarget } = await import('./model-target')
  const target = modelTarget(async (deployment) => void applied.push(deployment))
  return { TARGETS: { docker: () => target } }
})

beforeAll(async () => {
  world = await Signing.start()
  ops = await world.person('ops')
})
beforeEach(async () => {
  place = await world.production()
})
afterAll(() => world?.close())

/** As a superuser would: past every verb. */
const superuser = (text: string, values: unknown[] = []) => world.sql(text, values)

async function refused(waiting: Waiting, because: RegExp) {
  const before = applied.length
  const after = await world.deploy(waiting.promotion)
  expect(after.status).toBe('waiting')
  expect(after.because).toMatch(because)
  expect(applied.length).toBe(before)
}

describe('a sign-off holds for exactly what was seen', () => {
  it('T1 signed with a passkey it is deployed, and the answer is used up', async () => {
    const it1 = await world.waiting(place)
    const approval = await world.sign(it1.promotion, ops)
    expect(await world.deploy(it1.promotion)).toMatchObject({ status: 'deployed' })
    expect(applied.at(-1)).toMatchObject({ digest: it1.digest })
    expect(await world.one('SELECT status, "consumedEpoch" FROM "Approval" WHERE id = $1', [approval])).toEqual({
      status: 'used',
      consumedEpoch: 1,
    })
    await superuser(`UPDATE "Promotion" SET status = 'verified', "verifiedAt" = now() WHERE id = $1`, [it1.promotion])
  })

  it.each([
    ['T2 digest', `UPDATE "Release" SET digest = 'sha256:${'f'.repeat(64)}' WHERE id = $1`, 'release', /another image/],
    [
      'T4 configuration',
      `UPDATE "Release" SET plan = plan || '{"config":{"A":{"default":"b"}}}' WHERE id = $1`,
      'release',
      /another configuration/,
    ],
    [
      'replicas',
      `UPDATE "Release" SET plan = jsonb_set(plan, '{deploy,replicas}', '9') WHERE id = $1`,
      'release',
      /another configuration/,
    ],
    ['tree', `UPDATE "Release" SET tree = 'other-' || id WHERE id = $1`, 'release', /another release/],
    [
      'way of building',
      `UPDATE "Release" SET "buildKey" = 'z' || id WHERE id = $1`,
      'release',
      /another way of building/,
    ],
    ['attempt', `UPDATE "Approval" SET ask = 2 WHERE "promotionId" = $1`, 'promotion', /1 of 1 from ops/],
    ['commit', `UPDATE "Run" SET "commit" = repeat('d', 40) WHERE id = $1`, 'run', /another commit|git is being asked/],
  ])('%s changed after signing: not deployed', async (_what, statement, of, because) => {
    const waiting = await world.waiting(place)
    await world.sign(waiting.promotion, ops)
    await superuser(statement, [waiting[of as 'release' | 'promotion' | 'run']])
    await refused(waiting, because)
  })

  it('T3 an answer for one environment opens no other', async () => {
    const other = await world.production()
    const [here, there] = [await world.waiting(place), await world.waiting(other)]
    const approval = await world.sign(here.promotion, ops)
    await superuser('UPDATE "Approval" SET "promotionId" = $2 WHERE id = $1', [approval, there.promotion])
    await refused(there, /it was given for another/)
  })

  it('T5 a policy in force that is another one than what was signed', async () => {
    const mine = await world.production()
    const waiting = await world.waiting(mine)
    await world.sign(waiting.promotion, ops)
    await world.intoForce(mine.environment, { replicas: 3 })
    await refused(waiting, /another policy/)
    expect(await world.sign(waiting.promotion, ops)).toBeGreaterThan(0)
    expect((await world.deploy(waiting.promotion)).status).toBe('deployed')
  })

  it('T6 an answer for one release opens no other', async () => {
    const [one, two] = [await world.waiting(place), await world.waiting(place)]
    const approval = await world.sign(one.promotion, ops)
    await superuser('UPDATE "Approval" SET "promotionId" = $2 WHERE id = $1', [approval, two.promotion])
    await refused(two, /it was given for another/)
  })

  it.each([
    ['T7 decision', (s: Statement) => ({ ...s, decision: 'break-glass' as const }), /does not count/],
    [
      'T8 approver',
      (s: Statement) => ({ ...s, approver: { ...s.approver, role: 'owner' } }),
      /something else than what was agreed/,
    ],
    ['T9 checkpoint', (s: Statement) => ({ ...s, checkpoint: { size: 1, root: '00' } }), /signature does not hold/],
    ['nonce', (s: Statement) => ({ ...s, nonce: 'A'.repeat(43) }), /signature does not hold/],
    [
      'expiry',
      (s: Statement) => ({ ...s, exp: new Date(Date.parse(s.exp) + 60_000).toISOString() }),
      /signature does not hold/,
    ],
  ])('%s changed in the bytes: not deployed', async (_what, change, because) => {
    const waiting = await world.waiting(place)
    const approval = await world.sign(waiting.promotion, ops)
    const { statement } = await world.one<{ statement: Buffer }>('SELECT statement FROM "Approval" WHERE id = $1', [
      approval,
    ])
    const bytes = bytesOf(change(readStatement(statement) as Statement) as Statement)
    await superuser('UPDATE "Approval" SET statement = $2, hash = $3 WHERE id = $1', [
      approval,
      bytes,
      statementHash(bytes),
    ])
    await refused(waiting, because)
  })

  it('T9 the head of the trail that was signed must be one that a worker published', async () => {
    const waiting = await world.waiting(place)
    await superuser(
      `INSERT INTO "Checkpoint" (size, root, note) VALUES (2, decode(repeat('cd', 32), 'hex'), 'x') ON CONFLICT DO NOTHING`,
    )
    await world.sign(waiting.promotion, ops)
    await superuser('ALTER TABLE "Checkpoint" DISABLE TRIGGER USER')
    await superuser('DELETE FROM "Checkpoint" WHERE size = 2')
    await superuser('ALTER TABLE "Checkpoint" ENABLE ALWAYS TRIGGER "Checkpoint_append_only"')
    await refused(waiting, /never published/)
  })
})

describe('once, and in time', () => {
  it('T10 the same signed statement a hundred times at once is one answer', async () => {
    const waiting = await world.waiting(place)
    const seen = await world.see(waiting.promotion, ops)
    const assertion = world.assert(seen, ops)
    const said = await Promise.allSettled(Array.from({ length: 100 }, () => world.say(seen, ops, assertion)))
    expect(said.filter((s) => s.status === 'fulfilled')).toHaveLength(1)
    expect(await world.sql('SELECT id FROM "Approval" WHERE "promotionId" = $1', [waiting.promotion])).toHaveLength(1)
  })

  it('T10 a used answer deploys nothing a second time', async () => {
    const waiting = await world.waiting(place)
    await world.sign(waiting.promotion, ops)
    expect((await world.deploy(waiting.promotion)).status).toBe('deployed')
    await superuser(`UPDATE "Promotion" SET status = 'failed' WHERE id = $1`, [waiting.promotion])
    await retryByHand(world.record, waiting.promotion, await world.person('owner'))
    await refused(waiting, /1 of 1 from ops/)
  })

  it('T11 a statement that nobody answered within five minutes is gone', async () => {
    const waiting = await world.waiting(place)
    const seen = await world.see(waiting.promotion, ops)
    await superuser(`UPDATE "Statement" SET "expiresAt" = clock_timestamp() WHERE hash = $1`, [seen.hash])
    await expect(world.say(seen, ops)).rejects.toThrow(/five minutes are over/)
  })

  it('T12 an answer counts until its time is over, by what was signed and not by the row', async () => {
    const waiting = await world.waiting(place)
    const approval = await world.sign(waiting.promotion, ops)
    const { statement } = await world.one<{ statement: Buffer }>('SELECT statement FROM "Approval" WHERE id = $1', [
      approval,
    ])
    const past = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString()
    const bytes = bytesOf({ ...(readStatement(statement) as Statement), iat: past(5), exp: past(1) })
    // Signed by the right key, hours ago; the row says that there is time left.
    const { clientDataJSON, authenticatorData, signature } = world.assert({ challenge: challengeOf(bytes) }, ops) ?? {}
    const raw = [clientDataJSON, authenticatorData, signature].map((t) => Buffer.from(t ?? '', 'base64url'))
    await superuser(
      'UPDATE "Approval" SET statement = $2, hash = $3, "clientData" = $4, "authenticatorData" = $5, signature = $6 WHERE id = $1',
      [approval, bytes, statementHash(bytes), ...raw],
    )
    await refused(waiting, /it counted until/)
  })

  it('what has expired is told, and makes room for a new answer', async () => {
    const waiting = await world.waiting(place)
    const approval = await world.sign(waiting.promotion, ops)
    await superuser(`UPDATE "Approval" SET "expiresAt" = clock_timestamp() WHERE id = $1`, [approval])
    await expireApproval(world.context, approval)
    expect(await world.one('SELECT status FROM "Approval" WHERE id = $1', [approval])).toEqual({ status: 'expired' })
    await refused(waiting, /1 of 1 from ops/)
    await world.sign(waiting.promotion, ops)
    expect((await world.deploy(waiting.promotion)).status).toBe('deployed')
  })

  it('an answer is taken back until it is used, by who gave it', async () => {
    const waiting = await world.waiting(place)
    const approval = await world.sign(waiting.promotion, ops)
    await expect(withdraw(world.record, approval, await world.person('ops'))).rejects.toThrow(/not yours/)
    await withdraw(world.record, approval, ops)
    await refused(waiting, /1 of 1 from ops/)
    // Whoever writes the row anew does not write the trail anew.
    await superuser(`UPDATE "Approval" SET status = 'given' WHERE id = $1`, [approval])
    await refused(waiting, /taken back, or is over/)
    await world.sign(waiting.promotion, ops)
    await world.deploy(waiting.promotion)
    const [used] = await world.sql<{ id: number }>(
      `SELECT id FROM "Approval" WHERE "promotionId" = $1 AND status = 'used'`,
      [waiting.promotion],
    )
    await expect(withdraw(world.record, used?.id ?? 0, ops)).rejects.toThrow(/nothing to take back/)
  })
})

describe('by a passkey that a worker admitted', () => {
  it.each([
    ['T13 of another site', { origin: 'http://evil.example' }],
    ['T13 of a sub-domain', { origin: 'http://sign.localhost:8080' }],
    ['T13 from within another page', { crossOrigin: true }],
    ['T14 for another name', { rpId: 'evil.example' }],
    ['T15 bogus', { bogusSignature: true }],
    ['T15 junk', { der: 'junk' as const }],
    ['T16 without verifying the person', { uv: false }],
    ['T16 without anybody there', { up: false }],
    ['T17 made while enrolling', { type: 'webauthn.create' }],
    ['over another challenge', { challenge: 'A'.repeat(43) }],
  ])('%s: refused at the door, and by the worker', async (_what, lies) => {
    const waiting = await world.waiting(place)
    const seen = await world.see(waiting.promotion, ops)
    await expect(world.say(seen, ops, world.assert(seen, ops, lies))).rejects.toThrow(/would not count/)
    const honest = await world.sign(waiting.promotion, ops)
    const { statement } = await world.one<{ statement: Buffer }>('SELECT statement FROM "Approval" WHERE id = $1', [
      honest,
    ])
    const forged = world.assert({ challenge: challengeOf(statement) }, ops, lies)
    const [client, auth, signature] = [forged?.clientDataJSON, forged?.authenticatorData, forged?.signature].map((t) =>
      Buffer.from(t ?? '', 'base64url'),
    )
    await superuser('UPDATE "Approval" SET "clientData" = $2, "authenticatorData" = $3, signature = $4 WHERE id = $1', [
      honest,
      client,
      auth,
      signature,
    ])
    await refused(waiting, /signature does not hold/)
  })

  it('T18 of another person', async () => {
    const other = await world.person('ops')
    const waiting = await world.waiting(place)
    const seen = await world.see(waiting.promotion, ops)
    await expect(world.say(seen, ops, world.assert(seen, other))).rejects.toThrow(/somebody else/)
  })

  it('T18 that nobody admitted, or was removed', async () => {
    const newcomer = await world.person('ops', { signs: false })
    const waiting = await world.waiting(place)
    await expect(world.see(waiting.promotion, newcomer)).rejects.toThrow(/you have none that was admitted/)
    // A superuser writes the row that a worker would have written, without the worker's signature.
    const passkey = SoftPasskey.make('ES256')
    world.passkeys.set(newcomer.accountId, passkey)
    await superuser(
      `INSERT INTO "Passkey" ("accountId", name, "credentialId", "publicKey", spki, alg, status, roles) VALUES ($1, 'k', $2, $3, $4, $5, 'admitted', '["ops"]')`,
      [newcomer.accountId, passkey.credentialId, passkey.cose, passkey.spki, passkey.alg],
    )
    const seen = await world.see(waiting.promotion, newcomer)
    await expect(world.say(seen, newcomer)).rejects.toThrow(/no worker has certified/)
  })

  it('T18 that was admitted for another role', async () => {
    const developer = await world.person('ops', { as: ['developer'] })
    const waiting = await world.waiting(place)
    const seen = await world.see(waiting.promotion, developer)
    await expect(world.say(seen, developer)).rejects.toThrow(/not admitted to sign as ops/)
  })

  it('T20 a row that says approved, with no signature, or a made-up one', async () => {
    const waiting = await world.waiting(place)
    const approval = await world.sign(waiting.promotion, ops)
    await superuser('UPDATE "Approval" SET "passkeyId" = NULL WHERE id = $1', [approval])
    await refused(waiting, /not signed with a passkey/)
    const forged = await world.waiting(place)
    await superuser(
      `INSERT INTO "Approval" ("promotionId", "accountId", "accountName", role, digest, statement, hash, "expiresAt") VALUES ($1, $2, 'ops', 'ops', $3, '{}', $4, now() + interval '1 hour')`,
      [forged.promotion, ops.accountId, forged.digest, 'e'.repeat(64)],
    )
    await superuser(`UPDATE "Promotion" SET status = 'queued', verdicts = '[]' WHERE id = $1`, [forged.promotion])
    await refused(forged, /cannot be read/)
    expect(await world.one('SELECT status, because FROM "Approval" WHERE hash = $1', ['e'.repeat(64)])).toMatchObject({
      status: 'void',
    })
  })

  it('T20 a put-back, which needs no answer, is only what a worker made one', async () => {
    const waiting = await world.waiting(place)
    await superuser(`UPDATE "Promotion" SET kind = 'put-back' WHERE id = $1`, [waiting.promotion])
    await refused(waiting, /1 of 1 from ops/)
  })

  it('a policy that somebody weakened past the worker lets nothing through', async () => {
    const mine = await world.production()
    const waiting = await world.waiting(mine)
    await superuser(`UPDATE "Environment" SET policy = policy || '{"approvals":[]}' WHERE id = $1`, [mine.environment])
    await refused(waiting, /is not what was agreed to/)
  })
})

describe('T19 nobody who had a hand in it', () => {
  it.each([
    ['pushed it', { forge: FORGE.mia }],
    ['merged it', { forge: FORGE.noor }],
  ])('who %s, whatever their roles', async (_what, over) => {
    for (const role of ['ops', 'owner', 'developer']) {
      const rules = [{ role, count: 1, passkey: 'required' }]
      const waiting = await world.waiting(await world.production({ approvals: rules }))
      const person = await world.person(role, over)
      await expect(world.see(waiting.promotion, person)).rejects.toThrow(/nobody signs their own change/)
    }
  })

  it.each([
    ['started', `UPDATE "Promotion" SET "startedById" = $2 WHERE id = $1`],
    ['retried', `UPDATE "Promotion" SET "retriedById" = $2 WHERE id = $1`],
    ['asked for', `UPDATE "Promotion" SET kind = 'by-hand', "requesterId" = $2 WHERE id = $1`],
  ])('who %s it', async (_what, statement) => {
    const waiting = await world.waiting(place)
    await superuser(statement, [waiting.promotion, ops.accountId])
    await expect(world.see(waiting.promotion, ops)).rejects.toThrow(/nobody signs their own change/)
  })

  it('who made one of the commits between what runs and what comes', async () => {
    const author = await world.person('ops', { forge: '77' })
    const waiting = await world.waiting(place)
    await superuser(
      `INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", "commit", before, status, "pusherId")
       VALUES ($1, 'feature-' || $2::text, 's', 'feature/x', 'feature', repeat('e', 40), '', 'succeeded', '77')`,
      [place.project, waiting.run],
    )
    await superuser(
      `UPDATE "Promotion" SET range = jsonb_set(range, '{commits}', to_jsonb(ARRAY[repeat('e', 40)])) WHERE id = $1`,
      [waiting.promotion],
    )
    await expect(world.see(waiting.promotion, author)).rejects.toThrow(/nobody signs their own change/)
  })

  it('it comes out after they signed: their answer falls', async () => {
    const secret = await world.person('ops', { forge: '78' })
    const waiting = await world.waiting(place)
    await world.sign(waiting.promotion, secret)
    await superuser(
      `UPDATE "MergeRequest" SET "mergerId" = '78' WHERE "mergeCommit" = (SELECT "commit" FROM "Run" WHERE id = $1)`,
      [waiting.run],
    )
    await refused(waiting, /had a hand in this change/)
  })

  it('one human with two accounts is one voice', async () => {
    const mine = await world.production({ approvals: [{ role: 'ops', count: 2, passkey: 'required' }] })
    const waiting = await world.waiting(mine)
    const twins = [await world.person('ops', { forge: '99' }), await world.person('ops', { forge: '99' })]
    for (const twin of twins) await world.sign(waiting.promotion, twin)
    await refused(waiting, /1 of 2 from ops/)
    await world.sign(waiting.promotion, ops)
    expect((await world.deploy(waiting.promotion)).status).toBe('deployed')
  })

  it.each([
    ['lost the role', `UPDATE "Account" SET role = 'viewer' WHERE id = $1`],
    ['was disabled', `UPDATE "Account" SET "disabledAt" = now() WHERE id = $1`],
    ['had the passkey removed', `UPDATE "Passkey" SET status = 'removed' WHERE "accountId" = $1`],
  ])('who %s between signing and deploying', async (_what, statement) => {
    const leaver = await world.person('ops')
    const waiting = await world.waiting(place)
    await world.sign(waiting.promotion, leaver)
    await superuser(statement, [leaver.accountId])
    await refused(waiting, /no longer|disabled|removed/)
  })

  it('an empty group, a deleted approver, an unreadable policy: nothing goes', async () => {
    const nobody = await world.production({ approvals: [{ role: 'developer', count: 3, passkey: 'required' }] })
    await refused(await world.waiting(nobody), /3 of 3 from developer/)
    const broken = await world.production()
    const waiting = await world.waiting(broken)
    await superuser(`UPDATE "Environment" SET policy = '{"name":"production"}' WHERE id = $1`, [broken.environment])
    const before = applied.length
    await expect(world.deploy(waiting.promotion)).rejects.toThrow(/cannot be read/)
    expect(applied.length).toBe(before)
  })
})

describe('what waits for people', () => {
  it('who may sign is reminded as often as the policy says, and no oftener', async () => {
    const mine = await world.production({ remind: 3_600_000 })
    const waiting = await world.waiting(mine)
    const reminders = () =>
      world.sql(`SELECT because FROM "AuditEntry" WHERE kind = 'promotion.remind' AND "subjectId" = $1`, [
        waiting.promotion,
      ])
    await reviewPromotion(world.context, waiting.promotion)
    expect(await reminders()).toEqual([])
    await superuser(`UPDATE "Promotion" SET "createdAt" = now() - interval '2 hours' WHERE id = $1`, [
      waiting.promotion,
    ])
    await reviewPromotion(world.context, waiting.promotion)
    await reviewPromotion(world.context, waiting.promotion)
    expect(await reminders()).toEqual([{ because: expect.stringContaining('1 of 1 from ops with a passkey') }])
  })
})

describe('saying no, and going round', () => {
  it('a no needs a reason, and ends it', async () => {
    const waiting = await world.waiting(place)
    await expect(world.see(waiting.promotion, ops, 'reject', ' ')).rejects.toThrow(/it needs one/)
    await world.sign(waiting.promotion, ops, 'reject', 'the report is missing')
    expect(await world.one('SELECT status, because FROM "Promotion" WHERE id = $1', [waiting.promotion])).toMatchObject(
      {
        status: 'refused',
        because: `rejected by ${ops.actorName}: the report is missing`,
      },
    )
  })

  it('a rollback needs a sign-off of its own, which whoever asks for it may give', async () => {
    const mine = await world.production()
    const [first, second] = [await world.waiting(mine), await world.waiting(mine)]
    for (const { promotion } of [first, second]) {
      await superuser(
        `UPDATE "Promotion" p SET status = 'verified', observed = l.digest, "deployedAt" = clock_timestamp(), "verifiedAt" = clock_timestamp() FROM "Release" l WHERE l.id = p."releaseId" AND p.id = $1`,
        [promotion],
      )
    }
    await observedAsRecorded(world.record)
    const asked = { environmentId: mine.environment, releaseId: first.release, reason: 'orders fail' }
    const back = await requestRollback(world.record, asked, ops)
    await refused({ ...first, promotion: back }, /1 of 1 from ops/)
    await world.sign(back, ops)
    expect((await world.deploy(back)).status).toBe('deployed')
  })

  const FROZEN = { freeze: [{ from: '2020-01-01 00:00', to: '2099-01-01 00:00', reason: 'the sale' }] }

  it('a freeze is overridden by two people with reasons, each signed, and by nobody alone', async () => {
    const mine = await world.production(FROZEN)
    const waiting = await world.waiting(mine)
    const second = await world.person('ops')
    await world.sign(waiting.promotion, ops)
    await refused(waiting, /frozen: the sale/)
    await world.sign(waiting.promotion, ops, 'override', 'the sale is broken without it')
    await refused(waiting, /asks for an override/)
    await world.sign(waiting.promotion, second, 'override', 'seen and agreed')
    expect((await world.deploy(waiting.promotion)).status).toBe('deployed')
  })

  it('breaking the glass takes operations, a real reason and a signature; unreviewed for a day, the place freezes', async () => {
    const mine = await world.production(FROZEN)
    const waiting = await world.waiting(mine)
    await expect(world.see(waiting.promotion, ops, 'break-glass', 'too short')).rejects.toThrow(/at least 20/)
    const owner = await world.person('owner')
    await expect(world.see(waiting.promotion, owner, 'break-glass', 'payments fail since noon')).rejects.toThrow(
      /role ops/,
    )
    const glass = await world.sign(waiting.promotion, ops, 'break-glass', 'payments fail since noon')
    expect((await world.deploy(waiting.promotion)).status).toBe('deployed')
    await superuser(`UPDATE "Promotion" SET status = 'verified' WHERE id = $1`, [waiting.promotion])
    await superuser(`UPDATE "Approval" SET "reviewDueAt" = clock_timestamp() WHERE id = $1`, [glass])
    const next = await world.waiting(mine)
    await refused(next, /nobody has reviewed it within 24 hours/)
    await expect(reviewGlass(world.record, glass, 'fine', ops)).rejects.toThrow(/somebody else reviews it/)
    await reviewGlass(world.record, glass, 'it was right: payments were down', owner)
    await refused(next, /frozen: the sale/)
  })

  it('a broken glass opens nothing but approvals and freezes: the image is still the one that was verified', async () => {
    const mine = await world.production({ after: 'prerelease' })
    const waiting = await world.waiting(mine)
    await world.sign(waiting.promotion, ops, 'break-glass', 'payments fail since noon')
    await refused(waiting, /prerelease has not verified/)
  })

  it('where no passkey is asked for, the answer is still bound to what was seen', async () => {
    const mine = await world.production({ approvals: [{ role: 'ops', count: 1 }] })
    const plain = await world.person('ops', { signs: false })
    const [good, bad] = [await world.waiting(mine), await world.waiting(mine)]
    await world.sign(bad.promotion, plain)
    await superuser(`UPDATE "Release" SET digest = 'sha256:${'a'.repeat(64)}' WHERE id = $1`, [bad.release])
    await refused(bad, /another image/)
    await superuser(`UPDATE "Promotion" SET status = 'canceled' WHERE id = $1`, [bad.promotion])
    await world.sign(good.promotion, plain)
    expect((await world.deploy(good.promotion)).status).toBe('deployed')
  })
})
