import type { IncomingMessage } from 'node:http'
import type { DockerApi } from './docker-api'
import { lineCutter } from './docker-lines'

/**
 * Which of these containers lose a process for memory, from their start on. A container that runs on does not say it in its state;
 * the engine tells it as it happens, and keeps too few of its events to be asked later.
 */
export async function watchMemory(api: DockerApi, containers: readonly string[]) {
  const killed = new Set<string>()
  const filters = { type: ['container'], event: ['oom'], container: [...containers] }
  const answer = await api.open({ method: 'GET', path: '/events', query: { filters, since: 1 } })
  const reading = read(answer, killed)
  return {
    killed: (id: string) => killed.has(id),
    end: async () => {
      answer.destroy()
      await reading
    },
  }
}

async function read(answer: IncomingMessage, killed: Set<string>): Promise<void> {
  const lines = lineCutter(64 * 1024)
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>)
      for (const line of lines.push(chunk))
        if (line.length > 1) killed.add((JSON.parse(String(line)) as { id: string }).id)
  } catch {
    // Ended by us, or the engine is lost: the wait on the container tells which. What is not told costs no verdict.
  }
}
