// Shiplock in one command: the embedded database where none is given, migrations, keys, one web process and one worker.
// Each is a process of its own, since they hold different things (README, "Processes and trust").
import { type ChildProcess, fork } from 'node:child_process'
import { watch } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { firstEnrolmentCodes } from '../environments/enrolment-code'
import { stateDir } from '../prisma/postgres'
import { ownTsxCache } from '../scripts/tsx-cache.mjs'
import { type Name, prepare, programs } from './programs'

// Whoever read our output may be gone before us: without this, telling so would fail too, and so on for ever.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const dev = process.argv.includes('--dev')
const state = stateDir()
/** A process that dies is started again, unless it keeps dying: then something is wrong that restarting cannot mend. */
const MOST_DEATHS = 5
const DEATHS_WITHIN_MS = 60_000
/** What web and worker exit with where they cannot reach the database: that is no crash, and passes. */
const DATABASE_AWAY = 75

const ground = await prepare(ROOT, state, process.env, dev).catch((error: Error) => {
  console.error(`Shiplock cannot start: ${error.message}`)
  return process.exit(1)
})
for (const warning of ground.warnings) console.warn(warning)

const host = process.env.HOST || '127.0.0.1'
const port = process.env.PORT === '0' ? await freePort(host) : Number(process.env.PORT || 8080)
/** Passkeys need a name, and a loopback address has none but this. */
const HERE = ['127.0.0.1', '0.0.0.0', '::', '::1', 'localhost']
const settings = {
  ...(dev ? {} : { NODE_ENV: 'production' as const }),
  SHIPLOCK_STATE: state,
  HOST: host,
  PORT: String(port),
  PUBLIC_URL: process.env.PUBLIC_URL || `http://${HERE.includes(host) ? 'localhost' : host}:${port}`,
}

const PROGRAMS = programs(
  ground,
  process.env,
  settings,
  process.argv.slice(2).filter((a) => a === '--dev' || a === '--no-pages'),
)
const children = new Map<Name, ChildProcess>()
let stopping = false

function start(name: Name): Promise<void> {
  const program = PROGRAMS[name]
  ownTsxCache()
  const child = fork(join(ROOT, program.script), program.arguments, {
    cwd: ROOT,
    execArgv: ['--import', 'tsx'],
    ...program.options,
  })
  child.stdout?.pipe(process.stdout, { end: false })
  child.stderr?.pipe(process.stderr, { end: false })
  children.set(name, child)
  return new Promise((resolve, reject) => {
    let ready = false
    child.once('message', () => {
      ready = true
      resolve()
    })
    child.once('exit', (code, signal) => {
      children.delete(name)
      reject(new Ended(name, code, signal))
      if (ready && !stopping) diedUnasked(name, code, signal)
    })
  })
}

/** `npm run dev`: what a process was started from has changed, so it is started again; pages reload by themselves. */
const WATCHED: Record<Name, readonly string[]> = {
  web: ['app/_server', 'pipelines', 'prisma'],
  worker: ['worker', 'environments', 'pipelines', 'prisma'],
}

function reloadOnChange() {
  for (const [name, folders] of Object.entries(WATCHED) as [Name, readonly string[]][]) {
    let soon: NodeJS.Timeout | undefined
    for (const folder of folders) {
      watch(join(ROOT, folder), { recursive: true }, (_event, file) => {
        if (file === null || !/\.(ts|yaml|Dockerfile)$/.test(file)) return
        clearTimeout(soon)
        soon = setTimeout(() => children.get(name)?.kill('SIGTERM'), 200)
      })
    }
  }
}

const deaths = new Map<Name, number[]>()
function diedUnasked(name: Name, code: number | null, signal: string | null) {
  if (dev && code === 0) return void start(name).catch((error: Error) => console.error(error.message))
  if (code === DATABASE_AWAY) return void startSoon(name)
  const recent = [...(deaths.get(name) ?? []), Date.now()].filter((t) => t > Date.now() - DEATHS_WITHIN_MS)
  deaths.set(name, recent)
  if (recent.length >= MOST_DEATHS) {
    console.error(`${name} ended ${recent.length} times within a minute (${signal ?? `exit ${code}`}); Shiplock stops.`)
    void stop(1)
    return
  }
  console.warn(`${name} ended unasked (${signal ?? `exit ${code}`}); starting it again`)
  startAgain(name)
}

const startSoon = (name: Name) => setTimeout(() => startAgain(name), 1_000)

/** It has said itself why it could not start; here it only counts as one more death. */
function startAgain(name: Name) {
  if (stopping) return
  start(name).catch((error: Ended) => {
    if (!stopping) setTimeout(() => diedUnasked(name, error.code, error.signal), 1_000)
  })
}

class Ended extends Error {
  constructor(
    name: Name,
    readonly code: number | null,
    readonly signal: string | null,
  ) {
    super(`${name} ended before it was ready (${signal ?? `exit ${code}`})`)
  }
}

async function stop(exitCode: number) {
  if (stopping) return
  stopping = true
  await Promise.all([...children.values()].map(ended))
  await ground.stopDatabase()
  process.exit(exitCode)
}

/** Asks a process to drain; what has not ended within its own deadline and some more is killed. */
function ended(child: ChildProcess): Promise<void> {
  const deadline = (Number(process.env.DRAIN_SECONDS || 30) + 15) * 1000
  return new Promise((resolve) => {
    const kill = setTimeout(() => child.kill('SIGKILL'), deadline)
    child.once('exit', () => {
      clearTimeout(kill)
      resolve()
    })
    child.kill('SIGTERM')
  })
}

function freePort(on: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(0, on, () => {
        const address = server.address()
        server.close(() =>
          address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no free port')),
        )
      })
  })
}

/** The first keys are trusted because somebody holds this paper; later ones because somebody with such a key vouches. */
const inWords = (codes: readonly string[]) =>
  [
    'Enrolment codes, shown this once. Each admits one passkey for signing off: hand them to two people of operations.',
    ...codes.map((code) => `  ${code}`),
  ].join('\n')

process.on('SIGTERM', () => void stop(0))
process.on('SIGINT', () => void stop(0))
process.on('disconnect', () => void stop(0))

/** The first start: what cannot start for another reason than its database ends Shiplock at once. */
async function first(name: Name): Promise<void> {
  for (;;) {
    try {
      return await start(name)
    } catch (error) {
      if (!(error instanceof Ended) || error.code !== DATABASE_AWAY || stopping) throw error
      await sleep(1_000)
    }
  }
}

try {
  await Promise.all([first('web'), first('worker')])
  console.log(`Shiplock is up: ${settings.PUBLIC_URL}`)
  const codes = await firstEnrolmentCodes(join(state, 'keys'))
  if (codes.length > 0) console.log(inWords(codes))
  process.send?.({ ready: settings.PUBLIC_URL, codes })
  if (dev) reloadOnChange()
} catch (error) {
  console.error((error as Error).message)
  await stop(1)
}
