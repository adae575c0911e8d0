import type { Context } from '../pipelines/context'
import { isFault } from '../pipelines/fault'
import type { EnvironmentPolicy } from './environment'
import { TARGETS } from './targets/index'

interface Asked {
  policy: EnvironmentPolicy
  digest: string
  imageAsked: string | null
  imageBecause: string
}

/**
 * Asks the target of a promotion whether it holds the image, and keeps the answer for the gate that looks at it. Nothing is
 * cached: an image comes back, and goes, at any moment. A target that does not answer leaves what was known; that is a gate of
 * its own.
 */
export async function askForImage(context: Pick<Context, 'record'>, promotionId: number): Promise<void> {
  const { rows } = await context.record.pool.query<Asked>(
    `SELECT e.policy, l.digest, p."imageAsked", p."imageBecause" FROM "Promotion" p
     JOIN "Environment" e ON e.id = p."environmentId" JOIN "Release" l ON l.id = p."releaseId"
     WHERE p.id = $1 AND e."unreachableSince" IS NULL`,
    [promotionId],
  )
  const asked = rows[0]
  // A policy that cannot be read is the gates' to refuse.
  if (asked?.policy.target?.kind === undefined) return
  const lacking = await whyLacking(asked.policy.target, asked.digest)
  if (lacking === undefined) return
  if (asked.imageAsked === asked.digest && asked.imageBecause === (lacking ?? '')) return
  await context.record.pool.query(`UPDATE "Promotion" SET "imageAsked" = $2, "imageBecause" = $3 WHERE id = $1`, [
    promotionId,
    asked.digest,
    lacking ?? '',
  ])
}

/** Undefined: it could not be found out. */
async function whyLacking(target: EnvironmentPolicy['target'], digest: string): Promise<string | null | undefined> {
  const make = TARGETS[target.kind]
  if (make === undefined) return undefined
  try {
    return await make(target).lacks(digest)
  } catch (error) {
    if (!isFault(error)) throw error
    console.warn(`whether a target holds ${digest} cannot be found out now: ${error.message}`)
    return undefined
  }
}
