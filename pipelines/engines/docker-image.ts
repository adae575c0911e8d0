import { Fault } from '../fault'
import { type DockerApi, hasStatus, isLost, Refusal } from './docker-api'
import { lineCutter } from './docker-lines'
import { whyNotUsed } from './docker-origin'
import { orAborted } from './docker-until'
import type { Log, WorkLabel } from './engine'

export interface StoredImage {
  digest: string
  labels: Record<string, string>
  /** Of all its layers. */
  bytes: number
  /** The user its containers run as; empty: root. */
  user: string
  env: readonly string[]
  /** What a build that starts from it does first. */
  onBuild: readonly string[]
  /** Its layers, lowest first: what is built on it starts with the same. */
  layers: readonly string[]
  /** As in linux/arm64. */
  platform: string
}

interface ImageInspect {
  Id: string
  Size: number
  Os?: string
  Architecture?: string
  Config: {
    Labels?: Record<string, string> | null
    User?: string
    Env?: string[] | null
    OnBuild?: string[] | null
  } | null
  RootFS?: { Layers?: string[] | null }
}

/** The image in the local store, by name or digest; null where it is not. */
export async function findImage(api: DockerApi, reference: string): Promise<StoredImage | null> {
  const found = await api.find<ImageInspect>({ method: 'GET', path: `/images/${encodeURI(reference)}/json` })
  if (!found) return null
  const { Id, Size, Os = 'linux', Architecture = '', Config, RootFS } = found
  return {
    digest: Id,
    bytes: Size,
    labels: Config?.Labels ?? {},
    user: Config?.User ?? '',
    env: Config?.Env ?? [],
    onBuild: Config?.OnBuild ?? [],
    layers: RootFS?.Layers ?? [],
    platform: `${Os}/${Architecture}`,
  }
}

/** What an image is wanted for. */
interface Wanted {
  label: WorkLabel
  reference: string
  /** What people call it, where that is not the reference. */
  name?: string
  own?: boolean
}

/**
 * The image, pulled where it is absent. A pull that fails is a verdict, and so is an image that others made; an absent digest
 * cannot be pulled: a Fault.
 */
export async function obtainImage(
  api: DockerApi,
  wanted: Wanted,
  log: Log,
  signal: AbortSignal,
): Promise<StoredImage | { because: string }> {
  const image = await storedOrPulled(api, wanted.reference, log, signal)
  if ('because' in image) return image
  const { label, name = wanted.reference, own = false } = wanted
  const because = whyNotUsed(label, { name, labels: image.labels, own })
  return because === null ? image : { because }
}

async function storedOrPulled(
  api: DockerApi,
  reference: string,
  log: Log,
  signal: AbortSignal,
): Promise<StoredImage | { because: string }> {
  const found = await findImage(api, reference)
  if (found) return found
  if (/^(sha256:)?[0-9a-f]{64}$/.test(reference)) {
    throw new Fault('image.missing', `The image ${reference} is no longer in the store: build it again`)
  }
  await log(Buffer.from(`Pulling ${reference}\n`))
  const because = await pull(api, reference, log, signal)
  if (because !== null && /no space left on device/i.test(because))
    throw new Fault('storage.full', `the engine has no room left for the image ${reference}: ${because}`)
  if (because !== null) return { because: `the image ${reference} cannot be pulled: ${because}` }
  const pulled = await findImage(api, reference)
  return pulled ?? { because: `the image ${reference} cannot be pulled: the engine has none after the pull` }
}

/** Null, or why not. */
async function pull(api: DockerApi, reference: string, log: Log, signal: AbortSignal): Promise<string | null> {
  try {
    const { fromImage, tag } = nameAndTag(reference)
    const ask = {
      method: 'POST' as const,
      path: '/images/create',
      query: { fromImage, tag },
      signal,
      deadlineMs: 120_000,
    }
    const answer = await api.open(ask)
    return await readPull(answer as AsyncIterable<Buffer>, log, signal)
  } catch (error) {
    if (error instanceof Refusal && !hasStatus(error, 503)) return error.message
    throw !signal.aborted && isLost(error) ? api.unreachable(error) : error
  }
}

interface PullEvent {
  id?: string
  status?: string
  error?: string
}

async function readPull(answer: AsyncIterable<Buffer>, log: Log, signal: AbortSignal): Promise<string | null> {
  const lines = lineCutter(64 * 1024)
  let because: string | null = null
  for await (const chunk of answer) {
    for (const line of lines.push(chunk)) {
      if (line.length < 2) continue
      const event = JSON.parse(String(line)) as PullEvent
      because = event.error ?? because
      // A line for each change of a layer, not one for each megabyte of it.
      if (!event.status || /^(Downloading|Extracting|Waiting|Verifying)/.test(event.status)) continue
      const text = `${event.id ? `${event.id}: ` : ''}${event.status}\n`
      await orAborted(signal, Promise.resolve(log(Buffer.from(text))))
    }
  }
  return because
}

/** The project that an image was built for, as its labels say it; images that no project built have the same owner: none. */
const ownerOf = (labels: Record<string, string>) =>
  labels['shiplock.instance'] === undefined
    ? 'no project'
    : `project ${labels['shiplock.project']} of the installation ${labels['shiplock.instance']}`

/** Why a name cannot be given to an image with these labels: another project's image has it. Null: it can. */
export async function whyNotNamed(
  api: DockerApi,
  name: string,
  labels: Record<string, string>,
): Promise<string | null> {
  const holder = await findImage(api, name)
  return holder === null || ownerOf(holder.labels) === ownerOf(labels)
    ? null
    : `${name} is the name of an image of ${ownerOf(holder.labels)}: it is not moved to one of ${ownerOf(labels)}. Give that image another name on the engine (docker tag), take this one away (docker rmi), and run it again`
}

/** See `tag` in engine.ts. */
export async function tagImage(api: DockerApi, digest: string, name: string): Promise<void> {
  const image = await findImage(api, digest)
  const because = image && (await whyNotNamed(api, name, image.labels))
  if (because) throw new Fault('engine.refused', because)
  const { fromImage: repo, tag } = nameAndTag(name)
  const path = `/images/${encodeURI(digest)}/tag`
  await api.text({ method: 'POST', path, query: { repo, tag } }).catch((error: unknown) => {
    if (!hasStatus(error, 404)) throw error
    throw new Fault('image.missing', `There is no image ${digest} in the store to be named ${name}`, { cause: error })
  })
}

/** Takes the name away, and the image with it where nothing else names or uses it. Absent is fine. */
export async function removeImage(api: DockerApi, name: string): Promise<void> {
  await api
    .text({ method: 'DELETE', path: `/images/${encodeURI(name)}`, deadlineMs: 30_000 })
    .catch((error: unknown) => {
      if (!hasStatus(error, 404, 409)) throw error // gone already, or in use: then it goes with what uses it
    })
}

/** Without a tag the engine would pull every tag of the repository. */
export function nameAndTag(reference: string): { fromImage: string; tag: string } {
  const at = reference.indexOf('@')
  if (at > 0) return { fromImage: reference.slice(0, at).replace(/:[^:/]+$/, ''), tag: reference.slice(at + 1) }
  const colon = reference.indexOf(':', reference.lastIndexOf('/') + 1)
  return colon < 0
    ? { fromImage: reference, tag: 'latest' }
    : { fromImage: reference.slice(0, colon), tag: reference.slice(colon + 1) }
}
