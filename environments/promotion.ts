import { machine, type Status } from '../pipelines/machine'

/** A promotion: judged by the gates, queued, applied to the target, observed there, and verified. */
export const PROMOTION = machine({
  waiting: { admit: 'queued', refuse: 'refused', supersede: 'superseded', cancel: 'canceled' },
  queued: {
    claim: 'deploying',
    hold: 'waiting',
    refuse: 'refused',
    supersede: 'superseded',
    cancel: 'canceled',
  },
  deploying: {
    observe: 'deployed',
    fail: 'failed',
    err: 'errored',
    lose: 'queued',
    hold: 'waiting',
    cancel: 'canceled',
  },
  deployed: { begin: 'verifying', pass: 'verified', cancel: 'canceled' },
  verifying: { pass: 'verified', fail: 'failed', err: 'errored', cancel: 'canceled' },
  errored: { retry: 'queued', supersede: 'superseded', cancel: 'canceled' },
  failed: { retry: 'queued' },
  verified: {},
  refused: {},
  superseded: {},
  canceled: {},
})
export type PromotionStatus = Status<typeof PROMOTION>

/**
 * onward: a run went on by itself · by-hand: a person asked for it · rollback: a person put an earlier release back ·
 * put-back: the release before came back by itself, because verification failed
 */
export const PROMOTION_KINDS = ['onward', 'by-hand', 'rollback', 'put-back'] as const
export type PromotionKind = (typeof PROMOTION_KINDS)[number]

/** Going to an older release, and saying so. */
export const isDeclaredReturn = (kind: PromotionKind) => kind === 'rollback' || kind === 'put-back'

/** On its way, and not there yet. */
export const OPEN: readonly PromotionStatus[] = ['waiting', 'queued', 'deploying', 'deployed', 'verifying', 'errored']
