import { createHash } from 'node:crypto'
import type { WorkLabel } from './engine'

/**
 * Builds share what BuildKit keeps, cache mounts and the layers of RUN, within one project and class and nowhere else.
 * Cache mounts: BUILDKIT_CACHE_MOUNT_NS goes before each one's id; the request's value wins over an ARG of the file. Layers: a
 * host's name in /etc/hosts is part of what BuildKit knows a RUN by, so what another class made is never found. Proved in
 * test/contract/engine-builds.test.ts (C1).
 */
export function buildScope({ instance, project, trust }: WorkLabel) {
  const scope = `shiplock-${createHash('sha256')
    .update(JSON.stringify([instance, project, trust]))
    .digest('hex')
    .slice(0, 32)}`
  return { buildargs: { BUILDKIT_CACHE_MOUNT_NS: scope }, extrahosts: `${scope}:127.0.0.1` }
}
