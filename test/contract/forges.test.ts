// One suite over the Forge interface, for every driver, against a forge on real git. GitLab's stand-in is the demo forge.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type DemoForge, startForge } from '../../demo/forge/forge'
import { type Fault, isFault } from '../../pipelines/fault'
import type { CommitState, Forge } from '../../pipelines/forges/forge'
import { FORGES } from '../../pipelines/forges/index'
import { INTAKES } from '../../pipelines/forges/intake'
import { fetchCommit } from '../../pipelines/git'

const run = promisify(execFile)
const SECRETS = { token: 'token-of-the-webhook', signingKey: Buffer.from([...Array(32).keys()]) }
const STATES: CommitState[] = ['pending', 'running', 'success', 'failed', 'canceled', 'skipped']

it('every forge has its intake', () => {
  expect(Object.keys(INTAKES)).toEqual(Object.keys(FORGES))
})

/** The Fault that a call ends with; the tokens are not in it. */
async function faultOf(work: Promise<unknown>, ...tokens: string[]): Promise<Fault> {
  const error = await work.then(
    () => expect.fail('it went well'),
    (caught: unknown) => caught,
  )
  if (!isFault(error)) throw error
  for (const token of tokens) expect(`${error.stack}${JSON.stringify(error)}`).not.toContain(token)
  return error
}

