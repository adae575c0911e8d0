import { finalBase, referencesOf } from '../dockerfile-bases'
import { pinned } from '../dockerfile-pin'
import { openSources } from '../dockerfile-rules'
import { Fault } from '../fault'
import type { DockerApi } from './docker-api'
import { type ReadyBase, readyBases } from './docker-bases'
import { type BoundWork, boundBuild, notLimited } from './docker-build-bound'
import { type Ended, whyFailed } from './docker-build-events'
import type { limitsWorld } from './docker-build-limits'
import { buildMark } from './docker-build-marks'
import { imageLabels, sendBuild } from './docker-build-send'
import type { builderOf } from './docker-builder'
import { buildContext } from './docker-context'
import { findImage, removeImage, type StoredImage, whyNotNamed } from './docker-image'
import { until, within } from './docker-until'
import { asDuration, asSize } from './docker-words'
import type { BuildOrder, BuildVerdict, Log } from './engine'

export interface BuildWorld {
  api: DockerApi
  builder: ReturnType<typeof builderOf>
  limits: ReturnType<typeof limitsWorld>
  /** Nothing is built where its limits cannot be put in force. */
  mustLimit: boolean
}

const MOST_NOTES = 20

/** Builds one image with BuildKit. The verdict's digest is the image's id in this engine's store. */
export async function buildImage(
  { api, builder, limits, mustLimit }: BuildWorld,
  order: BuildOrder,
  log: Log,
  signal: AbortSignal,
): Promise<BuildVerdict> {
  if (signal.aborted) return no('canceled')
  const taken = await whyNotNamed(api, order.image, imageLabels(order))
  if (taken !== null) return no(taken)
  const clock = until(signal, order.limits.timeMs)
  try {
    const reader = await builder()
    const { platform } = reader
    const context = await within(clock, () => buildContext(order, reader))
    if ('because' in context) return no(context.because)
    const { dockerfile, name, stream } = context
    const references = referencesOf(dockerfile, platform)
    const bases = await within(clock, () => readyBases(api, order, references, platform, log, clock.signal))
    if ('because' in bases) return no(bases.because)
    const first = finalBase(dockerfile, platform)
    const made = await madeBefore(api, order, bases, first)
    if (made !== null) {
      await log(Buffer.from(`An earlier attempt of this run has built ${order.image} (${made.digest}): taken.\n`))
      return built(order, made, bases, ', by an earlier attempt')
    }
    const { text, stages } = pinned(dockerfile, platform, new Map(bases.map(({ image, pin }) => [image, pin])))
    for (const source of openSources(dockerfile).slice(0, MOST_NOTES))
      await log(
        Buffer.from(`Be aware: ADD ${source.slice(0, 120)} takes a file of the commit, never one from an address\n`),
      )
    const { mark, buildargs } = buildMark(order.label.instance, [text, ...bases.flatMap(({ stored }) => stored.env)])
    const sent = { dockerfile: name, file: stream(text), readable: namesOf(bases, stages), marks: buildargs }
    const world = await limits()
    if ('because' in world && dockerfile.instructions.some(({ name }) => name === 'RUN')) {
      if (mustLimit) return no(`the build is refused, for ${notLimited(world.because)} (BUILD_LIMITS=required)`)
      await log(Buffer.from(`Be aware: ${notLimited(world.because)}\n`))
    }
    const work: BoundWork = (until, see) => sendBuild(api, order, sent, log, until, see)
    const { ended, told } = await boundBuild({ api, world, mark, order }, clock.signal, work)
    if (ended === null || told.because !== null) return refused(api, order, ended, `${told.because}${told.notes}`)
    if (ended.error !== null) {
      const failed = whyFailed(ended, ended.error, clock.why() !== null, api)
      return { ok: false, ...failed, because: `${failed.because}${told.notes}` }
    }
    const image = await findImage(api, ended.imageId ?? order.image)
    if (!image) throw new Fault('engine.refused', `Docker said it built ${order.image}, and has no such image`)
    const because = await whyNotWhatWasAsked(api, order, image, ended, bases, first)
    if (because !== null) return refused(api, order, ended, `the build is not taken: ${because}`)
    return built(order, image, bases, told.notes)
  } catch (error) {
    const why = clock.why()
    if (why === 'late') return no(`the build ran longer than ${asDuration(order.limits.timeMs)}`)
    if (why === 'canceled') return no('canceled')
    throw error
  } finally {
    clock.clear()
  }
}

