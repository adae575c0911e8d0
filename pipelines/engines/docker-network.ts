import { type DockerApi, hasStatus } from './docker-api'
import { networkName } from './docker-labels'

interface NetworkInfo {
  Id: string
  Name: string
  Created: string
}

const KIND = 'steps-network'

/** The steps' bridge of each instance, made on demand: containers on it do not reach one another. */
export function stepNetworks(api: DockerApi) {
  const known = new Map<string, Promise<string>>()
  return {
    /** Its id. Kept once known: `forget` it when the engine says it is gone. */
    ensure(instance: string): Promise<string> {
      const there = known.get(instance)
      if (there) return there
      const making = ensureNetwork(api, instance)
      known.set(instance, making)
      making.catch(() => known.delete(instance))
      return making
    },
    forget: (instance: string) => void known.delete(instance),
  }
}

async function ensureNetwork(api: DockerApi, instance: string): Promise<string> {
  const there = (await listNetworks(api, instance))[0]
  if (there) return there.Id
  const created = await createNetwork(api, instance)
  // Engines before 25 let two creators make two networks of one name. All agree on the oldest.
  const [oldest, ...later] = await listNetworks(api, instance)
  const mine = later.find((network) => network.Id === created)
  if (mine) await removeNetwork(api, mine.Id)
  return oldest?.Id ?? created ?? ensureNetwork(api, instance)
}

/** The new id, or null when another was faster. */
async function createNetwork(api: DockerApi, instance: string): Promise<string | null> {
  const body = {
    Name: networkName(instance),
    Driver: 'bridge',
    CheckDuplicate: true,
    Options: { 'com.docker.network.bridge.enable_icc': 'false' },
    Labels: { 'shiplock.instance': instance, 'shiplock.kind': KIND },
  }
  try {
    return (await api.json<{ Id: string }>({ method: 'POST', path: '/networks/create', body })).Id
  } catch (error) {
    if (hasStatus(error, 409)) return null
    throw error
  }
}

/** Oldest first. */
export async function listNetworks(api: DockerApi, instance: string): Promise<NetworkInfo[]> {
  const filters = { label: [`shiplock.instance=${instance}`, `shiplock.kind=${KIND}`] }
  const found = await api.json<NetworkInfo[]>({ method: 'GET', path: '/networks', query: { filters } })
  const key = (network: NetworkInfo) => `${network.Created} ${network.Id}`
  return found.filter((network) => network.Name === networkName(instance)).sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

export async function removeNetwork(api: DockerApi, id: string): Promise<void> {
  await api.text({ method: 'DELETE', path: `/networks/${id}` }).catch((error: unknown) => {
    if (!hasStatus(error, 404)) throw error
  })
}
