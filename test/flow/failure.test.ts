import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canStartSecondDocker, type SecondDocker, secondDocker } from '../contract/second-docker'
import { BUSYBOX, eventually, Shiplock, serviceFile } from '../given'

const docker = new Docker()

describe('what can go wrong with a commit', () => {
  let shiplock: Shiplock
  beforeAll(async () => {
    shiplock = await Shiplock.start()
    await shiplock.project()
  })
  afterAll(() => shiplock?.close())

  const dockerfile = (line: string) => ({
    Dockerfile: `FROM ${BUSYBOX}\n${line}\nCOPY www /www\nCMD ["httpd","-f","-p","8085","-h","/www"]\n`,
  })

  it('a test that fails ends the run, with the command, its exit code and its output; nothing is deployed', async () => {
    const commit = await shiplock.push('develop', { '.shiplock.yaml': serviceFile({ unit: 'echo nearly; exit 3' }) })
    const run = await shiplock.endedRun(commit)
    expect(run).toMatchObject({ status: 'failed', because: expect.stringContaining('3') })
    expect(run.stages.map((s) => [s.name, s.status])).toEqual([
      ['static', 'succeeded'],
      ['build', 'succeeded'],
      ['unit', 'failed'],
    ])
    expect(run.stages.at(-1)?.exitCode).toBe(3)
    expect(await shiplock.log(run.id, 'unit')).toContain('nearly')
    expect(run.promotions).toEqual([])
    await shiplock.told(commit, { 'shiplock/unit': 'failed' })
  })

  it('a Dockerfile that fails is a verdict: the stages after it are skipped, and the log says why', async () => {
    const commit = await shiplock.push('develop', dockerfile('RUN echo cannot && false'))
    const run = await shiplock.endedRun(commit)
    expect(run.stages.map((s) => [s.name, s.status])).toEqual([
      ['static', 'succeeded'],
      ['build', 'failed'],
      ['unit', 'skipped'],
    ])
    expect(await shiplock.log(run.id, 'build')).toContain('cannot')
  })

  it('a base image that is nowhere is named', async () => {
    const commit = await shiplock.push('develop', { Dockerfile: 'FROM no-such-image.example.invalid/x:1\n' })
    expect((await shiplock.endedRun(commit)).because).toContain('no-such-image.example.invalid/x:1')
  })

  it('a release that never gets healthy leaves the old one serving, and says why with its last words', async () => {
    const good = await shiplock.push('develop', {
      'www/index.html': 'good\n',
      ...dockerfile(''),
      '.shiplock.yaml': serviceFile(),
    })
    const before = await shiplock.deployed(good)
    const bad = await shiplock.push('develop', {
      Dockerfile: `FROM ${BUSYBOX}\nCMD ["sh","-c","echo I cannot go on; sleep 600"]\n`,
      '.shiplock.yaml': serviceFile({ unit: 'true', startPeriod: '1s' }),
    })
    const run = await shiplock.endedRun(bad)
    const promotion = await shiplock.promotionOf(run.id)
    expect(promotion).toMatchObject({ status: 'failed', because: expect.stringContaining('I cannot go on') })
    const place = await shiplock.environment()
    expect(place.running?.release.commit).toBe(good)
    expect(await (await fetch(String(before.running.url))).text()).toBe('good\n')
    expect(
      await docker.listContainers({ all: true, filters: { label: [`shiplock.instance=${shiplock.instance}`] } }),
    ).toHaveLength(1)
  })

  it.each([
    [
      'unknown keys, each with its line and the nearest right name',
      'service: hello\nversion: "1.0"\nstage: {}\n',
      /line 3: .*stages/,
    ],
    ['wrong types', 'service: hello\nversion: "1.0"\ndeploy: { replicas: many }\n', /replicas/],
    ['tabs', 'service: hello\nversion: "1.0"\nstages:\n\tstatic: { run: ["x"] }\n', /line 4/],
    [
      'a document that is a bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
        .split('')
        .map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`)
        .join('\n')}\n`,
      /./,
    ],
  ])('a service file with %s fails the run and says so', async (_what, text, because) => {
    const run = await shiplock.endedRun(await shiplock.push('develop', { '.shiplock.yaml': text }))
    expect(run).toMatchObject({ status: 'failed', stages: [], because: expect.stringMatching(because) })
    expect(run.problems.length).toBeGreaterThan(0)
  })

  it('a repository without a service file gets the default pipeline, and may go to test', async () => {
    const commit = await shiplock.push('develop', { ...dockerfile(''), '.shiplock.yaml': null })
    const run = await shiplock.endedRun(commit)
    expect(run).toMatchObject({ templated: true, status: 'succeeded' })
    expect((await shiplock.promotionOf(run.id)).verdicts.find((v) => v.gate === 'service file')?.because).toContain(
      'no .shiplock.yaml',
    )
  })

  it('a branch for which the service file has no stage ends at once, and says so', async () => {
    const commit = await shiplock.push('feature/nothing-to-do', {
      '.shiplock.yaml': 'service: hello\nversion: "1.0"\nbuild: { dockerfile: Dockerfile }\n',
      ...dockerfile(''),
    })
    const run = await shiplock.endedRun(commit)
    expect(run).toMatchObject({ status: 'succeeded' })
    expect(run.stages).toEqual([
      expect.objectContaining({ name: 'static', status: 'skipped', because: expect.stringContaining('no such stage') }),
    ])
  })

  it('a canceled run is final: what runs is gone within seconds, and nothing starts after', async () => {
    const commit = await shiplock.push('feature/endless', {
      '.shiplock.yaml': serviceFile({ static: "trap '' TERM; while true; do sleep 1; done" }),
    })
    const run = await shiplock.runOf(commit)
    await eventually('it runs', async () =>
      (await shiplock.client.run(run.id)).stages.some((s) => s.status === 'running'),
    )
    const answer = await shiplock.client.ask<object>('POST', `/runs/${run.id}/cancel`, { because: 'it is endless' })
    expect(answer).toBeDefined()
    expect((await shiplock.client.run(run.id)).status).toBe('canceled')
    await eventually(
      'its container is gone',
      async () =>
        (
          await docker.listContainers({
            all: true,
            filters: { label: [`shiplock.instance=${shiplock.instance}`, `shiplock.run=${run.id}`] },
          })
        ).length === 0,
      20_000,
    )
    expect((await shiplock.client.run(run.id)).stages.map((s) => s.status)).toEqual(['canceled'])
  })

  it('of a stage that prints without end, the first mebibyte and the last fifteen are kept, and the gap is said', async () => {
    const commit = await shiplock.push('feature/loud', {
      '.shiplock.yaml': serviceFile({
        static:
          'echo FIRST; yes 0123456789012345678901234567890123456789012345678901234567890123 | head -c 60000000; echo; echo LAST',
      }),
    })
    const run = await shiplock.endedRun(commit)
    expect(run.status).toBe('succeeded')
    const log = await shiplock.log(run.id, 'static')
    expect(log.length).toBeLessThan(17 * 1024 * 1024)
    expect(log).toContain('FIRST')
    expect(log).toContain('LAST')
    expect(run.stages[0]?.logBytes).toBeGreaterThan(60_000_000)
    const { rows } = await shiplock.record.pool.query<{ bytes: string }>(
      'SELECT sum(bytes) AS bytes FROM "LogChunk" c JOIN "Stage" s ON s.id = c."stageId" WHERE s."runId" = $1',
      [run.id],
    )
    expect(Number(rows[0]?.bytes)).toBeLessThan(17 * 1024 * 1024)
  })
})

