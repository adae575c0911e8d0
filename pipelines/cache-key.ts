import { createHash } from 'node:crypto'
import type { Cache } from './engines/engine'
import type { BranchKind } from './gitflow'

/**
 * Who could have written what is in a cache: whoever may push a feature branch, or only what was merged. What comes from a
 * fork writes no cache and reads none.
 */
const TRUST: Record<BranchKind | 'fork' | 'other', 'feature' | 'merged' | null> = {
  feature: 'feature',
  develop: 'merged',
  release: 'merged',
  master: 'merged',
  hotfix: 'merged',
  fork: null,
  other: null,
}

/** The folders of a stage that outlive it: one for each project, trust class and path, never shared across. */
export function cachesOf(projectId: number, kind: BranchKind | 'fork' | 'other', folders: readonly string[]): Cache[] {
  const trust = TRUST[kind]
  if (trust === null) return []
  return folders.map((path) => ({
    key: `p${projectId}.${trust}.${createHash('sha256').update(path).digest('hex').slice(0, 32)}`,
    path,
  }))
}
