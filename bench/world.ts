// A whole Shiplock as in production, and a forge beside it: PostgreSQL with fsync, web and worker in processes of their own.
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { Client } from '../demo/client'
import { type DemoForge, startForge } from '../demo/forge/forge'
import { cleanUp, makeFolder } from '../demo/leftovers'
import { Clone, type Person } from '../demo/story'
import { dockerApi, hasStatus } from '../pipelines/engines/docker-api'
import { migrate } from '../prisma/migrate'
import { ensurePostgres, type Postgres } from '../prisma/postgres'
import { ensureKeys, hookSecrets, instanceId } from '../prisma/seal'
import { until } from './measure'
import { family, serverPid } from './processes'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const READY_MS = 60_000
const STOP_MS = 20_000
const LOSE_ALL = 1_000_000
export const BUSYBOX = 'shiplock-demo/busybox:latest'
const secret = () => randomBytes(12).toString('base64url')

/**
 * A service that a busybox can be: a web server of one file. `service` names its images, apart from everybody else’s. Without a
 * window: what it is measured against watches nothing.
 */
export const serviceFiles = (service: string): Record<string, string> => ({
  Dockerfile: `FROM ${BUSYBOX}\nCOPY www /www\nCMD ["httpd","-f","-p","8085","-h","/www"]\n`,
  'www/index.html': 'none yet\n',
  'www/healthz': 'ok\n',
  '.shiplock.yaml': `service: ${service}
version: "1.0"
build: { dockerfile: Dockerfile }
stages:
  static: { image: "${BUSYBOX}", run: ["test -f Dockerfile"] }
  unit: { run: ["grep . /www/index.html"] }
deploy:
  replicas: 1
  ports: ["8085"]
  healthcheck: { http: "/healthz", port: 8085, interval: 200ms, timeout: 2s, start_period: 2s, retries: 3 }
  update: { monitor: 0s }
`,
})

export interface Project {
  id: number
  forgeProjectId: number
  hook: string
  path: string
  clone: Clone
}

const open = new Set<World>()

/** Ends what is still up: the bench was told to stop. */
export const closeAll = () => Promise.allSettled([...open].map((world) => world.close()))

export class World {
  private readonly children = new Map<string, ChildProcess>()
  readonly mia: Person = { username: 'mia', name: 'Mia Chen', password: secret() }
  readonly service: string

  private constructor(
    readonly dir: string,
    readonly postgres: Postgres,
    readonly db: pg.Pool,
    readonly forge: DemoForge,
    private readonly env: NodeJS.ProcessEnv,
  ) {
    this.service = `bench-${this.instance}`
  }

  /** `webFlags`: for Node itself, as in --cpu-prof. */
  static async start(options: { webFlags?: readonly string[] } = {}): Promise<World> {
    const dir = makeFolder()
    let postgres: Postgres | undefined
    try {
      const state = join(dir, 'state')
      mkdirSync(state, { mode: 0o755 }) // the database server's own user must pass through
      await ensureKeys(join(state, 'keys'))
      postgres = await ensurePostgres({ dir: join(state, 'postgres') })
      await migrate(postgres.url)
      const forge = await startForge({ dir: join(dir, 'forge') })
      const password = secret()
      const env: NodeJS.ProcessEnv = {
        ...process.env,
        NODE_ENV: 'production',
        DATABASE_URL: postgres.url,
        REDIS_URL: '',
        SHIPLOCK_STATE: state,
        SHIPLOCK_KEYS: '',
        HOST: '127.0.0.1',
        PORT: '0',
        PUBLIC_URL: '',
        LOG_LEVEL: 'warn',
        DRAIN_SECONDS: '5',
        SHIPLOCK_ADMIN_PASSWORD: password,
      }
      const db = new pg.Pool({ connectionString: postgres.url, max: 2, application_name: 'bench' })
      db.on('error', () => {}) // the server is stopped under it at the end
      const world = new World(dir, postgres, db, forge, env)
      open.add(world)
      await world.open(password, options.webFlags ?? [])
      return world
    } catch (error) {
      await postgres?.stop()
      await cleanUp(dir)
      throw error
    }
  }

  url = ''
  client!: Client
  private token = ''

  private async open(password: string, webFlags: readonly string[]) {
    await this.forge.addUser(this.mia)
    this.token = (await this.forge.addUser({ username: 'shiplock-bot', name: 'Shiplock', password: secret() })).token
    this.url = (await this.startProcess('web', 'app/_server/main.ts', ['--no-pages'], webFlags)) ?? ''
    this.env.PUBLIC_URL = this.url
    await this.startProcess('worker', 'worker/main.ts', [], [])
    this.client = await Client.signIn(this.url, 'admin', password)
  }

