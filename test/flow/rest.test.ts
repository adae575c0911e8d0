import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createAccount } from '../../app/_server/accounts'
import { may } from '../../app/_server/permit'
import { refuseUnlisted } from '../../app/_server/rest/mount'
import { ROUTES } from '../../app/_server/rest/routes'
import { NAMED } from '../../app/_server/rest/shapes'
import { startWeb, type Web } from '../../app/_server/server'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { ensureKeys } from '../../prisma/seal'
import { freshDatabase } from '../database'
import { observedAsRecorded } from '../observed'

let database: Awaited<ReturnType<typeof freshDatabase>>
let record: RecordHandle
let web: Web
let keys: string
const cookies: Record<string, string> = {}
let stageId = 0
let project = 0

const PASSWORD = 'correct horse battery'
const signIn = async (name: string, password = PASSWORD, headers: Record<string, string> = {}) =>
  fetch(`${web.url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ name, password }),
  })

beforeAll(async () => {
  database = await freshDatabase()
  record = openRecord(database.url, { max: 4 })
  keys = mkdtempSync(path.join(tmpdir(), 'shiplock-rest-'))
  await ensureKeys(keys)
  web = await startWeb({
    record,
    keys,
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    trustProxy: false,
    logLevel: 'silent',
    pages: false,
    environments: [{ name: 'test', policy: { name: 'test', start: 'automatic' } }],
  })
  for (const role of ['admin', 'developer', 'viewer'] as const) {
    await createAccount(record, { name: role, password: PASSWORD, role })
    const answer = await signIn(role)
    cookies[role] = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  }
  await seed()
})

afterAll(async () => {
  await web?.close()
  await record?.close()
  await database?.drop()
  if (keys) rmSync(keys, { recursive: true })
})

/** A project with 60 runs on two branches, one stage with a log, one deployment and one promotion that waits. */
async function seed() {
  const { id } = await record.db.project.create({
    data: {
      forge: 'gitlab',
      forgeUrl: 'https://gitlab.example.com',
      path: 'demo/hello',
      name: 'hello',
      webUrl: 'https://gitlab.example.com/demo/hello',
      status: 'connected',
      tokenSealed: randomBytes(8),
      hook: 'hook-of-hello-0123456789',
      hookSealed: randomBytes(8),
      createdBy: 'shiplock',
      checks: [{ name: 'token', ok: true, because: 'it is there' }],
      environments: {
        create: [
          { name: 'test', position: 0, policy: { name: 'test', start: 'automatic', target: { kind: 'docker' } } },
        ],
      },
    },
  })
  project = id
  await record.db.run.createMany({
    data: Array.from({ length: 60 }, (_, i) => ({
      projectId: id,
      contentKey: `k${i}`,
      service: 'hello',
      branch: i % 2 ? 'develop' : 'feature/x',
      branchKind: i % 2 ? 'develop' : 'feature',
      commit: 'a'.repeat(40),
      before: 'b'.repeat(40),
      status: i === 59 ? 'queued' : 'succeeded',
      title: `commit ${i}`,
      pusherName: 'Ann',
      goesTo: 'test',
    })),
  })
  const run = 58
  const stage = await record.db.stage.create({
    data: {
      runId: run,
      name: 'unit',
      position: 0,
      status: 'succeeded',
      definition: { kind: 'step', image: null, run: ['npm test'] },
      exitCode: 0,
      startedAt: new Date(Date.now() - 5000),
      finishedAt: new Date(Date.now() - 2000),
      epoch: 1,
      attempts: 1,
    },
  })
  stageId = stage.id
  const release = await record.db.release.create({
    data: {
      projectId: id,
      service: 'hello',
      tree: 't',
      buildKey: 'k',
      trust: 'release',
      digest: 'sha256:1',
      image: 'hello:1',
      version: '1.0',
      tag: 'V1.0_202611210000',
      commit: 'a'.repeat(40),
      branch: 'develop',
      plan: {},
    },
  })
  const environment = await record.db.environment.findFirstOrThrow({ where: { projectId: id } })
  const common = { environmentId: environment.id, releaseId: release.id, requestedBy: 'Shiplock' }
  await record.db.promotion.create({
    data: {
      ...common,
      runId: 56,
      status: 'verified',
      observed: 'sha256:1',
      url: 'http://127.0.0.1:8085',
      deployedAt: new Date(),
      startedAt: new Date(),
      stages: {
        create: [{ runId: 56, name: 'functional', round: 1, position: 0, status: 'succeeded', definition: {} }],
      },
    },
  })
  await observedAsRecorded(record)
  await record.db.promotion.create({
    data: { ...common, runId: 58, status: 'failed', because: 'it did not become healthy' },
  })
  await record.db.promotion.create({
    data: {
      ...common,
      runId: 60,
      status: 'waiting',
      verdicts: [{ gate: 'environment free', state: 'waiting', because: 'promotion #9 is being deployed to test' }],
    },
  })
  await record.db.policyChange.create({
    data: {
      environmentId: environment.id,
      baseVersion: 0,
      policy: { name: 'test', start: 'by-hand', target: { kind: 'docker' } },
      reason: 'by hand from now on',
      authorId: 1,
      authorName: 'admin',
    },
  })
  await record.db.mergeRequest.create({
    data: {
      projectId: id,
      iid: 7,
      title: 'A change',
      source: 'feature/x',
      target: 'develop',
      sourceKind: 'feature',
      targetKind: 'develop',
      head: 'a'.repeat(40),
      pairOk: true,
      pairBecause: 'a feature branch may be merged into develop',
      mergeable: 'mergeable',
      approvals: [{ id: '12', name: 'Noor' }],
    },
  })
  await record.db.delivery.create({
    data: {
      projectId: id,
      key: 'd1',
      event: 'Push Hook',
      decision: 'accepted',
      because: 'a push to develop',
      runId: 58,
      bytes: 12,
      body: Buffer.from('{"a":"é"}'),
    },
  })
}

const get = (where: string, as: string | null = 'viewer', headers: Record<string, string> = {}) =>
  fetch(web.url + where, { headers: { ...(as ? { cookie: cookies[as] ?? '' } : {}), ...headers }, redirect: 'manual' })
const post = (where: string, body: unknown, as: string | null = 'admin', headers: Record<string, string> = {}) =>
  fetch(web.url + where, {
    method: 'POST',
    redirect: 'manual',
    body: JSON.stringify(body),
    headers: {
      'content-type': 'application/json',
      origin: web.url,
      ...(as ? { cookie: cookies[as] ?? '' } : {}),
      ...headers,
    },
  })
const errorOf = async (answer: Response) => NAMED.Error.parse(await answer.json()).error

describe('what REST answers', () => {
  const asked: Record<string, string> = {
    '/api/v1/runs': '/api/v1/runs?limit=7&branch=develop',
    '/api/v1/runs/{id}': '/api/v1/runs/58',
    '/api/v1/runs/{id}/stages/{name}/log': '/api/v1/runs/58/stages/unit/log',
    '/api/v1/runs/{id}/stages/{name}/tests': '/api/v1/runs/58/stages/unit/tests',
    '/api/v1/runs/{id}/artifacts': '/api/v1/runs/58/artifacts',
    '/api/v1/promotions/{id}/stages/{name}/log': '/api/v1/promotions/1/stages/functional/log',
    '/api/v1/promotions/{id}/stages/{name}/tests': '/api/v1/promotions/1/stages/functional/tests',
    '/api/v1/promotions/{id}/artifacts': '/api/v1/promotions/1/artifacts',
    '/api/v1/environments/{name}': '/api/v1/environments/test',
    '/api/v1/deliveries/{id}': '/api/v1/deliveries/1',
    '/api/v1/projects/{id}': '/api/v1/projects/1',
    '/api/v1/merge-requests/{id}': '/api/v1/merge-requests/1',
    '/api/v1/promotions/{id}': '/api/v1/promotions/1',
    '/api/v1/releases/{id}': '/api/v1/releases/1',
    '/api/v1/accounts/{id}': '/api/v1/accounts/1',
    '/api/v1/accounts/{id}/sessions': '/api/v1/accounts/1/sessions',
    '/api/v1/accounts/{id}/memberships': '/api/v1/accounts/1/memberships',
    '/api/v1/projects/{id}/memberships': '/api/v1/projects/1/memberships',
  }
  const readable = ROUTES.filter((r) => r.method === 'GET' && r.reply !== null)

  it.each(readable.map((r) => [r.path, r] as const))(
    '%s has the shape that the document promises',
    async (where, line) => {
      // The first entry of the trail is of no project: the accounts were made before there was one.
      const forViewers =
        may({ kind: 'account', role: 'viewer', grants: [] }, line.action ?? '') && !where.includes('{seq}')
      const as = forViewers ? 'viewer' : 'admin'
      // There is one of everything else.
      const answer = await get(asked[where] ?? where.replace('{id}', '1').replace('{seq}', '0'), as)
      expect(answer.status).toBe(200)
      const body = await answer.json()
      const shape = line.reply ? NAMED[line.reply] : null
      expect(shape?.parse(body)).toEqual(body) // equal: nothing that the shape does not name
      expect(answer.headers.get('cache-control')).toBe('private, no-store')
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    },
  )

  it('never holds a sealed secret or a hash', async () => {
    for (const where of ['/api/v1/projects', '/api/v1/projects/1', '/api/v1/tokens', '/api/v1/session']) {
      expect(await (await get(where)).text()).not.toMatch(/sealed|hash|hook-of-hello/i)
    }
  })

  it('pages through 60 runs and gives each of them once', async () => {
    const seen: number[] = []
    let after = ''
    for (let pages = 0; pages < 20; pages++) {
      const page = NAMED.RunPage.parse(await (await get(`/api/v1/runs?limit=9${after}`)).json())
      seen.push(...page.items.map((r) => r.id))
      if (page.next === null) break
      after = `&after=${page.next}`
    }
    expect(seen).toEqual(Array.from({ length: 60 }, (_, i) => 60 - i))
  })

  it('a run says why it waits: no worker is running', async () => {
    const run = NAMED.RunDetail.parse(await (await get('/api/v1/runs/60')).json())
    expect(run.waiting).toMatchObject({ what: 'no worker is running', who: expect.stringContaining('npm run worker') })
    expect(run.promotions[0]?.status).toBe('waiting')
  })

  it('once a worker is alive, the wait is for a free lane, and a gate is told word for word', async () => {
    await record.db.worker.create({ data: { id: 'w1' } })
    const run = NAMED.RunDetail.parse(await (await get('/api/v1/runs/60')).json())
    expect(run.waiting?.what).toBe('a free lane')
    expect(run.promotions[0]?.waiting?.what).toBe('promotion #9 is being deployed to test')
    // An answer is half a second old at most.
    await expect
      .poll(async () => NAMED.Health.parse(await (await get('/api/health', null)).json()), { timeout: 5_000 })
      .toMatchObject({
        status: 'degraded', // this worker has written what it sees of nothing
        worker: true,
        database: true,
      })
    await record.db.worker.deleteMany()
  })

  it('the board shows what runs, what is on its way, and what failed since', async () => {
    const { items } = NAMED.EnvironmentList.parse(await (await get('/api/v1/environments')).json())
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({
      name: 'test',
      service: 'hello',
      start: 'automatic',
      running: { run: 56, by: 'Ann' },
      lastFailed: { run: 58 },
    })
    expect(items[0]?.open.map((p) => p.run)).toEqual([60])
  })

  it('a delivery is shown with its body as text', async () => {
    expect(await (await get('/api/v1/deliveries/1')).json()).toMatchObject({
      body: '{"a":"é"}',
      run: 58,
      project: { path: 'demo/hello' },
    })
  })
})

describe('what is wrong is told as JSON', () => {
  it.each([
    '/api/v1/runs/999999',
    '/api/v1/runs/58/stages/build/log',
    '/api/v1/environments/nowhere',
    '/api/v1/deliveries/77',
    '/api/v1/projects/77',
    '/api/v1/nothing',
    '/api/nothing',
    '/nothing',
    '/webhooks/nothing',
  ])('%s is not found', async (where) => {
    const answer = await get(where)
    expect(answer.status).toBe(404)
    expect((await errorOf(answer)).code).toBe('not.found')
  })

  it('all problems of a question at once', async () => {
    const answer = await get('/api/v1/runs?limit=101&status=odd&colour=red&project=x')
    expect(answer.status).toBe(422)
    const { message } = await errorOf(answer)
    for (const word of ['limit', 'status', 'colour', 'project']) expect(message).toContain(word)
  })

  it('a cursor that is none, a body that is no JSON, and one that is too large', async () => {
    expect((await get('/api/v1/runs?after=-1')).status).toBe(422)
    const broken = await fetch(`${web.url}/api/v1/projects`, {
      method: 'POST',
      body: '{',
      headers: { 'content-type': 'application/json', cookie: cookies.admin ?? '', origin: web.url },
    })
    expect(broken.status).toBe(400)
    await errorOf(broken)
    expect((await post('/api/v1/tokens', { name: 'x'.repeat(2 ** 21) })).status).toBe(413)
  })

  it('what ended cannot be canceled: conflict', async () => {
    const answer = await post('/api/v1/runs/58/cancel', {}, 'developer')
    expect(answer.status).toBe(409)
    expect((await errorOf(answer)).message).toContain('#58')
  })
})

describe('who is let in', () => {
  const concrete = (where: string) =>
    where.replace('{id}', '1').replace('{name}', where.includes('environments') ? 'test' : 'unit')
  const guarded = ROUTES.filter((r) => r.action !== null)

  it.each(guarded.map((r) => [`${r.method} ${r.path}`, r] as const))(
    '%s answers 401 without a session',
    async (_, line) => {
      const strangers: Record<string, string>[] = [
        {},
        { cookie: `shiplock_session=${'A'.repeat(43)}` },
        { authorization: `Bearer slk_${'A'.repeat(43)}` },
        { authorization: 'Basic YTpi' },
      ]
      for (const headers of strangers) {
        const answer = await fetch(web.url + concrete(line.path), { method: line.method, headers })
        expect(answer.status).toBe(401)
        expect((await errorOf(answer)).code).toBe('not.signed.in')
      }
    },
  )

  it.each(guarded.filter((r) => r.method !== 'GET').map((r) => [`${r.method} ${r.path}`, r] as const))(
    '%s refuses a browser from another origin',
    async (_, line) => {
      for (const origin of [
        undefined,
        'null',
        'https://evil.example',
        'http://127.0.0.1:1',
        `${web.url}.evil.example`,
      ]) {
        const answer = await fetch(web.url + concrete(line.path), {
          method: line.method,
          headers: { cookie: cookies.admin ?? '', ...(origin ? { origin } : {}) },
        })
        expect(answer.status, String(origin)).toBe(403)
      }
    },
  )

  it('signing in is refused to another origin as well', async () => {
    expect((await signIn('admin', PASSWORD, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await signIn('admin', PASSWORD, { origin: 'null' })).status).toBe(403)
  })

  it('a viewer changes nothing, a developer connects nothing', async () => {
    expect((await post('/api/v1/runs/60/cancel', {}, 'viewer')).status).toBe(403)
    expect((await post('/api/v1/projects', {}, 'developer')).status).toBe(403)
    expect((await record.db.run.findUniqueOrThrow({ where: { id: 60 } })).status).toBe('queued')
  })

  it('a route that is not in the table stops the start', () => {
    const app = fastify()
    refuseUnlisted(app)
    const add = (config: object) => () =>
      app.route({ method: 'GET', url: '/api/v1/secrets', config, handler: () => 'secret' })
    for (const config of [{}, { action: 'no.such.action' }, { action: null }])
      expect(add(config)).toThrow('is not in the route table')
    expect(add({ action: 'runs.read' })).not.toThrow()
  })

  it('an absolute-form target and an upgrade are turned away', async () => {
    const { port } = new URL(web.url)
    const status = await new Promise<number>((resolve, reject) => {
      httpRequest({ host: '127.0.0.1', port, path: 'http://169.254.169.254/latest' }, (r) =>
        resolve(r.resume().statusCode ?? 0),
      )
        .on('error', reject)
        .end()
    })
    expect(status).toBe(422)
    const answered = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () =>
        socket.write('GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
      )
      let text = ''
      socket.on('data', (d) => {
        text += d
      })
      socket.on('close', () => resolve(text))
    })
    expect(answered).toBe('')
  })
})

describe('sessions and tokens', () => {
  it('the cookie is HttpOnly, SameSite and unknown to the record', async () => {
    const answer = await signIn('viewer')
    const cookie = answer.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^shiplock_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200$/)
    const value = cookie.slice(17, 60)
    expect(await record.db.session.count({ where: { hash: value } })).toBe(0)
    const out = await fetch(`${web.url}/api/v1/session`, {
      method: 'DELETE',
      headers: { cookie: `shiplock_session=${value}`, origin: web.url },
    })
    expect(out.status).toBe(204)
    expect((await get('/api/v1/session', null, { cookie: `shiplock_session=${value}` })).status).toBe(401)
  })

  it('a form is sent on to a path of our own, and back to the login page when the password is wrong', async () => {
    const form = (fields: Record<string, string>) =>
      fetch(`${web.url}/api/v1/session`, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams(fields),
        headers: { origin: web.url },
      })
    const right = await form({ name: 'viewer', password: PASSWORD, next: '/runs/12' })
    expect([right.status, right.headers.get('location')]).toEqual([303, '/runs/12'])
    expect(right.headers.get('set-cookie')).toContain('shiplock_session=')
    expect((await form({ name: 'viewer', password: PASSWORD, next: '//evil.example' })).headers.get('location')).toBe(
      '/',
    )
    const wrong = await form({ name: 'viewer', password: 'wrong', next: '/runs/12' })
    expect([wrong.status, wrong.headers.get('location')]).toEqual([
      303,
      '/login?problem=not.signed.in&next=%2Fruns%2F12',
    ])
  })

  it('after ten wrong passwords even the right one has to wait', async () => {
    await createAccount(record, { name: 'unlucky', password: PASSWORD, role: 'viewer' })
    const answers = await Promise.all(Array.from({ length: 10 }, () => signIn('unlucky', 'wrong')))
    expect(answers.map((a) => a.status)).toEqual(Array(10).fill(401))
    const blocked = await signIn('unlucky')
    expect(blocked.status).toBe(429)
    expect(Number(blocked.headers.get('retry-after'))).toBeGreaterThan(60)
    expect((await signIn('viewer')).status).toBe(200)
  })

  it("a token acts with its account's role, makes no tokens, and ends when it is revoked", async () => {
    const made = NAMED.TokenMade.parse(await (await post('/api/v1/tokens', { name: 'ci' }, 'developer')).json())
    const authorization = `Bearer ${made.token}`
    expect((await get('/api/v1/runs', null, { authorization })).status).toBe(200)
    expect(
      (await post('/api/v1/runs/58/cancel', {}, null, { authorization, origin: 'https://elsewhere.example' })).status,
    ).toBe(409)
    expect((await post('/api/v1/projects', {}, null, { authorization })).status).toBe(403)
    expect((await post('/api/v1/tokens', { name: 'more' }, null, { authorization })).status).toBe(403)
    const { items } = NAMED.TokenList.parse(await (await get('/api/v1/tokens', 'developer')).json())
    expect(items[0]).toMatchObject({ name: 'ci', lastUsedAt: expect.any(String) })
    const revoke = (as: string) =>
      fetch(`${web.url}/api/v1/tokens/${made.id}`, {
        method: 'DELETE',
        headers: { cookie: cookies[as] ?? '', origin: web.url },
      })
    expect((await revoke('admin')).status).toBe(404) // somebody else's
    expect((await revoke('developer')).status).toBe(204)
    expect((await get('/api/v1/runs', null, { authorization })).status).toBe(401)
    const trail = await record.db.auditEntry.findMany({ where: { subject: 'token' }, orderBy: { id: 'asc' } })
    expect(trail.map((e) => e.kind)).toEqual(['token.create', 'token.revoke'])
  })

  it('a session past its time is none', async () => {
    const value = ((await signIn('viewer')).headers.get('set-cookie') ?? '').slice(17, 60)
    await record.pool.query(
      `UPDATE "Session" SET "expiresAt" = clock_timestamp() - interval '1 second' WHERE "createdAt" = (SELECT max("createdAt") FROM "Session")`,
    )
    expect((await get('/api/v1/session', null, { cookie: `shiplock_session=${value}` })).status).toBe(401)
  })
})

describe('changes', () => {
  it('connecting a repository stores its token sealed, and answers with the project', async () => {
    const wanted = { forgeUrl: 'https://gitlab.example.com', path: 'demo/other', token: 'glpat-canary-0123456789' }
    const answer = await post('/api/v1/projects', wanted)
    expect(answer.status).toBe(202)
    const made = NAMED.Project.parse(await answer.json())
    expect(made).toMatchObject({ path: 'demo/other', status: 'connecting', environments: ['test'] })
    expect(JSON.stringify(made)).not.toContain('canary')
    const row = await record.db.project.findUniqueOrThrow({ where: { id: made.id } })
    expect(Buffer.from(row.tokenSealed).toString('latin1')).not.toContain('canary')
    expect((await post('/api/v1/projects', wanted)).status).toBe(409)
    expect((await post(`/api/v1/projects/${project}/recheck`, {})).status).toBe(202)
  })

  it('canceling a run is final when it is answered, and stands in the trail with who did it', async () => {
    const answer = await post('/api/v1/runs/60/cancel', { because: 'a mistake' }, 'developer')
    expect(answer.status).toBe(200)
    const run = NAMED.RunDetail.parse(await answer.json())
    expect(run).toMatchObject({ status: 'canceled', because: 'a mistake', waiting: null })
    expect(run.trail.at(-1)).toMatchObject({ kind: 'run.cancel', actor: 'developer' })
  })
})

describe('logs', () => {
  const piece = (seq: number, offset: number, data: Buffer, epoch = 1) =>
    record.db.logChunk.create({
      data: { stageId, epoch, seq, offset: BigInt(offset), bytes: data.length, data: gzipSync(data) },
    })
  const page = async (query: string) =>
    NAMED.LogPage.parse(await (await get(`/api/v1/runs/58/stages/unit/log?${query}`)).json())

  it('are paged without breaking a character, and say what was not kept', async () => {
    const text = 'ä€😀'.repeat(700)
    const bytes = Buffer.from(text)
    const cut = 1001 // inside a character
    await piece(0, 0, bytes.subarray(0, cut))
    await piece(1, cut, bytes.subarray(cut))
    await piece(4, bytes.length + 5000, Buffer.from('the end\n'))
    let all = ''
    let after = ''
    const gaps: { at: number; bytes: number }[] = []
    for (let i = 0; i < 50; i++) {
      const next = await page(`max_bytes=1024${after}`)
      gaps.push(...next.gaps.map((g) => ({ ...g, at: g.at + all.length })))
      all += next.text
      after = `&after=${next.next}`
      if (!next.more) break
    }
    expect(all).toBe(`${text}the end\n`)
    expect(gaps).toEqual([{ at: text.length, bytes: 5000 }])
    expect(await page(after.slice(1))).toMatchObject({ text: '', more: false })
  })

  it('a piece that cannot be unpacked is a gap; the rest stays readable', async () => {
    await record.db.logChunk.updateMany({ where: { stageId, seq: 1 }, data: { data: Buffer.from('no gzip') } })
    const shown = await page('')
    expect(shown.text.endsWith('the end\n')).toBe(true)
    expect(shown.gaps).toHaveLength(2)
  })

  it('a newer attempt is shown from its beginning, and says that it is another', async () => {
    const before = await page('')
    await piece(0, 0, Buffer.from('second attempt'), 2)
    expect(await page(`after=${before.next}`)).toMatchObject({ text: 'second attempt', attempt: 2, gaps: [] })
  })

  it('are streamed as they come, until the stage has ended', async () => {
    await record.db.stage.update({ where: { id: stageId }, data: { status: 'running' } })
    const answer = await get('/api/v1/runs/58/stages/unit/log?follow=1', 'viewer', { accept: 'text/event-stream' })
    expect(answer.headers.get('content-type')).toContain('text/event-stream')
    const heard = hear(answer)
    await vi.waitFor(() => expect(heard.text()).toContain('second attempt'))
    await piece(1, 14, Buffer.from(' goes on'), 2)
    await record.pool.query(`SELECT pg_notify('shiplock', 'log:' || $1::text)`, [stageId])
    await vi.waitFor(() => expect(heard.text()).toContain(' goes on'))
    await record.db.stage.update({ where: { id: stageId }, data: { status: 'succeeded' } })
    await record.pool.query(`SELECT pg_notify('shiplock', 'stage:' || $1::text || ':succeeded')`, [stageId])
    await heard.over
    expect(heard.text()).toContain('event: end\ndata: {"status":"succeeded"}')
  })
})

describe('what changed', () => {
  it('is told once for many rings, with the run it belongs to, also after the connection was lost', async () => {
    const heard = hear(await get('/api/v1/events'))
    await vi.waitFor(() => expect(heard.text()).toContain('retry:'))
    const ring = () =>
      record.pool.query(
        `SELECT pg_notify('shiplock', 'stage:' || $1::text || ':running') FROM generate_series(1, 50)`,
        [stageId],
      )
    await ring()
    const event = `event: change\ndata: {"subject":"stage","id":${stageId},"run":58}\n\n`
    await vi.waitFor(() => expect(heard.text()).toContain(event), 5000)
    expect(heard.text().split(event)).toHaveLength(2)
    await record.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shiplock web doorbell' AND datname = current_database()`,
    )
    await vi.waitFor(() => expect(heard.text()).toContain('{"subject":"all","id":0,"run":null}'), 5000)
    await ring()
    await vi.waitFor(() => expect(heard.text().split(event)).toHaveLength(3), 5000)
    heard.stop()
  })
})

