// The language of the flow tests: a forge, people, repositories and a Shiplock that carries them, all real.
import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createAccount, ensureFirstAdmin } from '../app/_server/accounts'
import { startWeb, type Web } from '../app/_server/server'
import type { PromotionItem } from '../app/promotions/shapes'
import type { EnvironmentShape, RunDetail } from '../app/shapes'
import { openSigner, openTrust } from '../audit/keys'
import { Client } from '../demo/client'
import { type DemoForge, startForge } from '../demo/forge/forge'
import { emptyEngine, makeFolder } from '../demo/leftovers'
import { Clone } from '../demo/story'
import { startingEnvironments } from '../environments/starting'
import { dockerEngine } from '../pipelines/engines/docker'
import type { Engine } from '../pipelines/engines/engine'
import { Leases } from '../pipelines/lease'
import { openRecord, type RecordHandle } from '../prisma/client'
import { readOrigin } from '../prisma/origin'
import { provisionRoles, type RoleUrls } from '../prisma/roles'
import { ensureKeys, instanceId } from '../prisma/seal'
import { ensureBusyboxBase } from '../scripts/base-image.mjs'
import { openDoorbell } from '../worker/queue'
import { startWorker } from '../worker/worker'
import { freshDatabase } from './database'
import { enrolled } from './passkeys'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PASSWORD = 'correct horse battery staple'
export const BUSYBOX = 'shiplock-demo/busybox:latest'

/**
 * Asks until the answer is there. A test waits for a condition, never for a time.
 * @param everyMs between two questions; short for a moment that is soon over
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
  deadlineMs = 40_000,
  everyMs = 80,
): Promise<T> {
  const until = performance.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (answer !== null && answer !== undefined && answer !== false) return answer
    if (performance.now() > until) throw new Error(`never came: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** A service that a busybox can be: a web server that serves one file. */
export const SERVICE: Record<string, string> = {
  Dockerfile: `FROM ${BUSYBOX}\nCOPY www /www\nCMD ["httpd","-f","-p","8085","-h","/www"]\n`,
  'www/index.html': 'one\n',
  'www/healthz': 'ok\n',
  '.shiplock.yaml': serviceFile(),
}

/** A service file with stages of one command each; unit runs in the image just built. */
export function serviceFile(
  over: {
    static?: string
    unit?: string
    healthz?: string
    stages?: string
    replicas?: number
    startPeriod?: string
    monitor?: string
  } = {},
): string {
  return `service: hello
version: "1.0"
build: { dockerfile: Dockerfile }
stages:
  static: { image: "${BUSYBOX}", run: [${JSON.stringify(over.static ?? 'test -f Dockerfile')}] }
  unit: { run: [${JSON.stringify(over.unit ?? 'grep . /www/index.html')}] }
${over.stages ?? ''}deploy:
  replicas: ${over.replicas ?? 1}
  ports: ["8085"]
  healthcheck: { http: "${over.healthz ?? '/healthz'}", port: 8085, interval: 200ms, timeout: 2s, start_period: 2s, retries: 3 }
  update: { monitor: ${over.monitor ?? '300ms'} }
`
}

export interface Options {
  redisUrl?: string
  /** here: in this process · apart: a process that can be killed · none */
  worker?: 'here' | 'apart' | 'none'
  engine?: Engine
  /** Of workers apart: how far their clock is from the right one. */
  clockOffMs?: number
  /** Another than one of the test run's server: migrated and empty. */
  database?: { url: string; drop(): Promise<void> }
  /** false: web and worker use the database's owner, as where it may make no roles */
  roles?: boolean
}

const oneRole = (url: string): RoleUrls => ({ webUrl: url, workerUrl: url })

async function twoRoles(url: string, keys: string): Promise<RoleUrls> {
  const roles = await provisionRoles(url, instanceId(keys))
  if ('why' in roles) throw new Error(roles.why)
  return roles
}

