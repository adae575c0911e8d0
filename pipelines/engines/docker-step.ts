import type { IncomingMessage } from 'node:http'
import { Fault } from '../fault'
import { type DockerApi, hasStatus, Refusal } from './docker-api'
import { type ContainerSpec, containerSpec } from './docker-container'
import { obtainImage, type StoredImage } from './docker-image'
import { judgeExit } from './docker-judge'
import type { stepNetworks } from './docker-network'
import { type Exit, readOutput, waitForExit } from './docker-output'
import { superviseStep } from './docker-supervise'
import { findSteps, removeAllOf, removeContainer } from './docker-sweep'
import { until } from './docker-until'
import { asDuration } from './docker-words'
import { putWorkspace } from './docker-workspace'
import type { Log, StepOrder, Verdict } from './engine'

export interface StepWorld {
  api: DockerApi
  networks: ReturnType<typeof stepNetworks>
  /** Processors of the engine's machine. */
  cpus: () => Promise<number>
}

const DRAIN_MS = 30_000

/** Runs one step in a container of its own, and removes the container whatever happens. */
export async function runStep(world: StepWorld, order: StepOrder, log: Log, signal: AbortSignal): Promise<Verdict> {
  if (signal.aborted) return no('canceled')
  const clock = until(signal, order.limits.timeMs) // for the pull and the copy; the commands have the time again
  try {
    const [image, , cpus] = await Promise.all([
      obtainImage(world.api, order.image, log, clock.signal),
      removeLostAttempts(world.api, order),
      world.cpus(),
    ])
    if ('because' in image) return no(image.because)
    const attempt = () => attemptStep(world, order, image, cpus, log, clock.signal, signal)
    return (await attempt()) ?? (await attempt()) ?? networkVanishes(order)
  } catch (error) {
    if (clock.why() === 'canceled') return no('canceled')
    if (clock.why() === 'late')
      return no(`getting the image and the files took longer than ${asDuration(order.limits.timeMs)}`)
    throw error
  } finally {
    clock.clear()
  }
}

const no = (because: string): Verdict => ({ ok: false, because, exitCode: null })

function networkVanishes(order: StepOrder): never {
  throw new Fault(
    'engine.unreachable',
    `The steps' network of ${order.label.instance} was removed twice at the start of a step`,
  )
}

async function removeLostAttempts(api: DockerApi, { label }: StepOrder): Promise<void> {
  const found = await findSteps(api, label.instance, label.run, label.stage)
  const newer = found.find((step) => step.epoch > label.epoch)
  if (newer) {
    throw new Fault(
      'engine.refused',
      `Attempt ${label.epoch} of ${label.stage} is outdated: attempt ${newer.epoch} is there`,
    )
  }
  await removeAllOf(api, found)
}

/** Null when the network went away between our look and the start: it is made anew, and the step may try again. */
async function attemptStep(
  world: StepWorld,
  order: StepOrder,
  image: StoredImage,
  cpus: number,
  log: Log,
  preparing: AbortSignal,
  signal: AbortSignal,
): Promise<Verdict | null> {
  const { api, networks } = world
  const network = await networks.ensure(order.label.instance)
  if (preparing.aborted) return no('canceled')
  const id = await createContainer(api, containerSpec(order, image.digest, network, cpus))
  const open: IncomingMessage[] = []
  try {
    const copied = order.files ? await putWorkspace(api, id, order.files, image.user, preparing) : 0
    const output = await api.open({ method: 'POST', path: `/containers/${id}/attach`, query: ATTACH })
    open.push(output)
    const exit = await api.open({ method: 'POST', path: `/containers/${id}/wait`, query: { condition: 'next-exit' } })
    open.push(exit)
    if (preparing.aborted) return no('canceled')
    const refused = await startContainer(api, id)
    if (refused && isNetworkGone(refused)) {
      networks.forget(order.label.instance)
      return null
    }
    if (refused) return no(`the container cannot start: ${refused.message}`)
    return await followStep(api, id, order, copied, waitForExit(api, exit), readOutput(api, output, log), signal)
  } finally {
    for (const answer of open) answer.destroy()
    await removeContainer(api, id).catch(() => {}) // the outcome is known, or the engine is gone: the sweep removes it
  }
}

const ATTACH = { stream: true, stdout: true, stderr: true }

async function createContainer(api: DockerApi, { name, body }: ContainerSpec): Promise<string> {
  const create = () => api.json<{ Id: string }>({ method: 'POST', path: '/containers/create', query: { name }, body })
  try {
    return (await create()).Id
  } catch (error) {
    if (hasStatus(error, 404))
      throw new Fault('image.missing', `The image ${body.Image} has left the store`, { cause: error })
    throw error
  }
}

/** Null when it runs; a refusal that lies in the image or the network is given back, any other is thrown. */
async function startContainer(api: DockerApi, id: string): Promise<Refusal | null> {
  try {
    await api.text({ method: 'POST', path: `/containers/${id}/start`, deadlineMs: 60_000 })
    return null
  } catch (error) {
    if (error instanceof Refusal && (isNetworkGone(error) || isImagesFault(error))) return error
    throw error
  }
}

const isNetworkGone = (refusal: Refusal) => refusal.status === 404 && /network/.test(refusal.message)

/** No /bin/sh, a workdir that is a file, an unknown user: runc's or the engine's words about what is in the image. */
const isImagesFault = ({ message }: Refusal) =>
  /executable file not found|no such file or directory|exec format error|not a directory|permission denied|unable to find user|no matching entries/i.test(
    message,
  )

async function followStep(
  api: DockerApi,
  id: string,
  order: StepOrder,
  copied: number,
  exit: Promise<Exit>,
  output: Promise<void>,
  signal: AbortSignal,
): Promise<Verdict> {
  const diskBytes = order.limits.diskBytes + copied
  const supervised = superviseStep(api, id, { ...order.limits, diskBytes }, signal)
  const broken = output.then(() => new Promise<never>(() => {})) // an output that ends first is no end; one that fails is
  output.catch(() => {}) // reported through `broken`
  try {
    const ended = await Promise.race([exit, supervised.stuck, broken])
    supervised.end()
    await drained(output)
    return await judgeExit(api, id, order, ended, supervised.why())
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
