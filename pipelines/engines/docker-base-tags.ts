import { createHash } from 'node:crypto'
import type { DockerApi } from './docker-api'
import { removeImage, tagImage } from './docker-image'

// BuildKit takes no image by its id, so each base gets a name of ours that is made from the id: whatever its own name is moved to
// meanwhile, this one stays. The host does not exist (RFC 6761): a name that is missing is never looked for in a registry.

const prefixOf = (instance: string): string =>
  `shiplock.invalid/base-${createHash('sha256').update(instance).digest('hex').slice(0, 16)}`

export const baseTag = (instance: string, id: string): string => `${prefixOf(instance)}:${id.replace(/^sha256:/, '')}`

/** Names it, and with that marks it as used now. */
export async function tagBase(api: DockerApi, instance: string, id: string): Promise<string> {
  const name = baseTag(instance, id)
  await tagImage(api, id, name)
  return name
}

/** Takes away the names of bases that no build was begun with for `unusedMs`. Gives how many. */
export async function pruneBaseTags(api: DockerApi, instance: string, unusedMs: number): Promise<number> {
  const query = { filters: { reference: [prefixOf(instance)] } }
  const found = await api.json<{ RepoTags: string[] | null }[]>({ method: 'GET', path: '/images/json', query })
  const ours = found.flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => tag.startsWith(`${prefixOf(instance)}:`))
  let removed = 0
  for (const tag of ours) {
    const image = await api.find<{ Metadata?: { LastTagTime?: string } }>({
      method: 'GET',
      path: `/images/${tag}/json`,
    })
    const used = Date.parse(image?.Metadata?.LastTagTime ?? '') || 0
    if (Date.now() - used < unusedMs) continue
    await removeImage(api, tag)
    removed += 1
  }
  return removed
}