describe.each(Object.entries(FORGES))('%s', (kind, driver) => {
  const intake = INTAKES[kind] ?? expect.fail('no intake')
  const root = mkdtempSync(join(tmpdir(), 'shiplock-forge-'))
  const clone = join(root, 'clone')
  const deliveries: { headers: IncomingHttpHeaders; body: Buffer }[] = []
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      deliveries.push({ headers: request.headers, body: Buffer.concat(chunks) })
      response.writeHead(202).end()
    })
  })
  let there: DemoForge
  let old: DemoForge
  let hookUrl = ''
  let projectId = 0
  let maintainer = { id: 0, token: '' }
  let developer = { id: 0, token: '' }
  let stranger = { id: 0, token: '' }

  const as = (user: { token: string }, deadlineMs = 10_000): Forge =>
    driver({ url: there.url, token: user.token, deadlineMs })

  async function git(...args: string[]): Promise<string> {
    const env = { PATH: process.env.PATH ?? '', HOME: root, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' }
    const author = ['-c', 'user.name=Somebody Else', '-c', 'user.email=else@example.com', '-c', 'commit.gpgSign=false']
    const { stdout } = await run('git', ['-C', clone, ...author, ...args], { env: env as unknown as NodeJS.ProcessEnv })
    return stdout.trim()
  }
  const remote = (forge = there) => `${forge.url.replace('://', '://dev:password-of-dev@')}/team/hello.git`

  /** Commits and pushes over HTTP, as the developer. */
  async function push(branch: string, message: string, ...options: string[]): Promise<string> {
    await git('commit', '--quiet', '--allow-empty', '--message', message)
    await git('push', '--quiet', '--force', ...options, remote(), `HEAD:refs/heads/${branch}`)
    return git('rev-parse', 'HEAD')
  }

  async function people(forge: DemoForge) {
    const made = [
      await forge.addUser({ username: 'bot', name: 'Bot', password: 'password-of-bot' }),
      await forge.addUser({ username: 'dev', name: 'Dev', password: 'password-of-dev' }),
      await forge.addUser({ username: 'stranger', name: 'Stranger', password: 'password-of-stranger' }),
    ] as const
    const { id } = await forge.addProject({ path: 'team/hello', members: { bot: 40, dev: 30 } })
    return { made, id }
  }

  beforeAll(async () => {
    there = await startForge({ dir: join(root, 'new') })
    old = await startForge({ dir: join(root, 'old'), signing: false })
    const { made, id } = await people(there)
    ;[maintainer, developer, stranger] = made
    projectId = id
    await run('git', ['init', '--quiet', '--initial-branch=develop', '--', clone])
    writeFileSync(join(clone, 'README.md'), 'hello\n')
    await git('add', '--all')
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  })
  beforeEach(() => {
    deliveries.length = 0
    hookUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/webhooks/abc`
  })
  afterEach(() => there.misbehave({}))
  afterAll(async () => {
    receiver.closeAllConnections()
    await Promise.all([there.close(), old.close(), new Promise((resolve) => receiver.close(resolve))])
    rmSync(root, { recursive: true, force: true })
  })

  describe('a token', () => {
    it('tells who it is', async () => {
      expect(await as(maintainer).whoAmI()).toEqual({ id: maintainer.id, username: 'bot' })
    })

    it('that is not known is denied', async () => {
      const fault = await faultOf(as({ token: 'glpat-nobody-has-this-one' }).whoAmI(), 'nobody-has-this-one')
      expect(fault.code).toBe('forge.denied')
    })

    it('opens git', async () => {
      const commit = await push('develop', 'Open the gate')
      const { cloneUrl: url } = await as(maintainer).project('team/hello')
      const order = { dir: join(root, 'cache'), url, commit, deadlineMs: 10_000, signal: new AbortController().signal }
      const fetched = await fetchCommit({ ...order, credentials: as(maintainer).gitCredentials() })
      expect(fetched.title).toBe('Open the gate')
      expect((await fetched.readFile('README.md', 100))?.toString()).toBe('hello\n')
      const denied = { ...order, commit: 'f'.repeat(40), credentials: as({ token: 'glpat-wrong' }).gitCredentials() }
      expect((await faultOf(fetchCommit(denied), 'glpat-wrong')).code).toBe('forge.denied')
    })
  })

  describe('a project', () => {
    it('is found by its path', async () => {
      expect(await as(maintainer).project('team/hello')).toMatchObject({
        id: projectId,
        path: 'team/hello',
        name: 'hello',
        cloneUrl: `${there.url}/team/hello.git`,
        defaultBranch: 'master',
      })
    })

    it.each(['team/nothing', 'hello', 'team', '../../user', 'team/hello/'])('%j is missing', async (path) => {
      expect((await faultOf(as(maintainer).project(path))).code).toBe('forge.missing')
    })

    it('is missing for who may not see it', async () => {
      expect((await faultOf(as(stranger).project('team/hello'))).code).toBe('forge.missing')
    })
  })

  describe('the head of a branch', () => {
    it('is the commit that was pushed last', async () => {
      const first = await push('feature/näme#1', 'One')
      expect(await as(maintainer).head(projectId, 'feature/näme#1')).toEqual({ commit: first, title: 'One' })
      const second = await push('feature/näme#1', 'Two\n\nand why')
      expect(await as(maintainer).head(projectId, 'feature/näme#1')).toEqual({ commit: second, title: 'Two' })
    })

    it('is null where there is no such branch', async () => {
      expect(await as(maintainer).head(projectId, 'feature/nothing')).toBeNull()
      expect(await as(maintainer).head(projectId, '-x --all')).toBeNull()
    })

    it('is missing where there is no such project', async () => {
      expect((await faultOf(as(maintainer).head(4711, 'develop'))).code).toBe('forge.missing')
    })
  })

  describe('a webhook', () => {
    it('is made once, however often it is asked for', async () => {
      const first = await as(maintainer).ensureHook(projectId, hookUrl, SECRETS)
      expect(first.signed).toBe(true)
      expect(await as(maintainer).ensureHook(projectId, hookUrl, SECRETS)).toEqual(first)
      const commit = await push('develop', 'Ring once')
      await vi.waitFor(() => expect(deliveries.length).toBeGreaterThan(0), 10_000)
      await there.idle()
      expect(deliveries).toHaveLength(1)
      expect(deliveries[0]?.body.toString()).toContain(commit)
    })

    it('needs the right to make it', async () => {
      const fault = await faultOf(as(developer).ensureHook(projectId, hookUrl, SECRETS), developer.token, SECRETS.token)
      expect(fault).toMatchObject({ code: 'forge.denied', message: expect.stringContaining('role Maintainer') })
    })

    it('at an address that is none is refused', async () => {
      expect((await faultOf(as(maintainer).ensureHook(projectId, 'nowhere', SECRETS))).code).toBe('forge.refused')
    })

    it('tells of a push what git and the forge tell of it', async () => {
      await as(maintainer).ensureHook(projectId, hookUrl, SECRETS)
      const before = (await as(maintainer).head(projectId, 'develop'))?.commit
      const commit = await push('develop', 'Say the same\n\nthrice')
      await vi.waitFor(() => expect(deliveries).toHaveLength(1), 10_000)
      const [{ headers, body } = expect.fail('nothing came')] = deliveries
      expect(intake.hasSecret(headers)).toBe(true)
      expect(intake.verify(headers, body, { ...SECRETS, signed: true }, Date.now())).toBe(true)
      expect(intake.eventName(headers)).toBe('Push Hook')
      expect(intake.parse(headers, body)).toEqual({
        kind: 'push',
        forgeProjectId: projectId,
        path: 'team/hello',
        branch: 'develop',
        before,
        after: commit,
        title: 'Say the same',
        // Who pushed, as the forge knows it; not who the commit says wrote it.
        pusherId: String(developer.id),
        pusherName: 'dev',
        skip: false,
      })
      expect(await as(maintainer).head(projectId, 'develop')).toEqual({ commit, title: 'Say the same' })
    })

    it('is refused with other secrets, or with another body', async () => {
      await as(maintainer).ensureHook(projectId, hookUrl, SECRETS)
      await push('develop', 'Keep out')
      await vi.waitFor(() => expect(deliveries).toHaveLength(1), 10_000)
      const [{ headers, body } = expect.fail('nothing came')] = deliveries
      const signed = { ...SECRETS, signed: true }
      expect(intake.verify(headers, Buffer.concat([body, Buffer.from(' ')]), signed, Date.now())).toBe(false)
      expect(intake.verify(headers, body, { ...signed, signingKey: Buffer.alloc(32) }, Date.now())).toBe(false)
      expect(intake.verify(headers, body, signed, Date.now() + 600_000)).toBe(false)
    })

    it('follows a change of its secrets', async () => {
      const other = { token: 'another-token', signingKey: Buffer.alloc(32, 9) }
      await as(maintainer).ensureHook(projectId, hookUrl, other)
      await push('develop', 'New locks')
      await vi.waitFor(() => expect(deliveries).toHaveLength(1), 10_000)
      const [{ headers, body } = expect.fail('nothing came')] = deliveries
      expect(intake.verify(headers, body, { ...other, signed: true }, Date.now())).toBe(true)
      expect(intake.verify(headers, body, { ...SECRETS, signed: true }, Date.now())).toBe(false)
    })

    it('keeps the name of a delivery when it comes twice', async () => {
      await as(maintainer).ensureHook(projectId, hookUrl, SECRETS)
      there.misbehave({ webhooks: { duplicate: 1 } })
      await push('develop', 'Twice')
      await vi.waitFor(() => expect(deliveries).toHaveLength(2), 10_000)
      const keys = deliveries.map(({ headers }) => intake.deliveryKey(headers))
      expect(keys[0]).toMatch(/.{8}/)
      expect(keys[1]).toBe(keys[0])
    })

    it('tells of made and deleted branches, of tags, and of what was asked to be skipped', async () => {
      await as(maintainer).ensureHook(projectId, hookUrl, SECRETS)
      const event = async (...args: string[]) => {
        deliveries.length = 0
        await git('push', '--quiet', ...args)
        await vi.waitFor(() => expect(deliveries).toHaveLength(1), 10_000)
        const [{ headers, body } = expect.fail('nothing came')] = deliveries
        return intake.parse(headers, body)
      }
      const commit = await git('rev-parse', 'HEAD')
      const zeros = '0'.repeat(40)
      const made = await event(remote(), 'HEAD:refs/heads/release/1.0')
      expect(made).toMatchObject({ kind: 'push', branch: 'release/1.0', before: zeros, after: commit })
      const gone = await event(remote(), ':refs/heads/release/1.0')
      expect(gone).toMatchObject({ kind: 'push', branch: 'release/1.0', before: commit, after: zeros })
      const skipped = await event('--push-option=ci.skip', remote(), 'HEAD:refs/heads/feature/quiet')
      expect(skipped).toMatchObject({ kind: 'push', skip: true })
      await git('tag', '--annotate', '--message', 'annotated', 'V1.0')
      expect(await event(remote(), 'V1.0')).toEqual({ kind: 'ignored', because: 'a tag, not a branch' })
    })

    it('of a forge that does not sign says so, and its token counts', async () => {
      const { made, id } = await people(old)
      const forge = driver({ url: old.url, token: made[0].token })
      expect(await forge.ensureHook(id, hookUrl, SECRETS)).toMatchObject({ signed: false })
      await git('push', '--quiet', remote(old), 'HEAD:refs/heads/develop')
      await vi.waitFor(() => expect(deliveries).toHaveLength(1), 10_000)
      const [{ headers, body } = expect.fail('nothing came')] = deliveries
      expect(headers['webhook-signature']).toBeUndefined()
      expect(intake.verify(headers, body, { ...SECRETS, signed: false }, Date.now())).toBe(true)
      expect(intake.verify(headers, body, { ...SECRETS, signed: true }, Date.now())).toBe(false)
      expect(intake.verify(headers, body, { ...SECRETS, token: 'another', signed: false }, Date.now())).toBe(false)
    })
  })

  describe('a commit status', () => {
    let commit = ''
    const status = (state: CommitState, name = 'shiplock/build') => ({
      commit,
      ref: 'develop',
      name,
      state,
      description: `it is ${state}`,
      url: 'https://shiplock.test/runs/1',
    })
    beforeEach(async () => {
      commit = await push('develop', 'Judge me')
    })

    /** What the forge shows now, by name. */
    async function shown(): Promise<Record<string, { status: string; ref: string; description: string }>> {
      const url = `${there.url}/api/v4/projects/${projectId}/repository/commits/${commit}/statuses?per_page=100`
      const answer = await fetch(url, { headers: { 'private-token': maintainer.token } })
      const rows = (await answer.json()) as { name: string; status: string; ref: string; description: string }[]
      return Object.fromEntries(rows.map((row) => [row.name, row]))
    }

    it('of every state is taken, and taken again', async () => {
      for (const state of STATES) {
        await as(maintainer).setStatus(projectId, status(state, state))
        await as(maintainer).setStatus(projectId, status(state, state))
      }
      const rows = await shown()
      expect(STATES.map((state) => rows[state]?.status)).toEqual(STATES)
      expect(rows.pending).toMatchObject({ ref: 'develop', description: 'it is pending' })
    })

    it('goes from pending to its end, and begins anew with a new attempt', async () => {
      for (const state of ['pending', 'running', 'failed', 'pending', 'running', 'success'] as const) {
        await as(maintainer).setStatus(projectId, status(state))
        expect((await shown())['shiplock/build']?.status).toBe(state)
      }
    })

    it('that cannot go back is refused, in the words of the forge', async () => {
      await as(maintainer).setStatus(projectId, status('running'))
      const fault = await faultOf(as(maintainer).setStatus(projectId, status('pending')))
      expect(fault).toMatchObject({ code: 'forge.refused', message: expect.stringContaining('from :running') })
      expect((await shown())['shiplock/build']?.status).toBe('running')
    })

    it('of a commit that is not there is missing', async () => {
      const absent = { ...status('running'), commit: 'f'.repeat(40) }
      expect((await faultOf(as(maintainer).setStatus(projectId, absent))).code).toBe('forge.missing')
    })
  })

  describe('in bad weather', () => {
    const calls = (forge: Forge): [string, () => Promise<unknown>][] => [
      ['whoAmI', () => forge.whoAmI()],
      ['project', () => forge.project('team/hello')],
      ['head', () => forge.head(projectId, 'develop')],
      ['ensureHook', () => forge.ensureHook(projectId, hookUrl, SECRETS)],
      [
        'setStatus',
        () =>
          forge.setStatus(projectId, {
            commit: 'f'.repeat(40),
            ref: 'develop',
            name: 'weather',
            state: 'running',
            description: '',
            url: 'https://shiplock.test/',
          }),
      ],
    ]

    it('a busy forge says when to come back, and is not asked twice', async () => {
      for (const [name, call] of calls(as(maintainer))) {
        there.misbehave({ api: [{ status: 429, retryAfter: 17, times: 1 }] })
        const fault = await faultOf(call(), maintainer.token)
        expect(fault, name).toMatchObject({ code: 'forge.busy', retryAfterMs: 17_000 })
      }
    })

    it.each([500, 502] as const)('a %i means that we could not find out, and is not tried again here', async (code) => {
      for (const [name, call] of calls(as(maintainer))) {
        there.misbehave({ api: [{ status: code, times: 1 }] })
        const fault = await faultOf(call(), maintainer.token)
        expect(fault, name).toMatchObject({ code: 'forge.unreachable', message: expect.stringContaining(String(code)) })
      }
    })

    it('a forge that is down is unreachable', async () => {
      there.misbehave({ down: true })
      for (const [name, call] of calls(as(maintainer))) {
        expect((await faultOf(call(), maintainer.token)).code, name).toBe('forge.unreachable')
      }
      const order = {
        dir: join(root, 'cache-down'),
        url: `${there.url}/team/hello.git`,
        credentials: as(maintainer).gitCredentials(),
        commit: 'f'.repeat(40),
        deadlineMs: 10_000,
        signal: new AbortController().signal,
      }
      expect((await faultOf(fetchCommit(order), maintainer.token)).code).toBe('forge.unreachable')
    })

    it('a slow forge is left at the deadline, and waited for within it', async () => {
      there.misbehave({ slowMs: 400 })
      for (const [name, call] of calls(as(maintainer, 100))) {
        const fault = await faultOf(call(), maintainer.token)
        expect(fault, name).toMatchObject({ code: 'forge.unreachable', message: expect.stringContaining('0.1 s') })
      }
      expect(await as(maintainer).whoAmI()).toMatchObject({ username: 'bot' })
    })

    it('after the storm everything is as before', async () => {
      expect(await as(maintainer).whoAmI()).toMatchObject({ username: 'bot' })
    })
  })
})
