import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '../fault'
import { type DockerApi, hasStatus } from './docker-api'
import { listNetworks, removeNetwork } from './docker-network'
import type { Engine } from './engine'

export type Found = Awaited<ReturnType<Engine['list']>>[number]

interface ContainerSummary {
  Id: string
  Labels: Record<string, string>
}

const REMOVE_MS = 30_000

/** The step containers of one instance, or of one run or stage of it, in any state. */
export async function findSteps(api: DockerApi, instance: string, run?: number, stage?: string): Promise<Found[]> {
  const label = [`shiplock.instance=${instance}`, 'shiplock.kind=step']
  if (run !== undefined) label.push(`shiplock.run=${run}`)
  if (stage !== undefined) label.push(`shiplock.stage=${stage}`)
  const query = { all: true, filters: { label } }
  const found = await api.json<ContainerSummary[]>({ method: 'GET', path: '/containers/json', query })
  return found.map(({ Id, Labels }) => ({
    id: Id,
    run: Number(Labels['shiplock.run']),
    stage: Labels['shiplock.stage'] ?? '',
    epoch: Number(Labels['shiplock.epoch']),
  }))
}

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

/** As removeContainer, for an id from outside: only a step's container, never a deployment or a stranger. */
export async function removeStep(api: DockerApi, id: string): Promise<void> {
  const path = `/containers/${encodeURIComponent(id)}/json`
  const found = await api.find<{ Config: { Labels?: Record<string, string> | null } }>({ method: 'GET', path })
  if (!found) return
  if (found.Config.Labels?.['shiplock.kind'] !== 'step' || !found.Config.Labels['shiplock.instance']) {
    throw new Fault('engine.refused', `The container ${id} is no step's container: it is left alone`)
  }
  await removeContainer(api, id)
}

export const removeAllOf = (api: DockerApi, steps: readonly Found[]): Promise<unknown> =>
  Promise.all(steps.map((step) => removeContainer(api, step.id)))

/** The containers first: a network with one on it cannot be removed. Again when a step was starting meanwhile. */
export async function removeInstance(api: DockerApi, instance: string): Promise<void> {
  for (let left = 3; ; left -= 1) {
    await removeAllOf(api, await findSteps(api, instance))
    try {
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
