import type Docker from 'dockerode'
import { ask, clean, saidNo } from './docker-engine'

const LAST_LINES = 20
const LAST_BYTES = 4096

/** The end of what a container wrote, or a sentence that it wrote nothing. */
export async function lastWords(docker: Docker, id: string): Promise<string> {
  try {
    const logs = docker.getContainer(id).logs({ stdout: true, stderr: true, tail: LAST_LINES })
    const words = clean(unframe(await ask("read a container's output", logs)), LAST_BYTES)
    return words ? `Its last words:\n${words}` : 'It wrote nothing.'
  } catch (error) {
    if (saidNo(error)) return 'Its output is gone.'
    throw error
  }
}

/** Without a terminal the engine frames output: one byte stream, three bytes zero, four bytes length, the bytes. */
function unframe(framed: Buffer): string {
  const parts: Buffer[] = []
  for (let at = 0; at + 8 <= framed.length; ) {
    const end = at + 8 + framed.readUInt32BE(at + 4)
    parts.push(framed.subarray(at + 8, end))
    at = end
  }
  return Buffer.concat(parts).toString()
}
