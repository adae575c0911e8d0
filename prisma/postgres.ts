// The PostgreSQL that Shiplock brings along. It listens on a unix socket alone, runs apart from the process that started it,
// and any process of Shiplock may ask for it.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { withConnection } from './connections'
import { lockFile, withFileLock } from './file-lock.mjs'
import { accessFor, FOLDER_MODE, openSocket, SOCKET_MODE, writeAccess } from './postgres-access'
import { type Binaries, findBinaries, type ServerUser, serverUser } from './postgres-binaries'
import { endOrphans, serverPid } from './postgres-process'
import { closedParent } from './system-user'

const DATABASE = 'shiplock'
/** The role that owns all: Shiplock's own start and its migrations. Web and worker have roles of their own (roles.ts). */
const OWNER = 'postgres'
/** Only part of the socket's name: nothing listens on a port. */
const PORT = 5432
const SOCKET = `.s.PGSQL.${PORT}`
/** sun_path holds 108 bytes with its closing zero. */
const MAX_SOCKET_PATH = 107
const START_TIMEOUT_MS = 60_000
const MAX_LOG_BYTES = 10_000_000

const SETTINGS = {
  max_connections: '100',
  shared_buffers: '128MB',
  synchronous_commit: 'on',
  fsync: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

interface Place {
  dir: string
  data: string
  log: string
  socketDir: string
  user: ServerUser
}

export interface Postgres {
  /** Of the database "shiplock" on this server, made when missing. */
  url: string
  /**
   * Ends open connections and stops the server; resolves when it is down, also when it was down before.
   * @param seconds how long it may take to end in order; 30 where nothing is said
   */
  stop(seconds?: number): Promise<void>
  /** False: it ran already, and whoever started it should stop it. */
  started: boolean
  /** Is its process there? It may not answer yet. Costs a look at two files. */
  runs(): boolean
}

/** Where Shiplock keeps what must survive: SHIPLOCK_STATE, else the system's usual place. */
export function stateDir(env: Record<string, string | undefined> = process.env): string {
  if (env.SHIPLOCK_STATE) return path.resolve(env.SHIPLOCK_STATE)
  if (process.getuid?.() === 0) return '/var/lib/shiplock'
  return path.join(env.XDG_STATE_HOME || path.join(os.homedir(), '.local', 'state'), 'shiplock')
}

/**
 * Makes sure that the server in `dir` runs, and makes it when there is none. Safe to call from several processes at once, and
 * after any of them, or the server, was killed. `settings` are PostgreSQL's own names and override the usual ones; they count
 * only for the call that starts the server. Errors are sentences, with the end of the server's log. `make: false`: a folder
 * without a database is an error, for a caller that knows that there was one.
 */
export async function ensurePostgres(options: {
  dir: string
  settings?: Record<string, string>
  make?: boolean
}): Promise<Postgres> {
  const user = serverUser()
  const dir = path.resolve(options.dir)
  // Not even an empty folder, where one is waited for: it would be in the way of the one that is moved back.
  if (options.make === false) refuseMissing(path.join(dir, 'data'))
  else makeDir(dir, user)
  const place: Place = {
    dir,
    data: path.join(dir, 'data'),
    log: path.join(dir, 'server.log'),
    socketDir: socketDir(dir, user),
    user,
  }
  const binaries = findBinaries(user)
  const settings = { ...SETTINGS, ...options.settings }
  const started = await withFileLock(lockFile(dir, 'ensure'), async () => {
    if (!fs.existsSync(path.join(place.data, 'PG_VERSION'))) {
      if (options.make === false) refuseMissing(place.data)
      await initialise(place, binaries, settings)
    }
    refuseOtherVersion(place, binaries)
    const changed = writeAccess(place.data, accessFor(OWNER, user))
    const fresh = await start(place, binaries, settings)
    if (changed && !fresh) await withClient(urlOf(place, 'postgres'), (db) => db.query('SELECT pg_reload_conf()'))
    openSocket(path.join(place.socketDir, SOCKET))
    await createDatabase(place)
    return fresh
  })
  return {
    url: urlOf(place, DATABASE),
    started,
    stop: (seconds = 30) => stop(place, binaries, seconds),
    runs: () => serverPid(place.data) !== null,
  }
}

function refuseMissing(data: string) {
  if (!fs.existsSync(path.join(data, 'PG_VERSION')))
    throw new Error(`there is no database in ${data}: put its folder back`)
}

function makeDir(dir: string, user: ServerUser) {
  refuseClosed(dir, user)
  fs.mkdirSync(dir, { recursive: true, mode: 0o755 })
  refuseClosed(dir, user) // again: a strict umask closes the folders just made
  fs.chmodSync(dir, FOLDER_MODE)
  if (user) fs.chownSync(dir, user.uid, user.gid)
}

function refuseClosed(dir: string, user: ServerUser) {
  const closed = closedParent(path.dirname(dir), user)
  if (!closed) return
  throw new Error(
    `the database runs as the user "postgres", who may not enter ${closed}: set SHIPLOCK_STATE to another folder, or run chmod o+x ${closed}`,
  )
}

/** The socket lies beside the data, or in a short folder where that path would be longer than a socket's may be. */
function socketDir(dir: string, user: ServerUser): string {
  const socket = path.join(dir, SOCKET)
  if (Buffer.byteLength(socket) <= MAX_SOCKET_PATH) return dir
  const name = `shiplock-${process.getuid?.() ?? 0}-${createHash('sha256').update(dir).digest('hex').slice(0, 16)}`
  const runtime = path.join(user ? '/run' : process.env.XDG_RUNTIME_DIR || os.tmpdir(), name)
  fs.mkdirSync(runtime, { recursive: true, mode: 0o700 })
  if (user) fs.chownSync(runtime, user.uid, user.gid)
  // In a shared folder someone else may have made this name first, to sit between us and the server.
  const stat = fs.lstatSync(runtime)
  const owner = user?.uid ?? process.getuid?.()
  if (!stat.isDirectory() || (owner !== undefined && stat.uid !== owner))
    throw new Error(`${runtime} belongs to somebody else: remove it`)
  fs.chmodSync(runtime, FOLDER_MODE)
  return runtime
}

async function initialise(place: Place, { initdb }: Binaries, { fsync }: Record<string, string>) {
  // Under another name first: a cluster that was half made when the power went is never taken for a whole one.
  const part = path.join(place.dir, 'data.part')
  fs.rmSync(part, { recursive: true, force: true })
  const args = ['-D', part, '-U', OWNER, '-A', 'reject', '-E', 'UTF8', '--locale=C', '--no-instructions']
  await run(place, initdb, fsync === 'off' ? [...args, '--no-sync'] : args, 'make its database')
  fs.appendFileSync(
    path.join(part, 'postgresql.conf'),
    "\ninclude_if_exists = 'shiplock.conf' # written anew at every start\n",
  )
  fs.renameSync(part, place.data)
}

function refuseOtherVersion({ data }: Place, { major }: Binaries) {
  const made = fs.readFileSync(path.join(data, 'PG_VERSION'), 'utf8').trim()
  if (made !== major)
    throw new Error(
      `the database in ${data} was made by PostgreSQL ${made}, and this is PostgreSQL ${major}: move its content over, or use the Shiplock that made it`,
    )
}

/** True when this call started it. Must be called with the lock held. */
async function start(place: Place, { pgCtl }: Binaries, settings: Record<string, string>): Promise<boolean> {
  if (await answers(place)) return false
  if (serverPid(place.data) !== null) {
    // It is coming up, or replaying its log after a crash: not ours to start, but ours to wait for.
    await waitFor(
      () => answers(place),
      START_TIMEOUT_MS,
      `the database in ${place.dir} runs, and does not answer`,
      place,
    )
    return false
  }
  fs.rmSync(path.join(place.data, 'postmaster.pid'), { force: true })
  writeSettings(place, settings)
  if ((fs.statSync(place.log, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES)
    fs.renameSync(place.log, `${place.log}.1`)
  const args = ['-D', 'data', '-w', '-t', String(START_TIMEOUT_MS / 1000), '-l', 'server.log', 'start']
  // A server that was killed leaves children for a moment, and a new one refuses to start beside them.
  for (let attempt = 1; ; attempt++) {
    try {
      await run(place, pgCtl, args, 'start')
      return true
    } catch (error) {
      if (attempt === 5 || !/still in use|lock file|in use by/.test(logTail(place))) throw error
      // One in the middle of long work does not notice that its server is gone.
      if (attempt > 1) endOrphans(place.data)
      await sleep(500)
    }
  }
}

function writeSettings({ data, socketDir }: Place, settings: Record<string, string>) {
  const all = {
    ...settings,
    listen_addresses: '',
    unix_socket_directories: `"${socketDir}"`,
    unix_socket_permissions: `0${SOCKET_MODE.toString(8)}`,
    password_encryption: 'scram-sha-256',
    port: String(PORT),
  }
  const quote = (value: string) => `'${value.replaceAll("'", "''")}'`
  fs.writeFileSync(
    path.join(data, 'shiplock.conf'),
    Object.entries(all)
      .map(([k, v]) => `${k} = ${quote(v)}\n`)
      .join(''),
    { mode: 0o644 },
  )
}

/** Politely; then as a crash would, which loses nothing that was committed: one that hangs must not keep the caller. */
async function stop(place: Place, { pgCtl }: Binaries, seconds: number) {
  const how = [
    ['fast', seconds],
    ['immediate', 10],
  ] as const
  await withFileLock(lockFile(place.dir, 'ensure'), async () => {
    for (const [mode, atMost] of how) {
      if (serverPid(place.data) === null) return
      const stopped = run(place, pgCtl, ['-D', 'data', '-m', mode, '-w', '-t', String(atMost), 'stop'], 'stop')
      // It may have ended by itself while we asked: the process is looked at next.
      if (await stopped.then(() => true).catch(() => false)) return
    }
    const pid = serverPid(place.data)
    if (pid === null) return
    process.kill(pid, 'SIGKILL')
    endOrphans(place.data)
  })
}

async function createDatabase(place: Place) {
  await withClient(urlOf(place, 'postgres'), async (db) => {
    const { rowCount } = await db.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE])
    if (!rowCount) await db.query(`CREATE DATABASE ${DATABASE}`)
  })
}

async function answers(place: Place): Promise<boolean> {
  if (!fs.existsSync(path.join(place.socketDir, `.s.PGSQL.${PORT}`))) return false
  try {
    await withClient(urlOf(place, 'postgres'), (db) => db.query('SELECT'))
    return true
  } catch {
    return false // whatever the reason: the caller looks at the process next
  }
}

const withClient = (connectionString: string, work: (db: pg.Client) => Promise<unknown>) =>
  withConnection({ connectionString, connectionTimeoutMillis: 5_000, query_timeout: 30_000 }, work)

/** "localhost" is there for parsers that insist on a host; the parameter wins over it. */
const urlOf = ({ socketDir }: Place, database: string) =>
  `postgresql://${OWNER}@localhost/${database}?host=${encodeURIComponent(socketDir)}&port=${PORT}`

async function waitFor(done: () => Promise<boolean>, timeoutMs: number, otherwise: string, place: Place) {
  const deadline = Date.now() + timeoutMs
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`${otherwise}\n${logTail(place)}`)
    await sleep(100)
  }
}

