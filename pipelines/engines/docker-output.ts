import type { IncomingMessage } from 'node:http'
import type { DockerApi } from './docker-api'
import { frameReader } from './docker-frames'
import type { Log } from './engine'

export interface Exit {
  code: number
  /** The engine's own words when the end was not the process's. */
  error: string | null
}

/** Gives both streams to `log` as they come, one piece at a time: while the log is busy nothing is read, so the step waits. */
export async function readOutput(api: DockerApi, output: IncomingMessage, log: Log): Promise<void> {
  const unframe = frameReader()
  let inLog = false
  try {
    for await (const chunk of output as AsyncIterable<Buffer>) {
      const bytes = unframe(chunk)
      inLog = true
      if (bytes.length > 0) await log(bytes)
      inLog = false
    }
  } catch (error) {
    throw inLog ? error : api.unreachable(error)
  }
}

/** Reads the answer of /wait, which was opened before the start. An answer that breaks off is a lost engine. */
export async function waitForExit(api: DockerApi, answer: IncomingMessage): Promise<Exit> {
  let text = ''
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) text += chunk.toString()
    const { StatusCode, Error: error } = JSON.parse(text) as { StatusCode: number; Error?: { Message?: string } | null }
    return { code: StatusCode, error: error?.Message ?? null }
  } catch (error) {
    throw api.unreachable(error)
  }
}
