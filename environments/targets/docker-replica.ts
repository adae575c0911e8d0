// What one replica looks like on a Docker engine, and which of the containers found there serve. No request is made here.
//
// A replica is created as `<name>-starting` and renamed to `<name>` once every new replica is healthy. The first rename
// is the commit point of an apply: labels cannot change later, a name can, and the engine keeps it over every crash.
//   half-made   the name ends in -starting: an apply that runs now, or was lost. Never serves, never restarts by itself.
//   serving     renamed, and of the same spec as the newest renamed one.
//   retired     renamed, of another spec, or marked: an earlier set. It runs until the record says where the new one is.
// A set of the same spec cannot be told from its successor by the spec: an apply marks it by a second rename, to
// `<name>-retired-<promotion>-<epoch>`, and a withdrawal of that attempt takes the mark off again.
// So one dead replica of two does not make a set any less the serving one, which judging by health would.
import { createHash } from 'node:crypto'
import type { ContainerCreateOptions, ContainerInspectInfo } from 'dockerode'
import type { Deployment, MadeBy, Where } from './target'

const STARTING = '-starting'
const MARK = /-retired-(\d+)-(\d+)$/

/** Raise it when `createOptions` changes: what runs is then replaced by the next apply of the same release. */
const SHAPE = 2

export interface Container {
  id: string
  name: string
  halfMade: boolean
  /** The attempt that marked it as replaced; null: it is not marked. */
  markedBy: MadeBy | null
  spec: string
  promotion: number
  epoch: number
  /** How many replicas its set was asked to have. */
  wanted: number
  digest: string
  running: boolean
  paused: boolean
  exitCode: number
  outOfMemory: boolean
  createdAt: string
  startedAt: string
  /** By the engine itself, as it ended; none again once a person starts it. */
  restarts: number
  /** Container port → host port, as the engine picked it; it picks another one at each start. */
  hostPorts: ReadonlyMap<number, number>
  /** Where other containers find it and those of its set; null: it was made before there was such a name. */
  inside: { network: string; host: string } | null
}

export const KIND = 'shiplock.kind=deployment'
export const ofInstance = (instance: string) => [KIND, `shiplock.instance=${instance}`]
export const ofService = (at: Where) => [
  ...ofInstance(at.instance),
  `shiplock.project=${at.project}`,
  `shiplock.environment=${at.environment}`,
  `shiplock.service=${at.service}`,
]

/** A piece of a name: [a-z0-9-], at most `max`; what had to be changed gets a hash, so that two never become one. */
function piece(text: string, max: number): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  if (plain === text && plain.length <= max) return plain
  return [plain.slice(0, max - 7).replace(/-+$/, ''), sha256(text).slice(0, 6)].filter(Boolean).join('-')
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** `sl-<instance>-<service>-<environment>-r<release>-<promotion>-<epoch>-<n>`; under 128 characters. */
export function replicaName(of: Deployment, n: number): string {
  const who = `sl-${piece(of.instance, 16)}-${piece(of.service, 30)}-${piece(of.environment, 20)}`
  return `${who}-r${of.release}-${of.promotion}-${of.epoch}-${n}`
}

/** The name of a replica that an attempt has replaced by one of the same spec. */
export const markedName = (name: string, by: MadeBy) => `${name}-retired-${by.promotion}-${by.epoch}`
export const unmarkedName = (name: string) => name.replace(MARK, '')

/** One bridge per environment: releases of different environments cannot reach each other. */
export const networkName = (at: Where) => `sl-${piece(at.instance, 16)}-p${at.project}-${piece(at.environment, 20)}`

/**
 * A hash of everything that a container is made from. Equal: it need not be replaced. Whoever can read the label can
 * read the variables too, so it gives nothing away.
 */
export function specOf(of: Deployment, address: string): string {
  const { digest, replicas, limits, healthcheck: h } = of
  const env = Object.entries(of.env).sort(([a], [b]) => (a < b ? -1 : 1))
  const health = h && [h.http, h.port, h.interval, h.timeout, h.startPeriod, h.retries]
  const made = [
    SHAPE,
    digest,
    replicas,
    published(of),
    address,
    health,
    env,
    limits.memoryBytes,
    limits.cpus,
    limits.pids,
  ]
  return sha256(JSON.stringify(made)).slice(0, 32)
}

/**
 * The name that one set of replicas shares on its network. The service's own name is every set's, also of the one that
 * starts beside; this one leads to a release and to no other, whatever comes after it.
 */
const setName = (service: string, spec: string) => `${piece(service, 30)}-${spec.slice(0, 12)}`

const published = (of: Deployment) =>
  [...new Set([...of.ports, ...(of.healthcheck ? [of.healthcheck.port] : [])])].sort((a, b) => a - b)

/**
 * Ordinary images (nginx, postgres) start as root, chown their folders, bind a low port and step down to a user of
 * their own: these five are what that takes. Everything else is dropped, and nothing can be gained by a set-uid file.
 */
const CAPABILITIES = ['NET_BIND_SERVICE', 'CHOWN', 'SETUID', 'SETGID', 'DAC_OVERRIDE']

