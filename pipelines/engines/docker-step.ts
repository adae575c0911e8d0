import type { IncomingMessage } from 'node:http'
import { Fault } from '../fault'
import { Aborted, type DockerApi } from './docker-api'
import { type Beside, besideServices } from './docker-beside'
import { cacheProblem, readyCaches } from './docker-cache'
import { collectFiles } from './docker-collect'
import { containerSpec } from './docker-container'
import { obtainImage, type StoredImage } from './docker-image'
import { judgeExit, killedForMemory } from './docker-judge'
import { joinNetwork, type stepNetworks } from './docker-network'
import { watchMemory } from './docker-oom'
import { type Exit, readOutput, waitForExit } from './docker-output'
import { createContainer, isNetworkGone, startContainer } from './docker-start'
import { superviseStep } from './docker-supervise'
import { findWork, removeAllOf, removeContainer } from './docker-sweep'
import { type Clock, until } from './docker-until'
import { asDuration } from './docker-words'
import { putWorkspace } from './docker-workspace'
import type { Log, StepOrder, Verdict } from './engine'

export interface StepWorld {
  api: DockerApi
  networks: ReturnType<typeof stepNetworks>
  /** Processors of the engine's machine. */
  cpus: () => Promise<number>
}

/** One step, as it is about to be attempted. */
interface Prepared {
  world: StepWorld
  order: StepOrder
  image: StoredImage
  cpus: number
  beside: Beside | null
  log: Log
  /** Ends the preparing; cleared when nothing is left to prepare. */
  clock: Clock
  signal: AbortSignal
}

const DRAIN_MS = 30_000

/** Runs one step in a container of its own, and removes all that was made for it whatever happens. */
export async function runStep(world: StepWorld, order: StepOrder, log: Log, signal: AbortSignal): Promise<Verdict> {
  if (signal.aborted) return no('canceled')
  const problem = cacheProblem(order.caches ?? [])
  if (problem) return no(problem)
  const clock = until(signal, order.limits.timeMs) // for the pulls and the copy; the commands have the time again
  try {
    const [images, , cpus] = await Promise.all([
      obtainImages(world.api, order, log, clock.signal),
      removeLostAttempts(world.api, order),
      world.cpus(),
    ])
    if ('because' in images) return no(images.because)
    const { step: image, services } = images
    return await besideServices(world.api, order, services, cpus, log, clock.signal, signal, async (beside) => {
      const prepared = { world, order, image, cpus, beside, log, clock, signal }
      return (await attemptStep(prepared)) ?? (await attemptStep(prepared)) ?? networkVanishes(order)
    })
  } catch (error) {
    if (signal.aborted) return no('canceled')
    if (clock.why() === 'late')
      return no(`preparing it (images, services, files) took longer than ${asDuration(order.limits.timeMs)}`)
    throw error
  } finally {
    clock.clear()
  }
}

const no = (because: string): Verdict => ({ ok: false, because, exitCode: null })

type Images = { step: StoredImage; services: StoredImage[] }

async function obtainImages(
  api: DockerApi,
  order: StepOrder,
  log: Log,
  signal: AbortSignal,
): Promise<Images | { because: string }> {
  const [step, ...services] = await Promise.all([
    obtainImage(api, { label: order.label, reference: order.image, own: order.own ?? false }, log, signal),
    ...(order.services ?? []).map(async ({ name, image }) => {
      const found = await obtainImage(api, { label: order.label, reference: image }, log, signal)
      return 'because' in found ? { because: `service ${name}: ${found.because}` } : found
    }),
  ])
  if ('because' in step) return step
  const refused = services.find((service) => 'because' in service)
  return refused ?? { step, services: services.filter((service) => 'digest' in service) }
}

function networkVanishes(order: StepOrder): never {
  throw new Fault(
    'engine.unreachable',
    `A network of the step was removed twice at its start (run ${order.label.run}, ${order.label.stage})`,
  )
}

async function removeLostAttempts(api: DockerApi, { label }: StepOrder): Promise<void> {
  const found = await findWork(api, label.instance, label.run, label.stage)
  const newer = found.find(({ epoch }) => epoch > label.epoch)
  if (newer) {
    throw new Fault(
      'engine.refused',
      `Attempt ${label.epoch} of ${label.stage} is outdated: attempt ${newer.epoch} is there`,
    )
  }
  await removeAllOf(api, found)
}