interface Worker {
  stop(): Promise<void>
}

/** A whole Shiplock with a forge beside it, on a database of its own. */
export class Shiplock {
  private readonly workers = new Set<Worker>()
  private readonly clones = new Map<string, Promise<Clone>>()
  private number = 0

  private constructor(
    readonly dir: string,
    readonly forge: DemoForge,
    readonly botToken: string,
    readonly database: { url: string; drop(): Promise<void> },
    /** As the database's owner; web and worker have roles of their own. */
    readonly record: RecordHandle,
    private readonly webRecord: RecordHandle,
    readonly urls: RoleUrls,
    readonly web: Web,
    readonly client: Client,
    /** Noor owns the project and merges; Omar is operations, and signs; Mia pushes, and has the role ops as well. */
    readonly people: Record<'noor' | 'omar' | 'mia', Client>,
    readonly tokens: Record<'noor' | 'mia', string>,
    private options: Options,
  ) {}

  static async start(options: Options = {}): Promise<Shiplock> {
    const dir = makeFolder('shiplock-flow-')
    const keys = join(dir, 'keys')
    mkdirSync(join(dir, 'trail'))
    await ensureKeys(keys)
    await ensureBusyboxBase()
    const [database, forge] = await Promise.all([
      options.database ?? freshDatabase(),
      startForge({ dir: join(dir, 'forge') }),
    ])
    const mia = await forge.addUser({ username: 'mia', name: 'Mia Chen', password: PASSWORD })
    const noor = await forge.addUser({ username: 'noor', name: 'Noor Haddad', password: PASSWORD })
    const bot = await forge.addUser({ username: 'shiplock-bot', name: 'Shiplock', password: PASSWORD })
    const record = openRecord(database.url, { max: 4, name: 'test' })
    const urls = options.roles === false ? oneRole(database.url) : await twoRoles(database.url, keys)
    const webRecord = openRecord(urls.webUrl, { max: 8, name: 'test web' })
    await ensureFirstAdmin(webRecord, PASSWORD)
    const web = await startWeb({
      record: webRecord,
      environments: startingEnvironments(),
      pages: false,
      host: '127.0.0.1',
      port: 0,
      publicUrl: null,
      keys,
      logLevel: 'silent',
      trustProxy: false,
    })
    const client = await Client.signIn(web.url, 'admin', PASSWORD)
    await createAccount(webRecord, { name: 'noor', password: PASSWORD, role: 'owner', forgeUserId: String(noor.id) })
    await createAccount(webRecord, { name: 'omar', password: PASSWORD, role: 'ops' })
    await createAccount(webRecord, { name: 'mia', password: PASSWORD, role: 'ops', forgeUserId: String(mia.id) })
    const [asNoor, asOmar, asMia] = await Promise.all(
      ['noor', 'omar', 'mia'].map((n) => Client.signIn(web.url, n, PASSWORD)),
    )
    if (asNoor === undefined || asOmar === undefined || asMia === undefined) throw new Error('nobody signed in')
    const people = { noor: asNoor, omar: asOmar, mia: asMia }
    const tokens = { noor: noor.token, mia: mia.token }
    const { rows } = await record.pool.query<{ id: number }>(`SELECT id FROM "Account" WHERE name = 'omar'`)
    asOmar.passkey = await enrolled(record, openSigner(keys), rows[0]?.id ?? 0, ['ops'])
    const shiplock = new Shiplock(
      dir,
      forge,
      bot.token,
      database,
      record,
      webRecord,
      urls,
      web,
      client,
      people,
      tokens,
      options,
    )
    if (options.worker !== 'none') await shiplock.startWorker()
    return shiplock
  }

  /** The web process's own connection: what somebody has who took it over. */
  get webUrl() {
    return this.urls.webUrl
  }

  get instance() {
    return instanceId(join(this.dir, 'keys'))
  }

