// Who may enter the PostgreSQL that Shiplock brings along: its owner by being the system's user who started it, everybody else
// by a password.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { ServerUser } from './postgres-binaries'

const MAP = 'shiplock'

/** How the folder of the socket, and the socket, stand open; written as PostgreSQL and chmod read it. */
export interface Access {
  folder: number
  socket: string
  /** Lines of pg_hba.conf. */
  hba: string
  /** Lines of pg_ident.conf. */
  ident: string
}

/**
 * The system's name of whoever runs this process, and of the server's own user, are let in as the owner. A user without a
 * name cannot be told from another by the server: then a socket that nobody else can reach is what keeps others out.
 */
export function accessFor(owner: string, serverUser: ServerUser): Access {
  const names = [ownName(), serverUser === null ? null : owner].filter((name) => name !== null)
  if (names.length === 0)
    return { folder: 0o700, socket: '0700', hba: 'local all all trust\n', ident: '# nobody has a name here\n' }
  return {
    folder: 0o711,
    socket: '0777',
    hba: `local all ${owner} peer map=${MAP}\nlocal all all scram-sha-256\n`,
    ident: names.map((name) => `${MAP} "${name}" ${owner}\n`).join(''),
  }
}

function ownName(): string | null {
  if (process.platform === 'win32') return null
  try {
    return os.userInfo().username
  } catch (error) {
    // A container may run under a number that its /etc/passwd does not know.
    if (error instanceof Error && 'code' in error && error.code === 'ERR_SYSTEM_ERROR') return null
    throw error
  }
}

/** Also into a folder that an earlier version made. @returns false where nothing was different */
export function writeAccess(data: string, { hba, ident }: Access): boolean {
  const files = { 'pg_hba.conf': hba, 'pg_ident.conf': ident }
  const stale = Object.entries(files).filter(([name, lines]) => {
    const file = path.join(data, name)
    return !fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== written(lines)
  })
  // The server's own user must be able to read them; nobody else comes into this folder.
  for (const [name, lines] of stale) fs.writeFileSync(path.join(data, name), written(lines), { mode: 0o644 })
  return stale.length > 0
}

const written = (lines: string) => `# written by Shiplock at every start\n${lines}`

/** The socket of a server that an earlier version started is closed to all but its owner. */
export function openSocket(socket: string, access: Access) {
  if (fs.existsSync(socket)) fs.chmodSync(socket, Number.parseInt(access.socket, 8))
}
