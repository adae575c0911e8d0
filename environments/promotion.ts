import { machine, type Status } from '../pipelines/machine'

/** A promotion: judged by the gates, queued, applied to the target, and observed there. */
export const PROMOTION = machine({
  waiting: { admit: 'queued', refuse: 'refused', supersede: 'superseded', cancel: 'canceled' },
  queued: { claim: 'deploying', hold: 'waiting', supersede: 'superseded', cancel: 'canceled' },
  deploying: { observe: 'deployed', fail: 'failed', err: 'errored', lose: 'queued', hold: 'waiting' },
  deployed: { pass: 'verified', fail: 'failed', err: 'errored' },
  errored: { retry: 'queued', supersede: 'superseded', cancel: 'canceled' },
  verified: {},
  failed: {},
  refused: {},
  superseded: {},
  canceled: {},
})
export type PromotionStatus = Status<typeof PROMOTION>
