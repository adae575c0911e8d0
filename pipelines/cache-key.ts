import { createHash } from 'node:crypto'
import type { Cache } from './engines/engine'
import type { BranchKind } from './gitflow'

/**
 * Who could have written what is in a cache: whoever may push such a branch. Release branches and hotfixes can be pushed to
 * without a merge, so what master reads is not theirs to write. What comes from a fork writes none and reads none.
 */
const TRUST: Record<BranchKind | 'fork' | 'other', string | null> = {
  feature: 'feature',
  develop: 'develop',
  release: 'release',
  master: 'master',
  hotfix: 'hotfix',
  fork: null,
  other: null,
}

/**
 * The folders of a stage that outlive it: one for each project, trust class, image and path, never shared across. By the
 * image's name, because what is built against one image's libraries is no good in another.
 */
export function cachesOf(
  projectId: number,
  kind: BranchKind | 'fork' | 'other',
  image: string | null,
  folders: readonly string[],
): Cache[] {
  const trust = TRUST[kind]
  if (trust === null) return []
  return folders.map((path) => ({
    key: `p${projectId}.${trust}.${createHash('sha256')
      .update(JSON.stringify([image, path]))
      .digest('hex')
      .slice(0, 32)}`,
    path,
  }))
}
