// The processes of the embedded PostgreSQL, found by the folder that they work in.
import fs from 'node:fs'
import path from 'node:path'

/** The server's process, or null where the pid file names a dead one, a zombie, or by now another program's process. */
export function serverPid(data: string): number | null {
  const file = path.join(data, 'postmaster.pid')
  const pid = fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8').split('\n')[0]) : 0
  if (!(pid > 0)) return null
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return null
  }
  if (!fs.existsSync('/proc/self/stat')) return pid
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    const zombie = stat[stat.lastIndexOf(')') + 2] === 'Z'
    return !zombie && fs.readlinkSync(`/proc/${pid}/cwd`) === fs.realpathSync(data) ? pid : null
  } catch {
    return null // it ended while we looked, or is another user's: in neither case our server
  }
}

/** Ends what a dead server left running in its folder, and nothing else. Must be called with the lock held, and no server there. */
export function endOrphans(data: string) {
  if (!fs.existsSync('/proc/self/stat')) return // they end by themselves as soon as they look
  const home = fs.realpathSync(data)
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const isOurs = fs.readlinkSync(`/proc/${pid}/cwd`) === home
      if (isOurs && path.basename(fs.readlinkSync(`/proc/${pid}/exe`)).startsWith('postgres'))
        process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It ended while we looked, or is another user's: in neither case one of this server.
    }
  }
}
