// What planning a run comes to. Shapes only.
import type { Base } from './engines/engine'
import type { Commit } from './git'
import type { RunKind } from './gitflow'
import type { Problem, ServiceFile } from './service-file'
import type { StagePlan } from './stage-plan'
import type { TrustClass } from './trust'

/** What a run was planned to do; stored with it, so that what ran can be read for ever. */
export interface Plan {
  service: ServiceFile
  /** The repository has no service file: the default pipeline was used, and the test environment is as far as it may go. */
  templated: boolean
  /** What is valid in the service file and not carried by this version. */
  notes: Problem[]
  /** Changes when the way of building changes: with the tree, it is what a release is known by. */
  buildKey: string
  /** What the Dockerfile's images were when the run was planned; once built, what it was built from. Null: not known. */
  bases: Base[]
}

/** A run that this worker has claimed for planning. */
export interface PlanningRun {
  id: number
  projectId: number
  branch: string
  /** Derived when it was claimed, like its trust: not what the row said before. */
  branchKind: RunKind
  trust: TrustClass
  commit: string
  mergeRequestId: number | null
  /** A fork's: where its service file is read. */
  definitionCommit: string | null
  epoch: number
  attempts: number
  priority: number
}

/** What came of looking: a plan, or why there is none. */
export type Answer =
  | { kind: 'plan'; commit: Commit; plan: Plan; stages: StagePlan[]; release: KnownRelease | null }
  | { kind: 'superseded'; because: string }
  | { kind: 'canceled'; because: string }
  | { kind: 'refused'; because: string }
  | { kind: 'failed'; because: string; problems?: Problem[] }

/** A release of the same tree: built the same way, or verified where the flow adopts from. */
export interface KnownRelease {
  id: number
  digest: string
  run: number
  /** It was verified there. */
  verified: boolean
}
