import { execFile } from 'node:child_process'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const DEVICES = '/sys/class/net'
const LOOK_MS = 10

/**
 * BuildKit puts the commands of a build on the engine's default bridge, where everything there reaches everything. A stage
 * stands on a bridge on which no container reaches another. Here the bridge's port of the build is isolated: it passes nothing
 * to other isolated ports, so that no build reaches another. No address and no route is changed, in no network: a process of
 * a container that is just being made still stands in the engine's own network, which is the machine's.
 * @param isThere false: the container is over, and needs nothing more
 */
export async function isolate(pid: string, isThere: () => Promise<boolean>): Promise<void> {
  for (; await isThere(); await pause(LOOK_MS)) {
    const peer = await peerOf(pid)
    if (peer === null) continue
    for (const name of await readdir(DEVICES)) {
      const index = await readFile(`${DEVICES}/${name}/ifindex`, 'utf8').catch(() => '') // it has just gone
      if (index.trim() !== peer || !name.startsWith('veth')) continue
      // The engine takes the port away before the container is gone.
      return await writeFile(`${DEVICES}/${name}/brport/isolated`, '1').catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT' && error.code !== 'ENODEV') throw error
      })
    }
  }
}

/**
 * The number that this machine's end of the container's cable has; null: it is not connected yet. The other end may have left
 * our network only when the process has one of its own: otherwise it would be the machine's own card that is read.
 */
async function peerOf(pid: string): Promise<string | null> {
  if (await isOurNetwork(pid)) return null
  const { stdout } = await run('nsenter', ['--target', pid, '--net', 'ip', '-o', 'link', 'show', 'type', 'veth']).catch(
    () => ({ stdout: '' }), // it has just ended
  )
  if (await isOurNetwork(pid)) return null // the number of a process that ended may be another's by now
  return /^\d+: eth0@if(\d+):/m.exec(stdout)?.[1] ?? null
}

async function isOurNetwork(pid: string): Promise<boolean> {
  const of = (process: string) =>
    stat(`/proc/${process}/ns/net`).then(
      ({ ino }) => ino,
      () => null, // it has just ended
    )
  const [its, ours, first] = await Promise.all([of(pid), of('self'), of('1')])
  return its === null || its === ours || its === first
}
