import { createHash } from 'node:crypto'
import type { Cache } from './engines/engine'
import type { TrustClass } from './trust'

/**
 * The folders of a stage that outlive it: one for each project, trust class, image and path, never shared across. A step reads
 * and writes its cache, so that each class has its own: a lower class must not write what a higher one reads. What comes from
 * a fork has none. By the image's name, because what is built against one image's libraries is no good in another.
 */
export function cachesOf(
  projectId: number,
  trust: TrustClass,
  image: string | null,
  folders: readonly string[],
): Cache[] {
  if (trust === 'fork') return []
  return folders.map((path) => ({
    key: `p${projectId}.${trust}.${createHash('sha256')
      .update(JSON.stringify([image, path]))
      .digest('hex')
      .slice(0, 32)}`,
    path,
  }))
}
