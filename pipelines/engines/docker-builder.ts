import type { Builder } from '../dockerfile-bases'
import type { DockerApi } from './docker-api'

const READY_MS = 10_000
/** The first engine whose BuildKit knows documents in a Dockerfile by itself. */
const HEREDOCS_FROM = 23

/** How the engine's own BuildKit reads a Dockerfile. Asked once; again after an answer that failed. */
export function builderOf(api: DockerApi): () => Promise<Builder> {
  let known: Promise<Builder> | null = null
  return () => {
    known ??= ask(api)
    known.catch(() => {
      known = null
    })
    return known
  }
}

async function ask(api: DockerApi): Promise<Builder> {
  type Version = { Version: string; Os: string; Arch: string }
  const { Version, Os, Arch } = await api.json<Version>({ method: 'GET', path: '/version', deadlineMs: READY_MS })
  return { platform: `${Os}/${Arch}`, heredocs: Number.parseInt(Version, 10) >= HEREDOCS_FROM }
}