/** Null when the network went away between our look and the start: it is made anew, and the step may try again. */
async function attemptStep(prepared: Prepared): Promise<Verdict | null> {
  const { world, order, image, cpus, beside, clock } = prepared
  const { api, networks } = world
  const [network, caches] = await Promise.all([
    beside?.network ?? networks.ensure(order.label.instance),
    readyCaches(api, order, image.user),
  ])
  if (clock.signal.aborted) throw new Aborted()
  const id = await createContainer(api, containerSpec(order, image.digest, network, cpus, caches))
  let memory: Awaited<ReturnType<typeof watchMemory>> | null = null
  let verdict: Verdict | null
  try {
    memory = await watchMemory(api, [id])
    verdict = await followContainer(prepared, id, caches)
  } finally {
    await removeContainer(api, id).catch(() => {}) // the outcome is known, or the engine is gone: the sweep removes it
    await memory?.end()
  }
  // Asked after the removal: the engine tells of a process killed for memory somewhat later than of the container's end. The
  // verdict is the script's; what it swallowed is told beside it.
  return verdict?.ok && memory?.killed(id)
    ? { ...verdict, because: `${verdict.because}; ${killedForMemory('a process in it', order.limits.memoryBytes)}` }
    : verdict
}

/** From the container's files to its end. Null as `attemptStep`. */
async function followContainer(
  prepared: Prepared,
  id: string,
  caches: Awaited<ReturnType<typeof readyCaches>>,
): Promise<Verdict | null> {
  const { world, order, image, beside, log, clock, signal } = prepared
  const { api, networks } = world
  const open: IncomingMessage[] = []
  try {
    if (order.network && !(await joinNetwork(api, order.network, id))) return no(networkIsGone(order.network))
    const folders = caches.map(({ path }) => path)
    const copied = await putWorkspace(api, id, order.files, folders, image.user, clock.signal)
    if (clock.signal.aborted) throw new Aborted()
    clock.clear()
    const unready = await beside?.ready()
    if (unready) return no(unready)
    const output = await api.open({ method: 'POST', path: `/containers/${id}/attach`, query: ATTACH })
    open.push(output)
    const exit = await api.open({ method: 'POST', path: `/containers/${id}/wait`, query: { condition: 'next-exit' } })
    open.push(exit)
    if (signal.aborted) return no('canceled')
    const refused = await startContainer(api, id)
    if (refused && isNetworkGone(refused)) {
      networks.forget(order.label.instance)
      return null
    }
    if (refused) return no(`the container cannot start: ${refused.message}`)
    const writing = { containers: [id, ...(beside?.containers ?? [])], caches: caches.map(({ volume }) => volume) }
    const supervised = superviseStep(api, id, withCopied(order, copied), writing, signal)
    const verdict = await followStep(prepared, id, supervised, waitForExit(api, exit), readOutput(api, output, log))
    if (order.collect && !signal.aborted) await collectFiles(api, id, order.collect, signal)
    return signal.aborted ? { ...verdict, ok: false, because: 'canceled' } : verdict
  } finally {
    for (const answer of open) answer.destroy()
  }
}

const ATTACH = { stream: true, stdout: true, stderr: true }

const networkIsGone = (network: string) =>
  `the engine that runs steps has no network ${network}: what was deployed there is gone, or runs on another engine`

const withCopied = ({ limits }: StepOrder, copied: number) => ({ ...limits, diskBytes: limits.diskBytes + copied })

async function followStep(
  { world, order }: Prepared,
  id: string,
  supervised: ReturnType<typeof superviseStep>,
  exit: Promise<Exit>,
  output: Promise<void>,
): Promise<Verdict> {
  const broken = output.then(() => new Promise<never>(() => {})) // an output that ends first is no end; one that fails is
  output.catch(() => {}) // reported through `broken`
  try {
    const ended = await Promise.race([exit, supervised.stuck, broken])
    supervised.end()
    await drained(output)
    return await judgeExit(world.api, id, order, ended, supervised.why())
  } finally {
    supervised.end()
  }
}

/** What the container wrote before it ended is still to be read; a log that does not take it in time goes without. */
async function drained(output: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DRAIN_MS)
  })
  await Promise.race([output, enough]).finally(() => clearTimeout(timer))
}
