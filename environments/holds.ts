// What holds an environment, and what is said of it: a person's own hold, or that of a rollback, which says no more than what has
// happened. Pure.
import type { PromotionKind, PromotionStatus } from './promotion'

/** How far the rollback is that a hold is about. `undone`: it was deployed, and something else was put back in its place. */
export const ROLLBACK_PHASES = ['requested', 'done', 'unverified', 'undone', 'failed'] as const
export type RollbackPhase = (typeof ROLLBACK_PHASES)[number]

export interface HeldFor {
  promotion: number
  tag: string
  reason: string
  phase: RollbackPhase
}

export interface Hold {
  /** ISO 8601 */
  at: string
  by: string
  because: string
  /** Null: a person's own, which ends when it is released. */
  heldFor: HeldFor | null
}

/** A promotion, as far as it changes what is said of a hold. */
export interface Moved {
  id: number
  kind: PromotionKind
  status: PromotionStatus
  insteadOf: number | null
  /** Its release was observed there since it was last begun. */
  isThere: boolean
}

const NOT_THERE: Record<PromotionStatus, RollbackPhase | 'over'> = {
  waiting: 'requested',
  queued: 'requested',
  deploying: 'requested',
  deployed: 'done',
  verifying: 'done',
  verified: 'done',
  errored: 'failed',
  failed: 'failed',
  refused: 'over',
  superseded: 'over',
  canceled: 'over',
}
/** What runs there runs on, whatever becomes of the promotion. */
const THERE: Partial<Record<PromotionStatus, RollbackPhase>> = {
  errored: 'unverified',
  failed: 'unverified',
  refused: 'unverified',
  superseded: 'unverified',
  canceled: 'unverified',
}

const phaseOf = ({ status, isThere }: Moved): RollbackPhase | 'over' =>
  (isThere ? THERE[status] : undefined) ?? NOT_THERE[status]

const WORDS: Record<RollbackPhase, (tag: string) => string> = {
  requested: (tag) => `rollback to ${tag} requested`,
  done: (tag) => `rolled back to ${tag}`,
  unverified: (tag) => `rolled back to ${tag}, which was not verified`,
  undone: (tag) => `rolled back to ${tag}, which was not verified and was replaced`,
  failed: (tag) => `rollback to ${tag} failed`,
}
const wordsOf = ({ phase, tag, reason }: HeldFor) => `${WORDS[phase](tag)}: ${reason}`

/** The hold of a rollback that was just asked for. */
export function holdOf(rollback: Omit<HeldFor, 'phase'>, by: string, at: Date): Hold {
  const heldFor: HeldFor = { ...rollback, phase: 'requested' }
  return { at: at.toISOString(), by, because: wordsOf(heldFor), heldFor }
}

/**
 * The holds after a promotion has moved; the last is the one that counts and is shown. The same array: nothing has changed.
 * A rollback that ended without deploying takes its hold along, and what held before holds again. One that is there makes those
 * of earlier rollbacks untrue.
 */
export function holdsAfter(holds: readonly Hold[], moved: Moved): readonly Hold[] {
  const about = moved.kind === 'put-back' ? moved.insteadOf : moved.id
  const at = holds.findIndex((h) => h.heldFor !== null && h.heldFor.promotion === about)
  const hold = holds[at]
  if (hold?.heldFor == null) return holds
  if (moved.kind === 'put-back' && moved.status !== 'deployed') return holds
  const phase = moved.kind === 'put-back' ? 'undone' : phaseOf(moved)
  if (phase === 'over') return holds.toSpliced(at, 1)
  if (phase === hold.heldFor.phase) return holds
  const heldFor = { ...hold.heldFor, phase }
  const reworded = holds.with(at, { ...hold, because: wordsOf(heldFor), heldFor })
  return phase === 'done' ? reworded.filter((h, i) => i === at || h.heldFor === null) : reworded
}
