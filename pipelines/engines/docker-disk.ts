import { setTimeout as pause } from 'node:timers/promises'
import type { DockerApi } from './docker-api'
import { volumeUsage } from './docker-volumes'

const LOOK_MS = 2_000
/** To look into volumes is to walk their files: at most a tenth of the time goes into that. */
const REST = 10

export interface Written {
  /** The containers whose writing counts together: the step's and its services'. */
  containers: readonly string[]
  /** Volumes that were there before: only what they grow by counts. */
  caches: readonly string[]
}

/** Calls `over`, once, when more than `most` bytes are written; until `ended`. */
export async function watchDisk(
  api: DockerApi,
  what: Written,
  most: number,
  ended: AbortSignal,
  over: () => void,
): Promise<void> {
  try {
    const before = what.caches.length > 0 ? await volumesSize(api, new Set(what.caches), ended) : 0
    for (let tookMs = 0; ; ) {
      await pause(Math.max(LOOK_MS, REST * tookMs), undefined, { signal: ended })
      const started = performance.now()
      if ((await written(api, what, ended)) - before > most) return over()
      tookMs = performance.now() - started
    }
  } catch {
    // Ended meanwhile, or the engine is lost: the wait on the container tells which. A size is worth no fault of its own.
  }
}

interface SizeInspect {
  SizeRw?: number
  Mounts?: { Type: string; Name?: string }[]
}

async function written(api: DockerApi, { containers }: Written, ended: AbortSignal): Promise<number> {
  const ask = (id: string) =>
    api.find<SizeInspect>({ method: 'GET', path: `/containers/${id}/json`, query: { size: true } })
  const seen = (await Promise.all(containers.map(ask))).filter((container) => container !== null)
  const layers = seen.reduce((sum, { SizeRw = 0 }) => sum + SizeRw, 0)
  const names = new Set<string>()
  for (const { Mounts = [] } of seen)
    for (const { Type, Name } of Mounts) if (Type === 'volume' && Name) names.add(Name)
  return names.size === 0 ? layers : layers + (await volumesSize(api, names, ended))
}

/** An image may declare volumes: what is written there is not in the container's own layer. */
async function volumesSize(api: DockerApi, names: ReadonlySet<string>, ended: AbortSignal): Promise<number> {
  const ours = (await volumeUsage(api, ended)).filter(({ Name }) => names.has(Name))
  return ours.reduce((sum, { UsageData }) => sum + Math.max(0, UsageData?.Size ?? 0), 0)
}
