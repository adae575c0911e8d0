// Policies as versions that a worker agreed to. The record is real, and so are keys, certificates, answers and the memory
// outside the database; the worker is called by its verbs.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openSigner, openTrust, readMemory } from '../../audit/keys'
import type { SoftPasskey } from '../../demo/passkey'
import { agreePolicy } from '../../environments/agree-policy'
import { applyPolicyChange } from '../../environments/apply-policy'
import { EnvironmentPolicy } from '../../environments/environment'
import { judgeNow } from '../../environments/judge-now'
import { lookAgainAtPolicies } from '../../environments/look-again'
import { policySha } from '../../environments/policy-agreed'
import { proposePolicy, withdrawPolicyChange } from '../../environments/propose-policy'
import { answer, prepareStatement } from '../../environments/sign-off'
import { startingEnvironments } from '../../environments/starting'
import { requestConnection } from '../../pipelines/connect'
import type { Context } from '../../pipelines/context'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { type Person, transaction } from '../../prisma/record'
import { ensureKeys } from '../../prisma/seal'
import { checkpoint } from '../../worker/checkpoint'
import { freshDatabase } from '../database'
import { enrolled } from '../passkeys'
import { agreed } from '../policies'

let database: Awaited<ReturnType<typeof freshDatabase>>
let record: RecordHandle
let dir: string
let context: Context
let people: Record<'noor' | 'omar' | 'olga' | 'mia' | 'ada', Person>
let olgasKey: SoftPasskey
let project = 0
let number = 0

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'shiplock-policies-'))
  mkdirSync(join(dir, 'trail'))
  await ensureKeys(join(dir, 'keys'))
  database = await freshDatabase()
  record = openRecord(database.url, { max: 16, name: 'policies' })
  const origin = await readOrigin(record)
  const [keys, trail] = [join(dir, 'keys'), join(dir, 'trail')]
  const trust = openTrust(keys, trail, origin, () => 'http://localhost:8080')
  const stopping = new AbortController().signal
  context = { record, worker: 'w1', keys, trail, signer: openSigner(keys), trust, stopping } as unknown as Context
  const person = async (name: string, role: string): Promise<Person> => {
    const { id } = await record.db.account.create({ data: { name, role, passwordHash: 'x' }, select: { id: true } })
    return { actor: `account:${id}`, actorName: name, accountId: id, role }
  }
  people = {
    noor: await person('noor', 'owner'),
    omar: await person('omar', 'ops'),
    olga: await person('olga', 'ops'),
    mia: await person('mia', 'developer'),
    ada: await person('ada', 'admin'),
  }
  olgasKey = await enrolled(record, context.signer, people.olga.accountId, ['ops'])
  // Who signs names the head of the trail, so there must be one.
  await checkpoint(context)
})
afterAll(async () => {
  await record?.close()
  await database?.drop()
  rmSync(dir, { recursive: true, force: true })
})

const environmentOf = async (name: string) =>
  (await record.db.environment.findFirstOrThrow({ where: { projectId: project, name }, select: { id: true } })).id

/** A project of its own for each test; the environments that it starts with are agreed to, as a worker would. */
async function newProject({ agree = true } = {}) {
  project = await requestConnection(
    record,
    context.keys,
    { forge: 'gitlab', forgeUrl: 'http://forge.invalid', path: `team/p${++number}`, token: 'glpat-0123456789' },
    startingEnvironments(),
    people.ada,
  )
  if (!agree) return
  const { rows } = await record.pool.query<{ id: number }>('SELECT id FROM "Environment" WHERE "projectId" = $1', [
    project,
  ])
  for (const { id } of rows) await agreePolicy(context, id)
}

const placeOf = (id: number) =>
  record.db.environment.findUniqueOrThrow({
    where: { id },
    select: { policy: true, policyVersion: true, position: true },
  })
const changeOf = (id: number) =>
  record.db.policyChange.findUniqueOrThrow({ where: { id }, select: { status: true, because: true } })
