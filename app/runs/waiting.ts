// "Why is it waiting?", answered from rows alone.

import { BY_ITSELF } from '../../environments/gate'
import { PROMOTION, type PromotionStatus } from '../../environments/promotion'
import { isFinal } from '../../pipelines/machine'
import { MAX_ATTEMPTS } from '../../pipelines/retry'
import { RUN } from '../../pipelines/run'
import type { PromotionShape, Waiting } from '../shapes'

export const OPERATOR =
  'an operator of Shiplock: stop npm start and start it again, or start a worker of its own (DATABASE_URL=… npm run worker)'
const ROOM_MAKER = 'an operator of Shiplock: make room; it continues automatically'
const OWNER = 'an owner: say go, or cancel it'
const RETRIER = 'an admin or a developer: try it again'
const OWNER_OR_OPS = 'an owner or operations: try it again'

export interface Facts {
  workerAlive: boolean
  /** Why no worker has the room to begin a build or a deployment. */
  noRoom?: string | null
  now: Date
}

/** What runs, stages and promotions have in common for this question. */
export interface Due {
  status: string
  attempts: number
  because: string
  dueAt: Date
  createdAt?: Date
  startedAt: Date | null
  finishedAt: Date | null
}

const waiting = (what: string, who: string, since: Date, until: Date | null = null): Waiting => ({
  what,
  who,
  since: since.toISOString(),
  until: until?.toISOString() ?? null,
})

/** Ready to be taken up by a worker, now or at a time. */
function whyQueued(row: Due, born: Date, facts: Facts, what: string): Waiting {
  const later = row.dueAt > facts.now
  const since = later ? (row.finishedAt ?? row.startedAt ?? born) : row.dueAt > born ? row.dueAt : born
  if (!facts.workerAlive) return waiting('no worker is running', OPERATOR, since, later ? row.dueAt : null)
  if (facts.noRoom) return waiting(facts.noRoom, ROOM_MAKER, since, later ? row.dueAt : null)
  if (later) return waiting(row.because || 'it is to be tried again at a set time', BY_ITSELF, since, row.dueAt)
  return waiting(what, BY_ITSELF, since)
}

/** In a worker's hands: no wait, unless there is no worker left. */
const whyHeld = (row: Due, born: Date, facts: Facts): Waiting | null =>
  facts.workerAlive
    ? null
    : waiting('the worker that had it is gone, and no other is running', OPERATOR, row.startedAt ?? born)

function whyErrored(row: Due, born: Date, facts: Facts, name: string, who = RETRIER): Waiting {
  if (row.attempts < MAX_ATTEMPTS) return whyQueued(row, born, facts, `another attempt of ${name}`)
  return waiting(`${name} errored: ${row.because || 'the reason is not known'}`, who, row.finishedAt ?? row.dueAt)
}

export interface WaitingStage extends Due {
  name: string
}

/** Why this run does not go on right now; null: it does, or it has ended. `stages` in the order they run. */
export function whyRunWaits(
  run: Due & { createdAt: Date },
  stages: readonly WaitingStage[],
  facts: Facts,
): Waiting | null {
  if (run.status === 'succeeded' || isFinal(RUN, run.status)) return null
  if (run.status === 'held') return waiting('an owner must say go: it comes from a fork', OWNER, run.createdAt)
  if (run.status === 'queued') return whyQueued(run, run.createdAt, facts, 'a free lane')
  if (run.status === 'planning') return whyHeld(run, run.createdAt, facts)
  const born = run.startedAt ?? run.createdAt
  const current = stages.find((s) => s.status === 'errored' || s.status === 'queued' || s.status === 'running')
  // A plan that errored has used all its attempts: errors that may pass put the run back into the queue instead.
  if (!current)
    return run.status === 'errored'
      ? whyErrored({ ...run, attempts: MAX_ATTEMPTS }, run.createdAt, facts, 'the plan')
      : null
  if (current.status === 'running') return whyHeld(current, born, facts)
  if (current.status === 'errored') return whyErrored(current, born, facts, current.name)
  return whyQueued(current, born, facts, `a free lane for ${current.name}`)
}

/** Nothing is due: it is over, it is there, or a person has to begin it again. */
const AT_REST: readonly string[] = ['deployed', 'failed'] satisfies PromotionStatus[]

/** Why this promotion does not go on right now; null: it does, or it has ended. */
export function whyPromotionWaits(
  row: Due & { createdAt: Date; environment: string },
  verdicts: PromotionShape['verdicts'],
  facts: Facts,
): Waiting | null {
  if (isFinal(PROMOTION, row.status) || AT_REST.includes(row.status)) return null
  if (row.status === 'queued') return whyQueued(row, row.createdAt, facts, `a free lane for ${row.environment}`)
  if (row.status === 'deploying' || row.status === 'verifying') return whyHeld(row, row.createdAt, facts)
  if (row.status === 'errored')
    return whyErrored(row, row.createdAt, facts, `the deployment to ${row.environment}`, OWNER_OR_OPS)
  const closed = verdicts.filter((v) => v.state !== 'open')
  // What is shut comes first; then whose turn it is before what passes by itself: one may sign while a freeze lasts.
  const counts =
    closed.find((v) => v.state === 'shut') ??
    closed.find((v) => v.who !== undefined && v.who !== BY_ITSELF) ??
    closed[0]
  const turn = counts?.who ?? BY_ITSELF
  if (!facts.workerAlive && turn === BY_ITSELF) return waiting('no worker is running', OPERATOR, row.createdAt)
  const until = turn === BY_ITSELF ? lastOf(closed.map((v) => v.until)) : counts?.until
  const again = turn === BY_ITSELF && row.dueAt > facts.now ? row.dueAt : null
  return waiting(
    inWords(counts, closed.length) || row.because || 'its gates have not been judged yet',
    turn,
    counts?.since === undefined ? row.createdAt : new Date(counts.since),
    until === undefined ? again : new Date(until),
  )
}

const inWords = (counts: PromotionShape['verdicts'][number] | undefined, closed: number) =>
  counts === undefined
    ? ''
    : `${counts.because}${closed > 1 ? ` (and ${closed - 1} more gate${closed > 2 ? 's' : ''})` : ''}`

/** When all of them have opened; undefined where one does not say when. ISO 8601 in UTC sorts as text. */
const lastOf = (times: readonly (string | undefined)[]) =>
  times.includes(undefined) ? undefined : times.toSorted().at(-1)
