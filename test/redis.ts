import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deafPort, endOf, eventually } from './given'

export interface Redis {
  url: string
  process: ChildProcess
  /** Gives it one command, such as CONFIG SET. @returns its first line */
  command(...words: string[]): Promise<string>
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
    command: (...words) => asked(port, `*${words.length}\r\n${words.map((w) => `$${w.length}\r\n${w}\r\n`).join('')}`),
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
  asked(port, 'PING\r\n').then(
    () => true,
    () => false,
  )

const asked = (port: number, text: string) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.setEncoding('utf8').once('data', (said) => {
      socket.destroy()
      resolve(String(said).split('\r\n')[0] ?? '')
    })
    socket.once('error', reject)
  })