/** Reads a stream of events as it comes. */
function hear(answer: Response) {
  let text = ''
  const reader = answer.body?.getReader()
  const decoder = new TextDecoder()
  const over = (async () => {
    for (;;) {
      const part = await reader?.read()
      if (!part || part.done) return
      text += decoder.decode(part.value, { stream: true })
    }
  })()
  return { text: () => text, over, stop: () => void reader?.cancel() }
}

describe('a repository on GitHub', () => {
  const github = { forge: 'github', path: 'harbour/checkout', token: 'github_pat_not_one' }

  it('is connected at github.com where no address is given', async () => {
    const answer = await post('/api/v1/projects', github)
    expect(answer.status).toBe(202)
    expect(NAMED.ProjectDetail.parse(await answer.json())).toMatchObject({
      forge: 'github',
      forgeUrl: 'https://github.com',
      path: 'harbour/checkout',
      reconciledAt: null,
    })
  })

  it('is an owner and a repository; and a GitLab needs its address', async () => {
    const deep = await errorOf(await post('/api/v1/projects', { ...github, path: 'harbour/group/checkout' }))
    expect(deep).toMatchObject({ code: 'input.invalid', message: expect.stringContaining('owner/repository') })
    const nowhere = await errorOf(await post('/api/v1/projects', { ...github, forge: 'gitlab' }))
    expect(nowhere).toMatchObject({ code: 'input.invalid', message: expect.stringContaining('forgeUrl') })
  })

  it('is not connected a second time as another forge', async () => {
    const answer = await post('/api/v1/projects', { ...github, forge: 'gitlab', forgeUrl: 'https://github.com' })
    expect(answer.status).toBe(409)
    expect((await errorOf(answer)).message).toContain('is connected as github')
  })
})

