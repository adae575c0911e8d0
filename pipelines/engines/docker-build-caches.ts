import { type DockerApi, hasStatus } from './docker-api'
import { createVolume, diskUsage, findVolumes, removeVolume, type Volume } from './docker-volumes'
import type { WorkLabel } from './engine'

// The engine does not tell whose a cache mount is. A build that is watched sees BuildKit's names of its mounts, and leaves a mark for
// each, as caches of steps do: an empty volume, with labels that say whose it is and when it was used. What others mount is left
// alone.

const KIND = 'build-mount'
const PRUNE_MS = 120_000

/** What BuildKit keeps of builds, as the engine lists it. */
interface CacheRecord {
  ID: string
  Size: number
  InUse: boolean
}

/** Says whose it is, and that it is used now: the engine's own time of last use changes also when it is only looked at. */
export async function markMount(api: DockerApi, label: WorkLabel, record: string): Promise<void> {
  const { instance, project, trust } = label
  const earlier = await marksOf(api, instance, record)
  const used = String(Date.now())
  const name = `shiplock-mount-${instance}-${record}.${used}`.replace(/[^a-zA-Z0-9_.-]/g, '-')
  await createVolume(api, name, {
    'shiplock.instance': instance,
    'shiplock.kind': KIND,
    'shiplock.project': String(project),
    'shiplock.trust': trust,
    'shiplock.record': record,
    'shiplock.used': used,
  })
  for (const { Name } of earlier) if (Name !== name) await removeVolume(api, Name)
}

function marksOf(api: DockerApi, instance: string, record?: string): Promise<Volume[]> {
  const labels = [`shiplock.instance=${instance}`, `shiplock.kind=${KIND}`]
  return findVolumes(api, record === undefined ? labels : [...labels, `shiplock.record=${record}`])
}

/**
 * Removes what BuildKit keeps under these names, and the marks; gives what went. What a build uses, or what others were made from,
 * stays.
 */
export async function removeRecords(api: DockerApi, instance: string, records: readonly string[]): Promise<string[]> {
  const removed: string[] = []
  for (const record of records) {
    if (!(await isRemoved(api, record))) continue
    removed.push(record)
    for (const { Name } of await marksOf(api, instance, record)) await removeVolume(api, Name)
  }
  return removed
}

async function isRemoved(api: DockerApi, record: string): Promise<boolean> {
  const query = { all: true, filters: { id: [record] } }
  try {
    const { CachesDeleted } = await api.json<{ CachesDeleted: string[] | null }>({
      method: 'POST',
      path: '/build/prune',
      query,
      deadlineMs: PRUNE_MS,
    })
    return (CachesDeleted ?? []).includes(record)
  } catch (error) {
    if (hasStatus(error, 409)) return false // another prune is at work: the next one sees it
    throw error
  }
}

/** Those that there are. */
export async function knownOf(api: DockerApi, records: readonly string[]): Promise<string[]> {
  const known = new Set((await diskUsage<CacheRecord>(api, 'build-cache')).map(({ ID }) => ID))
  return records.filter((record) => known.has(record))
}

/** As `pruneCaches` in engine.ts, for the cache mounts of an instance's builds. */
export async function pruneMounts(
  api: DockerApi,
  instance: string,
  limits: { unusedMs: number; mostBytes: number },
): Promise<number> {
  const marks = await marksOf(api, instance)
  if (marks.length === 0) return 0
  const now = Date.now()
  const known = new Map((await diskUsage<CacheRecord>(api, 'build-cache')).map((record) => [record.ID, record]))
  const kept: { record: CacheRecord; used: number }[] = []
  for (const id of new Set(marks.map(({ Labels }) => Labels?.['shiplock.record'] ?? ''))) {
    const its = marks.filter(({ Labels }) => Labels?.['shiplock.record'] === id)
    const record = known.get(id)
    if (record) kept.push({ record, used: Math.max(...its.map(({ Labels }) => Number(Labels?.['shiplock.used']))) })
    else for (const { Name } of its) await removeVolume(api, Name)
  }
  let bytes = kept.reduce((sum, { record }) => sum + record.Size, 0)
  let removed = 0
  for (const { record, used } of kept.filter(({ record }) => !record.InUse).sort((a, b) => a.used - b.used)) {
    if (now - used < limits.unusedMs && bytes <= limits.mostBytes) continue
    if ((await removeRecords(api, instance, [record.ID])).length === 0) continue
    bytes -= record.Size
    removed += 1
  }
  return removed
}
