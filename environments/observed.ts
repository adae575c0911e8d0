// What a target was seen running, and what follows from it by what the record says. Pure.
import type { PromotionStatus } from './promotion'
import type { MadeBy, Observation } from './targets/target'

/** What the record says of the attempts that were found on a target. */
export interface Recorded {
  /** The set that serves. Null: none was recorded. */
  serving: MadeBy | null
  /** The deployment that was recorded last. Null: none was. */
  deployed: number | null
  /** The service that was deployed in the place of this one, and serves. Null: this one is what is deployed here. */
  replacedBy: string | null
  /** By number; none where the record knows no such promotion. */
  promotions: ReadonlyMap<number, Attempted>
}

interface Attempted {
  status: PromotionStatus
  /** Errored, it is tried again by itself. */
  willBeTriedAgain: boolean
  /** The attempt that was recorded as deployed; null: none was. */
  deployedEpoch: number | null
}

export type Step =
  /** What served before may go: the record says where the new set is. */
  | { do: 'retire' }
  /** The set that was just recorded died before the earlier one went: that one serves again. */
  | { do: 'fall back' }
  /** An attempt that ended without being recorded: what it made goes, and what served before serves again. Or a former service’s. */
  | { do: 'withdraw'; made: MadeBy }
  /** An attempt is under way, and decides itself. */
  | { do: 'wait' }
  | { do: 'nothing' }

/** On the way to being recorded: a successor of the worker that made it finds it, and goes on from there. */
const isUnderWay = ({ status, willBeTriedAgain }: Attempted) =>
  status === 'queued' || status === 'deploying' || (status === 'errored' && willBeTriedAgain)

/**
 * What is to be done about what was seen. A set counts once the record says that it serves, and not before: whatever ended
 * in between, the set that the record names is the one that serves.
 */
export function nextStep(
  seen: Pick<Observation, 'set' | 'starting' | 'left' | 'earlier' | 'health'>,
  recorded: Recorded,
): Step {
  let waits = false
  for (const made of [...seen.starting, ...(seen.set === null || isRecorded(seen.set, recorded) ? [] : [seen.set])]) {
    const promotion = recorded.promotions.get(made.promotion)
    // Of another record than this one, restored perhaps: not ours to take away.
    if (promotion === undefined) continue
    if (!isUnderWay(promotion)) return { do: 'withdraw', made }
    waits = true
  }
  if (waits) return { do: 'wait' }
  if (recorded.replacedBy !== null && seen.set !== null && recorded.promotions.has(seen.set.promotion))
    return { do: 'withdraw', made: seen.set }
  if (seen.left === 0 || seen.set === null || !isSame(seen.set, recorded.serving)) return { do: 'nothing' }
  if (seen.health === 'healthy') return { do: 'retire' }
  return mayFallBack(seen, recorded) ? { do: 'fall back' } : { do: 'nothing' }
}

/** Only while the deployment is not decided yet; and to what runs, else nothing is won. */
function mayFallBack({ set, health, earlier }: Parameters<typeof nextStep>[0], { deployed, promotions }: Recorded) {
  if (health === 'progressing' || earlier?.running !== true || set?.promotion !== deployed) return false
  const status = promotions.get(set.promotion)?.status
  return status === 'deployed' || status === 'verifying'
}

const isSame = (a: MadeBy, b: MadeBy | null) => a.promotion === b?.promotion && a.epoch === b.epoch

/** The record says of this set that it serves, or that it once did. */
export function isRecorded(made: MadeBy, { serving, promotions }: Recorded): boolean {
  return isSame(made, serving) || (promotions.get(made.promotion)?.deployedEpoch ?? -1) >= made.epoch
}

/** A look that found nothing to do is followed by the next after this (ms); sooner while something is under way. */
export const NEXT_LOOK_MS = 60_000
export const SOON_MS = 3_000