/** What the engine is asked to create. No bind, no socket, no volume of ours: a release keeps nothing of its own here. */
export function createOptions(of: Deployment, name: string, network: string, address: string): ContainerCreateOptions {
  const ports = published(of).map((port) => `${port}/tcp`)
  return {
    name: `${name}${STARTING}`,
    Image: of.digest,
    Env: Object.entries(of.env).map(([key, value]) => `${key}=${value}`),
    Labels: labels(of, address),
    ExposedPorts: Object.fromEntries(ports.map((port) => [port, {}])),
    HostConfig: {
      // An empty host port: the engine picks a free one, so old and new run side by side.
      PortBindings: Object.fromEntries(ports.map((port) => [port, [{ HostIp: address, HostPort: '' }]])),
      NetworkMode: network,
      // Until it serves: a crash while starting must stay visible with its exit code. Then unless-stopped, see `commit`.
      RestartPolicy: { Name: 'no' },
      Memory: of.limits.memoryBytes,
      MemorySwap: of.limits.memoryBytes,
      NanoCpus: Math.round(of.limits.cpus * 1e9),
      PidsLimit: of.limits.pids,
      CapDrop: ['ALL'],
      CapAdd: CAPABILITIES,
      SecurityOpt: ['no-new-privileges'],
      Init: true,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    },
    NetworkingConfig: {
      EndpointsConfig: { [network]: { Aliases: [of.service, setName(of.service, specOf(of, address))] } },
    },
  }
}

const labels = (of: Deployment, address: string): Record<string, string> => ({
  'shiplock.kind': 'deployment',
  'shiplock.instance': of.instance,
  'shiplock.project': String(of.project),
  'shiplock.environment': of.environment,
  'shiplock.service': of.service,
  'shiplock.release': String(of.release),
  'shiplock.promotion': String(of.promotion),
  'shiplock.epoch': String(of.epoch),
  'shiplock.digest': of.digest,
  'shiplock.commit': of.commit,
  'shiplock.version': of.version,
  'shiplock.replicas': String(of.replicas),
  'shiplock.spec': specOf(of, address),
})

/** The engine's answer about one container, in our words. */
export function readContainer(info: ContainerInspectInfo): Container {
  const label = info.Config.Labels ?? {}
  const name = info.Name.replace(/^\//, '')
  const hostPorts = new Map<number, number>()
  for (const [port, bound] of Object.entries(info.NetworkSettings.Ports ?? {})) {
    const first = bound?.[0]
    if (first) hostPorts.set(Number.parseInt(port, 10), Number(first.HostPort))
  }
  return {
    id: info.Id,
    name,
    halfMade: name.endsWith(STARTING),
    markedBy: markOf(name),
    spec: label['shiplock.spec'] ?? '',
    promotion: Number(label['shiplock.promotion']),
    epoch: Number(label['shiplock.epoch']),
    wanted: Number(label['shiplock.replicas']),
    digest: info.Image,
    running: info.State.Running && !info.State.Restarting && !info.State.Paused,
    paused: info.State.Paused,
    exitCode: info.State.ExitCode,
    outOfMemory: info.State.OOMKilled,
    createdAt: info.Created,
    startedAt: info.State.StartedAt,
    restarts: info.RestartCount,
    hostPorts,
    inside: insideOf(info, setName(label['shiplock.service'] ?? '', label['shiplock.spec'] ?? '')),
  }
}

function markOf(name: string): MadeBy | null {
  const [, promotion, epoch] = MARK.exec(name) ?? []
  return promotion === undefined ? null : { promotion: Number(promotion), epoch: Number(epoch) }
}

function insideOf(info: ContainerInspectInfo, host: string): Container['inside'] {
  const networks = Object.entries(info.NetworkSettings.Networks ?? {})
  const [network] = networks.find(([, endpoint]) => endpoint.Aliases?.includes(host)) ?? []
  return network === undefined ? null : { network, host }
}

/** Splits what was found; see the top of the file. Newest is by the engine's clock, which outlives any numbering of ours. */
export function tellApart<
  C extends Pick<Container, 'halfMade' | 'markedBy' | 'spec' | 'createdAt' | 'promotion' | 'epoch'>,
>(found: readonly C[]) {
  const renamed = found.filter((c) => !c.halfMade).sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt))
  // Only while what marked it is there: an attempt may have been lost before any of its own took over.
  const isReplaced = ({ markedBy: by }: C) =>
    by !== null && renamed.some((c) => c.promotion === by.promotion && c.epoch === by.epoch)
  const unmarked = renamed.filter((c) => !isReplaced(c))
  const spec = unmarked[0]?.spec
  const serving = unmarked.filter((c) => c.spec === spec)
  return {
    halfMade: found.filter((c) => c.halfMade),
    serving,
    retired: renamed.filter((c) => !serving.includes(c)),
  }
}

/** The latest attempt among those that made these. Null: there are none. */
export function madeBy(set: readonly MadeBy[]): MadeBy | null {
  const [latest] = [...set].sort((a, b) => b.promotion - a.promotion || b.epoch - a.epoch)
  return latest === undefined ? null : { promotion: latest.promotion, epoch: latest.epoch }
}
