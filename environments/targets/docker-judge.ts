import type Docker from 'dockerode'
import { ask } from './docker-engine'
import { lookAt } from './docker-find'
import { judge, whyNotRunning } from './docker-health'
import type { Container } from './docker-replica'
import type { Healthcheck } from './target'

interface On {
  docker: Docker
  address: string
}

export interface Judged {
  /** Null: it is healthy; else why not. */
  problem: string | null
  /** It is no longer what it was: there is nothing to wait for. */
  over: boolean
}

const HEALTHY: Judged = { problem: null, over: false }
const over = (problem: string): Judged => ({ problem, over: true })

/**
 * Is this very container healthy? An answer counts only if the container that was asked for gave it: it is read before and
 * after, and its host port must be its alone on that address. Another process at the port would answer for it otherwise.
 * @param was as it was read before: the same start, and the same host ports, as at the beginning of the window
 */
export async function judgeOwn(
  on: On,
  was: Container,
  health: Healthcheck | null,
  signal?: AbortSignal,
): Promise<Judged> {
  const before = await lookAt(on.docker, was.id)
  const changed = whatChanged(was, before)
  if (changed !== null || before === null) return over(changed ?? 'gone')
  const problem = await judge(before, on.address, health, signal)
  const later = whatChanged(before, await lookAt(on.docker, was.id))
  if (later !== null) return over(later)
  if (problem !== null) return { problem, over: false }
  const other = await alsoPublishedBy(on, before)
  return other === null ? HEALTHY : { problem: other, over: false }
}

/** Why it is not the running container that it was. Null: it is. */
function whatChanged(was: Container, now: Container | null): string | null {
  if (now === null) return 'was removed'
  if (!now.running) return whyNotRunning(now)
  if (now.startedAt !== was.startedAt) return 'was restarted'
  for (const [port, hostPort] of was.hostPorts)
    if (now.hostPorts.get(port) !== hostPort) return `no longer has its port ${port} at ${hostPort}`
  return null
}

/** Where two containers are published on one address and port, the answer may be the other's. Null: they are its alone. */
async function alsoPublishedBy({ docker, address }: On, c: Container): Promise<string | null> {
  const mine = new Set(c.hostPorts.values())
  if (mine.size === 0) return null
  const EVERYWHERE = ['0.0.0.0', '::', '']
  for (const other of await ask('list containers', docker.listContainers())) {
    if (other.Id === c.id) continue
    const shared = other.Ports.find(
      (p) => mine.has(p.PublicPort) && (p.IP === address || EVERYWHERE.includes(p.IP ?? '')),
    )
    if (shared) return `port ${shared.PublicPort} is published by ${other.Names[0]?.slice(1) ?? other.Id} as well`
  }
  return null
}
