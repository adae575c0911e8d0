// Which branches only some may push to, or merge into; pure.
import { passes } from './branch-names'
import { DEVELOPER, MAINTAINER } from './people'

export interface Protection {
  id: number
  /** A branch's name; a `*` stands for anything. */
  name: string
  /** The least access level that may push; 0: nobody. */
  push: number
  /** The least access level that may merge into it; 0: nobody. */
  merge: number
  allowForcePush: boolean
}

type Guarded = { protections: readonly Protection[] }

export const protectionsOf = ({ protections }: Guarded, branch: string): Protection[] =>
  protections.filter(({ name }) => passes({ strategy: 'wildcard', pattern: name }, branch))

export const isProtected = (project: Guarded, branch: string) => protectionsOf(project, branch).length > 0

const allows = (least: number, level: number) => least > 0 && level >= least

/** Whether a level is kept from pushing to a branch, or from making or deleting it. Of several rules the kindest counts. */
export function isClosed(project: Guarded, branch: string, level: number): boolean {
  const rules = protectionsOf(project, branch)
  return rules.length > 0 && !rules.some(({ push }) => allows(push, level))
}

/** Whether a level may merge into a branch: who may push may merge. */
export function mayMerge(project: Guarded, branch: string, level: number): boolean {
  const rules = protectionsOf(project, branch)
  if (rules.length === 0) return level >= DEVELOPER
  return rules.some(({ push, merge }) => allows(push, level) || allows(merge, level))
}

/** Names and patterns that a level may not push to. */
export const closedTo = (project: Guarded, level: number): string[] =>
  project.protections.filter(({ name }) => isClosed(project, name, level)).map(({ name }) => name)

/** Maintainers alone push and merge: what GitLab begins with. */
export const maintainersOnly = (id: number, name: string): Protection => ({
  id,
  name,
  push: MAINTAINER,
  merge: MAINTAINER,
  allowForcePush: false,
})
