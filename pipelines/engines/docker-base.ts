import { isFault } from '../fault'
import type { DockerApi } from './docker-api'
import { findImage } from './docker-image'

const REGISTRY_MS = 5_000
/** A registry's answer is believed for this long, in ms; when it does not answer, the last one counts. */
const BELIEVED_MS = 60_000
const MOST_KNOWN = 1_000

/**
 * What a base image's name stands for now: the image of that name in the store, which a build takes, or else what the
 * registry says, as the builder would fetch it. Null: neither knows it, or the registry was never reached.
 */
export function baseDigests(api: DockerApi) {
  const known = new Map<string, { digest: string | null; until: number }>()
  return async (reference: string): Promise<string | null> => {
    const stored = await findImage(api, fullName(reference))
    if (stored) return stored.digest
    const pinned = reference.match(/@(sha256:[0-9a-f]{64})$/)?.[1]
    if (pinned) return pinned
    const before = known.get(reference)
    if (before !== undefined && before.until > performance.now()) return before.digest
    const digest = (await ask(api, reference)) ?? before?.digest ?? null
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(reference, { digest, until: performance.now() + BELIEVED_MS })
    return digest
  }
}

/** With its tag: a name of hexadecimal digits alone would find an image by the start of its id, which no builder does. */
export const fullName = (reference: string): string =>
  /[:@][^/]*$/.test(reference) ? reference : `${reference}:latest`

async function ask(api: DockerApi, reference: string): Promise<string | null> {
  try {
    const found = await api.find<{ Descriptor?: { digest?: string } }>({
      method: 'GET',
      path: `/distribution/${encodeURI(reference)}/json`,
      deadlineMs: REGISTRY_MS,
    })
    return found?.Descriptor?.digest ?? null
  } catch (error) {
    if (isFault(error)) return null // the build itself will say why the image cannot be fetched
    throw error
  }
}