const no = (because: string, exitCode: number | null = null): BuildVerdict => ({ ok: false, because, exitCode })

/** What was built is not kept. */
async function refused(api: DockerApi, order: BuildOrder, ended: Ended | null, because: string): Promise<BuildVerdict> {
  if (ended?.imageId) await removeImage(api, order.image)
  return no(because)
}

function built(order: BuildOrder, { digest }: StoredImage, ready: readonly ReadyBase[], notes: string): BuildVerdict {
  const found = ready.map(({ image, digest }) => ({ image, digest }))
  const planned = (order.bases ?? []).map((base) => found.find(({ image }) => image === base.image) ?? base)
  const bases = [...planned, ...found.filter(({ image }) => !planned.some((base) => base.image === image))]
  return { ok: true, because: `built ${digest}${notes}`, exitCode: 0, digest, bases }
}

/** A lost attempt may have finished after its worker died: same name, same run, and it stands the same checks. */
async function madeBefore(
  api: DockerApi,
  order: BuildOrder,
  bases: readonly ReadyBase[],
  first: string | null,
): Promise<StoredImage | null> {
  const image = await findImage(api, order.image)
  if (image === null || !isLabelled(image, order)) return null
  return (await whyNotWhatWasAsked(api, order, image, { loaded: [] }, bases, first)) === null ? image : null
}

function isLabelled(image: StoredImage, order: BuildOrder): boolean {
  const { 'shiplock.epoch': _epoch, ...wanted } = imageLabels(order)
  return Object.entries(wanted).every(([name, value]) => image.labels[name] === value)
}

/** What people read: the names that the file has, in place of ours. */
function namesOf(bases: readonly ReadyBase[], stages: ReadonlyMap<string, string>) {
  const names = [...bases.map(({ pin, image }) => [pin, image] as const), ...stages]
  return (text: string) => names.reduce((said, [given, name]) => said.replaceAll(given, name), text)
}

/**
 * The build has its own reading of the Dockerfile: what it took must be what was resolved and allowed before, and what it made
 * must start with it. Null: so it is.
 */
async function whyNotWhatWasAsked(
  api: DockerApi,
  order: BuildOrder,
  made: StoredImage,
  { loaded }: { loaded: Iterable<string> },
  bases: readonly ReadyBase[],
  first: string | null,
): Promise<string | null> {
  const stranger = [...loaded].find((name) => !isFrontend(name) && !bases.some(({ pin }) => pin === name))
  if (stranger !== undefined)
    return `it used the image ${stranger}, which nothing in the Dockerfile names in a way that could be checked`
  for (const { image, pin, stored } of bases) {
    const now = await findImage(api, pin)
    if (now?.digest !== stored.digest)
      return `the image ${image} was moved while it was built from: run it again, and it is built from what the name means then`
  }
  const base = bases.find(({ image }) => image === first)
  const added = made.bytes - (base?.stored.bytes ?? 0)
  if (added > order.limits.diskBytes)
    return `it adds ${asSize(added)} to its base, more than ${asSize(order.limits.diskBytes)}`
  if (base && !base.stored.layers.every((layer, at) => made.layers[at] === layer))
    return `the image does not start with the layers of ${base.image} (${base.stored.digest})`
  return isLabelled(made, order) ? null : 'its labels are not those that it was to have'
}

/** Of a `# syntax=` line, which was checked before. */
const isFrontend = (name: string) => /^docker\.io\/docker\/dockerfile(:[\w.]+)?$/.test(name)
