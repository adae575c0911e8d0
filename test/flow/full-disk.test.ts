// The disk of Shiplock's own state is full: a small file system, with the embedded PostgreSQL, the caches and the keys on it.
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NAMED } from '../../app/_server/rest/shapes'
import { Client } from '../../demo/client'
import { type DemoForge, startForge } from '../../demo/forge/forge'
import { emptyEngine, makeFolder } from '../../demo/leftovers'
import { Clone } from '../../demo/story'
import { shortIn } from '../../pipelines/room'
import { ensurePostgres } from '../../prisma/postgres'
import { hookSecrets, instanceId } from '../../prisma/seal'
import { ensureBusyboxBase } from '../../scripts/base-image.mjs'
import { endOf, eventually, SERVICE } from '../given'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PASSWORD = 'correct horse battery staple'
const mia = { username: 'mia', name: 'Mia Chen', password: PASSWORD }
const WITHIN_MS = 10_000
const FLOOR_MB = 24
const MB = 2 ** 20

const mounted = new Set<string>()
function mount(folder: string, options: string) {
  mkdirSync(folder, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
  mounted.add(folder)
}
function unmount(folder: string) {
  if (!mounted.delete(folder)) return
  execFileSync('umount', ['--lazy', folder])
}
const freeMb = (folder: string) => {
  const fs = statfsSync(folder)
  return (fs.bavail * fs.bsize) / MB
}
/** Writes until so many MiB are left; 0: until the disk says no. */
function fill(folder: string, leave: number) {
  const fd = openSync(join(folder, 'filler'), 'a')
  const chunk = Buffer.alloc(64 * 1024)
  try {
    while (leave === 0 || freeMb(folder) > leave) writeSync(fd, chunk)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOSPC') throw error
  } finally {
    closeSync(fd)
  }
}
const makeRoom = (folder: string) => rmSync(join(folder, 'filler'), { force: true })

// Only root may mount; the rest of the suite runs as anybody.
describe.runIf(process.getuid?.() === 0)('J7: the disk of the state is full', () => {
  let disk: string
  let state: string
  let dir: string
  let up: ChildProcess
  let url: string
  let forge: DemoForge
  let client: Client
  let clone: Clone
  let db: pg.Client
  let hook: string

  beforeAll(async () => {
    await ensureBusyboxBase()
    dir = makeFolder('shiplock-flow-')
    disk = join(dir, 'disk')
    mount(disk, 'size=320m,mode=755')
    state = join(disk, 'state')
    forge = await startForge({ dir: join(dir, 'forge') })
    await forge.addUser(mia)
    const bot = await forge.addUser({ username: 'bot', name: 'Bot', password: PASSWORD })
    up = fork(join(ROOT, 'cli/up.ts'), ['--no-pages'], {
      cwd: ROOT,
      execArgv: ['--import', 'tsx'],
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: {
        ...process.env,
        DATABASE_URL: '',
        REDIS_URL: '',
        SHIPLOCK_STATE: state,
        PORT: '0',
        PUBLIC_URL: '',
        SHIPLOCK_ADMIN_PASSWORD: PASSWORD,
        DRAIN_SECONDS: '2',
        DISK_FLOOR_MB: String(FLOOR_MB),
      },
    })
    url = await new Promise((resolve, reject) => {
      up.once('message', (m: { ready: string }) => resolve(m.ready))
      up.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
    })
    client = await Client.signIn(url, 'admin', PASSWORD)
    await forge.addProject({ path: 'team/hello', members: { mia: 40, bot: 40 } })
    clone = await Clone.of(`${forge.url}/team/hello.git`, join(dir, 'clone'), mia)
    await clone.command('commit', '--quiet', '--allow-empty', '--message=Begin')
    await clone.command('push', '--quiet', 'origin', 'HEAD:refs/heads/master')
    await clone.pushFiles('develop', 'master', SERVICE, 'A service')
    const { id } = await client.connect({ forge: 'gitlab', forgeUrl: forge.url, path: 'team/hello', token: bot.token })
    await eventually('it is connected', async () => (await client.project(id)).status === 'connected')
    db = new pg.Client({ connectionString: (await ensurePostgres({ dir: join(state, 'postgres') })).url })
    db.on('error', () => {}) // the server may end for want of room; what asks next says so
    await db.connect()
    hook = (await db.query<{ hook: string }>('SELECT hook FROM "Project"')).rows[0]?.hook ?? ''
  }, 180_000)
  afterAll(async () => {
    makeRoom(disk)
    await db?.end().catch(() => {}) // ended by the server already
    if (up) await endOf(up, 'SIGTERM')
    await forge?.close()
    await emptyEngine(instanceId(join(state, 'keys')))
    for (const folder of [...mounted]) unmount(folder)
    rmSync(dir, { recursive: true, force: true })
  }, 120_000)

  const health = async () => {
    const answer = await fetch(`${url}/api/health`)
    return { http: answer.status, ...NAMED.Health.parse(await answer.json()) }
  }
  const diskIs = (code: string | null) => {
    let last: unknown
    return eventually(
      `the disk is ${code ?? 'ok'}`,
      async () => {
        const now = await health()
        last = now
        return (now.parts.disk.because?.code ?? null) === code && now
      },
      WITHIN_MS,
    ).catch((error: Error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(last)}`)
    })
  }
  /** A push, as the forge tells of it; `padding` makes it large. */
  const deliver = async (branch: string, commit: string, padding = 0) => {
    const body = JSON.stringify({
      object_kind: 'push',
      event_name: 'push',
      before: '0'.repeat(40),
      after: commit,
      ref: `refs/heads/${branch}`,
      checkout_sha: commit,
      user_id: 2,
      user_name: 'Mia Chen',
      user_username: 'mia',
      project_id: 1,
      project: { id: 1, path_with_namespace: 'team/hello' },
      commits: [],
      total_commits_count: 0,
      padding: randomBytes(padding).toString('base64'),
    })
    const id = randomUUID()
    const at = String(Math.floor(Date.now() / 1000))
    const { signingKey, token } = hookSecrets(join(state, 'keys'), hook)
    const signature = createHmac('sha256', signingKey).update(`${id}.${at}.`).update(body).digest('base64')
    return fetch(`${url}/webhooks/${hook}`, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'x-gitlab-event': 'Push Hook',
        'idempotency-key': id,
        'webhook-id': id,
        'webhook-timestamp': at,
        'webhook-signature': `v1,${signature}`,
        'x-gitlab-token': token,
      },
    })
  }
  const runOf = (commit: string) =>
    eventually('there is a run', async () =>
      (await client.runs({}).catch(() => null))?.items.find((r) => r.commit === commit),
    )
  const ends = (commit: string) =>
    eventually('the run ends', async () => (await runOf(commit)).finishedAt !== null && runOf(commit), 90_000)

  it('J7: below the floor nothing is begun, the reason stands on what waits, and with room it goes on by itself', {
    timeout: 180_000,
  }, async () => {
    await diskIs(null)
    fill(disk, FLOOR_MB - 8)
    const now = await diskIs('disk.low')
    expect(now).toMatchObject({ http: 200, status: 'degraded' })
    expect(JSON.stringify(now)).not.toContain(state)
    const commit = await clone.pushFiles('feature/low', 'develop', { 'www/index.html': 'low\n' }, 'Change')
    await runOf(commit)
    const detail = await eventually('it says why it waits', async () => {
      const run = await client.run((await runOf(commit)).id)
      return run.waiting?.what.includes('MiB free') && run
    })
    expect(detail).toMatchObject({ status: 'queued', waiting: { who: expect.stringContaining('make room') } })
    makeRoom(disk)
    await diskIs(null)
    expect((await ends(commit)).status).toBe('succeeded')
  })

  it('J7: full, what cannot be stored is 503 with Retry-After and half of nothing; with room it is taken', {
    timeout: 180_000,
  }, async () => {
    const commit = await clone.pushFiles('feature/full', 'develop', { 'www/index.html': 'full\n' }, 'Change')
    await ends(commit)
    fill(disk, 0)
    await diskIs('disk.low')
    const before = (await db.query('SELECT (SELECT max(id) FROM "Delivery") AS d, (SELECT max(id) FROM "Run") AS r'))
      .rows
    const answer = await deliver('feature/full', commit, 6 * MB)
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { error: { code: 'storage.full', message: expect.stringContaining('no room') } },
    ])
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(
      (await db.query('SELECT (SELECT max(id) FROM "Delivery") AS d, (SELECT max(id) FROM "Run") AS r')).rows,
    ).toEqual(before)
    // An answer of health stands for half a second.
    await eventually('health tells it', async () => {
      const { state, because } = (await health()).parts.database
      return state === 'degraded' && because?.code === 'database.full'
    })
    // What people write in a page or by REST is told the same way, never as a fault of ours.
    const name = () => `n${randomBytes(8).toString('hex')}`
    const answers = await Promise.all(
      Array.from({ length: 40 }, () =>
        fetch(`${url}/api/v1/session`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', origin: url },
          body: JSON.stringify({ name: name(), password: 'x'.repeat(500) }),
        }).then((r) => r.status),
      ),
    )
    expect(answers.filter((s) => s === 500)).toEqual([])
    makeRoom(disk)
    await diskIs(null)
    await eventually('it is stored', async () =>
      [200, 202].includes((await deliver('feature/full', commit, 6 * MB)).status),
    )
    await eventually('all is ok', async () => (await health()).status === 'ok', 2 * WITHIN_MS)
    const next = await clone.pushFiles('feature/after', 'develop', { 'www/index.html': 'after\n' }, 'Change')
    expect((await ends(next)).status).toBe('succeeded')
  })

  it('J7: no more files, and a cache that cannot be written to, are each told as what they are', async () => {
    const few = join(dir, 'few')
    mount(few, 'size=64m,nr_inodes=40')
    expect(await shortIn(few, 1)).toBeNull()
    for (let n = 0; freeOf(few) > 2; n++) closeSync(openSync(join(few, String(n)), 'w'))
    expect(await shortIn(few, 1)).toMatchObject({ code: 'disk.inodes', params: { free: 2 } })
    unmount(few)
    // The cache becomes a file system that may only be read.
    const cache = join(state, 'cache')
    mount(cache, 'size=1m,ro')
    const closed = await eventually(
      'it is told',
      async () => {
        const now = NAMED.Health.parse(await client.ask('GET', '/installation/health'))
        return now.parts.disk.because?.code === 'state.closed' && now
      },
      WITHIN_MS,
    )
    expect(closed.parts.disk.because?.params).toMatchObject({ folder: cache })
    unmount(cache)
    await diskIs(null)
  })
})

const freeOf = (folder: string) => statfsSync(folder).ffree
