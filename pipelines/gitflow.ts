// The Git-flow, as data: what each kind of branch does on a push, and how far what it makes may go.
import type { StageName } from './run'

export type BranchKind = 'feature' | 'develop' | 'release' | 'master' | 'hotfix'

interface FlowRow {
  /** Exact name, or a prefix that ends in a slash. */
  match: readonly string[]
  /** Stages on a push, in order. */
  stages: readonly StageName[]
  /** Stages that run only where the service file lists this branch kind under `also_on`. */
  optional: readonly StageName[]
  /** The environment that a success goes to by itself. */
  goesTo: string | null
  /** Lower is first in every queue. */
  priority: number
  /** False: known, and not carried by this version; the inbox says so. */
  carried: boolean
}

export const FLOW: Record<BranchKind, FlowRow> = {
  feature: { match: ['feature/'], stages: ['static'], optional: ['unit'], goesTo: null, priority: 20, carried: true },
  develop: {
    match: ['develop'],
    stages: ['static', 'build', 'unit', 'api', 'integration'],
    optional: [],
    goesTo: 'test',
    priority: 10,
    carried: true,
  },
  release: {
    match: ['release/'],
    stages: ['static', 'build', 'unit', 'component'],
    optional: [],
    goesTo: 'prerelease',
    priority: 10,
    carried: false,
  },
  master: { match: ['master', 'main'], stages: [], optional: [], goesTo: 'production', priority: 10, carried: false },
  hotfix: {
    match: ['hotfix/'],
    stages: ['static', 'build', 'unit', 'component'],
    optional: [],
    goesTo: 'prerelease',
    priority: 0,
    carried: false,
  },
}

/** Longest branch name that is taken: the forges' own limit. */
export const MAX_BRANCH = 244

/** Which row of FLOW a branch belongs to; null where Git-flow has no name for it. */
export function branchKind(branch: string): BranchKind | null {
  for (const [kind, row] of Object.entries(FLOW) as [BranchKind, FlowRow][]) {
    for (const m of row.match) {
      if (m.endsWith('/') ? branch.startsWith(m) && branch.length > m.length : branch === m) return kind
    }
  }
  return null
}

/**
 * Why this name cannot be a branch, or null where it can. The rules are git's own (git-check-ref-format), narrowed:
 * a name is an argument of git and part of container labels, so nothing that starts an option, climbs a path, or hides
 * in a terminal is let through. Letters and digits of any script are.
 */
export function badBranchName(branch: string): string | null {
  if (branch === '') return 'it is empty'
  if (Buffer.byteLength(branch) > MAX_BRANCH) return `it is longer than ${MAX_BRANCH} bytes`
  if (branch.startsWith('-')) return 'it starts with "-"'
  if (/(^|\/)\.|\.\.|\.lock(\/|$)|\.$|\/\/|^\/|\/$|@\{/.test(branch))
    return 'git does not allow it (dots, slashes or ".lock")'
  const bad = branch.match(/[^\p{L}\p{M}\p{N}._/@#+=,-]/u)
  if (bad) return `it contains ${JSON.stringify(bad[0])}; letters, digits and . _ / @ # + = , - are allowed`
  return null
}

/** The rule of the flow in words, for the refusal of a branch that has no place in it. */
export const FLOW_IN_WORDS = 'Git-flow knows feature/*, develop, release/*, hotfix/* and master (or main)'