function run(place: Place, program: string, args: string[], toDo: string): Promise<void> {
  const options = {
    ...place.user,
    // Relative paths with this folder as the current one: pg_ctl hands its arguments to a shell.
    cwd: place.dir,
    // An environment of its own: PGDATA, PGPORT and the like of whoever calls must not lead it elsewhere.
    env: { PATH: process.env.PATH, NODE_ENV: process.env.NODE_ENV, LC_ALL: 'C', TZ: 'UTC' },
    timeout: START_TIMEOUT_MS + 10_000,
  }
  return new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      if (!error) return resolve()
      const said = [stderr.trim() || stdout.trim() || error.message, logTail(place)].filter(Boolean).join('\n')
      reject(new Error(`the built-in PostgreSQL could not ${toDo} in ${place.dir}:\n${said}`, { cause: error }))
    })
  })
}

function logTail({ log }: Place): string {
  if (!fs.existsSync(log)) return ''
  const fd = fs.openSync(log, 'r')
  try {
    const { size } = fs.fstatSync(fd)
    const tail = Buffer.alloc(Math.min(size, 8_000))
    fs.readSync(fd, tail, 0, tail.length, size - tail.length)
    return tail.toString('utf8').trimEnd().split('\n').slice(-12).join('\n')
  } finally {
    fs.closeSync(fd)
  }
}
