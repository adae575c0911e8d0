// The demo from its first process to the last: forge, Shiplock, the story, and nothing left behind.
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureNodeBase } from '../scripts/base-image.mjs'
import {
  badReleaseIsRolledBack,
  type Cast,
  comesBack,
  featureReachesTest,
  hotfixReachesPrerelease,
  reachesProduction,
  refusals,
  releaseReachesPrerelease,
  type Told,
} from './acts'
import { proveTheTrail } from './audit'
import { Client } from './client'
import { enrol } from './enrol'
import { type DemoForge, startForge } from './forge/forge'
import { cleanLeftovers, cleanUp, makeFolder } from './leftovers'
import type { Options } from './options'
import { Clone } from './story'
import { signOffs, summary } from './summary'
import { bad, faint, heading, say, seconds, sign, table, until } from './tell'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MINUTE = 60_000

const secret = () => randomBytes(12).toString('base64url')
const mia = { username: 'mia', name: 'Mia Chen', password: secret() }
const noor = { username: 'noor', name: 'Noor Haddad', password: secret() }
const omar = { username: 'omar', name: 'Omar Reyes', password: secret() }
const bot = { username: 'shiplock-bot', name: 'Shiplock', password: secret() }
const adminPassword = secret()

interface World {
  dir: string
  forge?: DemoForge
  shiplock?: ChildProcess
}

async function main(world: World, options: Options) {
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
  const tokens = await makePeople(forge)
  say(`the demo forge is up: a stand-in for GitLab on real git repositories`)
  say('starting Shiplock: web, worker and embedded PostgreSQL; up to a minute')
  const { url, codes } = await startShiplock(world, forge)
  const client = await Client.signIn(url, 'admin', adminPassword)
  say(`${sign('succeeded')} Shiplock is up`)
  await Client.makeAccounts(url, { name: 'admin', password: adminPassword }, [
    { name: noor.username, role: 'owner', password: noor.password, forgeUserId: String(tokens.noor.id) },
    { name: omar.username, role: 'ops', password: omar.password },
  ])

  table(
    ['', 'address', 'name', 'password'],
    [
      ['dashboard', url, 'admin', adminPassword],
      ['', 'as owner', noor.username, noor.password],
      ['', 'as operations', omar.username, omar.password],
      ['', 'or sign in with the demo forge, which is an OpenID provider', '', ''],
      ['demo forge', forge.url, mia.username, mia.password],
      ['', '', noor.username, noor.password],
    ],
  )

  heading('Connecting team/hello')
  await connect(client, forge, tokens.bot)
  const cast: Cast = {
    admin: client,
    noor: await Client.signIn(url, noor.username, noor.password),
    omar: await Client.signIn(url, omar.username, omar.password),
    names: { mia, noor, omar },
    hers: await Clone.of(`${forge.url}/team/hello.git`, join(world.dir, 'mia'), mia),
    open: (source, target, title) => openRequest(forge, tokens.mia, { source, target, title }),
  }
  cast.omar.passkey = await enrol(url, { name: omar.username, password: omar.password }, codes[0] ?? '')
  say(`${sign('succeeded')} ${omar.name} has a passkey, admitted with an enrolment code of this installation`)
  const { first, ...told } = await tellStory(cast)
  const json = {
    ...(await summary(client, forge.url, told, first)),
    audit: await proveTheTrail(client, world.dir),
    signoff: await signOffs(client),
  }
  if (options.json !== null) writeFileSync(resolve(options.json), `${JSON.stringify(json, null, 2)}\n`, { mode: 0o600 })
}

/** As anybody would: by the forge's own REST, with a token of one's own. */
async function openRequest(forge: DemoForge, token: string, wanted: { source: string; target: string; title: string }) {
  const answer = await fetch(`${forge.url}/api/v4/projects/${encodeURIComponent('team/hello')}/merge_requests`, {
    method: 'POST',
    headers: { 'private-token': token, 'content-type': 'application/json' },
    body: JSON.stringify({ source_branch: wanted.source, target_branch: wanted.target, title: wanted.title }),
  })
  if (!answer.ok) throw new Error(`the merge request could not be opened: ${answer.status} ${await answer.text()}`)
}

