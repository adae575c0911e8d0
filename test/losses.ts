// A whole Shiplock on a database, a queue and a forge that can be taken away from it, with its worker as a process of its own
// whose log is counted.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder } from '../demo/leftovers'
import { openPool, type RecordHandle } from '../prisma/client'
import { withConnection } from '../prisma/connections'
import { migrate } from '../prisma/migrate'
import { Outage } from '../prisma/outage'
import { ensurePostgres, type Postgres } from '../prisma/postgres'
import { type Supervisor, supervise } from '../prisma/supervise'
import { endOf, eventually, Shiplock } from './given'
import { aRedis, type Redis } from './redis'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** A PostgreSQL of the test's own that is kept running, as `npm start` keeps it. */
export class OwnPostgres {
  private constructor(
    readonly dir: string,
    readonly server: Postgres,
    readonly said: string[],
    private supervisor: Supervisor,
    private readonly watch: () => Supervisor,
  ) {}

  static async start(settings: Record<string, string> = {}): Promise<OwnPostgres> {
    const dir = join(makeFolder('shiplock-flow-'), 'pg')
    const options = { dir, settings: { fsync: 'off', ...settings } }
    const server = await ensurePostgres(options)
    const said: string[] = []
    const watch = () => supervise(server, options, new Outage('The embedded database', (line) => said.push(line)))
    return new OwnPostgres(dir, server, said, watch(), watch)
  }

  /** Stops it, and nothing starts it again until `letUp`. */
  async keepDown() {
    await this.supervisor.stop()
    await this.server.stop()
  }

  async letUp() {
    this.supervisor = this.watch()
    await this.answers()
  }

  get pid(): number {
    return Number(readFileSync(join(this.dir, 'data/postmaster.pid'), 'utf8').split('\n')[0])
  }

  /** The server and all its backends. */
  get pids(): number[] {
    const home = realpathSync(join(this.dir, 'data'))
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          return readlinkSync(`/proc/${pid}/cwd`) === home
        } catch {
          return false // it ended while we looked
        }
      })
  }

  ask<T extends object>(sql: string): Promise<T[]> {
    return withConnection(
      { connectionString: this.server.url, connectionTimeoutMillis: 5_000 },
      async (db) => (await db.query(sql)).rows as T[],
    )
  }

  answers(): Promise<unknown> {
    return eventually('the database answers', () => this.ask('SELECT 1 AS n').catch(() => false as const), 60_000)
  }

  signal(signal: NodeJS.Signals, pids = this.pids) {
    for (const pid of pids) {
      try {
        process.kill(pid, signal)
      } catch {
        // It ended by itself.
      }
    }
  }

  async close() {
    await this.supervisor.stop()
    this.signal('SIGCONT')
    await this.server.stop()
    rmSync(join(this.dir, '..'), { recursive: true, force: true })
  }
}

export class Losses {
  /** What the worker wrote, line by line. */
  readonly lines: string[] = []
  worker!: ChildProcess
  private serial = 0

  private constructor(
    readonly postgres: OwnPostgres,
    readonly redis: Redis | null,
    readonly shiplock: Shiplock,
    readonly project: number,
    /** Outlives every loss: it asks again. */
    private readonly record: RecordHandle['pool'],
  ) {}

  static async start(options: { redis?: boolean; settings?: Record<string, string> } = {}): Promise<Losses> {
    const postgres = await OwnPostgres.start(options.settings)
    await migrate(postgres.server.url)
    const redis = options.redis ? await aRedis() : null
    const shiplock = await Shiplock.start({
      worker: 'none',
      database: { url: postgres.server.url, drop: () => Promise.resolve() },
    })
    const project = await shiplock.project()
    const losses = new Losses(
      postgres,
      redis,
      shiplock,
      project,
      openPool(postgres.server.url, { max: 2, name: 'test' }),
    )
    await losses.startWorker()
    await eventually(
      'the project is connected',
      async () => (await shiplock.client.project(project)).status === 'connected',
    )
    return losses
  }

