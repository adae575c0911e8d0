// What a killed demo left behind: its database server, containers, networks and folder. A living demo's are not touched.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TARGETS } from '../environments/targets/index'
import { dockerEngine } from '../pipelines/engines/docker'
import { instanceId } from '../prisma/seal'

const PREFIX = 'shiplock-demo-'

/** A folder of this demo's own, which says who it belongs to. */
export function makeFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), PREFIX))
  chmodSync(dir, 0o755) // the database server runs as a user of its own and must pass through
  writeFileSync(join(dir, 'pid'), String(process.pid))
  return dir
}

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const numberIn = (file: string) => (existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : Number.NaN)

/** Cleans up after demos whose process is gone. @returns how many there were */
export async function cleanLeftovers(): Promise<number> {
  let cleaned = 0
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue
    const dir = join(tmpdir(), name)
    const pid = numberIn(join(dir, 'pid'))
    if (Number.isNaN(pid) || (pid !== process.pid && alive(pid))) continue
    await cleanUp(dir)
    cleaned++
  }
  return cleaned
}

/** Removes everything that a demo made. Safe to repeat. */
export async function cleanUp(dir: string) {
  const keys = join(dir, 'state', 'keys')
  if (existsSync(join(keys, 'instance'))) {
    const instance = instanceId(keys)
    await TARGETS.docker({ kind: 'docker' }).removeAll(instance)
    await dockerEngine().removeAll(instance)
  }
  stopServer(join(dir, 'state', 'postgres', 'data'))
  rmSync(dir, { recursive: true, force: true })
}

/** A database server that outlived its demo. Its command line is looked at first: a number may have been given away again. */
function stopServer(data: string) {
  const pid = numberIn(join(data, 'postmaster.pid'))
  if (Number.isNaN(pid) || !alive(pid)) return
  const command = execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' })
  if (command.includes(data)) process.kill(pid, 'SIGQUIT')
}
