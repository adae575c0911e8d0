import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const DEVICES = '/sys/class/net'
const LOOK_MS = 10

/**
 * BuildKit puts the commands of a build on the engine's default bridge, where everything there reaches everything. A stage
 * stands on a bridge on which nobody reaches anybody: the same is made here. In the container's own network only the gateway
 * is left of the bridge (a command has not the right to change that), and its port passes nothing to other builds. The
 * engine connects it just before the command starts, so the command may be some milliseconds ahead.
 * @param isThere false: the container is over, and needs nothing more
 */
export async function isolate(pid: string, isThere: () => Promise<boolean>): Promise<void> {
  const inside = (...args: string[]) => run('nsenter', ['--target', pid, '--net', 'ip', ...args])
  const routesNow = () =>
    inside('-4', 'route', 'show').then(
      ({ stdout }) => stdout,
      () => '',
    ) // it has just ended
  for (; await isThere(); await pause(LOOK_MS)) {
    const routes = await routesNow()
    const [, address, device] = /^default via (\S+) dev (\S+)/m.exec(routes) ?? []
    const subnet = /^(\S+\/\d+) dev \S+.* scope link/m.exec(routes)?.[1]
    if (address === undefined || device === undefined || subnet === undefined) continue
    try {
      const { stdout: link } = await inside('-o', 'link', 'show', device)
      await isolatePort(/^\d+: [^@]+@if(\d+):/.exec(link)?.[1] ?? '')
      await inside('route', 'add', `${address}/32`, 'dev', device)
      await inside('route', 'replace', 'default', 'via', address, 'dev', device)
      await inside('route', 'del', subnet, 'dev', device)
      return void (await inside('route', 'add', 'unreachable', subnet))
    } catch (error) {
      // The engine takes the network away before the container is gone: then there is nothing left to be done.
      if (/^default via/m.test(await routesNow())) throw error
    }
  }
}

async function isolatePort(peer: string): Promise<void> {
  for (const name of await readdir(DEVICES)) {
    const index = await readFile(`${DEVICES}/${name}/ifindex`, 'utf8').catch(() => '') // it has just gone
    if (index.trim() === peer) await writeFile(`${DEVICES}/${name}/brport/isolated`, '1')
  }
}
