import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAccount } from '../../app/_server/accounts'
import { startWeb, type Web } from '../../app/_server/server'
import type { EnrolmentBegun, PasskeyList, PasskeyShape, VouchStatement } from '../../app/account/passkeys/shapes'
import { openSigner, openTrust, readMemory } from '../../audit/keys'
import type { Trust } from '../../audit/trust'
import { SoftPasskey } from '../../demo/passkey'
import { enrolmentClaim, firstEnrolmentCodes, makeEnrolmentCode, proofOf } from '../../environments/enrolment-code'
import { admittedKey } from '../../environments/passkey-key'
import { vouchChallenge } from '../../environments/vouch'
import type { Context } from '../../pipelines/context'
import { dockerEngine } from '../../pipelines/engines/docker'
import { Leases } from '../../pipelines/lease'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { ensureKeys, instanceId } from '../../prisma/seal'
import { openDoorbell } from '../../worker/queue'
import { startWorker } from '../../worker/worker'
import { freshDatabase } from '../database'
import { eventually } from '../given'
import { enrolled } from '../passkeys'

const PASSWORD = 'correct horse battery staple'
const PEOPLE = { ada: 'admin', noor: 'owner', omar: 'ops', lena: 'ops', mia: 'developer', vic: 'viewer' } as const
type Name = keyof typeof PEOPLE

let dir: string
let keys: string
let database: Awaited<ReturnType<typeof freshDatabase>>
let record: RecordHandle
let web: Web
let context: Context
let trust: Trust
let stopWorker: () => Promise<void>
const cookies: Record<string, string> = {}
const ids: Record<string, number> = {}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'shiplock-passkeys-'))
  keys = join(dir, 'keys')
  mkdirSync(join(dir, 'trail'))
  await ensureKeys(keys)
  database = await freshDatabase()
  record = openRecord(database.url, { max: 8 })
  web = await startWeb({
    record,
    keys,
    environments: [],
    pages: false,
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    logLevel: 'silent',
    trustProxy: false,
  })
  for (const [name, role] of Object.entries(PEOPLE)) {
    ids[name] = (await createAccount(record, { name, password: PASSWORD, role })).id
    const answer = await post(null, '/session', { name, password: PASSWORD })
    cookies[name] = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  }
  const leases = new Leases(record)
  const stopNow = new AbortController()
  const instance = instanceId(keys)
  const doorbell = openDoorbell({ databaseUrl: database.url, instance, redisUrl: undefined })
  trust = openTrust(keys, join(dir, 'trail'), await readOrigin(record), () => web.url)
  context = {
    record,
    leases,
    instance,
    worker: 'here',
    keys,
    trail: join(dir, 'trail'),
    signer: openSigner(keys),
    trust,
    cache: join(dir, 'cache'),
    publicUrl: web.url,
    engine: dockerEngine(),
    bases: {},
    stopping: stopNow.signal,
  }
  const running = await startWorker(context, doorbell, { quick: 4, stages: 1, deploys: 1, forge: 1 })
  stopWorker = async () => {
    await running.drain(0, stopNow)
    leases.close()
    await doorbell.close()
  }
})

afterAll(async () => {
  await stopWorker()
  await web.close()
  await record.close()
  await database.drop()
  rmSync(dir, { recursive: true })
})

const post = (who: Name | null, path: string, body: unknown = {}, method = 'POST') =>
  fetch(`${web.url}/api/v1${path}`, {
    method,
    headers: {
      origin: web.url,
      ...(who ? { cookie: cookies[who] ?? '' } : {}),
      ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
    },
    ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
  })

async function done<T>(answer: Promise<Response>): Promise<T> {
  const response = await answer
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return (response.status === 204 ? undefined : await response.json()) as T
}

const refusal = async (answer: Promise<Response>) => {
  const response = await answer
  const body = (await response.json()) as { error?: { message: string } }
  return `${response.status} ${body.error?.message ?? ''}`
}

const site = () => ({ rpId: trust.rpId, origin: trust.webOrigin })

/** Adds a passkey the way the page does. */
async function add(who: Name, code?: string, key = SoftPasskey.make()) {
  const options = await done<typeof EnrolmentBegun._output>(post(who, '/passkeys/challenge'))
  const response = key.create({ ...site(), userId: options.user.id, challenge: options.challenge })
  const claim = enrolmentClaim({ accountId: ids[who] ?? 0, credentialId: key.credentialId, spki: key.spki })
  const proof = code === undefined ? {} : { proof: proofOf(code, claim) }
  const made = await done<PasskeyShape>(post(who, '/passkeys', { name: 'a key', response, ...proof }))
  return { key, id: made.id, made }
}