const told = async (environmentId: number, kind: string) =>
  (
    await record.pool.query<{ because: string; data: Record<string, unknown>; actor: string }>(
      'SELECT because, data, actor FROM "AuditEntry" WHERE kind = $1 AND "environmentId" = $2 ORDER BY id',
      [kind, environmentId],
    )
  ).rows

/** Something that waits there, and what the gate of the policy says about it. */
async function gateAt(environmentId: number): Promise<{ state: string; because: string }> {
  const n = ++number
  const release = await record.db.release.create({
    data: {
      projectId: project,
      service: 'hello',
      tree: `t${n}`,
      buildKey: 'k',
      trust: 'release',
      digest: `sha256:${'a'.repeat(64)}`,
      image: 'i',
      version: '1.0',
      tag: `V${n}`,
      commit: 'c',
      branch: 'master',
      plan: {},
    },
    select: { id: true },
  })
  const run = await record.db.run.create({
    data: {
      projectId: project,
      contentKey: `r${n}`,
      service: 'hello',
      branch: 'master',
      branchKind: 'master',
      commit: 'c',
      before: '',
      status: 'succeeded',
      releaseId: release.id,
      plan: { templated: false },
    },
    select: { id: true },
  })
  const promotion = await record.db.promotion.create({
    data: { environmentId, releaseId: release.id, runId: run.id, requestedBy: 'the test' },
    select: { id: true },
  })
  const judged = await transaction(record, (tx) => judgeNow(tx, promotion.id, context.trust))
  await record.db.promotion.update({ where: { id: promotion.id }, data: { status: 'canceled' } })
  const verdict = judged?.verdicts.find((v) => v.gate === 'policy')
  if (verdict === undefined) throw new Error('no gate looks at the policy')
  return { state: verdict.state, because: verdict.because }
}

/** The policy of an environment with something changed, as it is proposed. */
async function wanting(id: number, changes: object): Promise<object> {
  return { ...((await placeOf(id)).policy as object), ...changes }
}
const propose = async (id: number, changes: object, by: Person, reason = 'it is needed') =>
  proposePolicy(record, id, { policy: await wanting(id, changes), reason }, by)

/** Answers as the browser does: with a passkey where the policy asks for one. */
async function answers(changeId: number, decision: 'approve' | 'reject', by: Person) {
  const asked = { subject: { policyChangeId: changeId }, decision, reason: 'looked at' }
  const { hash, challenge, passkey } = await prepareStatement(record, asked, by, context.trust)
  const assertion = passkey.required
    ? olgasKey.get({ rpId: context.trust.rpId, origin: context.trust.webOrigin, challenge })
    : undefined
  await answer(record, { hash, assertion }, by, context.trust)
}
async function says(changeId: number, decision: 'approve' | 'reject', by: Person) {
  await answers(changeId, decision, by)
  await applyPolicyChange(context, changeId)
}

