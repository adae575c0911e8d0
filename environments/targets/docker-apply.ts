import type Docker from 'dockerode'
import { Fault } from '../../pipelines/fault'
import { fullEngine } from '../../pipelines/full-engine'
import { ask, saidNo } from './docker-engine'
import { findContainers, lookAt } from './docker-find'
import { seconds, untilHealthy } from './docker-health'
import { untilHeld } from './docker-hold'
import { judgeOwn } from './docker-judge'
import { whyLacking } from './docker-lacks'
import { lastWords } from './docker-last-words'
import { removeContainers } from './docker-remove'
import * as replica from './docker-replica'
import { mark } from './docker-retire'
import type { Applied, Deployment } from './target'

type Container = replica.Container
type Log = (line: string) => void

interface On {
  docker: Docker
  address: string
}

/**
 * Makes `of` what serves in its environment: new replicas start beside the old ones, and take over only once all of them have
 * held through the window. The old ones still run then; see docker-replica.ts for the commit point, docker-retire.ts for
 * their end. Safe to repeat; see target.ts.
 */
export async function applyDeployment(on: On, of: Deployment, log: Log, signal: AbortSignal): Promise<Applied> {
  const lacking = await whyLacking(on.docker, of.digest)
  if (lacking !== null) return { ok: false, because: `Nothing was started: ${lacking}. Build it again.` }
  const found = await findContainers(on.docker, replica.ofService(of))
  refuseIfOvertaken(of, found)
  const { halfMade, serving, retired } = replica.tellApart(found)
  if (halfMade.length > 0) {
    log(`Removing ${count(halfMade.length)} that a lost attempt left half-made`)
    await removeContainers(on.docker, halfMade, false)
  }
  const short = of.digest.slice(0, 19)
  let keep = await asAsked(on, of, serving)
  if (keep.length === of.replicas) {
    const not = await heldOrStopped(on, of, keep, signal)
    if (signal.aborted) return { ok: false, because: `Stopped while it was observed: ${reasonOf(signal)}` }
    if (not === null) {
      await mark(on.docker, replica.madeBy(keep) ?? of, without(serving, keep))
      return { ok: true, because: `already runs as asked: ${of.replicas} healthy on ${short}` }
    }
    log(`${keep[not.replica]?.name} ${not.because}: it is replaced`)
    keep = keep.filter((_, i) => i !== not.replica)
  }
  // Another set of this very spec, from before what serves: once the new one takes over, it would count as a part of it.
  const spec = replica.specOf(of, on.address)
  await mark(
    on.docker,
    of,
    retired.filter((c) => c.spec === spec),
  )
  const names = freeNames(of, keep.length, found)
  const no = await startBeside(on, of, { names, keep, replaced: without(serving, keep) }, log, signal)
  if (no) return { ok: false, because: `${no}\n${await whatServes(on, of)}` }
  return { ok: true, because: `${of.replicas} healthy on ${short}, observed for ${seconds(of.monitor)}` }
}

const without = (all: readonly Container[], some: readonly Container[]) => all.filter((c) => !some.includes(c))

