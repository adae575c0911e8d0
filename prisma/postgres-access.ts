// Who may enter the PostgreSQL that Shiplock brings along: its owner by being the system's user who started it, everybody else
// by a password.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { ServerUser } from './postgres-binaries'

const MAP = 'shiplock'

/** To be passed through on the way to the socket; what lies in the folder has modes of its own. */
export const FOLDER_MODE = 0o711
/** Whoever knocks is asked who they are. */
export const SOCKET_MODE = 0o777

export interface Access {
  /** Lines of pg_hba.conf. */
  hba: string
  /** Lines of pg_ident.conf. */
  ident: string
}

/** Whoever runs this process, and the server's own user, are let in as the owner. */
export function accessFor(owner: string, serverUser: ServerUser): Access {
  const names = new Set([os.userInfo().username, ...(serverUser === null ? [] : [owner])])
  return {
    hba: `local all ${owner} peer map=${MAP}\nlocal all all scram-sha-256\n`,
    ident: [...names].map((name) => `${MAP} "${name}" ${owner}\n`).join(''),
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
export function openSocket(socket: string) {
  if (fs.existsSync(socket)) fs.chmodSync(socket, SOCKET_MODE)
}
