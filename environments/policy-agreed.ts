// A policy is in force because a worker agreed to exactly this version of it, and not because a row says so. Pure.
import { hashOf, type Json, Unwritable } from '../audit/canonical'
import { isCertified, policyClaim } from '../audit/certificate'
import type { Trust } from '../audit/trust'

/** An environment's policy as its row has it, beside the certificate of the version that it names. */
export interface PlacedPolicy {
  environmentId: number
  name: string
  /** 0: no worker has looked at it yet; -1: none agrees to it. */
  version: number
  /** As it is stored: what was certified is these very values. */
  policy: Json
  /** Of the row of PolicyVersion; null: there is none. */
  certificate: string | null
}

/** Stands for a policy that has no canonical form: nothing is certified as this, and none of our own files is. */
export const UNREADABLE = 'unreadable'

/**
 * What stands for a policy in certificates and statements, hex. The web process writes policies of any shape: one that has no
 * canonical form is an answer, since a worker that threw would try it again for ever.
 */
export function policySha(policy: unknown): string {
  try {
    return hashOf(policy as Json)
  } catch (error) {
    if (error instanceof Unwritable) return UNREADABLE
    throw error
  }
}

export const UNAGREED = -1

/** Why this policy is not one that a worker agreed to; null: it is. */
export function whyNotInForce(placed: PlacedPolicy, trust: Pick<Trust, 'keys' | 'agreed'>): string | null {
  const { environmentId, name, version, policy, certificate } = placed
  if (version === 0) return `no worker has agreed to the policy of ${name} yet`
  if (version < 0)
    return `the policy of ${name} is none of this installation's own files, so no worker agrees to it: see the trail`
  const sha256 = policySha(policy)
  if (sha256 === UNREADABLE) return `the policy of ${name} cannot be read: it was changed in the database`
  const claim = policyClaim({ environmentId, version, sha256 })
  if (!isCertified(trust.keys, claim, certificate))
    return `the policy of ${name} is not the one that was agreed to as version ${version}: somebody changed it in the database`
  const known = trust.agreed(environmentId) ?? 0
  if (version < known)
    return `the policy of ${name} is version ${version}, and version ${known} was agreed to: the database was put back to an older one`
  return null
}
