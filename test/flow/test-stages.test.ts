// What stages leave, from the engine's hands to the reader's: reports, files, output.
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAccount } from '../../app/_server/accounts'
import { NAMED } from '../../app/_server/rest/shapes'
import { startWeb, type Web } from '../../app/_server/server'
import { MOST_BYTES, MOST_FILES, type ResultsOrder, resultsOf } from '../../pipelines/stage-results'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { SHIPLOCK } from '../../prisma/record'
import { ensureKeys } from '../../prisma/seal'
import { prune } from '../../worker/prune'
import { freshDatabase } from '../database'

const PASSWORD = 'correct horse battery'
let database: Awaited<ReturnType<typeof freshDatabase>>
let record: RecordHandle
let web: Web
let keys: string
let cookie = ''
let run = 0
let promotion = 0

beforeAll(async () => {
  database = await freshDatabase()
  record = openRecord(database.url, { max: 4 })
  keys = mkdtempSync(path.join(tmpdir(), 'shiplock-tests-'))
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
    environments: [],
  })
  await createAccount(record, { name: 'vera', password: PASSWORD, role: 'viewer' }, SHIPLOCK)
  const answer = await fetch(`${web.url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'vera', password: PASSWORD }),
  })
  cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  await seed()
})

afterAll(async () => {
  await web?.close()
  await record?.close()
  await database?.drop()
  if (keys) rmSync(keys, { recursive: true })
})

/** A run whose release was promoted once. */
async function seed() {
  const project = await record.db.project.create({
    data: {
      forge: 'gitlab',
      forgeUrl: 'https://gitlab.example.com',
      path: 'team/hello',
      name: 'hello',
      tokenSealed: randomBytes(8),
      hook: 'hook-of-hello-0123456789',
      hookSealed: randomBytes(8),
      createdBy: 'shiplock',
      environments: { create: [{ name: 'prerelease', position: 2, policy: {} }] },
      runs: {
        create: [
          {
            contentKey: 'k',
            service: 'hello',
            branch: 'release/1',
            branchKind: 'release',
            commit: 'a'.repeat(40),
            before: '0',
          },
        ],
      },
      releases: {
        create: [
          {
            service: 'hello',
            tree: 't',
            buildKey: 'k',
            digest: 'sha256:1',
            image: 'hello:1',
            version: '1.0',
            tag: 'V1.0_202611210000',
            commit: 'a'.repeat(40),
            branch: 'release/1',
            plan: {},
          },
        ],
      },
    },
    include: { runs: true, releases: true, environments: true },
  })
  const [made, release, environment] = [project.runs[0], project.releases[0], project.environments[0]]
  if (!made || !release || !environment) throw new Error('not seeded')
  run = made.id
  const promoted = await record.db.promotion.create({
    data: { environmentId: environment.id, releaseId: release.id, runId: run, requestedBy: 'Shiplock' },
  })
  promotion = promoted.id
}

let others = 0
/** Of a name of its own, where none is given: a run has one stage of a name. */
const stage = (over: { name?: string; promotionId?: number; round?: number; status?: string } = {}) =>
  record.db.stage.create({
    data: { runId: run, name: `stage-${++others}`, position: 0, status: 'running', definition: {}, epoch: 1, ...over },
  })

/** What a stage left, stored; each file with its bytes. */
async function leave(stageId: number, files: Record<string, string | Buffer>, over: Partial<ResultsOrder> = {}) {
  const said: string[] = []
  const results = resultsOf(record, {
    stageId,
    epoch: 1,
    reports: ['reports/*.xml'],
    artifacts: ['dist/**', '**/*.log'],
    secrets: [],
    say: (line) => said.push(line),
    ...over,
  })
  for (const [name, bytes] of Object.entries(files)) await results.take({ path: name, bytes: Buffer.from(bytes) })
  return { results, said, summary: await results.store() }
}

const get = (where: string, headers: Record<string, string> = {}) =>
  fetch(`${web.url}/api/v1${where}`, { headers: { cookie, ...headers } })
const testsOf = async (where: string) => NAMED.TestPage.parse(await (await get(where)).json())
const artifactsOf = async (where: string) => NAMED.ArtifactList.parse(await (await get(where)).json()).items

const report = (...cases: string[]) => `<testsuite name="s">${cases.join('')}</testsuite>`
const passed = (name: string) => `<testcase name="${name}" time="0.01"/>`
const failed = (name: string, why = 'no') =>
  `<testcase name="${name}"><failure message="${why}">${why}</failure></testcase>`

describe('what a stage leaves', () => {
  it('is asked of the engine within bounds, as far as it was asked for', () => {
    const order = { stageId: 1, epoch: 1, secrets: [] }
    const both = resultsOf(record, { ...order, reports: ['a'], artifacts: ['b'] })
    expect(both.globs).toEqual(['a', 'b'])
    expect(both.most).toEqual({ files: 400, fileBytes: 10 * 1024 ** 2, bytes: 50 * 1024 ** 2 })
    expect(resultsOf(record, { ...order, reports: [], artifacts: ['b'] }).most).toEqual({
      files: MOST_FILES,
      fileBytes: 10 * 1024 ** 2,
      bytes: MOST_BYTES,
    })
  })

  it('is read where it is a report, kept where it is an artifact, and both where it is both', async () => {
    const { id } = await stage()
    const { summary } = await leave(id, {
      'reports/a.xml': report(passed('one'), failed('two')),
      'reports/b.xml': report('<testcase name="three"><skipped/></testcase>'),
      'dist/app.js': 'let x',
      'reports/sub/c.xml': 'in no pattern',
      'reports/run.log': 'a log',
    })
    expect(summary).toEqual({
      total: 3,
      passed: 1,
      failed: 1,
      errored: 0,
      skipped: 1,
      ms: 10,
      files: 2,
      dropped: 0,
      problems: [],
    })
    const cases = await record.db.testCase.findMany({ where: { stageId: id }, orderBy: { position: 'asc' } })
    expect(cases.map((c) => [c.epoch, c.position, c.suite, c.name, c.status, c.message])).toEqual([
      [1, 0, 's', 'one', 'passed', ''],
      [1, 1, 's', 'two', 'failed', 'no'],
      [1, 2, 's', 'three', 'skipped', ''],
    ])
    const files = await record.db.artifact.findMany({ where: { stageId: id }, orderBy: { path: 'asc' } })
    expect(files.map((f) => [f.path, f.bytes, Buffer.from(f.data).toString()])).toEqual([
      ['dist/app.js', 5, 'let x'],
      ['reports/run.log', 5, 'a log'],
    ])
    expect(files[0]?.sha256).toBe(createHash('sha256').update('let x').digest('hex'))
    expect((await record.db.stage.findUniqueOrThrow({ where: { id } })).tests).toEqual(summary)
  })

  it('in reports that are asked for and do not come is told in the summary', async () => {
    const { summary } = await leave((await stage()).id, {})
    expect(summary).toMatchObject({ total: 0, files: 0, problems: ['nothing was left that reports/*.xml names'] })
  })

  it('without reports asked for has no summary, and its files are kept all the same', async () => {
    const { id } = await stage()
    const { summary } = await leave(id, { 'dist/a': 'a' }, { reports: [] })
    expect(summary).toBeNull()
    expect(await record.db.artifact.count({ where: { stageId: id } })).toBe(1)
  })

  it('that cannot be read is told with the name of the file, and hides nothing of the others', async () => {
    const broken = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`reports/${i}.xml`, '<testsuite>']))
    const { summary } = await leave((await stage()).id, { ...broken, 'reports/z.xml': report(passed('one')) })
    expect(summary).toMatchObject({ total: 1, files: 31 })
    expect(summary?.problems).toHaveLength(21)
    expect(summary?.problems[0]).toContain('reports/0.xml is not a readable report')
    expect(summary?.problems.at(-1)).toBe('and 10 more')
  })

  it('is masked in what is read, and never stored with a secret', async () => {
    const secret = 'glpat-0123456789abcdef'
    const { id } = await stage()
    const { summary } = await leave(
      id,
      { 'reports/a.xml': report(failed(`with ${secret}`, secret)), [`reports/${secret}.xml`]: 'x' },
      { secrets: [secret] },
    )
    const stored = JSON.stringify([summary, await record.db.testCase.findMany({ where: { stageId: id } })])
    expect(stored).not.toContain(secret)
    expect(stored).toContain('with [masked]')
  })

  it('of too many cases is kept where it tells most, over all reports', async () => {
    const many = Array.from({ length: 1500 }, (_, i) => passed(`p${i}`))
    const { id } = await stage()
    const { summary } = await leave(id, {
      'reports/a.xml': report(...many),
      'reports/b.xml': report(...many, failed('the one')),
    })
    expect(summary).toMatchObject({ total: 3001, passed: 3000, failed: 1, dropped: 1001 })
    expect(await record.db.testCase.count({ where: { stageId: id } })).toBe(2000)
    expect(await record.db.testCase.count({ where: { stageId: id, name: 'the one' } })).toBe(1)
  })

  it('in files is kept up to a limit of number and size, and what is not is said', async () => {
    const { id } = await stage()
    const many = Object.fromEntries(Array.from({ length: MOST_FILES + 1 }, (_, i) => [`dist/${i}`, 'x']))
    const { said } = await leave(id, many)
    expect(said).toEqual([`not kept: dist/${MOST_FILES} comes after ${MOST_FILES} others`])
    expect(await record.db.artifact.count({ where: { stageId: id } })).toBe(MOST_FILES)

    const large = Buffer.alloc(9 * 1024 ** 2)
    const next = await stage()
    const second = await leave(next.id, {
      'dist/a': large,
      'dist/b': large,
      'dist/c': large,
      'dist/d': 'small',
      'dist/e': Buffer.alloc(10 * 1024 ** 2 + 1),
    })
    expect(second.said).toEqual([
      'not kept: dist/c does not fit in the 25 MiB of a stage',
      'not kept: dist/e is larger than 10 MiB',
    ])
    expect((await record.db.artifact.findMany({ where: { stageId: next.id }, select: { path: true } })).length).toBe(3)
  })

  it('is told as left out where the engine leaves it out', async () => {
    const { id } = await stage()
    const results = resultsOf(record, { stageId: id, epoch: 1, reports: ['*.xml'], artifacts: [], secrets: [] })
    results.leftOut('left out: big.xml is larger than 10m')
    expect((await results.store())?.problems).toEqual(['left out: big.xml is larger than 10m'])
  })

  it('may be stored twice, and is there once', async () => {
    const { id } = await stage()
    const { results } = await leave(id, { 'reports/a.xml': report(passed('one')), 'dist/a': 'a' })
    await results.store()
    expect(await record.db.testCase.count({ where: { stageId: id } })).toBe(1)
    expect(await record.db.artifact.count({ where: { stageId: id } })).toBe(1)
  })

  it('of a lost attempt is not written, and of an earlier one goes', async () => {
    const { id } = await stage()
    await leave(id, { 'reports/a.xml': report(passed('first')), 'dist/a': 'first' })
    await record.db.stage.update({ where: { id }, data: { epoch: 2 } })
    const lost = await leave(id, { 'reports/a.xml': report(passed('late')), 'dist/a': 'late' })
    expect(lost.summary).toBeNull()
    expect((await record.db.testCase.findMany({ where: { stageId: id } })).map((c) => c.name)).toEqual(['first'])
    await leave(id, { 'reports/a.xml': report(passed('second')), 'dist/a': 'second' }, { epoch: 2 })
    expect((await record.db.testCase.findMany({ where: { stageId: id } })).map((c) => c.name)).toEqual(['second'])
    const [file] = await record.db.artifact.findMany({ where: { stageId: id } })
    expect(Buffer.from(file?.data ?? '').toString()).toBe('second')
  })
})

describe('the tests of a stage, through REST', () => {
  beforeAll(async () => {
    const cases = Array.from({ length: 60 }, (_, i) => (i % 6 === 5 ? failed(`t${i}`) : passed(`t${i}`)))
    await leave((await stage({ name: 'integration' })).id, { 'reports/a.xml': report(...cases) })
  })

  it('are given page by page, each once', async () => {
    const seen: string[] = []
    let after = ''
    for (let pages = 0; pages < 20; pages++) {
      const page = await testsOf(`/runs/${run}/stages/integration/tests?limit=7${after}`)
      expect(page).toMatchObject({
        stage: 'integration',
        status: 'running',
        attempt: 1,
        summary: { total: 60, failed: 10 },
      })
      seen.push(...page.items.map((c) => c.name))
      if (page.next === null) break
      after = `&after=${page.next}`
    }
    expect(seen).toEqual(Array.from({ length: 60 }, (_, i) => `t${i}`))
  })

  it('may be those of one status', async () => {
    const page = await testsOf(`/runs/${run}/stages/integration/tests?status=failed&limit=9`)
    expect(page.items.map((c) => c.name).slice(0, 2)).toEqual(['t5', 't11'])
    const rest = await testsOf(`/runs/${run}/stages/integration/tests?status=failed&limit=9&after=${page.next}`)
    expect(rest.items.map((c) => c.name)).toEqual(['t59'])
    expect(rest.next).toBeNull()
  })

  it('start again where a new attempt has left others', async () => {
    const page = await testsOf(`/runs/${run}/stages/integration/tests?after=7.30&limit=1`)
    expect(page.items.map((c) => c.name)).toEqual(['t0'])
  })

  it('are none where the stage left none', async () => {
    await stage({ name: 'api' })
    expect(await testsOf(`/runs/${run}/stages/api/tests`)).toMatchObject({
      attempt: 0,
      summary: null,
      items: [],
      next: null,
    })
  })

  it.each([
    ['/runs/999/stages/unit/tests', 404],
    ['/runs/1/stages/stress/tests', 404],
    ['/runs/1/stages/nothing/tests', 422],
    ['/runs/1/stages/integration/tests?after=x', 422],
    ['/runs/1/stages/integration/tests?status=odd', 422],
    ['/promotions/999/stages/functional/tests', 404],
    ['/promotions/999/artifacts', 404],
    ['/runs/999/artifacts', 404],
    ['/artifacts/999999', 404],
    ['/artifacts/x', 422],
  ])('%s answers %s', async (where, status) => {
    expect((await get(where)).status).toBe(status)
  })
})

describe('the verification of a promotion', () => {
  beforeAll(async () => {
    for (const round of [1, 2]) {
      const { id } = await stage({ name: 'functional', promotionId: promotion, round, status: 'succeeded' })
      await leave(id, { 'reports/a.xml': report(passed(`round ${round}`)), [`dist/${round}`]: 'x' })
      const text = Buffer.from(`output of round ${round}\n`)
      await record.db.logChunk.create({
        data: { stageId: id, epoch: 1, seq: 0, offset: 0, bytes: text.length, data: gzipSync(text) },
      })
    }
  })

  it('shows cases, files and output of its latest round', async () => {
    expect((await testsOf(`/promotions/${promotion}/stages/functional/tests`)).items.map((c) => c.name)).toEqual([
      'round 2',
    ])
    expect((await artifactsOf(`/promotions/${promotion}/artifacts`)).map((f) => `${f.stage} ${f.path}`)).toEqual([
      'functional dist/2',
    ])
    const log = NAMED.LogPage.parse(await (await get(`/promotions/${promotion}/stages/functional/log`)).json())
    expect(log).toMatchObject({ text: 'output of round 2\n', status: 'succeeded', more: false })
  })

  it('has its output streamed as it comes', async () => {
    const answer = await get(`/promotions/${promotion}/stages/functional/log?follow=1`, { accept: 'text/event-stream' })
    expect(answer.headers.get('content-type')).toContain('text/event-stream')
    const text = await answer.text()
    expect(text).toContain('output of round 2')
    expect(text).toContain('event: end')
  })

  it('is no stage of the run', async () => {
    expect((await get(`/runs/${run}/stages/functional/log`)).status).toBe(404)
    expect((await get(`/runs/${run}/stages/functional/tests`)).status).toBe(404)
    expect((await artifactsOf(`/runs/${run}/artifacts`)).filter((f) => f.stage === 'functional')).toEqual([])
  })
})

describe('a file that a stage left', () => {
  const bytes = randomBytes(3 * 1024 ** 2 + 17)
  let files: Awaited<ReturnType<typeof artifactsOf>>
  beforeAll(async () => {
    const { id } = await stage({ name: 'component' })
    await leave(id, {
      'dist/a.bin': bytes,
      'dist/empty': '',
      'dist/index.html': '<script>alert(1)</script>',
      'dist/über "x"\r\n\u202egpj.exe': 'x',
      'dist/.hidden': 'x',
      'dist/..': 'x',
    })
    files = (await artifactsOf(`/runs/${run}/artifacts`)).filter((f) => f.stage === 'component')
  })
  const download = (name: string) => get(`/artifacts/${files.find((f) => f.path === `dist/${name}`)?.id}`)
  const dispositionOf = async (name: string) => (await download(name)).headers.get('content-disposition')

  it('is listed with its size, its hash, and for how long it is kept', () => {
    const file = files.find((f) => f.path === 'dist/a.bin')
    expect(file).toMatchObject({
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      attempt: 1,
    })
    expect(Date.parse(file?.keptUntil ?? '') - Date.parse(file?.createdAt ?? '')).toBe(30 * 86_400_000)
  })

  it('is given byte for byte', async () => {
    const answer = await download('a.bin')
    expect(answer.headers.get('content-length')).toBe(String(bytes.length))
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
    expect((await (await download('empty')).arrayBuffer()).byteLength).toBe(0)
  })

  it('is never shown as a page of ours', async () => {
    const answer = await download('index.html')
    expect(answer.headers.get('content-type')).toBe('application/octet-stream')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(answer.headers.get('content-disposition')).toBe(
      `attachment; filename="index.html"; filename*=UTF-8''index.html`,
    )
    await answer.body?.cancel()
  })

  it('has a name that no system reads something into', async () => {
    expect(await dispositionOf('über "x"\r\n\u202egpj.exe')).toBe(
      `attachment; filename="_ber _x____gpj.exe"; filename*=UTF-8''%C3%BCber%20_x____gpj.exe`,
    )
    expect(await dispositionOf('.hidden')).toContain('filename="hidden"')
    expect(await dispositionOf('..')).toMatch(/filename="artifact-\d+"/)
  })

  it('may be asked for its size alone', async () => {
    const id = files.find((f) => f.path === 'dist/a.bin')?.id
    const answer = await fetch(`${web.url}/api/v1/artifacts/${id}`, { method: 'HEAD', headers: { cookie } })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-length')).toBe(String(bytes.length))
  })

  it('is not given to a stranger', async () => {
    expect((await fetch(`${web.url}/api/v1/artifacts/${files[0]?.id}`)).status).toBe(401)
  })

  it('is forgotten after thirty days, and its neighbours are not', async () => {
    const old = files.find((f) => f.path === 'dist/a.bin')?.id ?? 0
    await record.pool.query(`UPDATE "Artifact" SET "createdAt" = now() - interval '31 days' WHERE id = $1`, [old])
    const before = await record.db.artifact.count()
    await prune(record)
    expect(await record.db.artifact.count()).toBe(before - 1)
    expect((await get(`/artifacts/${old}`)).status).toBe(404)
    const { message } = ((await (await get(`/artifacts/${old}`)).json()) as { error: { message: string } }).error
    expect(message).toContain('30 days')
  })
})
