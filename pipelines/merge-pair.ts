// What the flow says of a merge request's two branches. Pure.
import { type BranchKind, badBranchName, FLOW, type FlowSettings, mayMerge, namesOf, placeOf } from './gitflow'

export interface Pair {
  ok: boolean
  /** For the request, word for word. */
  because: string
  sourceKind: BranchKind | 'fork' | 'other'
  targetKind: BranchKind | 'other'
}

const kindOf = (branch: string, flow: FlowSettings): BranchKind | 'other' => {
  const place = placeOf(branch, flow)
  return 'kind' in place ? place.kind : 'other'
}

/** From a fork it may come under any name, and goes where a feature branch may. */
export function judgePair(
  { source, target, fork }: { source: string; target: string; fork: boolean },
  flow: FlowSettings,
): Pair {
  const targetKind = kindOf(target, flow)
  if (!fork) return { ...mayMerge(source, target, flow), sourceKind: kindOf(source, flow), targetKind }
  const pair = { sourceKind: 'fork', targetKind } as const
  const bad = badBranchName(source)
  if (bad !== null) return { ...pair, ok: false, because: `the branch name of the fork cannot be used: ${bad}` }
  const allowed: readonly string[] = FLOW.feature.mergesInto
  if (allowed.includes(targetKind)) return { ...pair, ok: true, because: `a fork may be merged into ${target}` }
  const into = FLOW.feature.mergesInto.flatMap((kind) => namesOf(kind, flow)).join(' or ')
  return { ...pair, ok: false, because: `a fork is merged into ${into}, not into ${target}` }
}
