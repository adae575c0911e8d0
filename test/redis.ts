import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deafPort, endOf, eventually } from './given'

export interface Redis {
  url: string
  process: ChildProcess
  /** Kills it, and starts an empty one in its place. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** A Redis server of the test's own that keeps nothing, on a free port where none is named. */
export async function aRedis(on?: number): Promise<Redis> {
  const dir = mkdtempSync(join(tmpdir(), 'shiplock-redis-'))
  const port = on ?? (await deafPort())
  const start = async () => {
    const server = spawn(
      'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir],
      { stdio: 'ignore' },
    )
    await eventually('redis answers', () => answers(port), 10_000)
    return server
  }
  const redis: Redis = {
    url: `redis://127.0.0.1:${port}`,
    process: await start(),
    restart: async () => {
      await endOf(redis.process, 'SIGKILL')
      redis.process = await start()
    },
    stop: async () => {
      redis.process.kill('SIGCONT')
      await endOf(redis.process, 'SIGTERM')
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return redis
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
