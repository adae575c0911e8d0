// The system's users that a process started by root gives its rights up for.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

export interface SystemUser {
  uid: number
  gid: number
}

/** As in /etc/passwd; null where there is none of that name. */
export function lookUpUser(name: string): SystemUser | null {
  const line = passwd().find((l) => l.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : null
}

/** Is this number nobody's yet? */
export const isFree = (uid: number) => !passwd().some((l) => l.split(':')[2] === String(uid))

const passwd = () => (fs.existsSync('/etc/passwd') ? fs.readFileSync('/etc/passwd', 'utf8').split('\n') : [])

/** Makes a system user without a home or a shell, and a group of the same name. Needs root; throws what the system's tools say. */
export function makeUser(name: string) {
  execFileSync('groupadd', ['--system', '--force', name], { stdio: 'ignore' })
  execFileSync('useradd', ['--system', '--gid', name, '--no-create-home', '--shell', '/usr/sbin/nologin', name], {
    stdio: 'ignore',
  })
}

/**
 * The topmost folder on the way to `target` that `user` may not enter, or null where the way is open. A folder that does
 * not exist yet is open.
 */
export function closedParent(target: string, user: SystemUser | null): string | null {
  if (!user) return null
  const parts = path.resolve(target).split(path.sep)
  for (let i = 1; i <= parts.length; i++) {
    const dir = parts.slice(0, i).join(path.sep) || path.sep
    const stat = fs.statSync(dir, { throwIfNoEntry: false })
    if (!stat) return null
    if (stat.isDirectory() && !may(stat, user, 0o1)) return dir
  }
  return null
}

/** `right`: 4 to read, 1 to enter or to run. A user in no other group than their own. */
export function may(stat: fs.Stats, user: SystemUser, right: 0o4 | 0o1): boolean {
  const shift = stat.uid === user.uid ? 6 : stat.gid === user.gid ? 3 : 0
  return (stat.mode & (right << shift)) !== 0
}
