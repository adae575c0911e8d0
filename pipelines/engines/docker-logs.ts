import { type DockerApi, hasStatus } from './docker-api'
import { frameReader } from './docker-frames'

const MOST_READ = 4 * 2 ** 20

/** The end of what a container wrote: at most so many lines and bytes; empty when it is gone. */
export async function readEnd(api: DockerApi, id: string, lines: number, mostBytes: number): Promise<string> {
  const query = { stdout: true, stderr: true, tail: lines }
  const unframe = frameReader()
  let end: Buffer = Buffer.alloc(0)
  try {
    const answer = await api.open({ method: 'GET', path: `/containers/${id}/logs`, query })
    const timer = setTimeout(() => answer.destroy(), 10_000)
    try {
      let read = 0
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        read += chunk.length
        if (read > MOST_READ) break
        end = Buffer.concat([end, unframe(chunk)])
        if (end.length > mostBytes) end = Buffer.from(end.subarray(end.length - mostBytes))
      }
    } finally {
      clearTimeout(timer)
      answer.destroy()
    }
    return end.toString()
  } catch (error) {
    if (hasStatus(error, 404, 409)) return ''
    throw error
  }
}
