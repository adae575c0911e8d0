// npm run demo: Shiplock with nothing configured, and a story with real git that shows what it is for.
//   --exit         stop everything after the story; exit 0, or 1 with the reason
//   --json FILE    also write what happened to FILE
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { EnvironmentShape, RunDetail } from '../app/shapes'
import { ensureNodeBase } from '../scripts/base-image.mjs'
import { Client } from './client'
import { type DemoForge, startForge } from './forge/forge'
import { cleanLeftovers, cleanUp, makeFolder } from './leftovers'
import { Clone } from './story'
import { bad, faint, good, heading, say, seconds, sign, table, until, who } from './tell'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MINUTE = 60_000

const secret = () => randomBytes(12).toString('base64url')
const mia = { username: 'mia', name: 'Mia Chen', password: secret() }
const noor = { username: 'noor', name: 'Noor Haddad', password: secret() }
const bot = { username: 'shiplock-bot', name: 'Shiplock', password: secret() }
const adminPassword = secret()

const { values: options } = parseArgs({
  options: { exit: { type: 'boolean', default: false }, json: { type: 'string' } },
})

interface World {
  dir: string
  forge?: DemoForge
  shiplock?: ChildProcess
}

async function main(world: World) {
  heading('Setting up')
  const cleaned = await cleanLeftovers()
  if (cleaned > 0) say(`cleaned up after ${cleaned} demo(s) that ended unasked`)
  const base = await ensureNodeBase()
  say(
    base.made
      ? `made the base image ${base.image} from this machine's Node.js (${seconds(base.ms)})`
      : `the base image ${base.image} is there`,
  )
  const forge = await startForge({ dir: join(world.dir, 'forge') })
  world.forge = forge
  const token = await makePeople(forge)
  say(`the demo forge is up: a stand-in for GitLab on real git repositories`)
  const url = await startShiplock(world)
  const client = await Client.signIn(url, 'admin', adminPassword)
  say(`Shiplock is up: web, worker, embedded PostgreSQL`)

  table(
    ['', 'address', 'name', 'password'],
    [
      ['dashboard', url, 'admin', adminPassword],
      ['demo forge', forge.url, mia.username, mia.password],
      ['', '', noor.username, noor.password],
    ],
  )

  heading('Connecting team/hello')
  await connect(client, forge, token)
  const runs = await tellStory(world, client, forge)
  const environment = await runningEnvironment(client)
  const answer = await answerOf(environment)
  await sum(client, forge, runs, environment, answer)
}

async function makePeople(forge: DemoForge): Promise<string> {
  await forge.addUser(mia)
  await forge.addUser(noor)
  const made = await forge.addUser(bot)
  await forge.addProject({
    path: 'team/hello',
    members: { mia: 30, noor: 40, 'shiplock-bot': 40 },
    seed: join(ROOT, 'demo/hello'),
  })
  return made.token
}

/** In a process group of its own: Ctrl-C reaches this process alone, which then stops everything in order. */
function startShiplock(world: World): Promise<string> {
  const child = fork(join(ROOT, 'cli/up.ts'), [], {
    cwd: ROOT,
    execArgv: ['--import', 'tsx'],
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      SHIPLOCK_STATE: join(world.dir, 'state'),
      HOST: '127.0.0.1',
      PORT: '0',
      PUBLIC_URL: '',
      LOG_LEVEL: 'warn',
      DRAIN_SECONDS: '5',
      SHIPLOCK_ADMIN_PASSWORD: adminPassword,
      SHIPLOCK_BASE_IMAGES: 'node=shiplock-demo/node:local',
    },
  })
  world.shiplock = child
  writeFileSync(join(world.dir, 'up'), String(child.pid))
  let words = ''
  const listen = (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-8000)
  }
  child.stdout?.on('data', listen)
  child.stderr?.on('data', listen)
  return new Promise((done, failed) => {
    const late = setTimeout(() => failed(new Error(`Shiplock was not up after a minute. It said:\n${words}`)), MINUTE)
    child.once('exit', (code) => failed(new Error(`Shiplock ended (${code}) before it was up. It said:\n${words}`)))
    child.once('message', (message: { ready: string }) => {
      clearTimeout(late)
      done(message.ready)
    })
  })
}

