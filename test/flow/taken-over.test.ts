import { type ChildProcess, execFile, fork } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSigner } from '../../audit/keys'
import { webUser } from '../../cli/web-user'
import { Client } from '../../demo/client'
import { type DemoForge, startForge } from '../../demo/forge/forge'
import { emptyEngine, makeFolder } from '../../demo/leftovers'
import { Clone } from '../../demo/story'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { instanceId } from '../../prisma/seal'
import { ensureBusyboxBase } from '../../scripts/base-image.mjs'
import { endOf, eventually, SERVICE } from '../given'
import { enrolled } from '../passkeys'
import { processes } from '../processes'
import type { Outcome, Plan } from './taken-over-attack'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PASSWORD = 'correct horse battery staple'
const mia = { username: 'mia', name: 'Mia Chen', password: PASSWORD }
const apart = webUser(ROOT, tmpdir())
const needs = apart.user === null ? ` (skipped: ${apart.because})` : ''

describe.skipIf(apart.user === null)(`the web process, taken over${needs}`, () => {
  let dir: string
  let up: ChildProcess
  let said = ''
  let codes: string[]
  let forge: DemoForge
  let client: Client
  let omar: Client
  let record: RecordHandle
  let plan: Plan
  let came: Outcome[]
  let botToken: string
  const pids = { web: 0, worker: 0 }
  const state = () => join(dir, 'state')
  const keys = () => join(state(), 'keys')
  const environ = (pid: number) =>
    Object.fromEntries(
      readFileSync(`/proc/${pid}/environ`, 'utf8')
        .split('\0')
        .filter((line) => line !== '')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
  const passwordOf = (pid: number) => decodeURIComponent(new URL(environ(pid).DATABASE_URL ?? '').password)

  beforeAll(async () => {
    dir = makeFolder('shiplock-flow-')
    await ensureBusyboxBase()
    forge = await startForge({ dir: join(dir, 'forge') })
    await forge.addUser(mia)
    up = startUp()
    const ready = await new Promise<{ ready: string; codes: string[] }>((resolve, reject) => {
      up.once('message', (message: { ready: string; codes: string[] }) => resolve(message))
      up.once('exit', (code) => reject(new Error(`it ended with ${code}: ${said}`)))
    })
    codes = ready.codes
    for (const [name, script] of [
      ['web', 'app/_server/main.ts'],
      ['worker', 'worker/main.ts'],
    ] as const)
      pids[name] = processes().find((p) => p.parent === up.pid && p.args.includes(script))?.pid ?? 0
    client = await Client.signIn(ready.ready, 'admin', PASSWORD)
    const admin = { name: 'admin', password: PASSWORD }
    await Client.makeAccounts(ready.ready, admin, [{ name: 'omar', role: 'ops', password: PASSWORD }])
    omar = await Client.signIn(ready.ready, 'omar', PASSWORD)
    record = openRecord(ownerUrl(), { max: 2 })
    await reachProduction()
    plan = await makePlan()
    came = await attack()
  }, 180_000)
  afterAll(async () => {
    await record?.close()
    if (up !== undefined) await endOf(up, 'SIGTERM')
    await forge?.close()
    if (existsSync(keys())) await emptyEngine(instanceId(keys()))
    rmSync(dir, { recursive: true, force: true })
  })

  function startUp() {
    const child = fork(join(ROOT, 'cli/up.ts'), ['--no-pages'], {
      cwd: ROOT,
      execArgv: ['--import', 'tsx'],
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...process.env,
        DATABASE_URL: '',
        REDIS_URL: '',
        SHIPLOCK_STATE: state(),
        PORT: '0',
        PUBLIC_URL: '',
        SHIPLOCK_ADMIN_PASSWORD: PASSWORD,
        DRAIN_SECONDS: '2',
        KUBECONFIG: '/a/secret/place',
      },
    })
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    return child
  }

  const ownerUrl = () =>
    `postgresql://postgres@localhost/shiplock?host=${encodeURIComponent(join(state(), 'postgres'))}&port=5432`

  const promotionTo = async (environment: string) =>
    (await client.promotions({ environment })).items.find((p) => p.status !== 'superseded')

  /** A release that waits for nothing but the sign-off of operations. */
  async function reachProduction() {
    const bot = await forge.addUser({ username: 'bot', name: 'Bot', password: PASSWORD })
    botToken = bot.token
    await forge.addProject({ path: 'team/hello', members: { mia: 40, bot: 40 } })
    const clone = await Clone.of(`${forge.url}/team/hello.git`, join(dir, 'clone'), mia)
    await clone.command('commit', '--quiet', '--allow-empty', '--message=Begin')
    await clone.command('push', '--quiet', 'origin', 'HEAD:refs/heads/master')
    await clone.pushFiles('develop', 'master', SERVICE, 'A service')
    const { id } = await client.connect({ forge: 'gitlab', forgeUrl: forge.url, path: 'team/hello', token: bot.token })
    await eventually('it is connected', async () => (await client.project(id)).status === 'connected')
    await clone.pushFiles('release/1.0', 'develop', { 'www/index.html': 'shipped\n' }, 'Release')
    await eventually(
      'prerelease verified it',
      async () => (await promotionTo('prerelease'))?.status === 'verified',
      90_000,
    )
    await clone.command('push', '--quiet', 'origin', 'release/1.0:refs/heads/master')
    await eventually(
      'production waits for its sign-off',
      async () => (await promotionTo('production'))?.verdicts.find((v) => v.state !== 'open')?.gate === 'approvals',
    )
  }

  async function makePlan(): Promise<Plan> {
    const promotion = await promotionTo('production')
    if (promotion === undefined) throw new Error('nothing goes to production')
    const { rows } = await record.pool.query<{ environment: number; project: number; victim: number }>(
      `SELECT e.id AS environment, e."projectId" AS project, (SELECT id FROM "Account" WHERE name = 'omar') AS victim
       FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" WHERE p.id = $1`,
      [promotion.id],
    )
    const [row] = rows
    if (row === undefined) throw new Error('the promotion has no environment')
    const secrets = readdirSync(keys()).filter(
      (name) => !['worker.pub', 'trail-keys.json', 'instance', 'intake.key'].includes(name),
    )
    return {
      secrets: [
        ...secrets.map((name) => join(keys(), name)),
        ...readdirSync(join(state(), 'trail')).map((name) => join(state(), 'trail', name)),
        join(state(), 'postgres/data/PG_VERSION'),
        join(state(), 'postgres/data/pg_hba.conf'),
        join(state(), 'postgres/server.log'),
      ],
      pids: [up.pid ?? 0, pids.worker],
      sockets: ['/var/run/docker.sock', '/run/containerd/containerd.sock'].filter((path) => existsSync(path)),
      code: ROOT,
      owner: ownerUrl(),
      project: row.project,
      environment: row.environment,
      promotion: promotion.id,
      victim: { id: row.victim, name: 'omar' },
    }
  }

  /** As the web process itself would: its user, its group, its environment. */
  async function attack(): Promise<Outcome[]> {
    const { uid, gid } = statSync(`/proc/${pids.web}`)
    const { NODE_CHANNEL_FD: _, NODE_CHANNEL_SERIALIZATION_MODE: __, ...env } = environ(pids.web)
    const script = join(ROOT, 'test/flow/taken-over-attack.ts')
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, JSON.stringify(plan)], {
      uid,
      gid,
      env: env as NodeJS.ProcessEnv,
      cwd: ROOT,
      timeout: 90_000,
      maxBuffer: 8e6,
    })
    return JSON.parse(stdout) as Outcome[]
  }

  const of = (group: Outcome['group']) => came.filter((o) => o.group === group)
  /** Not a single attempt came through, and each was refused as such: not for a slip of the attacker's. */
  const expectRefused = (group: Outcome['group'], atLeast: number, how: RegExp) => {
    expect(of(group).length).toBeGreaterThanOrEqual(atLeast)
    expect(of(group).filter((o) => !how.test(o.came))).toEqual([])
  }
  const SYSTEM = /^(EACCES|EPERM)$/
  const DATABASE = /^42501$/

  it('it runs as a user of its own, in no other group', () => {
    const status = readFileSync(`/proc/${pids.web}/status`, 'utf8')
    const { uid = -1, gid = -1 } = apart.user ?? {}
    expect(status).toMatch(new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}\\s+${uid}$`, 'm'))
    expect(status).toMatch(new RegExp(`^Gid:\\s+${gid}\\s+${gid}\\s+${gid}\\s+${gid}$`, 'm'))
    expect(status).toMatch(/^Groups:\s*$/m)
    expect(status).toMatch(/^CapEff:\s+0+$/m)
    expect(statSync(`/proc/${pids.worker}`).uid).toBe(process.getuid?.())
  })

  it('1 of 5: it cannot reach the Docker engine', () => {
    expect(plan.sockets).toContain('/var/run/docker.sock')
    expectRefused('socket', 5, SYSTEM)
  })

  it('2 of 5: it reads no private key, no code, nothing that is sealed, and nobody else’s memory', () => {
    const named = ['worker.key', 'trail.key', 'enrolment-codes.json', 'trail/head.json']
    for (const name of named)
      expect(
        plan.secrets.some((file) => file.endsWith(name)),
        name,
      ).toBe(true)
    expectRefused('keys', 20, /^(EACCES|EPERM|28000|28P01)$/)
  })

  it('3 of 5: it changes nothing of the trail, and writes in no worker’s name', () => {
    expectRefused('trail', 22, DATABASE)
  })

  it('4 of 5: it makes no checkpoint', () => {
    expectRefused('checkpoint', 4, /^(42501|EACCES)$/)
  })

  describe('5 of 5: it deploys nothing', () => {
    it('what says so by itself is not its to write', () => {
      expectRefused('deploy', 19, /^(42501|not\.permitted)$/)
    })

    it('what is its to write makes no worker act: forged answer, forged key, a place of its own, a notification', async () => {
      expect(of('forge').filter((o) => o.came !== 'done')).toEqual([])
      expect(of('forge').length).toBeGreaterThanOrEqual(6)
      const { rows } = await eventually('a worker has judged each of them', async () => {
        const found = await record.pool.query<{
          id: number
          status: string
          judged: string
          answer: string | null
          name: string
          kind: string
        }>(
          `SELECT p.id, p.status, p.kind, e.name, p.verdicts::text AS judged,
             (SELECT s.status FROM "Approval" s WHERE s."promotionId" = p.id ORDER BY s.id DESC LIMIT 1) AS answer FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId"
           WHERE p.id = $1 OR p.kind = 'put-back' OR e.name = 'side-door' ORDER BY p.id`,
          [plan.promotion],
        )
        const [production, side] = found.rows
        return production?.answer === 'void' && /does not count/.test(side?.judged ?? '') && found
      })
      expect(rows.map((r) => [r.name, r.kind, r.status])).toEqual([
        ['production', 'onward', 'waiting'],
        ['side-door', 'by-hand', expect.stringMatching(/waiting|refused/)],
      ])
      expect(await running('production')).toEqual([])
      expect(await running('side-door')).toEqual([])
      const told = await record.pool.query(
        `SELECT kind FROM "AuditEntry" WHERE subject = 'promotion' AND "subjectId" = ANY($1) AND kind IN ('promotion.claim', 'promotion.observe') AND writer = 'worker'`,
        [rows.map((r) => r.id)],
      )
      expect(told.rows).toEqual([])
    })

    it('and yet the very same promotion goes, once somebody of operations signs it with a passkey that a worker admitted', async () => {
      await record.pool.query(`DELETE FROM "Approval" WHERE "promotionId" = $1`, [plan.promotion])
      omar.passkey = await enrolled(record, openSigner(keys()), plan.victim.id, ['ops'])
      const { rows } = await record.pool.query<{ status: string }>('SELECT status FROM "Promotion" WHERE id = $1', [
        plan.promotion,
      ])
      expect(rows[0]?.status).toBe('waiting')
      await omar.approve(plan.promotion, 'looked at')
      await eventually(
        'production runs it',
        async () => (await client.promotion(plan.promotion)).status === 'verified',
        60_000,
      )
      expect(await running('production')).toHaveLength(1)
    })
  })

  const running = async (environment: string) =>
    new Docker().listContainers({
      all: true,
      filters: { label: [`shiplock.instance=${instanceId(keys())}`, `shiplock.environment=${environment}`] },
    })

  it('it was given nothing of the worker’s', () => {
    const web = environ(pids.web)
    expect(Object.keys(web)).not.toEqual(expect.arrayContaining(['KUBECONFIG']))
    expect(JSON.stringify(web)).not.toContain(passwordOf(pids.worker))
    expect(new URL(web.DATABASE_URL ?? '').username).toMatch(/_web$/)
    expect(environ(pids.worker)).not.toHaveProperty('SHIPLOCK_ADMIN_PASSWORD')
    expect(new URL(environ(pids.worker).DATABASE_URL ?? '').username).toMatch(/_worker$/)
  })

  it('no secret stands in a command line, in what was said, or in the database’s log', () => {
    const lines = ['worker.key', 'trail.key', 'intake.key'].map((name) => readFileSync(join(keys(), name), 'utf8'))
    const secrets = [
      passwordOf(pids.web),
      passwordOf(pids.worker),
      PASSWORD,
      botToken,
      ...lines.flatMap((text) => text.split('\n').filter((line) => line.length > 20 && !line.startsWith('---'))),
    ]
    const args = processes()
      .map((p) => p.args)
      .join('\n')
    const log = readFileSync(join(state(), 'postgres/server.log'), 'utf8')
    expect(log).not.toBe('')
    for (const secret of secrets)
      for (const [where, text] of Object.entries({ args, said, log })) expect(text.includes(secret), where).toBe(false)
    expect(codes).toHaveLength(2)
    for (const code of codes) {
      expect(said.split(code)).toHaveLength(2) // once, on the terminal of whoever installed it
      expect(args + log).not.toContain(code)
    }
  })
})
