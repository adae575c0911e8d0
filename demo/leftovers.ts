// What a killed demo, or a killed test, left behind: its database server, containers, networks and folder. What still runs is not
// touched. An engine has room for some thirty networks: leftovers would take it from those who come after.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { TARGETS } from '../environments/targets/index'
import { dockerEngine } from '../pipelines/engines/docker'
import { instanceId } from '../prisma/seal'

const PREFIX = 'shiplock-demo-'

/** A folder of this process's own, which says whose it is. */
export function makeFolder(prefix = PREFIX): string {
  const dir = mkdtempSync(join(tmpdir(), prefix))
  chmodSync(dir, 0o755) // the database server runs as a user of its own and must pass through
  writeFileSync(join(dir, 'pid'), String(process.pid))
  return dir
}

/** The command line of a process; empty where there is none, or only its entry is left (a zombie). */
const commandOf = (pid: number) => {
  if (Number.isNaN(pid)) return ''
  try {
    return existsSync('/proc/self')
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      : execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' })
  } catch {
    return '' // there is no such process
  }
}

const numberIn = (file: string) => (existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : Number.NaN)

/** Cleans up after those whose process is gone. @param command what the command line of a living one holds. @returns how many */
export async function cleanLeftovers(prefix = PREFIX, command = 'demo/demo.ts'): Promise<number> {
  let cleaned = 0
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue
    const dir = join(tmpdir(), name)
    const pid = numberIn(join(dir, 'pid'))
    if (Number.isNaN(pid) || commandOf(pid).includes(command)) continue
    await cleanUp(dir)
    cleaned++
  }
  return cleaned
}

/** Removes everything that was made from such a folder. Safe to repeat, and beside another that does the same. */
export async function cleanUp(dir: string) {
  await stopProcess(numberIn(join(dir, 'up')), 'cli/up.ts')
  for (const keys of [join(dir, 'state', 'keys'), join(dir, 'keys')]) {
    if (existsSync(join(keys, 'instance'))) await emptyEngine(instanceId(keys))
  }
  for (const data of [join(dir, 'state', 'postgres', 'data'), join(dir, 'pg', 'data')]) {
    await stopProcess(numberIn(join(data, 'postmaster.pid')), 'postgres')
  }
  // The folder says whose it is until the last moment: a clean-up that is cut short is taken up by the next one.
  for (const name of readdirSync(dir)) if (name !== 'pid') remove(join(dir, name))
  remove(dir)
}

/** Containers and networks of an installation: what is deployed, then what works. */
export async function emptyEngine(instance: string) {
  await TARGETS.docker({ kind: 'docker' }).removeAll(instance)
  await dockerEngine().removeAll(instance)
}

const remove = (path: string) => rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })

/** Ends a process that outlived its demo, in order if it can be. Its command is looked at: a number may be given away again. */
async function stopProcess(pid: number, command: string) {
  for (let tenths = 0; commandOf(pid).includes(command); tenths++) {
    if (tenths === 0) process.kill(pid, 'SIGTERM')
    if (tenths === 150) process.kill(pid, 'SIGKILL')
    if (tenths > 200) throw new Error(`process ${pid} (${command}) cannot be stopped`)
    await pause(100)
  }
}
