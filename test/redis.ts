import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deafPort, endOf, eventually } from './given'

export interface Redis {
  url: string
  process: ChildProcess
  stop(): Promise<void>
}

/** A Redis server of the test's own, on a free port, that keeps nothing. */
export async function aRedis(): Promise<Redis> {
  const dir = mkdtempSync(join(tmpdir(), 'shiplock-redis-'))
  const port = await deafPort()
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir],
    { stdio: 'ignore' },
  )
  await eventually('redis answers', () => answers(port), 10_000)
  return {
    url: `redis://127.0.0.1:${port}`,
    process: server,
    stop: async () => {
      await endOf(server, 'SIGTERM')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