  async startWorker(env: Record<string, string> = {}) {
    this.worker = spawn(process.execPath, ['--import', 'tsx', 'test/worker-without-engine.ts'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        DATABASE_URL: this.shiplock.urls.workerUrl,
        REDIS_URL: this.redis?.url ?? '',
        SHIPLOCK_STATE: this.shiplock.dir,
        PUBLIC_URL: this.shiplock.web.url,
        WORKER_NAME: 'of-the-test',
        WORKER_LANES: '8',
        DRAIN_SECONDS: '1',
        ...env,
      },
    })
    for (const stream of [this.worker.stdout, this.worker.stderr]) {
      let rest = ''
      stream?.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        this.lines.push(...lines)
      })
    }
    await this.says(/ answers, /)
  }

  says(line: RegExp, from = 0) {
    return eventually(`the worker says ${line}`, async () => this.lines.slice(from).find((l) => line.test(l)), 60_000)
  }

  /** True: its process has not ended since it was started. */
  get lives() {
    return this.worker.exitCode === null && this.worker.signalCode === null
  }

  /** CPU seconds of the worker's process so far. */
  get cpu(): number {
    const stat = readFileSync(`/proc/${this.worker.pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  }

  /** Asks until the database answers. */
  ask<T extends object>(sql: string, values: unknown[] = []): Promise<T[]> {
    return eventually(
      'the database answers',
      () =>
        this.record.query(sql, values).then(
          ({ rows }) => rows as T[],
          () => false as const,
        ),
      60_000,
    )
  }

  /** Runs of one stage that is due; `urgent` ones before the others. @returns a text that is in the title of each */
  async addRuns(count: number, urgent = false): Promise<string> {
    const batch = `batch-${++this.serial}`
    // Their branch is not on the forge: a comparison would cancel them. After a loss it waits for both times.
    await this.ask(
      `UPDATE "Project" SET "reconcileAt" = clock_timestamp() + interval '1 day', "reconciledAt" = clock_timestamp() + interval '1 day'`,
    )
    await this.ask(
      `WITH runs AS (
         INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", "commit", before, tree, title, status)
         SELECT $1, $2 || '-' || n, 'hello', 'feature/' || $2, 'feature', md5($2 || n) || '00000000', repeat('0', 40), repeat('1', 40), $2, 'running'
         FROM generate_series(1, $3) n ON CONFLICT DO NOTHING RETURNING id)
       INSERT INTO "Stage" ("runId", name, position, status, definition, digest, priority)
       SELECT id, 'static', 0, 'queued', $4, 'sha256:' || repeat('1', 64), ${urgent ? 1 : 10} FROM runs`,
      [
        this.project,
        batch,
        count,
        JSON.stringify({
          kind: 'step',
          image: null,
          run: ['true'],
          env: {},
          limits: { timeMs: 60_000, graceMs: 1_000, memoryBytes: 2 ** 30, cpus: 1, pids: 64, diskBytes: 2 ** 30 },
        }),
      ],
    )
    return batch
  }

  /** How many runs of a batch have which status, of their stages too: {"succeeded/succeeded": 3}. */
  async statusesOf(batch: string): Promise<Record<string, number>> {
    const rows = await this.ask<{ status: string; n: number }>(
      `SELECT r.status || '/' || s.status AS status, count(*)::int AS n FROM "Run" r JOIN "Stage" s ON s."runId" = r.id
       WHERE r.title = $1 GROUP BY 1`,
      [batch],
    )
    return Object.fromEntries(rows.map((r) => [r.status, r.n]))
  }

  ended(batch: string, count: number, deadlineMs: number) {
    let last = {}
    return eventually(
      `${count} runs of ${batch} end`,
      async () => {
        const now = await this.statusesOf(batch)
        last = now
        return now['succeeded/succeeded'] === count
      },
      deadlineMs,
      300,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(last)}\n${this.lines.slice(-20).join('\n')}`)
    })
  }

  /** Makes a file of the worker's state folder be there, or not. */
  make(name: 'engine-away' | 'clock-off', there: boolean) {
    const file = join(this.shiplock.dir, name)
    if (there) writeFileSync(file, '')
    else rmSync(file, { force: true })
  }

  async close() {
    this.postgres.signal('SIGCONT')
    await endOf(this.worker, 'SIGTERM')
    await this.record.end()
    await this.shiplock.close()
    await this.redis?.stop()
    await this.postgres.close()
  }
}