  /** From now on workers are processes of their own, which can be killed. */
  useWorkersApart() {
    this.options = { ...this.options, worker: 'apart' }
  }

  /** Time passes for the dead: what a killed worker held lapses now, not in fifteen seconds. */
  async letLeasesLapse() {
    for (const table of [
      'Run',
      'Stage',
      'Promotion',
      'Project',
      'Report',
      'MergeRequest',
      'MergeAction',
      'Tag',
      'BackMerge',
    ]) {
      await this.record.pool.query(
        `UPDATE "${table}" SET "leaseUntil" = clock_timestamp() - interval '1 second' WHERE "leaseUntil" IS NOT NULL`,
      )
    }
  }

  async startWorker(): Promise<Worker & { process?: ChildProcess }> {
    const worker = this.options.worker === 'apart' ? await this.workerApart() : await this.workerHere()
    this.workers.add(worker)
    return worker
  }

  private async workerHere(): Promise<Worker> {
    const record = openRecord(this.urls.workerUrl, { max: 8, name: 'test worker' })
    const leases = new Leases(record)
    const stopNow = new AbortController()
    const doorbell = openDoorbell({
      databaseUrl: this.urls.workerUrl,
      redisUrl: this.options.redisUrl,
      instance: this.instance,
    })
    const context = {
      record,
      leases,
      instance: this.instance,
      worker: `here-${++this.number}`,
      keys: join(this.dir, 'keys'),
      trail: join(this.dir, 'trail'),
      signer: openSigner(join(this.dir, 'keys')),
      trust: openTrust(join(this.dir, 'keys'), join(this.dir, 'trail'), await readOrigin(record), () => this.web.url),
      cache: join(this.dir, 'cache'),
      publicUrl: this.web.url,
      engine: this.options.engine ?? dockerEngine(),
      bases: { node: 'shiplock-demo/node:local' },
      stopping: stopNow.signal,
    }
    const running = await startWorker(context, doorbell, { quick: 8, stages: 2, deploys: 2, forge: 4 })
    return {
      stop: async () => {
        await running.drain(0, stopNow)
        leases.close()
        await doorbell.close()
        await record.close()
      },
    }
  }

