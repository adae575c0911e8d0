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
 * @param processes of the build; those of a container that is being made come and go
 * @param known networks, by number, that are isolated already: this container's is added
 * @param isThere false: the container is over, and needs nothing more
 * @returns the number of its network, or null
 */
export async function isolate(
  processes: () => Promise<string[]>,
  known: Set<number>,
  isThere: () => Promise<boolean>,
): Promise<number | null> {
  for (; await isThere(); await pause(LOOK_MS)) {
    for (const pid of await processes()) {
      const network = await networkOf(pid)
      if (network === null || known.has(network)) continue
      const peer = await peerOf(pid)
      // The number of a process that has ended may be another's by now.
      if (peer === null || (await networkOf(pid)) !== network || !(await isolatePort(peer))) continue
      known.add(network)
      return network
    }
  }
  return null
}

async function isolatePort(peer: string): Promise<boolean> {
  for (const name of await readdir(DEVICES)) {
    const index = await readFile(`${DEVICES}/${name}/ifindex`, 'utf8').catch(() => '') // it has just gone
    if (index.trim() !== peer || !name.startsWith('veth')) continue
    return writeFile(`${DEVICES}/${name}/brport/isolated`, '1').then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        // Not yet on the bridge, or no longer.
        if (error.code === 'ENOENT' || error.code === 'ENODEV') return false
        throw error
      },
    )
  }
  return false
}

/** The number that this machine's end of the container's cable has; null: it is not connected yet, or over. */
async function peerOf(pid: string): Promise<string | null> {
  const { stdout } = await run('nsenter', ['--target', pid, '--net', 'ip', '-o', 'link', 'show', 'type', 'veth']).catch(
    () => ({ stdout: '' }), // it has just ended
  )
  return /^\d+: eth0@if(\d+):/m.exec(stdout)?.[1] ?? null
}

/** Null: the process has no network of its own yet, or has ended. */
async function networkOf(pid: string): Promise<number | null> {
  const of = (process: string) =>
    stat(`/proc/${process}/ns/net`).then(
      ({ ino }) => ino,
      () => null, // it has just ended, or may not be looked at
    )
  const [its, ours, first] = await Promise.all([of(pid), of('self'), of('1')])
  return its === ours || its === first ? null : its
}