/** As untilHeld; a stop is no error here. */
async function heldOrStopped(on: On, of: Deployment, set: readonly { id: string }[], signal: AbortSignal) {
  try {
    return await untilHeld(
      on,
      of,
      set.map((c) => c.id),
      signal,
    )
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}

/** A worker that lost its lease while it was away must not undo what its successor has made. */
function refuseIfOvertaken(of: Deployment, found: readonly Container[]): void {
  const newer = found.find((c) => c.promotion === of.promotion && c.epoch > of.epoch)
  if (!newer) return
  const because = `attempt ${newer.epoch} of promotion ${of.promotion} is at work here; this is attempt ${of.epoch}, and it was lost`
  throw new Fault('conflict', because)
}

/** The serving replicas that need not be touched: of the same spec, and healthy now. */
async function asAsked(on: On, of: Deployment, serving: readonly Container[]): Promise<Container[]> {
  const spec = replica.specOf(of, on.address)
  const same = serving.filter((c) => c.spec === spec && c.digest === of.digest)
  const judged = await Promise.all(same.map((c) => judgeOwn(on, c, of.healthcheck)))
  return same.filter((_, i) => judged[i]?.problem === null).slice(0, of.replicas)
}

interface Beside {
  /** Of the replicas that are started. */
  names: readonly string[]
  /** Replicas of the same spec that go on serving. */
  keep: readonly Container[]
  /** What serves until the commit. */
  replaced: readonly Container[]
}

/** Starts what is missing, watches the whole set, and commits. Null: it serves. Else why not, and nothing of it is left. */
async function startBeside(
  on: On,
  of: Deployment,
  { names, keep, replaced }: Beside,
  log: Log,
  signal: AbortSignal,
): Promise<string | null> {
  const { docker } = on
  try {
    const started = await startReplicas(on, of, names, log, signal)
    const no =
      'refused' in started
        ? started.refused
        : ((await waitForAll(on, of, started.ids, log, signal)) ??
          (await watch(on, of, [...keep.map((c) => c.id), ...started.ids], log, signal)))
    if (no !== null || 'refused' in started) {
      await removeOwn(docker, of)
      return no
    }
    signal.throwIfAborted()
    refuseIfOvertaken(of, await findContainers(docker, replica.ofService(of)))
    await commit(docker, started.ids, names)
  } catch (error) {
    try {
      await removeOwn(docker, of)
    } catch {
      // The first error says more. What is left is half-made: it never serves, and the next apply removes it.
    }
    // Aborted: whatever else went wrong on the way went wrong because of that.
    if (signal.aborted) return `Stopped before the new release served: ${reasonOf(signal)}`
    throw error
  }
  // From here on the new set serves. The signal is not looked at any more: half a change is worse than a whole one.
  const spec = replica.specOf(of, on.address)
  await mark(
    docker,
    of,
    replaced.filter((c) => c.spec === spec),
  )
  return null
}

/** Null: the set has held through its window. Else which replica did not, why, and its last words. */
async function watch(on: On, of: Deployment, ids: readonly string[], log: Log, signal: AbortSignal) {
  log(`Watching ${count(ids.length)} for ${seconds(of.monitor)}`)
  const not = await untilHeld(on, of, ids, signal)
  if (not === null) return null
  const words = await lastWords(on.docker, ids[not.replica] ?? '')
  return `replica ${not.replica + 1} of ${ids.length} ${not.because}. ${words}`
}

/** A name for each replica that is missing. Repeated within one attempt, an apply finds its own earlier names taken. */
function freeNames(of: Deployment, kept: number, there: readonly Container[]): string[] {
  const taken = new Set(there.map((c) => c.name))
  const names: string[] = []
  for (let n = 1; names.length < of.replicas - kept; n++) {
    const name = replica.replicaName(of, n)
    if (!taken.has(name)) names.push(name)
  }
  return names
}

type Started = { ids: string[] } | { refused: string }

async function startReplicas(
  on: On,
  of: Deployment,
  names: readonly string[],
  log: Log,
  signal: AbortSignal,
): Promise<Started> {
  const { docker } = on
  try {
    const network = await ensureNetwork(docker, of)
    const starts = await Promise.allSettled(
      names.map(async (name) => {
        signal.throwIfAborted()
        const container = await ask(
          'create a container',
          docker.createContainer(replica.createOptions(of, name, network, on.address)),
        )
        signal.throwIfAborted()
        await ask('start a container', container.start())
        log(`Started ${name}`)
        return container.id
      }),
    )
    // All have settled before the first failure is looked at, so nothing can appear after the clean-up.
    return { ids: starts.map((s) => (s.status === 'fulfilled' ? s.value : fail(s.reason))) }
  } catch (error) {
    const no = saidNo(error)
    if (!no) throw error
    return { refused: `The engine refuses the container: ${no.words}` }
  }
}

function fail(reason: unknown): never {
  throw reason
}

async function ensureNetwork(docker: Docker, of: Deployment): Promise<string> {
  const name = replica.networkName(of)
  const labels = [
    ...replica.ofInstance(of.instance),
    `shiplock.project=${of.project}`,
    `shiplock.environment=${of.environment}`,
  ]
  const listed = await ask('list networks', docker.listNetworks({ filters: { name: [name], label: labels } }))
  // The engine's name filter also matches a part of a name.
  if (listed.some((n) => n.Name === name)) return name
  const Labels = Object.fromEntries(labels.map((label) => label.split(/=(.*)/s).slice(0, 2)))
  try {
    await ask('create a network', docker.createNetwork({ Name: name, Driver: 'bridge', CheckDuplicate: true, Labels }))
  } catch (error) {
    throw fullEngine(error) ?? error
  }
  return name
}

/** Null: each is healthy. Else what the first that is not has to say; the others are not waited for. */
async function waitForAll(
  on: On,
  of: Deployment,
  ids: readonly string[],
  log: Log,
  signal: AbortSignal,
): Promise<string | null> {
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  let because: string | null = null
  const waits = ids.map(async (id, i) => {
    const which = `replica ${of.replicas - ids.length + i + 1} of ${of.replicas}`
    try {
      const no = await untilHealthy(() => lookAt(on.docker, id), on.address, of.healthcheck, either)
      if (!no) log(`${which} is healthy`)
      else because ??= `${which} ${no}. ${await lastWords(on.docker, id)}`
    } catch (error) {
      // Another replica has failed: this one's own end is of no interest.
      if (!stop.signal.aborted) throw error
    } finally {
      if (because) stop.abort()
    }
  })
  const ended = await Promise.allSettled(waits)
  for (const end of ended) if (end.status === 'rejected' && !because) throw end.reason
  return because
}

/** Order matters: restart policies first. After the first rename the set serves, and must survive the engine's restart. */
async function commit(docker: Docker, ids: readonly string[], names: readonly string[]): Promise<void> {
  const containers = ids.map((id) => docker.getContainer(id))
  const RestartPolicy = { Name: 'unless-stopped' }
  await Promise.all(containers.map((c) => ask('set a restart policy', c.update({ RestartPolicy }))))
  await Promise.all(containers.map((c, i) => ask('rename a container', c.rename({ name: names[i] }))))
}

/** What this very attempt has half-made; another attempt's is left alone: a successor may be at work. */
async function removeOwn(docker: Docker, of: Deployment): Promise<void> {
  const own = [...replica.ofService(of), `shiplock.promotion=${of.promotion}`, `shiplock.epoch=${of.epoch}`]
  const found = await findContainers(docker, own)
  await removeContainers(
    docker,
    found.filter((c) => c.halfMade),
    false,
  )
}

/** Said only after a look: the old release may have died too. */
async function whatServes(on: On, of: Deployment): Promise<string> {
  const { serving } = replica.tellApart(await findContainers(on.docker, replica.ofService(of)))
  if (serving.length === 0) return 'Nothing else runs here.'
  const running = serving.filter((c) => c.running)
  const digests = [...new Set(running.map((c) => c.digest.slice(0, 19)))].join(', ')
  if (running.length === 0) return 'The release before it does not run either.'
  return `The release before it still serves (${running.length} of ${serving[0]?.wanted ?? running.length}, ${digests}).`
}

const reasonOf = (signal: AbortSignal) =>
  signal.reason instanceof Error && signal.reason.name !== 'AbortError' ? signal.reason.message : 'canceled'

const count = (n: number) => (n === 1 ? '1 container' : `${n} containers`)
