import { setTimeout as pause } from 'node:timers/promises'
import { isFault } from '../fault'
import { Aborted, type DockerApi, hasStatus, Refusal } from './docker-api'
import type { StoredImage } from './docker-image'
import { killedForMemory } from './docker-judge'
import { readEnd } from './docker-logs'
import { createStageNetwork } from './docker-network'
import { watchMemory } from './docker-oom'
import { serviceSpec } from './docker-service'
import { createContainer, isImagesFault, startContainer } from './docker-start'
import { findWork, removeAllOf } from './docker-sweep'
import { orAborted } from './docker-until'
import { asDuration, plainWords } from './docker-words'
import { type Log, SERVICE_WAIT_MS, type StepOrder, type Verdict } from './engine'

/** What a step finds beside it. */
export interface Beside {
  network: string
  containers: string[]
  /** Null once every service is ready; else why one is not, with its last words. */
  ready: () => Promise<string | null>
}

interface Running {
  name: string
  id: string
}

/** A service without a healthcheck is taken for ready when it has run this long. */
const SETTLED_MS = 1_000
const ASK_FIRST_MS = 40
const ASK_LATER_MS = 500
const LAST_LINES = 20
const LAST_CHARACTERS = 4_000
const LOG_LINES = 200
const LOG_BYTES = 64 * 1024
const LOG_MS = 30_000

/** Starts the order's services, does `work` beside them, and removes them and their network whatever happens. */
export async function besideServices(
  api: DockerApi,
  order: StepOrder,
  images: readonly StoredImage[],
  cpus: number,
  log: Log,
  preparing: AbortSignal,
  signal: AbortSignal,
  work: (beside: Beside | null) => Promise<Verdict>,
): Promise<Verdict> {
  if (images.length === 0) return work(null)
  const running: Running[] = []
  let memory: Awaited<ReturnType<typeof watchMemory>> | null = null
  try {
    const network = await createStageNetwork(api, order.label)
    const refused = await startServices(api, order, images, network, cpus, running, preparing)
    if (refused) return { ok: false, because: refused, exitCode: null }
    memory = await watchMemory(
      api,
      running.map(({ id }) => id),
    )
    const ready = () => untilReady(api, running, Math.min(SERVICE_WAIT_MS, order.limits.timeMs), signal)
    const verdict = await work({ network, containers: running.map(({ id }) => id), ready })
    if (signal.aborted) return verdict
    if (!verdict.ok) await tell(api, running, log, signal)
    // A service that lost a process may go on as if nothing was: the step's verdict stands, and this is told with it.
    const killed = running
      .filter(({ id }) => memory?.killed(id))
      .map(({ name }) => `; ${killedForMemory(`service ${name}: a process`, order.limits.memoryBytes)}`)
    return { ...verdict, because: verdict.because + killed.join('') }
  } finally {
    await memory?.end()
    await removeServices(api, order).catch(() => {}) // the outcome is known, or the engine is gone: the sweep removes them
  }
}

/** Null: they run. All have settled before it returns, so that nothing can appear after the clean-up. */
async function startServices(
  api: DockerApi,
  order: StepOrder,
  images: readonly StoredImage[],
  network: string,
  cpus: number,
  running: Running[],
  signal: AbortSignal,
): Promise<string | null> {
  const starts = (order.services ?? []).map(async (service, at) => {
    if (signal.aborted) throw new Aborted()
    const image = images[at] as StoredImage
    const id = await createContainer(api, serviceSpec(service, order, image.digest, network, cpus))
    running.push({ name: service.name, id })
    if (signal.aborted) throw new Aborted()
    const refused = await startContainer(api, id)
    if (refused) throw refused
  })
  const ends = await Promise.allSettled(starts)
  const failed = ends.findIndex(({ status }) => status === 'rejected')
  const end = ends[failed]
  if (end?.status !== 'rejected') return null
  // A command that the image lacks, a healthcheck that is none: the engine's own words about the order.
  if (!(end.reason instanceof Refusal) || !(hasStatus(end.reason, 400) || isImagesFault(end.reason))) throw end.reason
  return `service ${order.services?.[failed]?.name}: cannot start: ${plainWords(end.reason.message, LAST_CHARACTERS)}`
}