describe('what can go wrong with the forge', () => {
  let shiplock: Shiplock
  beforeAll(async () => {
    shiplock = await Shiplock.start()
    await shiplock.project()
  })
  afterAll(() => shiplock?.close())

  it('it is down: the push is kept, the page says what it waits for, and it goes on by itself', async () => {
    shiplock.forge.misbehave({ api: [{ status: 502, times: 1000 }] })
    const commit = await shiplock.push('feature/down', { 'www/index.html': 'x\n' })
    const run = await shiplock.runOf(commit)
    const waiting = await eventually('it waits for its next try', async () => {
      const now = (await shiplock.client.run(run.id)).waiting
      return now?.until != null && now
    })
    expect(waiting.what).toMatch(/502/)
    shiplock.forge.misbehave({})
    expect((await shiplock.endedRun(commit)).status).toBe('succeeded')
    await shiplock.told(commit, { 'shiplock/static': 'success' })
  })

  it('it asks for patience (429): its own time is kept', async () => {
    shiplock.forge.misbehave({ api: [{ status: 429, retryAfter: 2, times: 1, match: 'GET .*/branches/' }] })
    const commit = await shiplock.push('feature/patience', { 'www/index.html': 'y\n' })
    const run = await shiplock.endedRun(commit)
    expect(run.status).toBe('succeeded')
    const { rows } = await shiplock.record.pool.query(
      `SELECT because FROM "AuditEntry" WHERE "runId" = $1 AND kind = 'run.lose'`,
      [run.id],
    )
    expect(rows).toHaveLength(1)
    expect(Number(run.waited_ms)).toBeGreaterThan(1900)
  })

  it('it is slow, delivers twice and out of order: each push has one run', async () => {
    shiplock.forge.misbehave({ slowMs: 100, webhooks: { duplicate: 2, reorder: true, delayMs: 50 } })
    const first = await shiplock.push('feature/a', { 'www/index.html': 'a\n' })
    const second = await shiplock.push('feature/b', { 'www/index.html': 'b\n' })
    expect((await shiplock.endedRun(first)).status).toBe('succeeded')
    expect((await shiplock.endedRun(second)).status).toBe('succeeded')
    shiplock.forge.misbehave({})
    const { items } = await shiplock.client.runs({ limit: '100' })
    expect(items.filter((r) => [first, second].includes(r.commit))).toHaveLength(2)
  })

  it('it refuses statuses for a while: the run is not held up, and the statuses catch up', async () => {
    shiplock.forge.misbehave({ api: [{ status: 500, times: 4, match: 'POST .*/statuses/' }] })
    const commit = await shiplock.push('feature/mute', { 'www/index.html': 'm\n' })
    expect((await shiplock.endedRun(commit)).status).toBe('succeeded')
    await shiplock.told(commit, { 'shiplock/static': 'success' })
  })

  it('a token that is revoked breaks the connection with the way to mend it', async () => {
    const id = await shiplock.client.connect({
      forge: 'gitlab',
      forgeUrl: shiplock.forge.url,
      path: 'team/other',
      token: 'glpat-revoked-token-0000',
    })
    const project = await eventually('it is broken', async () => {
      const now = await shiplock.client.project(id.id)
      return now.status === 'broken' && now
    })
    expect(project.checks).toEqual([
      { name: 'token', ok: false, because: expect.any(String), remedy: expect.stringContaining('Maintainer') },
    ])
    expect(JSON.stringify(project)).not.toContain('revoked-token')

    await shiplock.forge.addProject({ path: 'team/other', members: { 'shiplock-bot': 40 } })
    const again = await shiplock.client.connect({
      forge: 'gitlab',
      forgeUrl: shiplock.forge.url,
      path: 'team/other',
      token: shiplock.botToken,
    })
    expect(again.id).toBe(id.id)
    await eventually('the new token is tried', async () => {
      const now = await shiplock.client.project(id.id)
      return now.checks.some((c) => c.name === 'project' && c.ok)
    })
  })
})

