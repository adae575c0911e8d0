import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client } from '../../demo/client'
import { type DemoForge, startForge } from '../../demo/forge/forge'
import { emptyEngine, makeFolder } from '../../demo/leftovers'
import { Clone } from '../../demo/story'
import { instanceId } from '../../prisma/seal'
import { endOf, eventually, SERVICE, serviceFile } from '../given'
import { processes } from '../processes'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PASSWORD = 'correct horse battery staple'
const mia = { username: 'mia', name: 'Mia Chen', password: PASSWORD }

/** Process ids of what this process started whose command line holds a text. */
const childrenOf = (pid: number | undefined, text: string) =>
  processes()
    .filter((p) => p.parent === pid && p.args.includes(text))
    .map((p) => p.pid)

describe('Shiplock in one command, with nothing configured', () => {
  let dir: string
  let up: ChildProcess
  let url: string
  let forge: DemoForge
  let client: Client

  beforeAll(async () => {
    dir = makeFolder('shiplock-flow-')
    forge = await startForge({ dir: join(dir, 'forge') })
    await forge.addUser(mia)
    up = fork(join(ROOT, 'cli/up.ts'), ['--no-pages'], {
      cwd: ROOT,
      execArgv: ['--import', 'tsx'],
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        ...process.env,
        DATABASE_URL: '',
        REDIS_URL: '',
        SHIPLOCK_STATE: join(dir, 'state'),
        PORT: '0',
        PUBLIC_URL: '',
        SHIPLOCK_ADMIN_PASSWORD: PASSWORD,
        DRAIN_SECONDS: '2',
        LOG_LEVEL: 'warn',
      },
    })
    url = await new Promise((resolve, reject) => {
      up.once('message', (m: { ready: string }) => resolve(m.ready))
      up.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
    })
    client = await Client.signIn(url, 'admin', PASSWORD)
  })
  afterAll(async () => {
    await endOf(up, 'SIGTERM')
    await forge?.close()
    await emptyEngine(instanceId(join(dir, 'state', 'keys')))
    rmSync(dir, { recursive: true, force: true })
  })

  const push = async (branch: string, files: Record<string, string>) =>
    (await clone).pushFiles(branch, 'develop', files, 'Change')
  let clone: Promise<Clone>
  const ended = (commit: string) =>
    eventually('the run ends', async () => {
      const found = (await client.runs({}).catch(() => null))?.items.find((r) => r.commit === commit) // web may be away at this moment
      return found?.finishedAt != null && found
    })

  it('its own database, web and worker carry a push', async () => {
    const bot = await forge.addUser({ username: 'bot', name: 'Bot', password: PASSWORD })
    await forge.addProject({ path: 'team/hello', members: { mia: 40, bot: 40 } })
    clone = Clone.of(`${forge.url}/team/hello.git`, join(dir, 'clone'), mia)
    const mine = await clone
    await mine.command('commit', '--quiet', '--allow-empty', '--message=Begin')
    await mine.command('push', '--quiet', 'origin', 'HEAD:refs/heads/master')
    await mine.pushFiles('develop', 'master', SERVICE, 'A service')
    const { id } = await client.connect({ forge: 'gitlab', forgeUrl: forge.url, path: 'team/hello', token: bot.token })
    await eventually('it is connected', async () => (await client.project(id)).status === 'connected')
    expect((await ended(await push('feature/one', { 'www/index.html': 'one\n' }))).status).toBe('succeeded')
  })

  it.each([
    ['web', 'app/_server/main.ts'],
    ['worker', 'worker/main.ts'],
  ])('%s is killed in mid-run: it comes back by itself, and the run ends right', async (name, script) => {
    const commit = await push(`feature/${name}`, { '.shiplock.yaml': serviceFile({ static: 'sleep 3' }) })
    await eventually('it runs', async () =>
      (await client.runs({})).items.some((r) => r.commit === commit && r.stages.some((s) => s.status === 'running')),
    )
    const [victim] = childrenOf(up.pid, script)
    process.kill(Number(victim), 'SIGKILL')
    await eventually(`${name} is back`, async () => childrenOf(up.pid, script).some((pid) => pid !== victim))
    expect((await ended(commit)).status).toBe('succeeded')
    const again = await push(`feature/${name}-again`, { 'www/index.html': `${name}\n` })
    expect((await ended(again)).status).toBe('succeeded')
  })

  it('J1, J2: its database is killed six times in a row: it is back each time, no process ends, and a push is carried', async () => {
    const children = () => childrenOf(up.pid, 'main.ts').sort()
    const before = children()
    const file = join(dir, 'state/postgres/data/postmaster.pid')
    const health = async () => (await fetch(`${url}/api/health`).catch(() => null))?.status
    let killed = 0
    const another = () =>
      eventually('it has another server', async () => {
        const there = existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0
        return there !== killed && processes().some((p) => p.pid === there) && there
      })
    for (let times = 0; times < 6; times++) {
      killed = await another()
      process.kill(killed, 'SIGKILL')
      await eventually('it is back', async () => (await health()) === 200)
    }
    // Health is half a second old at most, so it may be of before: the runs are read from the new server.
    await another()
    await eventually('it answers', () => client.runs({}).catch(() => null))
    const commit = await push('feature/after-the-database', { 'www/index.html': 'after\n' })
    expect((await ended(commit)).status).toBe('succeeded')
    expect(children()).toEqual(before)
  })

  it('J2: a push whose webhook was refused while the database was away is taken up when it is back', async () => {
    const file = join(dir, 'state/postgres/data/postmaster.pid')
    const sent = forge.deliveries.length
    const refused = () => forge.deliveries.slice(sent).some((d) => d.status === 503)
    let commit = ''
    for (let times = 0; times < 10 && !refused(); times++) {
      await eventually('it answers', () => client.runs({}).catch(() => null))
      process.kill(Number(readFileSync(file, 'utf8').split('\n')[0]), 'SIGKILL')
      commit = await push(`feature/refused-${times}`, { 'www/index.html': `refused ${times}\n` })
      await forge.idle()
    }
    expect(refused()).toBe(true)
    expect((await ended(commit)).status).toBe('succeeded')
  })

  it('told to stop, it leaves no process behind', async () => {
    const pids = [...childrenOf(up.pid, 'main.ts'), up.pid]
    const state = join(dir, 'state')
    await endOf(up, 'SIGTERM')
    expect(up.exitCode).toBe(0)
    const left = processes().filter((p) => pids.includes(p.pid) || p.args.includes(state) || p.env.includes(state))
    expect(left).toEqual([])
  })
})