  private async workerApart(): Promise<Worker & { process: ChildProcess }> {
    const child = fork(join(ROOT, 'worker/main.ts'), [], {
      execArgv: ['--import', 'tsx', '--import', join(ROOT, 'test/shifted-clock.mjs')],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: {
        ...process.env,
        DATABASE_URL: this.urls.workerUrl,
        REDIS_URL: this.options.redisUrl ?? '',
        SHIPLOCK_STATE: this.dir,
        PUBLIC_URL: this.web.url,
        WORKER_NAME: `apart-${++this.number}`,
        DRAIN_SECONDS: '1',
        SHIFT_CLOCK_MS: String(this.options.clockOffMs ?? 0),
      },
    })
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve())
      child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)))
    })
    return { process: child, stop: () => endOf(child, 'SIGTERM') }
  }

  /** A repository on the forge, connected to Shiplock and checked. */
  async project(
    files: Record<string, string> = SERVICE,
    path = 'team/hello',
    wanted: {
      mergeMethod?: 'merge' | 'rebase_merge' | 'ff'
      master?: string
      develop?: string
      forge?: 'gitlab' | 'github'
    } = {},
  ): Promise<number> {
    const { master = 'master', develop = 'develop', mergeMethod, forge = 'gitlab' } = wanted
    await this.forge.addProject({
      path,
      members: { mia: 40, noor: 40, 'shiplock-bot': 40 },
      defaultBranch: master,
      ...(mergeMethod === undefined ? {} : { mergeMethod }),
    })
    const mia = await this.clone(path)
    await mia.command('commit', '--quiet', '--allow-empty', '--message=Begin')
    await mia.command('push', '--quiet', 'origin', `HEAD:refs/heads/${master}`)
    await mia.pushFiles(develop, master, files, 'A service')
    const { id } = await this.client.connect({ forge, forgeUrl: this.forge.url, path, token: this.botToken })
    if (this.options.worker !== 'none') {
      const project = await eventually('the project is checked', async () => {
        const now = await this.client.project(id)
        return ['connected', 'broken'].includes(now.status) && now
      })
      if (project.status === 'broken') throw new Error(project.because)
    }
    return id
  }

  clone(path = 'team/hello'): Promise<Clone> {
    const clone =
      this.clones.get(path) ??
      Clone.of(`${this.forge.url}/${path}.git`, join(this.dir, `clone-${this.clones.size}`), {
        username: 'mia',
        name: 'Mia Chen',
        password: PASSWORD,
      })
    this.clones.set(path, clone)
    return clone
  }

  /** Pushes files on top of a branch, as Mia. @returns the commit */
  async push(
    branch: string,
    files: Record<string, string | null> = {},
    from = 'develop',
    path = 'team/hello',
  ): Promise<string> {
    return (await this.clone(path)).pushFiles(branch, from, files, `Change ${branch}`)
  }

  /** Makes a branch at the very commit of another, or moves it there. @returns the commit */
  async branch(name: string, from: string, path = 'team/hello'): Promise<string> {
    const clone = await this.clone(path)
    await clone.command('fetch', '--quiet', 'origin')
    await clone.command('push', '--quiet', '--force', 'origin', `refs/remotes/origin/${from}:refs/heads/${name}`)
    return (await clone.command('rev-parse', `origin/${from}`)).trim()
  }

  /** The forge's REST, as one of its users. */
  async onForge<T>(who: 'noor' | 'mia', method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(`${this.forge.url}/api/v4${path}`, {
      method,
      headers: { 'private-token': this.tokens[who], ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return (answer.status === 204 ? undefined : await answer.json()) as T
  }

  /** The same forge as GitHub answers it, below /repos. */
  async onGithub<T>(who: 'noor' | 'mia', method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(`${this.forge.url}/api/v3/repos${path}`, {
      method,
      headers: { authorization: `Bearer ${this.tokens[who]}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return (answer.status === 204 ? undefined : await answer.json()) as T
  }

  /** Opens a merge request, as Mia. @returns its number and head */
  openRequest(source: string, target: string, path = 'team/hello'): Promise<{ iid: number; sha: string }> {
    return this.onForge('mia', 'POST', `/projects/${encodeURIComponent(path)}/merge_requests`, {
      source_branch: source,
      target_branch: target,
      title: `Merge ${source}`,
    })
  }

  /**
   * Opens a merge request and merges it on the forge, as Noor; `onceRead`: not before Shiplock has left its note there.
   * @returns what came onto the target
   */
  async merge(
    source: string,
    target: string,
    how: { squash?: boolean; path?: string; onceRead?: boolean } = {},
  ): Promise<string> {
    const { path = 'team/hello', squash = false } = how
    const request = await this.openRequest(source, target, path)
    const project = `/projects/${encodeURIComponent(path)}`
    const at = `${project}/merge_requests/${request.iid}`
    if (how.onceRead)
      await eventually(
        'there is a note',
        async () => (await this.onForge<object[]>('noor', 'GET', `${at}/notes`)).length > 0,
      )
    await this.onForge('noor', 'PUT', `${at}/merge`, { squash })
    const branch = await this.onForge<{ commit: { id: string } }>(
      'noor',
      'GET',
      `${project}/repository/branches/${encodeURIComponent(target)}`,
    )
    return branch.commit.id
  }

  /**
   * The promotion of a commit's run to an environment, as soon as there is one, or once it is as asked. The record says when
   * it changed, and only then is REST asked: waiting must not cost what is waited for its processor.
   */
  promotion(
    commit: string,
    environment: string,
    is: (promotion: PromotionItem) => boolean = () => true,
    deadlineMs = 60_000,
  ): Promise<PromotionItem> {
    let last = 'none'
    let seen = ''
    return eventually(
      `a promotion of ${commit.slice(0, 8)} to ${environment}`,
      async () => {
        const { rows } = await this.record.pool.query<{ id: number; state: string }>(
          `SELECT p.id, p.id || p.status || p.because || p.verdicts::text || p.epoch AS state FROM "Promotion" p
           JOIN "Run" r ON r.id = p."runId" JOIN "Environment" e ON e.id = p."environmentId"
           WHERE r."commit" = $1 AND e.name = $2 ORDER BY p.id DESC LIMIT 1`,
          [commit, environment],
        )
        const [now] = rows
        if (now === undefined || now.state === seen) return false
        seen = now.state
        const found = await this.client.promotion(now.id)
        last = `${found.status}: ${found.because}`
        return is(found) && found
      },
      deadlineMs,
    ).catch((error: Error) => {
      throw new Error(`${error.message} (${last})`)
    })
  }

  verified = (commit: string, environment: string) =>
    this.promotion(commit, environment, (p) => {
      if (['failed', 'refused', 'canceled', 'superseded'].includes(p.status))
        throw new Error(`it is ${p.status}: ${p.because}`)
      return p.status === 'verified'
    })

  /** Waits until a promotion waits for this gate, and that is the reason that counts. */
  waitsFor = (commit: string, environment: string, gate: string) =>
    this.promotion(commit, environment, (p) => {
      const counts = p.verdicts.find((v) => v.state === 'shut') ?? p.verdicts.find((v) => v.state === 'waiting')
      return p.status === 'waiting' && counts?.gate === gate
    })

  /** Omar signs off what waits in an environment for this commit. */
  async sign(commit: string, environment = 'production') {
    const asked = await this.waitsFor(commit, environment, 'approvals')
    await this.people.omar.approve(asked.id, 'looked at')
    return this.verified(commit, environment)
  }

  /** From a branch off develop to production, signed: the commits of the release branch and of master. */
  async inProduction(branch: string, files: Record<string, string | null> | null, from = 'develop') {
    const release = files === null ? await this.branch(branch, from) : await this.push(branch, files, from)
    await this.verified(release, 'prerelease')
    const master = await this.merge(branch, 'master')
    await this.sign(master)
    return { release, master }
  }

  /** The run that carries a commit, as soon as there is one. */
  async runOf(commit: string, branch?: string): Promise<RunDetail> {
    return this.client.run((await this.runRow(commit, branch, false)).id)
  }

  /** The same, once nothing about it will change any more. */
  async endedRun(commit: string, deadlineMs = 60_000): Promise<RunDetail> {
    return this.client.run((await this.runRow(commit, undefined, true, deadlineMs)).id)
  }

  private runRow(commit: string, branch: string | undefined, ended: boolean, deadlineMs = 40_000) {
    return eventually(
      `a run for ${commit.slice(0, 8)}${ended ? ' that has ended' : ''}`,
      async () => {
        const { rows } = await this.record.pool.query<{ id: number; ended: boolean }>(
          `SELECT id, "finishedAt" IS NOT NULL AND status <> 'errored' AS ended FROM "Run"
           WHERE "commit" = $1 AND ($2::text IS NULL OR branch = $2) ORDER BY id DESC LIMIT 1`,
          [commit, branch ?? null],
        )
        return rows[0] !== undefined && (rows[0].ended || !ended) && rows[0]
      },
      deadlineMs,
    )
  }

  async environment(name = 'test'): Promise<EnvironmentShape> {
    const [place] = (await this.client.environments(name)).items
    if (place === undefined) throw new Error(`there is no environment ${name}`)
    return place
  }

  /** Waits until the environment is observed running a commit. */
  deployed(commit: string, deadlineMs = 60_000) {
    return eventually(
      `${commit.slice(0, 8)} runs in test`,
      async () => {
        const place = await this.environment()
        return place.running?.release.commit === commit && { ...place, running: place.running }
      },
      deadlineMs,
    )
  }

  /** Waits until the forge was told these commit statuses. */
  async told(commit: string, wanted: Record<string, string>, path = 'team/hello'): Promise<void> {
    const url = `${this.forge.url}/api/v4/projects/${encodeURIComponent(path)}/repository/commits/${commit}/statuses?per_page=100`
    let last: Record<string, string> = {}
    await eventually('the forge is told', async () => {
      const answer = await fetch(url, { headers: { 'private-token': this.botToken } })
      const statuses = (await answer.json()) as { name: string; status: string }[]
      last = Object.fromEntries(statuses.map((s) => [s.name, s.status]))
      return Object.entries(wanted).every(([name, status]) => last[name] === status)
    }).catch((error: Error) => {
      throw new Error(`${error.message}: wanted ${JSON.stringify(wanted)}, the forge has ${JSON.stringify(last)}`)
    })
  }

  /** A run's promotion, once it has ended. */
  promotionOf(run: number) {
    return eventually(`the promotion of run #${run} ends`, async () => {
      const promotion = (await this.client.run(run)).promotions.at(-1)
      return (
        promotion !== undefined &&
        !['waiting', 'queued', 'deploying', 'deployed', 'verifying'].includes(promotion.status) &&
        promotion
      )
    })
  }

  /** Tables of the record in which a text stands in any column, also as bytes. */
  async rowsThatHold(text: string): Promise<string[]> {
    const { rows } = await this.record.pool.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema IN ('public', 'bullmq')`,
    )
    const holding: string[] = []
    for (const { name } of rows) {
      const schema = await this.record.pool.query<{ s: string }>(
        'SELECT table_schema AS s FROM information_schema.tables WHERE table_name = $1 LIMIT 1',
        [name],
      )
      const found = await this.record.pool.query(
        `SELECT 1 FROM "${schema.rows[0]?.s}"."${name}" t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || encode($1::bytea, 'hex') || '%' LIMIT 1`,
        [text],
      )
      if (found.rows.length > 0) holding.push(name)
    }
    return holding
  }

  /** The whole log of a stage. */
  async log(run: number, stage: string): Promise<string> {
    let text = ''
    let after: string | undefined
    for (let page = 0; page < 200; page++) {
      const got = await this.client.ask<{ text: string; next: string; more: boolean }>(
        'GET',
        `/runs/${run}/stages/${stage}/log${after === undefined ? '' : `?after=${encodeURIComponent(after)}`}`,
      )
      text += got.text
      after = got.next
      if (!got.more) return text
    }
    throw new Error('the log does not end')
  }

  /** Sends a delivery to the project's webhook by hand. */
  async deliver(project: number, headers: Record<string, string>, body: string | Buffer): Promise<Response> {
    const { hook } = await this.record.db.project.findUniqueOrThrow({ where: { id: project }, select: { hook: true } })
    return fetch(`${this.web.url}/webhooks/${hook}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: body as string,
    })
  }

  /** Everything is tried: what stays behind on the engine is missing to the tests that come after. */
  async close() {
    const errors: unknown[] = []
    const steps = [
      () => Promise.all([...this.workers].map((w) => w.stop())),
      () => this.web.close(),
      () => this.webRecord.close(),
      () => this.record.close(),
      () => this.forge.close(),
      () => emptyEngine(this.instance),
      () => this.database.drop(),
      async () => rmSync(this.dir, { recursive: true, force: true, maxRetries: 20 }),
    ]
    for (const step of steps) await step().catch((error: unknown) => errors.push(error))
    if (errors.length > 0) throw new AggregateError(errors, `a Shiplock could not be closed: ${errors.join('; ')}`)
  }
}

/** Ends a process and waits until it is gone. */
export function endOf(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill(signal)
  })
}

/** A port on which nobody answers. */
export async function deafPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
