// What the intake is held against: prepared single-row inserts of a row as large, on the same PostgreSQL.
import { execFile, fork } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type pg from 'pg'

const run = promisify(execFile)
const LOOP = fileURLToPath(new URL('insert-loop.ts', import.meta.url))
export const CLIENTS = 16
const THREADS = 2

export interface InsertRound {
  perSecond: number
}

export interface Inserter {
  name: string
  round(seconds: number): Promise<InsertRound>
}

/** pgbench of Debian's postgresql-contrib, on PATH or where Debian keeps it; null: there is none. */
function findPgbench(): string | null {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const places = [...(process.env.PATH ?? '').split(delimiter), ...versions.map((v) => join(debian, v, 'bin'))]
  return places.map((dir) => join(dir, 'pgbench')).find((file) => existsSync(file)) ?? null
}

/** Makes the table, and says who will insert. `body` is what is stored, as text. */
export async function inserter(db: pg.Pool, url: string, dir: string, body: string): Promise<Inserter> {
  await db.query(
    'CREATE TABLE bench_row (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), body text NOT NULL)',
  )
  const pgbench = findPgbench()
  if (pgbench === null)
    return {
      name: `prepared inserts with pg in a process of its own, ${CLIENTS} clients (no pgbench here)`,
      round: (s) => loop(url, body, s),
    }
  const script = join(dir, 'insert.sql')
  writeFileSync(script, 'INSERT INTO bench_row (body) VALUES (:body);\n')
  const { stdout } = await run(pgbench, ['--version'])
  return {
    name: `${stdout.trim()}, ${CLIENTS} clients, prepared, unix socket`,
    round: (s) => bench(pgbench, url, script, body, s),
  }
}

async function bench(
  pgbench: string,
  url: string,
  script: string,
  body: string,
  seconds: number,
): Promise<InsertRound> {
  const { searchParams, username, pathname } = new URL(url)
  const where = ['-h', searchParams.get('host') ?? '', '-p', searchParams.get('port') ?? '5432', '-U', username]
  const how = [
    '-n',
    '-M',
    'prepared',
    '-c',
    String(CLIENTS),
    '-j',
    String(THREADS),
    '-T',
    String(seconds),
    '-D',
    `body=${body}`,
    '-f',
    script,
  ]
  const { stdout } = await run(pgbench, [...where, ...how, pathname.slice(1)], { timeout: (seconds + 30) * 1000 })
  const perSecond = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1] ?? Number.NaN)
  const failed = Number(/number of failed transactions: (\d+)/.exec(stdout)?.[1] ?? 0)
  if (!(perSecond > 0) || failed > 0) throw new Error(`pgbench gave no clean figure:\n${stdout}`)
  return { perSecond }
}

function loop(url: string, body: string, seconds: number): Promise<InsertRound> {
  const child = fork(LOOP, [], { execArgv: ['--import', 'tsx'] })
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => child.kill('SIGKILL'), (seconds + 30) * 1000)
    child.once('exit', (code, signal) => {
      clearTimeout(late)
      reject(new Error(`the insert loop ended early (${signal ?? code})`))
    })
    child.once('message', (result: InsertRound) => resolve(result))
    child.send({ url, body, seconds, clients: CLIENTS })
  })
}
