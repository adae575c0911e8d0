import type { Context } from '../pipelines/context'
import { isFault } from '../pipelines/fault'
import type { EnvironmentPolicy } from './environment'
import { TARGETS } from './targets/index'

/** An answer of a target is believed for this long, in ms. */
const BELIEVED_MS = 5_000
const answers = new Map<string, { until: number; because: Promise<string | null> }>()

interface Asked {
  id: number
  policy: EnvironmentPolicy
  unreachableSince: Date | null
}

/** Asks the target of a promotion's environment whether it is there, and keeps the answer for the gate that looks at it. */
export async function askTarget(context: Context, promotionId: number): Promise<void> {
  const { rows } = await context.record.pool.query<Asked>(
    `SELECT e.id, e.policy, e."unreachableSince" FROM "Environment" e JOIN "Promotion" p ON p."environmentId" = e.id WHERE p.id = $1`,
    [promotionId],
  )
  const asked = rows[0]
  // A policy that cannot be read is the gates' to refuse.
  if (asked?.policy.target?.kind === undefined) return
  const because = await whyUnreachable(asked.policy.target)
  if ((because === null) === (asked.unreachableSince === null)) return
  await context.record.pool.query(
    `UPDATE "Environment" SET "unreachableSince" = CASE WHEN $2::text IS NULL THEN NULL ELSE clock_timestamp() END,
       "unreachableBecause" = COALESCE($2, '') WHERE id = $1`,
    [asked.id, because],
  )
}

/** Null: it answers. */
export function whyUnreachable(target: EnvironmentPolicy['target']): Promise<string | null> {
  const key = JSON.stringify(target)
  const known = answers.get(key)
  if (known !== undefined && known.until > performance.now()) return known.because
  const because = ask(target)
  if (answers.size > 1_000) answers.clear()
  answers.set(key, { until: performance.now() + BELIEVED_MS, because })
  return because
}

async function ask(target: EnvironmentPolicy['target']): Promise<string | null> {
  const make = TARGETS[target.kind]
  if (make === undefined) return `there is no target of the kind ${target.kind}`
  try {
    await make(target).ensureReady()
    return null
  } catch (error) {
    if (!isFault(error)) throw error
    return error.message
  }
}
