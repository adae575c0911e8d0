import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '../fault'
import { type DockerApi, hasStatus } from './docker-api'
import { listNetworks, removeNetwork, removeStageNetwork } from './docker-network'
import type { Engine } from './engine'

export type Found = Awaited<ReturnType<Engine['list']>>[number] & { kind: 'step' | 'service' | 'network' }

type Labels = Record<string, string>

const REMOVE_MS = 30_000

/**
 * What was made for the steps of one instance, or of one run or stage of it, in any state: steps and services, then the
 * networks of their own, for a network goes last.
 */
export async function findWork(api: DockerApi, instance: string, run?: number, stage?: string): Promise<Found[]> {
  const label = [`shiplock.instance=${instance}`, run === undefined ? 'shiplock.run' : `shiplock.run=${run}`]
  if (stage !== undefined) label.push(`shiplock.stage=${stage}`)
  const [containers, networks] = await Promise.all([
    api.json<{ Id: string; Labels: Labels }[]>({
      method: 'GET',
      path: '/containers/json',
      query: { all: true, filters: { label } },
    }),
    api.json<{ Id: string; Labels: Labels }[]>({
      method: 'GET',
      path: '/networks',
      query: { filters: { label: [...label, 'shiplock.kind=service'] } },
    }),
  ])
  return [
    ...containers.flatMap(({ Id, Labels }) => {
      const kind = Labels['shiplock.kind']
      return kind === 'step' || kind === 'service' ? [asFound(Id, Labels, kind)] : []
    }),
    ...networks.map(({ Id, Labels }) => asFound(Id, Labels, 'network')),
  ]
}

const asFound = (id: string, labels: Labels, kind: Found['kind']): Found => ({
  id,
  run: Number(labels['shiplock.run']),
  stage: labels['shiplock.stage'] ?? '',
  epoch: Number(labels['shiplock.epoch']),
  kind,
})

/** Kills and removes, with its anonymous volumes, and returns when it is gone. Absent is fine. */
export async function removeContainer(api: DockerApi, id: string): Promise<void> {
  const path = `/containers/${encodeURIComponent(id)}`
  for (const started = performance.now(); ; await pause(50)) {
    try {
      await api.text({ method: 'DELETE', path, query: { force: true, v: true }, deadlineMs: REMOVE_MS })
      return
    } catch (error) {
      if (hasStatus(error, 404)) return
      // 409: somebody else is removing it. Gone is what was promised, so look again.
      if (!hasStatus(error, 409) || performance.now() - started > REMOVE_MS) throw error
    }
  }
}

/** As findWork's things are removed, by an id from outside: never a deployment, a stranger, or the steps' own network. */
export async function removeOne(api: DockerApi, id: string): Promise<void> {
  const path = encodeURIComponent(id)
  const container = await api.find<{ Config: { Labels?: Labels | null } }>({
    method: 'GET',
    path: `/containers/${path}/json`,
  })
  if (container) {
    refuseStranger(id, container.Config.Labels ?? {}, ['step', 'service'])
    return removeContainer(api, id)
  }
  const network = await api.find<{ Labels?: Labels | null }>({ method: 'GET', path: `/networks/${path}` })
  if (!network) return
  refuseStranger(id, network.Labels ?? {}, ['service'])
  await removeStageNetwork(api, path)
}

function refuseStranger(id: string, labels: Labels, kinds: readonly string[]): void {
  if (kinds.includes(labels['shiplock.kind'] ?? '') && labels['shiplock.instance']) return
  throw new Fault('engine.refused', `${id} was not made for a step: it is left alone`)
}

/** The containers first: a network with one on it cannot be removed. */
export async function removeAllOf(api: DockerApi, found: readonly Found[]): Promise<void> {
  await Promise.all(found.filter(({ kind }) => kind !== 'network').map(({ id }) => removeContainer(api, id)))
  await Promise.all(found.filter(({ kind }) => kind === 'network').map(({ id }) => removeStageNetwork(api, id)))
}

/** Again when a step was starting meanwhile. */
export async function removeInstance(api: DockerApi, instance: string): Promise<void> {
  for (let left = 3; ; left -= 1) {
    try {
      await removeAllOf(api, await findWork(api, instance))
      for (const network of await listNetworks(api, instance)) await removeNetwork(api, network.Id)
      return
    } catch (error) {
      if (!hasStatus(error, 403, 409) || left === 0) throw error
    }
  }
}

/** The images that an instance built, by their label. One that a container still uses is left. */
export async function removeImages(api: DockerApi, instance: string): Promise<void> {
  const query = { all: false, filters: { label: [`shiplock.instance=${instance}`] } }
  const found = await api.json<{ Id: string }[]>({ method: 'GET', path: '/images/json', query })
  for (const { Id } of found) {
    await api
      .text({ method: 'DELETE', path: `/images/${Id}`, query: { force: true }, deadlineMs: REMOVE_MS })
      .catch((error: unknown) => {
        if (!hasStatus(error, 404, 409)) throw error
      })
  }
}
