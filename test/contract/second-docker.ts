import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { dockerEngine } from '../../pipelines/engines/docker'
import type { Engine } from '../../pipelines/engines/engine'

const run = promisify(execFile)

export interface SecondDocker {
  dockerHost: string
  engine: Engine
  /** As a power cut: SIGKILL, nothing is told to anybody. */
  kill: () => Promise<void>
  start: () => Promise<void>
  /** Stops it in order and removes all it has on disk. */
  remove: () => Promise<void>
}

/** A second engine takes root and a dockerd on this machine; without them what needs one is skipped, and counted so. */
export const canStartSecondDocker =
  process.getuid?.() === 0 &&
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'dockerd')))

/**
 * A Docker engine of our own beside the machine's, with its own root and socket, to be killed. Needs root. It runs in a
 * network namespace of its own: at its start an engine deletes the docker0 that it finds, whatever bridge it is given.
 */
export async function secondDocker(): Promise<SecondDocker> {
  const root = await mkdtemp(join(tmpdir(), 'sl-docker-'))
  const socketPath = join(root, 'docker.sock')
  const engine = dockerEngine({ socketPath })
  let end: Promise<void> = Promise.resolve()
  let pid: number | undefined
  let said = ''

  function spawnDocker() {
    const places = [
      '--data-root',
      join(root, 'data'),
      '--exec-root',
      join(root, 'exec'),
      '--pidfile',
      join(root, 'pid'),
    ]
    const dockerd = ['dockerd', ...places, '--host', `unix://${socketPath}`]
    const child = spawn('unshare', ['--net', '--', ...dockerd], { stdio: ['ignore', 'ignore', 'pipe'] })
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2_000)
    })
    pid = child.pid
    end = new Promise((resolve) => {
      const onEnd = () => {
        pid = undefined
        resolve()
      }
      child.once('exit', onEnd)
      child.once('error', onEnd)
    })
  }

  async function start() {
    for (let left = 150; left > 0; left -= 1) {
      if (!pid) spawnDocker()
      if (await engine.ensureReady().catch(() => null)) return
      await pause(100)
    }
    throw new Error(`the second dockerd did not start within 15 s: ${said}`)
  }

  async function stop(signal: 'SIGKILL' | 'SIGTERM') {
    if (pid) process.kill(pid, signal)
    await end
    // Its containerd dies with it, but not at once, and may stay a zombie; the next dockerd would wait 15 s for either.
    const pidFile = join(root, 'exec/containerd/containerd.pid')
    const containerd = await readFile(pidFile, 'utf8').catch(() => '')
    for (let left = 100; left > 0 && containerd && (await ofRoot(containerd, 'cmdline', root)); left -= 1) {
      process.kill(Number(containerd), 'SIGKILL')
      await pause(20)
    }
    await rm(pidFile, { force: true })
  }

  await start()
  return {
    dockerHost: `unix://${socketPath}`,
    engine,
    kill: () => stop('SIGKILL'),
    start,
    async remove() {
      await stop('SIGTERM')
      await killOrphans(root)
      await unmountAll(root)
      await rm(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    },
  }
}

const ofRoot = async (pid: string, file: string, root: string) =>
  (await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')).includes(root)

/** What a build was running when its dockerd was killed runs on: known by its root file system, which lies in our root. */
async function killOrphans(root: string) {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '')
    const rootMount = mounts.split('\n').find((line) => line.split(' ')[4] === '/')
    if (rootMount?.includes(root)) process.kill(Number(pid), 'SIGKILL')
  }
}

async function unmountAll(root: string) {
  const places = (await readFile('/proc/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '')
  for (const place of places.filter((at) => at.startsWith(`${root}/`)).reverse())
    await run('umount', ['--lazy', '--', place])
}
