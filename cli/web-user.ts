// The system's user that the web process runs as: one that can read the code, and nothing of the worker's.
import { existsSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { closedParent, isFree, lookUpUser, makeUser, may, type SystemUser } from '../prisma/system-user'

const NAME = 'shiplock-web'
/** Where users cannot be made: numbers that systems hand out to nobody. */
const NUMBERS = { first: 64_200, last: 64_299 }

/** `because`: why the web process runs as the very user of the worker; a sentence with what to do. */
export type WebUser = { user: SystemUser; because: null } | { user: null; because: string }

const WHAT_THEN =
  'Whoever takes the web process over could read the keys of the worker and reach the Docker engine. See "Processes and trust" in README.'

/**
 * @param root folder of the code
 * @param state folder in which the keys and the database's socket lie
 */
export function webUser(root: string, state: string): WebUser {
  if (process.getuid?.() !== 0)
    return same('Shiplock was not started by root: start it as root, or web and worker as two users of the system')
  const user = userOrNumber()
  const closed = [root, process.execPath, state].map((path) => closedTo(path, user)).find((path) => path !== null)
  if (closed !== undefined)
    return same(`the user ${NAME} may not enter or read ${closed}: run chmod o+rX ${closed}, or move Shiplock to /opt`)
  return { user, because: null }
}

const same = (because: string): WebUser => ({
  user: null,
  because: `The web process is not separated from the worker, because ${because}. ${WHAT_THEN}`,
})

function userOrNumber(): SystemUser {
  const known = lookUpUser(NAME)
  if (known !== null) return known
  try {
    makeUser(NAME)
  } catch {
    // No such tools here, or a read-only /etc: a number serves as well.
  }
  return lookUpUser(NAME) ?? freeNumber()
}

function freeNumber(): SystemUser {
  for (let id = NUMBERS.first; id <= NUMBERS.last; id++) if (isFree(id)) return { uid: id, gid: id }
  throw new Error(`the user ${NAME} could not be made: run useradd --system ${NAME}`)
}

/** What stands in the way to `path`, or, of a folder of code, a file in it that the user cannot read. A strict umask closes them. */
function closedTo(path: string, user: SystemUser): string | null {
  const real = realpathSync(path)
  const closed = closedParent(real, user)
  if (closed !== null || !statSync(real).isDirectory()) return closed
  const looked = ['package.json', 'app/_server/main.ts', 'node_modules/tsx/package.json', '.next/BUILD_ID']
  const files = looked.map((file) => join(real, file)).filter((file) => existsSync(file))
  return files.find((file) => closedParent(file, user) !== null || !may(statSync(file), user, 0o4)) ?? null
}
