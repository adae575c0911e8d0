import { machine, type Status } from './machine'

/** A run: planned by a worker, then as bad as its worst stage. `held`: a fork's, until an owner says go. */
export const RUN = machine({
  held: { allow: 'queued', cancel: 'canceled', supersede: 'superseded' },
  queued: { claim: 'planning', cancel: 'canceled', supersede: 'superseded' },
  planning: {
    plan: 'running',
    refuse: 'refused',
    supersede: 'superseded',
    fail: 'failed',
    err: 'errored',
    lose: 'queued',
    cancel: 'canceled',
  },
  running: { pass: 'succeeded', fail: 'failed', err: 'errored', cancel: 'canceled', supersede: 'superseded' },
  errored: { retry: 'queued', resume: 'running', cancel: 'canceled' },
  // Only where the trail does not say that it passed.
  succeeded: { disown: 'refused' },
  failed: {},
  canceled: {},
  refused: {},
  superseded: {},
})

/** One phase of a run. `errored` is not final: it is retried, a limited number of times. */
export const STAGE = machine({
  pending: { admit: 'queued', skip: 'skipped', cancel: 'canceled' },
  queued: { claim: 'running', cancel: 'canceled' },
  running: { pass: 'succeeded', fail: 'failed', err: 'errored', lose: 'queued', cancel: 'canceled' },
  errored: { retry: 'queued', cancel: 'canceled' },
  succeeded: {},
  failed: {},
  skipped: {},
  canceled: {},
})

export type RunStatus = Status<typeof RUN>
export type StageStatus = Status<typeof STAGE>

/** The stages' names, in the order they run; build comes where the flow puts it. */
export const STAGE_NAMES = [
  'static',
  'build',
  'unit',
  'api',
  'integration',
  'component',
  'functional',
  'stress',
] as const
export type StageName = (typeof STAGE_NAMES)[number]

const WORST_FIRST = ['errored', 'failed', 'canceled'] as const

/** The run's status is a fold over its stages: as bad as the worst; running while any may still change. */
export function foldStages(
  stages: readonly StageStatus[],
): 'running' | 'succeeded' | 'failed' | 'errored' | 'canceled' {
  if (stages.some((s) => s === 'queued' || s === 'running')) return 'running'
  for (const bad of WORST_FIRST) if (stages.includes(bad)) return bad
  return stages.includes('pending') ? 'running' : 'succeeded'
}
