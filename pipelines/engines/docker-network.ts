import { fullEngine } from '../full-engine'
import { type DockerApi, hasStatus } from './docker-api'
import { labelsOf, networkName, stageNetworkName } from './docker-labels'
import type { WorkLabel } from './engine'

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
  const there = await oldestAlone(api, instance)
  if (there) return there
  const created = await createNetwork(api, instance)
  return (await oldestAlone(api, instance)) ?? created ?? ensureNetwork(api, instance)
}

/**
 * Engines before 25 let two creators make two networks of one name, and start nothing on either while both are there. All
 * agree on the oldest, and remove the others.
 */
async function oldestAlone(api: DockerApi, instance: string): Promise<string | undefined> {
  const [oldest, ...later] = await listNetworks(api, instance)
  const leaveInUse = (error: unknown) => {
    if (!hasStatus(error, 403)) throw error
  }
  await Promise.all(later.map(({ Id }) => removeNetwork(api, Id).catch(leaveInUse)))
  return oldest?.Id
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
    return await create(api, body)
  } catch (error) {
    if (hasStatus(error, 409)) return null
    throw error
  }
}

/**
 * A bridge of one stage's own, where its step and its services reach one another by name. Not the steps' network: there
 * nobody reaches anybody, and names would be everybody's. The engine keeps bridges apart.
 */
export const createStageNetwork = (api: DockerApi, label: WorkLabel): Promise<string> =>
  create(api, {
    Name: stageNetworkName(label),
    Driver: 'bridge',
    CheckDuplicate: true,
    Labels: labelsOf(label, 'service'),
  })

async function create(api: DockerApi, body: object): Promise<string> {
  try {
    return (await api.json<{ Id: string }>({ method: 'POST', path: '/networks/create', body })).Id
  } catch (error) {
    throw fullEngine(error) ?? error
  }
}

/** The container, not started yet, joins one more network. False: there is no such network. */
export async function joinNetwork(api: DockerApi, network: string, container: string): Promise<boolean> {
  // An engine takes any name for a container that does not run, and complains at its start.
  const found = await api.find<NetworkInfo>({ method: 'GET', path: `/networks/${encodeURIComponent(network)}` })
  if (!found) return false
  const path = `/networks/${found.Id}/connect`
  try {
    await api.text({ method: 'POST', path, body: { Container: container } })
    return true
  } catch (error) {
    if (hasStatus(error, 404)) return false
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

/** Removes a stage's network, and takes off it what is still there: nothing of a stage that is over may hold it. */
export async function removeStageNetwork(api: DockerApi, id: string): Promise<void> {
  try {
    await removeNetwork(api, id)
  } catch (error) {
    if (!hasStatus(error, 403, 409)) throw error
    type Joined = { Containers?: Record<string, unknown> | null }
    const found = await api.find<Joined>({ method: 'GET', path: `/networks/${id}` })
    const leave = (Container: string) =>
      api
        .text({ method: 'POST', path: `/networks/${id}/disconnect`, body: { Container, Force: true } })
        .catch((refused: unknown) => {
          if (!hasStatus(refused, 403, 404)) throw refused // it has left meanwhile
        })
    await Promise.all(Object.keys(found?.Containers ?? {}).map(leave))
    await removeNetwork(api, id)
  }
}
