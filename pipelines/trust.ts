// Trust classes: who could have decided what a thing was made from, and the one rule of what may be used where. Pure.
import { FLOW, KINDS, type RunKind } from './gitflow'

/** Lowest first. People who may push to a branch of the class decide what is made there. */
export const TRUST_CLASSES = ['fork', 'feature', 'develop', 'release'] as const
export type TrustClass = (typeof TRUST_CLASSES)[number]

const CLASS_OF: Record<RunKind, TrustClass> = {
  fork: 'fork',
  other: 'fork',
  feature: 'feature',
  develop: 'develop',
  release: 'release',
  hotfix: 'release',
  master: 'release',
}

/** The class of what a run of such a branch makes. A branch that the flow does not know is trusted like a fork. */
export const trustOf = (kind: RunKind): TrustClass => CLASS_OF[kind]

/** Where a thing comes from: an image, a release, a cache, a build record, an artifact; or the run that wants to use it. */
export interface Origin {
  instance: string
  project: number
  trust: TrustClass
}

/** May work of `user` use what work of `made` left behind? Only within one project, and never from a lower class. */
export const mayUse = (user: Origin, made: Origin): boolean =>
  user.instance === made.instance &&
  user.project === made.project &&
  TRUST_CLASSES.indexOf(made.trust) >= TRUST_CLASSES.indexOf(user.trust)

/** The classes that work of this class may use, for a query. */
export const usableBy = (trust: TrustClass): readonly TrustClass[] => TRUST_CLASSES.slice(TRUST_CLASSES.indexOf(trust))

/** The class of what two origins decided together. */
export const lowerOf = (a: TrustClass, b: TrustClass): TrustClass =>
  TRUST_CLASSES.indexOf(a) <= TRUST_CLASSES.indexOf(b) ? a : b

/** The classes whose builds become releases: those of the branches that go to an environment. */
export const RELEASING: readonly TrustClass[] = TRUST_CLASSES.filter((trust) =>
  KINDS.some((kind) => FLOW[kind].goesTo !== null && trustOf(kind) === trust),
)