const read = async (who: Name, id: number) =>
  (await done<PasskeyList>(post(who, '/passkeys', undefined, 'GET'))).items.find((p) => p.id === id)

const judged = (who: Name, id: number) =>
  eventually(`passkey #${id} is judged`, async () => {
    const now = await read(who, id)
    return now !== undefined && now.state !== 'checking' && now
  })

const counts = (key: SoftPasskey) => admittedKey(record.pool, key.credentialId, trust)

/** Kinds of the trail about a passkey, oldest first. */
async function trail(id: number): Promise<string[]> {
  const { rows } = await record.pool.query<{ kind: string }>(
    `SELECT kind FROM "AuditEntry" WHERE subject = 'passkey' AND "subjectId" = $1 ORDER BY id`,
    [id],
  )
  return rows.map((r) => r.kind)
}

async function vouchFor(who: Name, id: number, key: SoftPasskey, lies = {}) {
  const made = await done<VouchStatement>(post(who, `/passkeys/${id}/vouch-statement`))
  const assertion = key.get({ ...site(), challenge: made.challenge }, lies)
  return post(who, `/passkeys/${id}/vouch`, { challenge: made.challenge, assertion })
}

describe('a passkey', () => {
  it('opens sessions as soon as it is made, and signs nothing', async () => {
    const { key, id, made } = await add('mia')
    expect(made).toMatchObject({ state: 'proposed', roles: [], lacks: ['developer'], algorithm: 'ES256' })
    expect(await counts(key)).toContain('not admitted')
    expect(await trail(id)).toEqual(['passkey.propose'])

    const begun = await done<{ challenge: string; rpId: string }>(post(null, '/session/passkey/challenge'))
    const assertion = key.get({ ...site(), challenge: begun.challenge })
    const opened = await post(null, '/session/passkey', { assertion, userHandle: key.userHandle })
    expect(await opened.json()).toMatchObject({ account: { name: 'mia', role: 'developer' } })
    const cookie = (opened.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    const session = await fetch(`${web.url}/api/v1/session`, { headers: { cookie } })
    expect(await session.json()).toMatchObject({ account: { name: 'mia' } })
    const { rows } = await record.pool.query(`SELECT how FROM "Session" WHERE how = 'passkey'`)
    expect(rows).toHaveLength(1)
    // The same answer a second time opens nothing: its challenge is used up.
    expect(await refusal(post(null, '/session/passkey', { assertion }))).toBe(
      '401 this passkey opens nothing here: use another one, or your password',
    )
  })

  it('opens nothing with an assertion that lies, and the trail says why', async () => {
    const { key } = await add('mia')
    const stranger = SoftPasskey.make()
    const lies = [
      [key, { uv: false }],
      [key, { origin: 'http://evil.localhost' }],
      [key, { rpId: 'evil' }],
      [key, { type: 'webauthn.create' }],
      [key, { bogusSignature: true }],
      [key, { privateKey: stranger.privateKey }],
      [stranger, {}],
    ] as const
    for (const [who, lie] of lies) {
      const { challenge } = await done<{ challenge: string }>(post(null, '/session/passkey/challenge'))
      const assertion = who.get({ ...site(), challenge }, lie)
      expect(await refusal(post(null, '/session/passkey', { assertion })), JSON.stringify(lie)).toMatch(/^401 /)
    }
    // A challenge that nobody asked: the browser's word alone.
    const assertion = key.get({ ...site(), challenge: Buffer.alloc(32).toString('base64url') })
    expect(await refusal(post(null, '/session/passkey', { assertion }))).toMatch(/^401 /)
    const { rows } = await record.pool.query(
      `SELECT data->>'why' AS why FROM "AuditEntry" WHERE kind = 'session.refuse'`,
    )
    expect(rows.length).toBeGreaterThan(0)
  })

  it('that counts backwards is an alarm, and still signs in', async () => {
    const { key, id } = await add('mia')
    for (const signCount of [7, 9, 3]) {
      const { challenge } = await done<{ challenge: string }>(post(null, '/session/passkey/challenge'))
      const assertion = key.get({ ...site(), challenge }, { signCount })
      expect((await post(null, '/session/passkey', { assertion })).status).toBe(200)
    }
    expect((await trail(id)).filter((kind) => kind === 'passkey.alarm')).toHaveLength(1)
  })

  it('is not taken with a registration that lies, nor twice', async () => {
    for (const lie of [{ uv: false }, { origin: 'https://evil.test' }, { rpId: 'evil' }, { type: 'webauthn.get' }]) {
      const options = await done<{ challenge: string }>(post('mia', '/passkeys/challenge'))
      const response = SoftPasskey.make().create({ ...site(), userId: 'eA', challenge: options.challenge }, lie)
      expect(await refusal(post('mia', '/passkeys', { name: 'x', response })), JSON.stringify(lie)).toMatch(/^422 /)
    }
    const { challenge } = await done<{ challenge: string }>(post('mia', '/passkeys/challenge'))
    const response = SoftPasskey.make('EdDSA').create({ ...site(), userId: 'eA', challenge })
    // Somebody else's question is not mine to answer, and it is used up by whoever's it is only.
    expect(await refusal(post('noor', '/passkeys', { name: 'x', response }))).toMatch(/answers no open question/)
    expect((await post('mia', '/passkeys', { name: 'x', response })).status).toBe(201)
    expect(await refusal(post('mia', '/passkeys', { name: 'x', response }))).toMatch(/answers no open question/)
  })
})

describe('an enrolment code', () => {
  it('is printed at install, twice, and kept as something that no code can be read from', async () => {
    const codes = await firstEnrolmentCodes(keys)
    expect(codes).toHaveLength(2)
    expect(await firstEnrolmentCodes(keys)).toEqual([])
    const file = join(keys, 'enrolment-codes.json')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    for (const code of codes) expect(readFileSync(file, 'utf8')).not.toContain(code)
  })

  it('admits one passkey: the worker certifies it for its account and the roles it has', async () => {
    const code = await makeEnrolmentCode(keys)
    const { key, id } = await add('omar', code.toLowerCase().replaceAll('-', ' '))
    expect(await judged('omar', id)).toMatchObject({ state: 'admitted', roles: ['ops'], lacks: [], because: '' })
    expect(await counts(key)).toMatchObject({ accountId: ids.omar, passkeyId: id, alg: -7, roles: ['ops'] })
    expect(await trail(id)).toEqual(['passkey.propose', 'passkey.admit'])
    const { rows } = await record.pool.query(
      `SELECT data, actor FROM "AuditEntry" WHERE kind = 'passkey.admit' AND "subjectId" = $1`,
      [id],
    )
    expect(rows[0].actor).toBe('worker:here')
    expect(rows[0].data).toMatchObject({
      accountId: ids.omar,
      credentialId: key.credentialId,
      spki: key.spki.toString('base64'),
      roles: ['ops'],
    })

    const second = await add('lena', code)
    expect(await judged('lena', second.id)).toMatchObject({
      state: 'refused',
      because: 'the enrolment code was used for another passkey already',
    })
    expect(await counts(second.key)).toContain('not admitted')
    // Nobody but the two who may know it has the code.
    const { rows: codes } = await record.pool.query(
      `SELECT 1 FROM "Passkey" t WHERE t::text LIKE '%' || $1 || '%' UNION ALL SELECT 1 FROM "AuditEntry" t WHERE t::text LIKE '%' || $1 || '%'`,
      [code.replaceAll('-', '')],
    )
    expect(codes).toEqual([])
  })

  it('is no use a second time to the passkey that it admitted, whatever roles its account has by then', async () => {
    const code = await makeEnrolmentCode(keys)
    const { key, id } = await add('mia', code)
    expect((await judged('mia', id)).roles).toEqual(['developer'])
    await record.pool.query(`UPDATE "Account" SET role = 'ops' WHERE id = $1`, [ids.mia])
    try {
      const claim = enrolmentClaim({ accountId: ids.mia ?? 0, credentialId: key.credentialId, spki: key.spki })
      await done(post('mia', `/passkeys/${id}/code`, { proof: proofOf(code, claim) }))
      expect(await judged('mia', id)).toMatchObject({ state: 'admitted', roles: ['developer'], lacks: ['ops'] })
      expect(await counts(key)).toMatchObject({ roles: ['developer'] })
    } finally {
      await record.pool.query(`UPDATE "Account" SET role = 'developer' WHERE id = $1`, [ids.mia])
    }
  })

  it('that is wrong admits nothing, and a right one may be given afterwards', async () => {
    const { key, id } = await add('lena', 'AAAA-BBBB-CCCC-DDDD-EEEE-FFFF')
    expect(await judged('lena', id)).toMatchObject({
      state: 'refused',
      because: expect.stringContaining('none of this'),
    })
    const claim = enrolmentClaim({ accountId: ids.lena ?? 0, credentialId: key.credentialId, spki: key.spki })
    const code = await makeEnrolmentCode(keys)
    expect((await post('omar', `/passkeys/${id}/code`, { proof: proofOf(code, claim) })).status).toBe(404)
    await done(post('lena', `/passkeys/${id}/code`, { proof: proofOf(code, claim) }))
    expect(await judged('lena', id)).toMatchObject({ state: 'admitted', roles: ['ops'] })
  })

  it('proves nothing for another account, another key, or when it is used by hand', async () => {
    const code = await makeEnrolmentCode(keys)
    const { key, id } = await add('lena')
    const other = SoftPasskey.make()
    const claims = [
      { accountId: ids.omar ?? 0, credentialId: key.credentialId, spki: key.spki },
      { accountId: ids.lena ?? 0, credentialId: other.credentialId, spki: key.spki },
      { accountId: ids.lena ?? 0, credentialId: key.credentialId, spki: other.spki },
    ]
    for (const claim of claims) {
      await done(post('lena', `/passkeys/${id}/code`, { proof: proofOf(code, enrolmentClaim(claim)) }))
      expect((await judged('lena', id)).state).toBe('refused')
    }
    expect(await counts(key)).toContain('not admitted')
  })

  it('is of no use to an account that signs nothing, and is not used up by it', async () => {
    const code = await makeEnrolmentCode(keys)
    const { id } = await add('vic', code)
    expect(await judged('vic', id)).toMatchObject({ state: 'no-role', because: expect.stringContaining('no role') })
    const { id: next } = await add('omar', code)
    expect((await judged('omar', next)).state).toBe('admitted')
  })
})

describe('a vouch', () => {
  it('of somebody else with an admitted passkey admits', async () => {
    const omars = await enrolled(record, context.signer, ids.omar ?? 0, ['ops'])
    const { key, id } = await add('noor')
    const waiting = await done<{ items: { id: number; account: { name: string }; roles: string[] }[] }>(
      post('omar', '/passkeys/waiting', undefined, 'GET'),
    )
    expect(waiting.items.find((w) => w.id === id)).toMatchObject({ account: { name: 'noor' }, roles: ['owner'] })
    expect((await vouchFor('omar', id, omars)).status).toBe(204)
    expect(await judged('noor', id)).toMatchObject({ state: 'admitted', roles: ['owner'] })
    expect(await counts(key)).toMatchObject({ accountId: ids.noor, roles: ['owner'] })
    expect(await trail(id)).toEqual(['passkey.propose', 'passkey.vouch', 'passkey.admit'])
  })

  it('for oneself is refused, with whichever key', async () => {
    const omars = await enrolled(record, context.signer, ids.omar ?? 0, ['ops'])
    const { id } = await add('omar')
    expect(await refusal(post('omar', `/passkeys/${id}/vouch-statement`))).toMatch(/^403 nobody vouches for themselves/)
    // A web process that was taken over writes it all the same: the worker refuses.
    await plantVouch(id, 'omar', omars, { voucher: ids.omar ?? 0 })
    expect(await judged('omar', id)).toMatchObject({ state: 'refused', because: 'nobody vouches for themselves' })
  })

  it('counts with an admitted passkey only, and from who may vouch', async () => {
    const { key: own } = await add('ada')
    const { id } = await add('noor')
    expect(await refusal(post('ada', `/passkeys/${id}/vouch-statement`))).toMatch(/no admitted passkey/)
    expect(await refusal(post('mia', `/passkeys/${id}/vouch-statement`))).toMatch(/^403/)
    await enrolled(record, context.signer, ids.ada ?? 0, ['admin'])
    // Signed with the one that nobody admitted.
    expect(await refusal(vouchFor('ada', id, own))).toMatch(/not admitted/)
    const mias = await enrolled(record, context.signer, ids.mia ?? 0, ['developer'])
    await plantVouch(id, 'noor', mias, { voucher: ids.mia ?? 0 })
    expect(await judged('noor', id)).toMatchObject({
      state: 'refused',
      because: expect.stringContaining('takes the role'),
    })
  })

  it('is judged by the worker from its bytes: another account, key, installation or role, and one that expired, is refused', async () => {
    const omars = await enrolled(record, context.signer, ids.omar ?? 0, ['ops'])
    const { id, key } = await add('noor')
    const wrong = [
      [{ account: ids.mia ?? 0 }, 'another one: account'],
      [{ credential: omars.credentialId }, 'another one: credential'],
      [{ spki_sha256: 'ff' }, 'another one: spki_sha256'],
      [{ passkey: 1 }, 'another one: passkey'],
      [{ origin: 'shiplock/elsewhere' }, 'another installation'],
      [{ roles: ['ops', 'owner'] as const }, "its account's roles are owner now"],
      [{ exp: '2020-01-01T00:00:00.000Z' }, 'expired'],
      [{ voucher: ids.lena ?? 0 }, "somebody else's passkey"],
    ] as const
    for (const [field, why] of wrong) {
      await plantVouch(id, 'noor', omars, field)
      expect(await judged('noor', id), JSON.stringify(field)).toMatchObject({
        state: 'refused',
        because: expect.stringContaining(why),
      })
    }
    await plantVouch(id, 'noor', omars, {}, { uv: false })
    expect((await judged('noor', id)).because).toContain('did not verify')
    expect(await counts(key)).toContain('not admitted')
    await plantVouch(id, 'noor', omars, {})
    expect((await judged('noor', id)).state).toBe('admitted')
  })

  it('is asked for again where its owner has more roles, and what was admitted stays until then', async () => {
    const omars = await enrolled(record, context.signer, ids.omar ?? 0, ['ops'])
    const { id, key } = await add('mia', await makeEnrolmentCode(keys))
    expect((await judged('mia', id)).roles).toEqual(['developer'])
    await record.pool.query(`UPDATE "Account" SET role = 'owner' WHERE id = $1`, [ids.mia])
    try {
      expect(await read('mia', id)).toMatchObject({ state: 'admitted', roles: ['developer'], lacks: ['owner'] })
      await plantVouch(id, 'mia', omars, { roles: ['admin'] })
      expect(await judged('mia', id)).toMatchObject({ state: 'admitted', roles: ['developer'] })
      expect(await trail(id)).toContain('passkey.stay')
      expect((await vouchFor('omar', id, omars)).status).toBe(204)
      await judged('mia', id)
      expect(await counts(key)).toMatchObject({ roles: ['owner'] })
    } finally {
      await record.pool.query(`UPDATE "Account" SET role = 'developer' WHERE id = $1`, [ids.mia])
    }
  })
})

describe('whoever has the database', () => {
  it('cannot make a passkey count by its status, nor by changing whose it is', async () => {
    const { key, id } = await add('mia')
    await record.pool.query(`UPDATE "Passkey" SET status = 'admitted', roles = '["ops"]' WHERE id = $1`, [id])
    expect(await counts(key)).toContain('no worker has certified')
    expect(await read('mia', id)).toMatchObject({ state: 'uncertified', roles: [] })
    const good = await enrolled(record, context.signer, ids.omar ?? 0, ['ops'])
    const certificate = `(SELECT certificate FROM "Passkey" WHERE "credentialId" = '${good.credentialId}')`
    await record.pool.query(`UPDATE "Passkey" SET certificate = ${certificate} WHERE id = $1`, [id])
    expect(await counts(key)).toContain('no worker has certified')
    await record.pool.query(`UPDATE "Passkey" SET roles = '["ops","owner"]' WHERE "credentialId" = $1`, [
      good.credentialId,
    ])
    expect(await counts(good)).toContain('no worker has certified')
    await record.pool.query(`UPDATE "Passkey" SET roles = '["ops"]', "accountId" = $2 WHERE "credentialId" = $1`, [
      good.credentialId,
      ids.mia,
    ])
    expect(await counts(good)).toContain('no worker has certified')
  })

  it('cannot bring a removed passkey back', async () => {
    const key = await enrolled(record, context.signer, ids.lena ?? 0, ['ops'])
    const { id } = (await record.db.passkey.findUniqueOrThrow({ where: { credentialId: key.credentialId } })) as {
      id: number
    }
    expect(await counts(key)).toMatchObject({ roles: ['ops'] })
    const before = await record.db.passkey.findUniqueOrThrow({ where: { id } })
    expect((await post('omar', `/passkeys/${id}/remove`)).status).toBe(404)
    await done(post('lena', `/passkeys/${id}/remove`, { because: 'lost it' }))
    expect(await counts(key)).toBe('this passkey was removed')
    await eventually('the worker remembers it', async () =>
      readMemory(context.trail).removed.includes(key.credentialId),
    )
    const { challenge } = await done<{ challenge: string }>(post(null, '/session/passkey/challenge'))
    expect((await post(null, '/session/passkey', { assertion: key.get({ ...site(), challenge }) })).status).toBe(401)

    await record.pool.query(
      `UPDATE "Passkey" SET status = 'admitted', "removedAt" = NULL, certificate = $2 WHERE id = $1`,
      [id, before.certificate],
    )
    expect(await counts(key)).toBe('this passkey was removed')
    // With a trail that was put back as well, the worker's memory is what is left.
    const nothing = {
      ...record.pool,
      query: (text: string, values: unknown[]) => record.pool.query(text.replace("'passkey.remove'", "'none'"), values),
    }
    expect(await admittedKey(nothing as never, key.credentialId, trust)).toBe('this passkey was removed')
    expect(
      await admittedKey(nothing as never, key.credentialId, { ...trust, keys: trust.keys, removed: () => false }),
    ).toMatchObject({ roles: ['ops'] })
    // Nor by proposing it again.
    await record.pool.query(`UPDATE "Passkey" SET status = 'proposed' WHERE id = $1`, [id])
    const code = await makeEnrolmentCode(keys)
    const claim = enrolmentClaim({ accountId: ids.lena ?? 0, credentialId: key.credentialId, spki: key.spki })
    await done(post('lena', `/passkeys/${id}/code`, { proof: proofOf(code, claim) }))
    expect(await judged('lena', id)).toMatchObject({ state: 'refused', because: 'it was removed before' })
  })

  it('cannot use the passkey of an account that is disabled', async () => {
    const { id: account } = await createAccount(record, { name: 'gone', password: PASSWORD, role: 'ops' })
    const key = await enrolled(record, context.signer, account, ['ops'], 'EdDSA')
    expect(await counts(key)).toMatchObject({ roles: ['ops'] })
    await record.pool.query('UPDATE "Account" SET "disabledAt" = clock_timestamp() WHERE id = $1', [account])
    expect(await counts(key)).toBe('the account of this passkey is disabled')
    const { challenge } = await done<{ challenge: string }>(post(null, '/session/passkey/challenge'))
    expect((await post(null, '/session/passkey', { assertion: key.get({ ...site(), challenge }) })).status).toBe(403)
  })
})

it('an administrator removes a passkey of anybody', async () => {
  const { id } = await add('mia')
  await done(post('ada', `/passkeys/${id}/remove`, { because: 'the laptop was stolen' }))
  expect(await read('mia', id)).toBeUndefined()
})

it('a passkey has a name that its owner gives', async () => {
  const { id } = await add('mia')
  expect(await done(post('mia', `/passkeys/${id}/rename`, { name: 'the blue one' }))).toMatchObject({
    name: 'the blue one',
  })
  expect((await post('noor', `/passkeys/${id}/rename`, { name: 'mine' })).status).toBe(404)
})

/** What a web process that was taken over could write: a vouch of its own making, and the bell. */
async function plantVouch(id: number, owner: Name, key: SoftPasskey, change: object, lies = {}) {
  const row = await record.db.passkey.findUniqueOrThrow({ where: { id } })
  const { canonical, sha256 } = await import('../../audit/canonical')
  const account = await record.db.account.findUniqueOrThrow({ where: { name: owner } })
  const voucher = await record.db.passkey.findUniqueOrThrow({ where: { credentialId: key.credentialId } })
  const text = canonical({
    v: 1,
    type: 'shiplock.enrolment',
    origin: trust.origin,
    passkey: id,
    account: account.id,
    account_name: owner,
    credential: row.credentialId,
    spki_sha256: sha256(row.spki),
    roles: [account.role],
    voucher: voucher.accountId,
    nonce: 'bm9uY2U',
    iat: new Date().toISOString(),
    exp: new Date(Date.now() + 60_000).toISOString(),
    ...change,
  })
  const assertion = key.get({ ...site(), challenge: vouchChallenge(text) }, lies)
  await record.pool.query(
    `UPDATE "Passkey" SET status = CASE status WHEN 'refused' THEN 'proposed' ELSE status END, vouch = $2::jsonb, "dueAt" = clock_timestamp() WHERE id = $1`,
    [id, JSON.stringify({ statement: text, assertion })],
  )
  await record.pool.query(`SELECT pg_notify('shiplock', $1)`, [`passkey:${id}:due`])
}
