import { setTimeout as pause } from 'node:timers/promises'
import { type DockerApi, Refusal } from './docker-api'

export interface Volume {
  Name: string
  CreatedAt?: string
  Labels: Record<string, string> | null
  /** Bytes, and containers that mount it, in any state; -1: the engine does not know. */
  UsageData?: { Size: number; RefCount: number } | null
}

const USAGE_MS = 120_000
const BUSY_MS = 500

type Kind = 'volume' | 'build-cache'

const asked = new WeakMap<DockerApi, Map<Kind, Promise<unknown[]>>>()

/** Every volume of the engine with its size. */
export const volumeUsage = (api: DockerApi, signal?: AbortSignal) => diskUsage<Volume>(api, 'volume', signal)

/**
 * What the engine keeps, with sizes. It walks files, and an engine before 23 does so for one asker at a time and turns the
 * others away: askers of this process share one answer, and another process is waited for.
 */
export function diskUsage<T>(api: DockerApi, kind: Kind, signal?: AbortSignal): Promise<T[]> {
  const asking = asked.get(api) ?? new Map<Kind, Promise<unknown[]>>()
  asked.set(api, asking)
  const there = asking.get(kind) ?? askUsage(api, kind, signal).finally(() => asking.delete(kind))
  asking.set(kind, there)
  return there as Promise<T[]>
}

async function askUsage(api: DockerApi, kind: Kind, signal?: AbortSignal): Promise<unknown[]> {
  const ask = { method: 'GET' as const, path: '/system/df', query: { type: kind }, deadlineMs: USAGE_MS }
  for (const started = performance.now(); ; await pause(BUSY_MS, undefined, signal ? { signal } : {})) {
    try {
      const { Volumes, BuildCache } = await api.json<{ Volumes?: unknown[] | null; BuildCache?: unknown[] | null }>(ask)
      return (kind === 'volume' ? Volumes : BuildCache) ?? []
    } catch (error) {
      const busy = error instanceof Refusal && /already running/.test(error.message)
      if (!busy || performance.now() - started > USAGE_MS) throw error
    }
  }
}

/** The volumes that carry all these labels; without sizes, and so without a walk. */
export async function findVolumes(api: DockerApi, label: readonly string[]): Promise<Volume[]> {
  const ask = { method: 'GET' as const, path: '/volumes', query: { filters: { label } } }
  return (await api.json<{ Volumes?: Volume[] | null }>(ask)).Volumes ?? []
}

/** Makes it, or leaves the one of that name as it is. */
export async function createVolume(api: DockerApi, name: string, labels: Record<string, string>): Promise<void> {
  await api.text({ method: 'POST', path: '/volumes/create', body: { Name: name, Driver: 'local', Labels: labels } })
}

/** False: it was gone already, or a container holds it. */
export async function removeVolume(api: DockerApi, name: string): Promise<boolean> {
  try {
    await api.text({ method: 'DELETE', path: `/volumes/${encodeURIComponent(name)}` })
    return true
  } catch (error) {
    if (error instanceof Refusal && [404, 409].includes(error.status)) return false
    throw error
  }
}