interface State {
  State: {
    Running: boolean
    ExitCode: number
    OOMKilled?: boolean
    Health?: { Status: string; Log?: { Output?: string }[] | null } | null
  }
}

/** Asks until every service is ready, or the first is known not to be. Throws Aborted. */
async function untilReady(
  api: DockerApi,
  services: readonly Running[],
  mostMs: number,
  signal: AbortSignal,
): Promise<string | null> {
  const started = performance.now()
  for (let waitMs = ASK_FIRST_MS; ; waitMs = Math.min(ASK_LATER_MS, waitMs * 1.5)) {
    const waitedMs = performance.now() - started
    const states = await Promise.all(services.map((service) => judge(api, service, waitedMs, mostMs)))
    const bad = states.findIndex((state) => state !== 'ready' && state !== 'waiting')
    const service = services[bad]
    if (service) return `service ${service.name}: ${states[bad]}${await lastWords(api, service.id)}`
    if (states.every((state) => state === 'ready')) return null
    await orAborted(signal, pause(waitMs))
  }
}

/** 'ready', 'waiting', or why it will not be. */
async function judge(api: DockerApi, { id }: Running, waitedMs: number, mostMs: number): Promise<string> {
  const found = await api.find<State>({ method: 'GET', path: `/containers/${id}/json` })
  if (!found) return 'was removed from outside'
  const { Running: runs, ExitCode, OOMKilled, Health } = found.State
  if (!runs) return `${OOMKilled ? 'ran out of memory' : `exited with ${ExitCode}`} before the step`
  const last = plainWords(Health?.Log?.at(-1)?.Output ?? '', 300)
  const said = last ? ` (its health check said: ${last})` : ''
  if (Health?.Status === 'healthy') return 'ready'
  if (Health?.Status === 'unhealthy') return `is unhealthy${said}`
  if (!Health && waitedMs >= SETTLED_MS) return 'ready'
  return waitedMs < mostMs ? 'waiting' : `was not healthy within ${asDuration(mostMs)}${said}`
}

async function lastWords(api: DockerApi, id: string): Promise<string> {
  const words = plainWords(await readEnd(api, id, LAST_LINES, LOG_BYTES), LAST_CHARACTERS)
  return words ? `. Its last words:\n${words}` : '. It wrote nothing.'
}

/** Why a step failed is often said by what stood beside it: the end of each service's output goes to the step's log. */
async function tell(api: DockerApi, services: readonly Running[], log: Log, signal: AbortSignal): Promise<void> {
  const enough = AbortSignal.any([signal, AbortSignal.timeout(LOG_MS)])
  try {
    for (const { name, id } of services) {
      const found = await api.find<State>({ method: 'GET', path: `/containers/${id}/json` })
      const text = await readEnd(api, id, LOG_LINES, LOG_BYTES)
      const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
      if (found && !found.State.Running) lines.push(`(ended with ${found.State.ExitCode})`)
      const prefixed = lines.map((line) => `[${name}] ${line}\n`).join('')
      if (prefixed) await orAborted(enough, Promise.resolve(log(Buffer.from(prefixed))))
    }
  } catch (error) {
    // The log does not take it in time, or the engine does not give it: the verdict stands without.
    if (!(error instanceof Aborted || isFault(error))) throw error
  }
}

async function removeServices(api: DockerApi, { label }: StepOrder): Promise<void> {
  const found = await findWork(api, label.instance, label.run, label.stage)
  await removeAllOf(
    api,
    found.filter(({ kind, epoch }) => kind !== 'step' && epoch === label.epoch),
  )
}
