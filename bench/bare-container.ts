// The same container as a step's, made by hand: by the engine's API, and by `docker run`.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { dockerApi } from '../pipelines/engines/docker-api'
import { type ContainerSpec, containerSpec } from '../pipelines/engines/docker-container'
import { networkName } from '../pipelines/engines/docker-labels'
import type { EngineEvents } from './engine-events'
import { BUSYBOX, type World } from './world'

const MIB = 2 ** 20
const LIMITS = { timeMs: 600_000, graceMs: 10_000, memoryBytes: 1024 * MIB, cpus: 1, pids: 512, diskBytes: 4096 * MIB }
const RUN_MS = 30_000

/** What the Docker engine driver would create for a step, under labels that no sweep of Shiplock looks for. */
export function stepLike(world: World): ContainerSpec {
  const label = {
    instance: `${world.instance}-bare`,
    project: 1,
    trust: 'develop' as const,
    run: 1,
    stage: randomUUID().slice(0, 8),
    epoch: 1,
  }
  const files = () => {
    throw new Error('the bare container gets no files')
  }
  return containerSpec(
    { label, image: BUSYBOX, run: ['true'], files, env: { CI: 'true' }, limits: LIMITS },
    BUSYBOX,
    networkName(world.instance),
    LIMITS.cpus,
  )
}

export interface Started {
  /** From the first request, or from the command, to the engine's word that it runs. */
  ms: number
  container: string
}

/** Create and start, two requests. */
export async function startByApi(world: World, events: EngineEvents): Promise<Started> {
  const api = dockerApi()
  const { name, body } = stepLike(world)
  const started = events.next('the bare container', (e) => e.action === 'start' && e.labels.name === name)
  const begun = performance.now()
  const { Id } = await api.json<{ Id: string }>({ method: 'POST', path: '/containers/create', query: { name }, body })
  try {
    await api.text({ method: 'POST', path: `/containers/${Id}/start` })
    return { ms: (await started).heardAt - begun, container: Id }
  } finally {
    await api.text({ method: 'DELETE', path: `/containers/${Id}`, query: { force: true } })
  }
}

/** True where `docker` is on PATH. */
export const hasCli = () => (process.env.PATH ?? '').split(delimiter).some((dir) => existsSync(join(dir, 'docker')))

/** `docker run` with the flags that say the same. */
export async function startByCli(world: World, events: EngineEvents): Promise<Started> {
  const { name, body } = stepLike(world)
  const labels = Object.entries(body.Labels).flatMap(([key, value]) => ['--label', `${key}=${value}`])
  const limits = [
    '--pids-limit',
    String(LIMITS.pids),
    '--memory',
    String(LIMITS.memoryBytes),
    '--memory-swap',
    String(LIMITS.memoryBytes),
    '--cpus',
    String(LIMITS.cpus),
  ]
  const guard = [
    '--cap-drop',
    'ALL',
    '--security-opt',
    'no-new-privileges',
    '--no-healthcheck',
    '--log-driver',
    'none',
    '--network',
    networkName(world.instance),
  ]
  const args = [
    'run',
    '--rm',
    '--init',
    '--name',
    name,
    ...labels,
    ...limits,
    ...guard,
    '--workdir',
    '/workspace',
    '--entrypoint',
    '/bin/sh',
    BUSYBOX,
    '-c',
    'true',
  ]
  const started = events.next('the container of docker run', (e) => e.action === 'start' && e.labels.name === name)
  const begun = performance.now()
  const child = spawn('docker', args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: RUN_MS })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`docker run ended with ${code}`))))
  })
  const [event] = await Promise.all([started, ended])
  return { ms: event.heardAt - begun, container: event.container }
}