async function connect(client: Client, forge: DemoForge, token: string) {
  const asked = await client.connect({ forge: 'gitlab', forgeUrl: forge.url, path: 'team/hello', token })
  const told = new Set<string>()
  const project = await until(
    () => 'the project is being checked on the forge',
    async () => {
      const now = await client.project(asked.id)
      for (const check of now.checks) {
        if (!told.has(check.name))
          say(`${check.ok ? sign('succeeded') : sign('failed')} ${check.name}: ${check.because}`)
        told.add(check.name)
      }
      return now.status === 'connected' || now.status === 'broken' ? now : null
    },
    MINUTE,
  )
  if (project.status !== 'connected') throw new Error(`the project could not be connected: ${project.because}`)
}

async function tellStory(world: World, client: Client, forge: DemoForge): Promise<RunDetail[]> {
  const url = `${forge.url}/team/hello.git`
  heading(`${who(mia.name)} pushes feature/warm-welcome`)
  const hers = await Clone.of(url, join(world.dir, 'mia'), mia)
  const feature = await hers.pushFeature(
    'feature/warm-welcome',
    'develop',
    { file: 'greeting.js', replace: 'Hello', by: 'Welcome aboard' },
    'Greet visitors warmly',
  )
  const first = await watchRun(client, 'feature/warm-welcome', feature)

  heading(`${who(noor.name)} merges it to develop`)
  const theirs = await Clone.of(url, join(world.dir, 'noor'), noor)
  const merged = await theirs.mergeAndPush('feature/warm-welcome', 'develop')
  const second = await watchRun(client, 'develop', merged)

  heading('The test environment')
  await watchDeployment(client, merged)
  return [first, second]
}

/** Follows a run and tells of each stage as it ends. @throws where the run does not succeed */
async function watchRun(client: Client, branch: string, commit: string): Promise<RunDetail> {
  const found = await until(
    () => `waiting for the push of ${branch} to arrive`,
    async () => (await client.runs({ branch })).items.find((r) => r.commit === commit) ?? null,
    MINUTE,
  )
  say(`run #${found.id} for ${commit.slice(0, 8)} ${faint(`${client.url}/runs/${found.id}`)}`)
  const told = new Set<string>()
  let doing = 'it is being planned'
  const run = await until(
    () => doing,
    async () => {
      const now = await client.run(found.id)
      for (const stage of now.stages) {
        if (['succeeded', 'failed', 'skipped', 'canceled'].includes(stage.status) && !told.has(stage.name)) {
          told.add(stage.name)
          say(
            `  ${sign(stage.status)} ${stage.name.padEnd(12)} ${stage.ms === null ? '' : seconds(stage.ms).padStart(8)}  ${faint(stage.because)}`,
          )
        }
      }
      const running = now.stages.find((s) => s.status === 'running')
      doing = running ? `${running.name} is running` : (now.waiting?.what ?? 'between stages')
      return now.finishedAt !== null && now.status !== 'errored' ? now : null
    },
    10 * MINUTE,
  )
  if (run.status !== 'succeeded') throw new Error(`run #${run.id} ${run.status}: ${run.because}`)
  return run
}

async function watchDeployment(client: Client, commit: string) {
  let doing = 'the release is on its way'
  await until(
    () => doing,
    async () => {
      const [place] = (await client.environments('test')).items
      if (place === undefined) throw new Error('there is no test environment')
      if (place.lastFailed?.release.commit === commit)
        throw new Error(`the deployment failed: ${place.lastFailed.because}`)
      const open = place.open.at(-1)
      if (open !== undefined) doing = open.waiting?.what ?? `promotion #${open.id} is ${open.status}`
      if (place.running?.release.commit !== commit) return null
      say(`${sign('deployed')} ${place.running.release.tag} runs in test: ${place.running.because}`)
      return place
    },
    5 * MINUTE,
  )
}