async function makePeople(forge: DemoForge) {
  const tokens = {
    mia: (await forge.addUser(mia)).token,
    noor: await forge.addUser(noor),
    bot: (await forge.addUser(bot)).token,
  }
  await forge.addProject({
    path: 'team/hello',
    members: { mia: 30, noor: 40, 'shiplock-bot': 40 },
    seed: join(ROOT, 'demo/hello'),
  })
  return tokens
}

/** In a process group of its own: Ctrl-C reaches this process alone, which then stops everything in order. */
async function startShiplock(world: World, forge: DemoForge): Promise<{ url: string; codes: string[] }> {
  // The provider must know where it may send people back to.
  const port = await freePort()
  const provider = forge.addOidcClient({
    redirectUris: ['localhost', '127.0.0.1'].map((host) => `http://${host}:${port}/api/v1/oidc/callback`),
  })
  const child = fork(join(ROOT, 'cli/up.ts'), [], {
    cwd: ROOT,
    execArgv: ['--import', 'tsx'],
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      SHIPLOCK_STATE: join(world.dir, 'state'),
      HOST: '127.0.0.1',
      PORT: String(port),
      OIDC_ISSUER: forge.url,
      OIDC_CLIENT_ID: provider.id,
      OIDC_CLIENT_SECRET: provider.secret,
      OIDC_NAME: 'the demo forge',
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
    child.once('message', (message: { ready: string; codes: string[] }) => {
      clearTimeout(late)
      done({ url: message.ready, codes: message.codes })
    })
  })
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer()
      .once('error', failed)
      .listen(0, '127.0.0.1', () => {
        const address = server.address()
        server.close(() =>
          address !== null && typeof address === 'object'
            ? done(address.port)
            : failed(new Error('there is no free port')),
        )
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

async function tellStory(cast: Cast): Promise<Told & { first: { tag: string; digests: Record<string, string> } }> {
  const told: Told = { runs: [], refused: [] }
  await featureReachesTest(cast, told)
  await releaseReachesPrerelease(cast, told, 'release/1.0')
  const first = await reachesProduction(cast, told, 'release/1.0', 'Release 1.0')
  const digests = await digestsEverywhere(cast.admin, first.release.id)
  await comesBack(cast, told, first.release.id)
  await hotfixReachesPrerelease(cast, told, 'hotfix/1.0.1')
  const mended = await reachesProduction(cast, told, 'hotfix/1.0.1', 'Hotfix 1.0.1')
  await comesBack(cast, told, mended.release.id)
  await refusals(cast, told)
  await badReleaseIsRolledBack(cast, told, mended.release.id)
  return { ...told, first: { tag: first.release.tag, digests } }
}

/** The digest that each environment was observed running for one release. */
async function digestsEverywhere(client: Client, release: number): Promise<Record<string, string>> {
  const { promotions, tag } = await client.release(release)
  const digests = Object.fromEntries(
    promotions.filter((p) => p.status === 'verified').map((p) => [p.environment, p.observed ?? 'nothing']),
  )
  if (new Set(Object.values(digests)).size !== 1)
    throw new Error(`${tag} is not the same everywhere: ${JSON.stringify(digests)}`)
  const where = Object.keys(digests).reverse().join(', ')
  say(`${sign('succeeded')} ${tag} is one image in ${where}: ${faint(Object.values(digests)[0] ?? '')}`)
  return digests
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

/** @returns the exit code */
export async function play(options: Options): Promise<0 | 1> {
  const world: World = { dir: makeFolder() }
  let code: 0 | 1 = 0
  const interrupted = untilAsked().then(() => 'interrupted' as const)
  try {
    const how = await Promise.race([main(world, options), interrupted])
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
  return code
}