describe.skipIf(!canStartSecondDocker)('what can go wrong with the engine', () => {
  let second: SecondDocker
  let shiplock: Shiplock
  beforeAll(async () => {
    second = await secondDocker()
    shiplock = await Shiplock.start({ engine: second.engine })
    await shiplock.project()
  })
  afterAll(async () => {
    await shiplock?.close()
    await second?.remove()
  })

  it('it is stopped in mid-build: the stage is errored and says so, and is tried again once the engine is back', async () => {
    const commit = await shiplock.push('develop', {
      Dockerfile: 'FROM scratch\nCOPY . /\n',
      '.shiplock.yaml': 'service: hello\nversion: "1.0"\nbuild: { dockerfile: Dockerfile }\n',
    })
    const run = await shiplock.runOf(commit)
    await eventually('it builds', async () => (await shiplock.client.run(run.id)).stages[0]?.status === 'running')
    await second.kill()
    const stage = await eventually('it errors', async () => {
      const now = (await shiplock.client.run(run.id)).stages[0]
      return now?.status === 'errored' && now
    })
    expect(stage.because).toMatch(/tried again in/)
    await second.start()
    const ended = await shiplock.endedRun(commit)
    expect(ended).toMatchObject({ status: 'succeeded' })
    expect(ended.stages[0]?.attempts).toBeGreaterThan(1)
    expect(ended.stages[0]?.digest).toMatch(/^sha256:/)
  })
})
