import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { DockerApi } from './docker-api'
import { createVolume, findVolumes, removeVolume, type Volume, volumeUsage } from './docker-volumes'
import type { Cache, StepOrder } from './engine'

// A cache is a volume, named by a hash of who may use it. The engine keeps no time of last use, and a volume's labels
// never change; so each use leaves a mark: one more volume, empty, whose label is the time. Only the newest mark stays.

export interface CacheMount {
  volume: string
  path: string
  labels: Record<string, string>
}

const MOST_KEY = 200
/** A tar header's room for a name, less the slash of a folder. */
const MOST_PATH = 99

/** Why these caches cannot be mounted, or null. */
export function cacheProblem(caches: readonly Cache[]): string | null {
  const paths = new Set<string>()
  for (const { key, path } of caches) {
    const plain = posix.normalize(path).replace(/\/$/, '')
    const no = (why: string) => `the cache path ${path.slice(0, 120)} ${why}`
    if (!/^[a-z0-9.-]+$/.test(key) || key.length > MOST_KEY)
      return `the cache key "${key.slice(0, MOST_KEY)}" is not 1 to ${MOST_KEY} of a-z, 0-9, dot and hyphen`
    if (!path.startsWith('/')) return no('is not absolute')
    if (Buffer.byteLength(plain) > MOST_PATH) return no(`is longer than ${MOST_PATH} bytes`)
    if (/^(\/(proc|sys|dev|etc|bin|tmp|workspace)?)?$|^\/(proc|sys|dev)\//.test(plain))
      return no('is not one that a step may hide')
    if (paths.has(plain)) return no('is named twice')
    paths.add(plain)
  }
  return null
}

/**
 * The volumes of the step's caches, there and marked as used now. The image's user is part of a volume's identity: a step
 * has no capability, so what another user wrote it could not replace. Safe beside other steps that do the same.
 */
export async function readyCaches(api: DockerApi, order: StepOrder, user: string): Promise<CacheMount[]> {
  const { instance, project, trust } = order.label
  return Promise.all(
    (order.caches ?? []).map(async ({ key, path }) => {
      const labels = {
        'shiplock.instance': instance,
        'shiplock.kind': 'cache',
        'shiplock.project': String(project),
        'shiplock.trust': trust,
        'shiplock.key': key,
      }
      const volume = cacheName([instance, String(project), trust, key, user])
      await createVolume(api, volume, labels)
      await markUsed(api, volume, instance)
      return { volume, path: posix.normalize(path).replace(/\/$/, ''), labels }
    }),
  )
}

const cacheName = (identity: string[]) =>
  `shiplock-cache-${createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 40)}`

async function markUsed(api: DockerApi, cache: string, instance: string): Promise<void> {
  const mark = { 'shiplock.instance': instance, 'shiplock.kind': 'cache-mark', 'shiplock.cache': cache }
  const earlier = await findVolumes(api, asFilter(mark))
  const used = Date.now()
  const name = `${cache}.${used}`
  await createVolume(api, name, { ...mark, 'shiplock.used': String(used) })
  await Promise.all(earlier.filter(({ Name }) => Name !== name).map(({ Name }) => removeVolume(api, Name)))
}

const asFilter = (labels: Record<string, string>) => Object.entries(labels).map(([name, value]) => `${name}=${value}`)

interface Kept {
  name: string
  /** When a step that uses it was last started, ms; where the mark is missing, when it was made. */
  used: number
  size: number
  inUse: boolean
}

/** See `pruneCaches` in engine.ts. The engine itself refuses to remove what a container mounts, whoever was faster. */
export async function pruneCaches(
  api: DockerApi,
  instance: string,
  limits: { unusedMs: number; mostBytes: number },
): Promise<number> {
  const now = Date.now()
  const ours = (await volumeUsage(api)).filter(({ Labels }) => Labels?.['shiplock.instance'] === instance)
  const caches = ours.filter(isKind('cache')).map((volume) => asKept(volume, ours.filter(isKind('cache-mark'))))
  let bytes = caches.reduce((sum, { size }) => sum + size, 0)
  let removed = 0
  for (const cache of caches.filter(({ inUse }) => !inUse).sort((a, b) => a.used - b.used)) {
    if (now - cache.used < limits.unusedMs && bytes <= limits.mostBytes) continue
    if (!(await removeVolume(api, cache.name))) continue
    bytes -= cache.size
    removed += 1
    const marks = await findVolumes(api, [`shiplock.cache=${cache.name}`])
    await Promise.all(marks.map(({ Name }) => removeVolume(api, Name)))
  }
  return removed
}

const isKind =
  (kind: string) =>
  ({ Labels }: Volume) =>
    Labels?.['shiplock.kind'] === kind

function asKept(volume: Volume, marks: readonly Volume[]): Kept {
  const times = marks
    .filter(({ Labels }) => Labels?.['shiplock.cache'] === volume.Name)
    .map(({ Labels }) => Number(Labels?.['shiplock.used']))
  const used = times.length > 0 ? Math.max(...times) : Date.parse(volume.CreatedAt ?? '') || 0
  const { Size = 0, RefCount = 0 } = volume.UsageData ?? {}
  return { name: volume.Name, used, size: Math.max(0, Size), inUse: RefCount > 0 }
}

/** Every cache and mark of an instance; what a container still mounts is left. */
export async function removeCaches(api: DockerApi, instance: string): Promise<void> {
  const volumes = await findVolumes(api, [`shiplock.instance=${instance}`])
  await Promise.all(
    volumes
      .filter((volume) => isKind('cache')(volume) || isKind('cache-mark')(volume))
      .map(({ Name }) => removeVolume(api, Name)),
  )
}