  get keys() {
    return join(this.dir, 'state', 'keys')
  }

  get instance() {
    return instanceId(this.keys)
  }

  /** Process ids, by what they do. */
  get pids(): { web: number[]; worker: number[]; postgres: number[] } {
    const of = (name: string) => this.children.get(name)?.pid
    const tree = (pid: number | undefined) => (pid === undefined ? [] : family(pid))
    return {
      web: tree(of('web')),
      worker: tree(of('worker')),
      postgres: family(serverPid(join(this.dir, 'state', 'postgres', 'data'))),
    }
  }

  private startProcess(
    name: string,
    script: string,
    args: string[],
    flags: readonly string[],
  ): Promise<string | undefined> {
    const child = fork(join(ROOT, script), args, {
      cwd: ROOT,
      env: this.env,
      execArgv: ['--import', 'tsx', ...flags],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.children.set(name, child)
    let words = ''
    const listen = (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-4000)
    }
    child.stdout?.on('data', listen)
    child.stderr?.on('data', (chunk: Buffer) => {
      listen(chunk)
      process.stderr.write(`${name}: ${chunk}`)
    })
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${name} was not up in time. It said:\n${words}`)), READY_MS)
      child.once('exit', (code, signal) => reject(new Error(`${name} ended (${signal ?? code}). It said:\n${words}`)))
      child.once('message', (message: { ready?: string | true }) => {
        clearTimeout(late)
        resolve(typeof message.ready === 'string' ? message.ready : undefined)
      })
    })
  }

  async stopProcess(name: string) {
    const child = this.children.get(name)
    this.children.delete(name)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      child.once('exit', () => {
        clearTimeout(late)
        resolve()
      })
      child.kill('SIGTERM')
    })
  }

  /** A repository on the forge with the service in it, not known to Shiplock. */
  async repository(path: string): Promise<{ forgeProjectId: number; clone: Clone }> {
    const { id } = await this.forge.addProject({ path, members: { mia: 40, 'shiplock-bot': 40 } })
    const clone = await Clone.of(`${this.forge.url}/${path}.git`, join(this.dir, path.replaceAll('/', '-')), this.mia)
    await clone.command('commit', '--quiet', '--allow-empty', '--message=Begin')
    await clone.command('push', '--quiet', 'origin', 'HEAD:refs/heads/master')
    await clone.pushFiles('develop', 'master', serviceFiles(this.service), 'A service')
    return { forgeProjectId: id, clone }
  }

  /** The same, connected to Shiplock and checked. */
  async project(path: string): Promise<Project> {
    const made = await this.repository(path)
    const asked = await this.client.connect({ forge: 'gitlab', forgeUrl: this.forge.url, path, token: this.token })
    const project = await until('the project is connected', async () => {
      const now = await this.client.project(asked.id)
      return ['connected', 'broken'].includes(now.status) ? now : null
    })
    if (project.status !== 'connected') throw new Error(`the project could not be connected: ${project.because}`)
    const { rows } = await this.db.query<{ hook: string; hookSigned: boolean }>(
      'SELECT hook, "hookSigned" FROM "Project" WHERE id = $1',
      [asked.id],
    )
    if (rows[0]?.hookSigned !== true) throw new Error('the hook is not signed')
    return { id: asked.id, path, hook: rows[0].hook, ...made }
  }

  signingKey = (project: Project) => hookSecrets(this.keys, project.hook).signingKey

  /** From now on the forge tells nobody of a push; the bench sends the webhook itself, or none is wanted. */
  loseWebhooks = (lose: boolean) => this.forge.misbehave(lose ? { webhooks: { drop: LOSE_ALL } } : {})

  /** Ends everything and leaves nothing: processes, containers and images by label, database, folder. */
  async close() {
    open.delete(this)
    await Promise.all([this.stopProcess('worker'), this.stopProcess('web')])
    await this.forge.close()
    const { instance } = this
    await this.db.end()
    await this.postgres.stop()
    await cleanUp(this.dir)
    await removeImages(instance)
  }
}

async function removeImages(instance: string) {
  const api = dockerApi()
  const filters = { label: [`shiplock.instance=${instance}`] }
  const images = await api.json<{ Id: string }[]>({ method: 'GET', path: '/images/json', query: { filters } })
  for (const { Id } of images) {
    await api.text({ method: 'DELETE', path: `/images/${Id}`, query: { force: true } }).catch((error: unknown) => {
      if (!hasStatus(error, 404, 409)) throw error // gone, or in use by somebody: not ours to insist
    })
  }
}