describe('what an environment begins with', () => {
  it('is agreed to by a worker where it is one of the files of this installation, and only then is the gate open', async () => {
    await newProject({ agree: false })
    const id = await environmentOf('production')
    expect(await gateAt(id)).toMatchObject({ state: 'waiting' })
    await agreePolicy(context, id)
    expect(await placeOf(id)).toMatchObject({ policyVersion: 1 })
    expect(await gateAt(id)).toMatchObject({ state: 'open' })
    expect(readMemory(context.trail).agreed[id]).toBe(1)
    expect(await told(id, 'environment.policy')).toMatchObject([{ actor: 'worker:w1', data: { version: 1 } }])
    await agreePolicy(context, id)
    expect(await told(id, 'environment.policy')).toHaveLength(1)
  })

  it('is not agreed to where a web process made it up, is told once, and is looked at again at the next start', async () => {
    await newProject({ agree: false })
    const id = await environmentOf('production')
    await record.pool.query(
      `UPDATE "Environment" SET policy = jsonb_set(policy, '{approvals}', '[]') || '{"start": "automatic"}' WHERE id = $1`,
      [id],
    )
    await agreePolicy(context, id)
    await agreePolicy(context, id)
    expect(await placeOf(id)).toMatchObject({ policyVersion: -1 })
    const entries = await told(id, 'environment.unagreed')
    expect(entries).toHaveLength(1)
    expect(entries[0]?.because).toContain('a web process that is taken over must not make environments')
    expect((await gateAt(id)).state).not.toBe('open')
    await expect(propose(id, { replicas: 2 }, people.omar)).rejects.toThrow(/no worker has agreed/)
    const [ours] = startingEnvironments().filter((e) => e.name === 'production')
    await record.db.environment.update({ where: { id }, data: { policy: ours?.policy as object } })
    await lookAgainAtPolicies(record)
    await agreePolicy(context, id)
    expect(await placeOf(id)).toMatchObject({ policyVersion: 1 })
  })

  /** What a web process writes that was taken over. */
  const UNREADABLE: [string, string][] = [
    ['nested thousands of times', `{"x":${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
    ['with a number that is none', '{"x":1e400}'],
  ]
  it.each(UNREADABLE)('D3: %s is not agreed to, once, and shuts what has it', async (_what, more) => {
    await newProject({ agree: false })
    const id = await environmentOf('production')
    await record.pool.query('UPDATE "Environment" SET policy = policy || $2::jsonb WHERE id = $1', [id, more])
    await agreePolicy(context, id)
    await agreePolicy(context, id)
    expect(await placeOf(id)).toMatchObject({ policyVersion: -1 })
    const entries = await told(id, 'environment.unagreed')
    expect(entries).toHaveLength(1)
    expect(entries[0]?.because).toContain('the policy cannot be read')
  })

  it.each(UNREADABLE)(
    'D3: %s is refused where it is proposed, and does not stand in the way of an agreed one',
    async (_what, more) => {
      await newProject()
      const id = await environmentOf('production')
      const { rows } = await record.pool.query<{ id: number }>(
        `INSERT INTO "PolicyChange" ("environmentId", "baseVersion", policy, reason, "authorId", "authorName")
       SELECT id, 1, policy || $2::jsonb, 'x', $3, 'Omar' FROM "Environment" WHERE id = $1 RETURNING id`,
        [id, more, people.omar.accountId],
      )
      const change = rows[0]?.id ?? 0
      await applyPolicyChange(context, change)
      expect(await changeOf(change)).toMatchObject({
        status: 'refused',
        because: expect.stringContaining('cannot be read'),
      })

      const before = await placeOf(id)
      await record.pool.query('UPDATE "Environment" SET policy = policy || $2::jsonb WHERE id = $1', [id, more])
      // Whoever wrote it past the guard: the gate is shut, by a verdict or by a fault with its reason, and the agreed one is put back.
      expect(await gateAt(id).catch((error: Error) => ({ state: 'shut', because: error.message }))).toMatchObject({
        state: 'shut',
        because: expect.stringMatching(/cannot be read|not what was agreed to/),
      })
      const waiting = await propose(id, { replicas: 2 }, people.omar).catch(() => null)
      if (waiting !== null) await applyPolicyChange(context, waiting)
      await record.pool.query('UPDATE "Environment" SET "policyVersion" = 0 WHERE id = $1', [id])
      await agreePolicy(context, id)
      expect(await placeOf(id)).toEqual(before)
    },
  )

  it('may be an environment of another name only where there is such a file', async () => {
    await newProject()
    const { id } = await record.db.environment.create({
      data: {
        projectId: project,
        name: 'side-door',
        position: 9,
        policy: EnvironmentPolicy.parse({ name: 'side-door', start: 'automatic', target: { kind: 'docker' } }),
      },
      select: { id: true },
    })
    await agreePolicy(context, id)
    expect(await placeOf(id)).toMatchObject({ policyVersion: -1 })
  })
})

describe('an installation that is upgraded', () => {
  it('has what was there before agreed to as it was, once, and nothing that is made afterwards', async () => {
    await newProject({ agree: false })
    const [old, other] = [await environmentOf('production'), await environmentOf('test')]
    await record.pool.query(`UPDATE "Environment" SET policy = policy || '{"replicas": 3}' WHERE id = $1`, [old])
    // What the version before wrote names no writer; today nobody can write such an entry.
    await record.pool.query(`ALTER TABLE "AuditEntry" DISABLE TRIGGER "AuditEntry_append_only"`)
    await record.pool.query(`UPDATE "AuditEntry" SET writer = '' WHERE "projectId" = $1`, [project])
    await record.pool.query(`ALTER TABLE "AuditEntry" ENABLE ALWAYS TRIGGER "AuditEntry_append_only"`)
    const file = join(context.trail, 'memory.json')
    const memory = existsSync(file) ? readFileSync(file) : null
    rmSync(file, { force: true })
    await agreePolicy(context, other)
    expect(await placeOf(old)).toMatchObject({ policyVersion: 1, policy: { replicas: 3 } })
    expect((await told(old, 'environment.policy'))[0]?.because).toContain('installed over it')
    expect(readMemory(context.trail).agreed).toMatchObject({ [old]: 1, [other]: 1 })
    const { id } = await record.db.environment.create({
      data: { projectId: project, name: 'late', position: 9, policy: { name: 'late', start: 'automatic' } },
      select: { id: true },
    })
    await agreePolicy(context, id)
    expect(await placeOf(id)).toMatchObject({ policyVersion: -1 })
    if (memory !== null) writeFileSync(file, memory)
  })
})

describe('a policy in the database', () => {
  beforeEach(() => newProject())

  it('that somebody edits past the worker, superusers included, shuts the gate until it is put back', async () => {
    const id = await environmentOf('production')
    const { policy } = await placeOf(id)
    await record.pool.query(`UPDATE "Environment" SET policy = jsonb_set(policy, '{approvals}', '[]') WHERE id = $1`, [
      id,
    ])
    expect(await gateAt(id)).toMatchObject({ state: 'waiting' })
    // Not even with a row of versions beside it: nobody but a worker can certify.
    const forged = { ...(policy as object), approvals: [] }
    await record.pool.query(
      `INSERT INTO "PolicyVersion" ("environmentId", version, policy, sha256, "authorName", certificate) VALUES ($1, 2, $2::jsonb, $3, 'x', $4)`,
      [id, JSON.stringify(forged), policySha(forged), Buffer.alloc(64).toString('base64')],
    )
    await record.pool.query(`UPDATE "Environment" SET "policyVersion" = 2 WHERE id = $1`, [id])
    expect((await gateAt(id)).state).not.toBe('open')
    // Told to look, the worker puts back what it agreed to last.
    await agreePolicy(context, id)
    expect(await placeOf(id)).toMatchObject({ policy, policyVersion: 1 })
    expect(await gateAt(id)).toMatchObject({ state: 'open' })
    expect((await told(id, 'environment.policy')).at(-1)?.because).toContain('it is put back')
  })

  it('that is put back to an older version is seen by what the worker remembers', async () => {
    const id = await environmentOf('production')
    const before = await placeOf(id)
    await agreed(record, context, id, { approvals: [{ role: 'ops', count: 2 }] })
    expect(await gateAt(id)).toMatchObject({ state: 'open' })
    await record.db.environment.update({
      where: { id },
      data: { policy: before.policy as object, policyVersion: before.policyVersion },
    })
    await record.pool.query('DELETE FROM "PolicyVersion" WHERE "environmentId" = $1 AND version = 2', [id])
    expect(await gateAt(id)).toMatchObject({ state: 'waiting', because: expect.stringContaining('version 2') })
    await record.pool.query(`UPDATE "Environment" SET "policyVersion" = 0 WHERE id = $1`, [id])
    await agreePolicy(context, id)
    expect((await gateAt(id)).state).not.toBe('open')
  })

  it('that was edited past the worker is nothing that a proposal could be agreed to by', async () => {
    const id = await environmentOf('production')
    await record.pool.query(
      `UPDATE "Environment" SET policy = jsonb_set(policy, '{approvals}', '[]') || '{"start": "automatic"}' WHERE id = $1`,
      [id],
    )
    const change = await propose(id, { replicas: 2 }, people.omar)
    await applyPolicyChange(context, change)
    expect(await changeOf(change)).toMatchObject({
      status: 'proposed',
      because: expect.stringContaining('not the one that was agreed to'),
    })
    expect(await placeOf(id)).toMatchObject({ policyVersion: 1 })
  })
})

describe('a change of a policy', () => {
  beforeEach(() => newProject())

  it('is in force once the people have agreed who sign there now, and never by its author', async () => {
    const id = await environmentOf('production')
    const change = await propose(id, { approvals: [], start: 'automatic' }, people.omar, 'we trust ourselves')
    await applyPolicyChange(context, change)
    expect((await changeOf(change)).status).toBe('proposed')
    await expect(says(change, 'approve', people.omar)).rejects.toThrow(/you proposed this change/)
    await expect(says(change, 'approve', people.mia)).rejects.toThrow(/asks for the role ops/)
    expect(await placeOf(id)).toMatchObject({ policyVersion: 1 })
    await says(change, 'approve', people.olga)
    expect(await changeOf(change)).toMatchObject({ status: 'applied', because: expect.stringContaining('olga') })
    expect(await placeOf(id)).toMatchObject({ policyVersion: 2, policy: { start: 'automatic', approvals: [] } })
    expect(await gateAt(id)).toMatchObject({ state: 'open' })
    expect(readMemory(context.trail).agreed[id]).toBe(2)
    const version = await record.db.policyVersion.findFirstOrThrow({ where: { environmentId: id, version: 2 } })
    expect(version).toMatchObject({ authorName: 'omar', because: 'we trust ourselves', changeId: change })
    const [entry] = await told(id, 'policyChange.apply')
    expect(entry?.data).toMatchObject({ version: { before: 1, after: 2 }, author: people.omar.accountId })
    const used = await record.db.approval.findFirstOrThrow({ where: { policyChangeId: change } })
    expect(used).toMatchObject({ status: 'used', consumedEpoch: 2 })
  })

  it('where nobody signs: an owner or ops proposes, and that is enough; whoever lost the role changes nothing', async () => {
    const id = await environmentOf('test')
    const change = await propose(id, { replicas: 2 }, people.noor)
    await applyPolicyChange(context, change)
    expect(await placeOf(id)).toMatchObject({ policyVersion: 2, policy: { replicas: 2 } })
    const second = await propose(id, { replicas: 3 }, people.mia)
    await applyPolicyChange(context, second)
    expect(await changeOf(second)).toMatchObject({ status: 'proposed' })
  })

  it('is stale once another one is in force, and its answers count for nothing', async () => {
    const id = await environmentOf('production')
    const [one, two] = [
      await propose(id, { replicas: 2 }, people.omar),
      await propose(id, { replicas: 3 }, people.noor),
    ]
    await says(one, 'approve', people.olga)
    await applyPolicyChange(context, two)
    expect(await changeOf(two)).toMatchObject({ status: 'stale', because: expect.stringContaining('version 2') })
    await expect(says(two, 'approve', people.olga)).rejects.toThrow(/it is stale/)
    expect(await placeOf(id)).toMatchObject({ policyVersion: 2, policy: { replicas: 2 } })
  })

  it('that is altered after somebody agreed to it has lost that agreement', async () => {
    const id = await environmentOf('production')
    const change = await propose(id, { replicas: 2 }, people.omar)
    await answers(change, 'approve', people.olga)
    const other = EnvironmentPolicy.parse(await wanting(id, { approvals: [], start: 'automatic' }))
    await record.db.policyChange.update({ where: { id: change }, data: { policy: other } })
    await applyPolicyChange(context, change)
    expect((await changeOf(change)).status).toBe('proposed')
    expect(await placeOf(id)).toMatchObject({ policyVersion: 1 })
  })

  it('ends where one of them says no, or its author takes it back', async () => {
    const id = await environmentOf('production')
    const no = await propose(id, { replicas: 2 }, people.omar)
    await says(no, 'reject', people.olga)
    expect(await changeOf(no)).toMatchObject({ status: 'refused', because: expect.stringContaining('olga') })
    const back = await propose(id, { replicas: 2 }, people.omar)
    await expect(withdrawPolicyChange(record, back, '', people.olga)).rejects.toThrow(/only its author/)
    await withdrawPolicyChange(record, back, 'a slip', people.omar)
    await applyPolicyChange(context, back)
    expect(await changeOf(back)).toMatchObject({ status: 'withdrawn', because: 'a slip' })
    await expect(withdrawPolicyChange(record, back, '', people.ada)).rejects.toThrow(/has ended already/)
    expect(await placeOf(id)).toMatchObject({ policyVersion: 1 })
  })

  it('is refused where it is no policy, changes nothing, does not fit, or stands there already', async () => {
    const id = await environmentOf('production')
    const by = people.omar
    const yaml = (text: string) => proposePolicy(record, id, { yaml: text, reason: 'r' }, by)
    await expect(yaml('name: production\nstart: perhaps\ntarget: { kind: docker }\n')).rejects.toThrow(
      'policy:2 start: must be automatic, on-signoff or by-hand',
    )
    await expect(propose(id, {}, by)).rejects.toThrow(/that is the policy that production has already/)
    await expect(propose(id, { after: 'nowhere' }, by)).rejects.toThrow(/has no environment nowhere/)
    await expect(propose(id, { name: 'prod' }, by)).rejects.toThrow(/this is production, and stays so/)
    await expect(propose(await environmentOf('prerelease'), { after: 'production' }, by)).rejects.toThrow(/in a circle/)
    await expect(propose(id, { approvals: [] }, by)).rejects.toThrow(/on-signoff needs somebody who signs/)
    await expect(propose(id, { replicas: 2 }, by, '  ')).rejects.toThrow(/needs one/)
    await propose(id, { replicas: 2 }, by)
    await expect(propose(id, { replicas: 3 }, by)).rejects.toThrow(/still open: withdraw it first/)
    await expect(proposePolicy(record, 999_999, { yaml: '', policy: {}, reason: 'r' }, by)).rejects.toThrow(/either/)
  })

  it('that crashes after its commit locks nobody out: the memory catches up at the next one', async () => {
    const id = await environmentOf('production')
    const folder = context.trail
    const lost = { ...context, trail: join(dir, 'gone') }
    const first = await propose(id, { replicas: 2 }, people.omar)
    await answers(first, 'approve', people.olga)
    // A folder that is not there: the write after the commit fails, as in a crash.
    await expect(applyPolicyChange(lost, first)).rejects.toThrow(/ENOENT/)
    expect(readMemory(folder).agreed[id]).toBe(1)
    expect(await gateAt(id)).toMatchObject({ state: 'open' })
    const second = await propose(id, { replicas: 3 }, people.omar)
    await applyPolicyChange(context, second)
    expect(readMemory(folder).agreed[id]).toBe(2)
    await says(second, 'approve', people.olga)
    expect(readMemory(folder).agreed[id]).toBe(3)
  })

  it('moves an environment in the order of its project, by `after` and `position`', async () => {
    const [test, production] = [await environmentOf('test'), await environmentOf('production')]
    expect([(await placeOf(test)).position, (await placeOf(production)).position]).toEqual([0, 2])
    const change = await propose(test, { after: 'prerelease', position: 9 }, people.noor)
    await applyPolicyChange(context, change)
    expect((await changeOf(change)).status).toBe('applied')
    expect([(await placeOf(test)).position, (await placeOf(production)).position]).toEqual([2, 1])
  })

  it('of sixteen workers that apply it at once, one does', async () => {
    const id = await environmentOf('test')
    const change = await propose(id, { replicas: 2 }, people.noor)
    await Promise.all(Array.from({ length: 16 }, () => applyPolicyChange(context, change)))
    expect(await record.db.policyVersion.count({ where: { environmentId: id } })).toBe(2)
    expect(await told(id, 'policyChange.apply')).toHaveLength(1)
  })
})