async function runningEnvironment(
  client: Client,
): Promise<EnvironmentShape & { running: NonNullable<EnvironmentShape['running']> }> {
  const [place] = (await client.environments('test')).items
  if (place?.running == null) throw new Error('nothing runs in the test environment')
  return { ...place, running: place.running }
}

async function answerOf(environment: Awaited<ReturnType<typeof runningEnvironment>>): Promise<string> {
  const { url, release } = environment.running
  const answer = await (await fetch(`${url}/version`, { signal: AbortSignal.timeout(10_000) })).text()
  if (!answer.includes(release.commit))
    throw new Error(`${url} does not answer with the commit ${release.commit}: ${answer.slice(0, 500)}`)
  say(`${sign('succeeded')} ${url} answers: ${faint(answer.trim())}`)
  return answer
}

async function sum(
  client: Client,
  forge: DemoForge,
  runs: RunDetail[],
  environment: Awaited<ReturnType<typeof runningEnvironment>>,
  answer: string,
) {
  const { running } = environment
  table(
    ['run', 'branch', 'commit', 'status', 'stages', 'waited'],
    runs.map((r) => [
      `#${r.id}`,
      r.branch,
      r.commit.slice(0, 8),
      good(r.status),
      r.stages.map((s) => `${s.name} ${s.ms === null ? s.status : seconds(s.ms)}`).join(', '),
      r.waited_ms === null ? '' : seconds(r.waited_ms),
    ]),
  )
  table(
    ['environment', 'release', 'digest', 'observed', 'address'],
    [
      [
        'test',
        running.release.tag,
        running.release.digest.slice(0, 19),
        running.observed === running.release.digest ? good('the same') : bad(String(running.observed)),
        running.url ?? '',
      ],
    ],
  )
  if (options.json === undefined) return
  const json = {
    web: client.url,
    forge: forge.url,
    token: client.token,
    runs: runs.map((r) => ({
      id: r.id,
      branch: r.branch,
      commit: r.commit,
      status: r.status,
      stages: r.stages.map((s) => ({ name: s.name, status: s.status, ms: s.ms })),
      waited_ms: r.waited_ms,
    })),
    environments: {
      test: {
        release: running.release.tag,
        digest: running.release.digest,
        observed: running.observed,
        url: running.url,
        answer,
      },
    },
  }
  writeFileSync(resolve(options.json), `${JSON.stringify(json, null, 2)}\n`, { mode: 0o600 })
}

/** Everything the demo started, in the order that leaves nothing behind. */
async function tearDown(world: World) {
  const { shiplock, forge } = world
  if (shiplock !== undefined && shiplock.exitCode === null && shiplock.signalCode === null) {
    await new Promise<void>((done) => {
      const late = setTimeout(() => shiplock.kill('SIGKILL'), 30_000)
      shiplock.once('exit', () => {
        clearTimeout(late)
        done()
      })
      shiplock.kill('SIGTERM')
    })
  }
  await forge?.close()
  await cleanUp(world.dir)
}

const untilAsked = () =>
  new Promise<void>((done) => {
    process.once('SIGINT', () => done())
    process.once('SIGTERM', () => done())
  })

const world: World = { dir: makeFolder() }
let code = 0
const interrupted = untilAsked().then(() => 'interrupted' as const)
try {
  const how = await Promise.race([main(world), interrupted])
  if (how === 'interrupted') say('stopping')
  else if (!options.exit) {
    say(`It stays up; Ctrl-C stops everything and removes what it made.`)
    await interrupted
  }
} catch (error) {
  code = 1
  console.error(`\n${bad('The demo failed:')} ${(error as Error).message}`)
}
// A second Ctrl-C is an impatient person's: clean-up goes on, and says so.
process.on('SIGINT', () => say('cleaning up; a moment'))
await tearDown(world).catch((error: Error) => {
  code = 1
  console.error(`could not clean up: ${error.message}`)
})
say(code === 0 ? 'everything is stopped and removed' : 'stopped')
process.exit(code)