describe('the flow of a project', () => {
  const change = (settings: unknown, as = 'admin') => post(`/api/v1/projects/${project}/flow`, settings, as)

  it('is changed as a whole, and given back as settings and as a table', async () => {
    const answer = await change({ branches: { master: 'main' }, forks: 'never' })
    expect(answer.status).toBe(200)
    const detail = NAMED.ProjectDetail.parse(await answer.json())
    expect(detail.flow).toMatchObject({ branches: { master: 'main' }, forks: 'never', tag: 'made' })
    expect(detail.table.find((row) => row.kind === 'master')?.names).toEqual(['main'])
    const again = NAMED.ProjectDetail.parse(await (await change({})).json())
    expect(again.flow.forks).toBe('ask')
  })

  it('tells every problem at once, each with its field', async () => {
    const { code, message } = await errorOf(await change({ branches: { feature: 'story' }, tag: 'perhaps' }))
    expect(code).toBe('input.invalid')
    expect(message).toContain('branches.feature: must end in a slash')
    expect(message).toContain('tag: must be made or awaited')
  })

  it('is not for developers to change', async () => {
    expect((await change({}, 'developer')).status).toBe(403)
  })
})

describe('accounts', () => {
  it('are made with a number of the forge; a generated password is told once', async () => {
    const made = NAMED.AccountMade.parse(
      await (await post('/api/v1/accounts', { name: 'petra', role: 'ops', forgeUserId: '1742' })).json(),
    )
    expect(made.password).toMatch(/^[\w-]{20}$/)
    expect((await signIn('petra', made.password ?? '')).status).toBe(200)
    const { items } = NAMED.AccountPage.parse(await (await get('/api/v1/accounts', 'admin')).json())
    expect(items[0]).toMatchObject({ name: 'petra', role: 'ops', forgeUserId: '1742' })
  })

  it.each([
    [{ name: 'p2', role: 'ops', forgeUserId: 'petra' }, 422, 'forgeUserId'],
    [{ name: 'p2', role: 'emperor' }, 422, 'role'],
    [{ name: 'p2', role: 'ops', password: 'short' }, 422, 'password'],
    [{ name: 'viewer', role: 'ops' }, 409, 'already an account'],
  ])('%j is refused', async (body, status, because) => {
    const answer = await post('/api/v1/accounts', body)
    expect(answer.status).toBe(status)
    expect((await errorOf(answer)).message).toContain(because)
  })

  it('are seen by administrators alone', async () => {
    expect((await get('/api/v1/accounts', 'developer')).status).toBe(403)
  })
})

describe('a merge request', () => {
  it('is approved at the head that was seen, and only there', async () => {
    const where = '/api/v1/merge-requests/1/approve'
    expect((await post(where, { head: 'b'.repeat(40) })).status).toBe(409)
    expect((await post(where, { head: 'abc' })).status).toBe(422)
    const answer = await post(where, { head: 'a'.repeat(40) })
    expect(answer.status).toBe(202)
    const { actions, can } = NAMED.MergeRequestDetail.parse(await answer.json())
    expect(actions[0]).toMatchObject({ kind: 'approve', status: 'queued', by: 'admin' })
    expect(can.approve).toMatchObject({ may: false, because: expect.stringContaining('under way') })
    expect((await post(where, { head: 'a'.repeat(40) })).status).toBe(409)
  })
})
