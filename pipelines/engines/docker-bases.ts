import { type Reference, sourcesOf } from '../dockerfile-bases'
import { asksTooMuch } from '../dockerfile-rules'
import type { DockerApi } from './docker-api'
import { fullName } from './docker-base'
import { tagBase } from './docker-base-tags'
import { findImage, nameAndTag, obtainImage, type StoredImage } from './docker-image'
import type { Base, BuildOrder, Log } from './engine'

/** A base in the store, under the name that the builder is given for it. */
export interface ReadyBase extends Base {
  digest: string
  stored: StoredImage
  pin: string
}

/**
 * Every image that the build needs, in the store and under a name that cannot move; or why one may not be used or is not to
 * be had. What the plan said of a name is what is taken.
 */
export async function readyBases(
  api: DockerApi,
  order: BuildOrder,
  references: readonly Reference[],
  platform: string,
  log: Log,
  signal: AbortSignal,
): Promise<ReadyBase[] | { because: string }> {
  const ready: ReadyBase[] = []
  for (const image of new Set(references.flatMap((r) => (r.needed && r.image !== null ? [r.image] : [])))) {
    const planned = order.bases?.find((base) => base.image === image)?.digest ?? null
    const stored = await asPlanned(api, order, image, planned, log, signal)
    if ('because' in stored) return stored
    const asked = references.find((r) => r.image === image && r.platform !== null && !isOf(stored.platform, r.platform))
    const because = asked
      ? `the build failed: \`FROM --platform=${asked.platform} ${image}\`: the image in the store is for ${stored.platform}, and this engine builds for ${platform}`
      : badTriggers(image, stored, references)
    if (because) return { because }
    ready.push({
      image,
      digest: planned ?? stored.digest,
      stored,
      pin: await tagBase(api, order.label.instance, stored.digest),
    })
  }
  return ready
}

const isOf = (stored: string, asked: string) => asked === stored || asked.startsWith(`${stored}/`)

async function asPlanned(
  api: DockerApi,
  { label }: BuildOrder,
  image: string,
  planned: string | null,
  log: Log,
  signal: AbortSignal,
): Promise<StoredImage | { because: string }> {
  const obtain = (reference: string) => obtainImage(api, { label, reference, name: image }, log, signal)
  const failed = (found: StoredImage | { because: string }) =>
    'because' in found ? { because: `the build failed: ${found.because}` } : found
  if (planned === null) return failed(await obtain(fullName(image)))
  // An id of the store, or a digest that its registry gave: only one of them can be found under its name.
  if (await findImage(api, planned)) return failed(await obtain(planned))
  const { fromImage } = nameAndTag(image)
  const found = await obtain(`${fromImage}@${planned}`)
  if (!('because' in found)) return found
  return {
    because: `the build failed: the image ${image} was ${planned} when this run was planned, and that is no longer to be had: run it again with what the name means now (${found.because})`,
  }
}

/** What an image of others makes this build do is held to the rules of this build's own Dockerfile. */
function badTriggers(image: string, { onBuild }: StoredImage, references: readonly Reference[]): string | null {
  if (!references.some((r) => r.kind === 'from' && r.image === image)) return null
  for (const trigger of onBuild) {
    const [, word = '', rest = ''] = /^\s*(\S+)\s*([\s\S]*)$/.exec(trigger) ?? []
    const name = word.toUpperCase()
    const other = name === 'COPY' || name === 'RUN' ? sourcesOf(name, rest).find((from) => from !== '') : undefined
    const because =
      asksTooMuch({ name: 'ONBUILD', rest: trigger }) ??
      (other === undefined ? null : `it takes files from ${other}: name that in your own Dockerfile`)
    if (because) return `the build failed: the image ${image} brings \`ONBUILD ${trigger.slice(0, 120)}\`: ${because}`
  }
  return null
}
