import type Docker from 'dockerode'
import { findContainers } from './docker-find'
import { urlOf } from './docker-health'
import { judgeOwn } from './docker-judge'
import { type Container, madeBy, ofService, tellApart } from './docker-replica'
import type { Healthcheck, Observation, Target } from './target'

interface Seen {
  c: Container
  problem: string | null
}

const ABSENT: Observation = {
  set: null,
  starting: [],
  left: 0,
  earlier: null,
  digest: null,
  health: 'absent',
  because: 'nothing runs here',
  url: null,
  inside: null,
  replicas: [],
}

/** What runs here, asked of the engine and of every replica once. Which containers count: see docker-replica.ts. */
export async function observeService(
  docker: Docker,
  address: string,
  where: Parameters<Target['observe']>[0],
): Promise<Observation> {
  const found = await findContainers(docker, ofService(where))
  const { halfMade, serving, retired } = tellApart(found)
  const starting = [...new Map(halfMade.map((c) => [`${c.promotion}-${c.epoch}`, madeBy([c])])).values()]
  const set = madeBy(serving)
  const counted = { left: retired.length, earlier: earlierOf(found, set) }
  const sets = { set, starting: starting.filter((made) => made !== null), ...counted }
  if (serving.length === 0 && halfMade.length === 0) return { ...ABSENT, left: retired.length }
  const shown = serving.length > 0 ? serving : halfMade
  const replicas = shown.map((c) => replicaOf(c, address, where.ports[0])).sort((a, b) => (a.name < b.name ? -1 : 1))
  if (serving.length === 0) {
    const because = `${count(halfMade.length)} still starting, or left by a lost attempt; none serves yet`
    return { ...sets, digest: null, health: 'progressing', because, url: null, inside: null, replicas }
  }
  const seen = await Promise.all(
    serving.map(async (c) => ({ c, problem: (await judgeOwn({ docker, address }, c, where.healthcheck)).problem })),
  )
  const judged = healthOf(seen, where.healthcheck)
  const left = retired.length ? `; ${count(retired.length)} of an earlier set not retired yet` : ''
  const healthy = new Set(seen.filter((s) => s.problem === null).map((s) => s.c.id))
  return {
    ...sets,
    digest: commonDigest(serving),
    health: judged.health,
    because: judged.because + left,
    url: replicas.find((r) => healthy.has(r.id))?.url ?? null,
    inside: insideOf(
      serving.filter((c) => healthy.has(c.id)),
      where.ports[0],
    ),
    replicas,
  }
}

/** What a withdrawal of this set would leave serving: see docker-retire.ts. */
function earlierOf(found: readonly Container[], set: Observation['set']): Observation['earlier'] {
  const { serving } = tellApart(found.filter((c) => c.promotion !== set?.promotion || c.epoch !== set.epoch))
  const made = madeBy(serving)
  if (set === null || made === null) return null
  return { made, digest: commonDigest(serving), running: serving.every((c) => c.running) }
}

function replicaOf(c: Container, address: string, port: number | undefined): Observation['replicas'][number] {
  const hostPort = port === undefined ? undefined : c.hostPorts.get(port)
  const url = c.running && hostPort ? urlOf(address, hostPort) : null
  const { id, name, digest, running, startedAt, restarts } = c
  return { id, name, digest, running, url, startedAt, restarts }
}

/** One name for all that serve: the engine's resolver gives the addresses of those that run. */
function insideOf(healthy: readonly Container[], port: number | undefined): Observation['inside'] {
  const inside = healthy.find((c) => c.inside)?.inside
  return inside && port !== undefined ? { network: inside.network, url: urlOf(inside.host, port) } : null
}

/** The digest that all running replicas share; null: none runs, or they differ. */
function commonDigest(serving: readonly Container[]): string | null {
  const digests = new Set(serving.filter((c) => c.running).map((c) => c.digest))
  const [only] = digests
  return digests.size === 1 && only !== undefined ? only : null
}

function healthOf(seen: readonly Seen[], health: Healthcheck | null): Pick<Observation, 'health' | 'because'> {
  const wanted = Math.max(...seen.map((s) => s.c.wanted || 1))
  const bad = seen.filter((s) => s.problem !== null)
  const good = seen.length - bad.length
  const answers = health ? `answers on ${health.http}` : 'runs'
  if (bad.length === 0 && good >= wanted) {
    return { health: 'healthy', because: good === 1 ? `the replica ${answers}` : `each of ${good} replicas ${answers}` }
  }
  const why = bad.map((s) => `${s.c.name} ${s.c.running ? `does not answer 200: ${s.problem}` : s.problem}`)
  if (seen.length < wanted) why.push(`${wanted - seen.length} gone`)
  const because = `${good} of ${wanted} ${wanted === 1 ? 'replica' : 'replicas'} healthy: ${why.join('; ')}`
  const mayStillCome = seen.length >= wanted && bad.every((s) => s.c.running && startsUp(s.c, health))
  return { health: mayStillCome ? 'progressing' : 'unhealthy', because }
}

/** Has it (re)started so lately that its healthcheck does not count yet? By this machine's clock and the engine's. */
const startsUp = (c: Container, health: Healthcheck | null) =>
  health !== null && c.hostPorts.has(health.port) && Date.now() - Date.parse(c.startedAt) < health.startPeriod

const count = (n: number) => (n === 1 ? '1 container' : `${n} containers`)
