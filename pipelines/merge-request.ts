// A merge request as Shiplock keeps it: a mirror of the forge's, and what owners asked for on it.
import { machine, type Status } from './machine'

/** The forge decides; these are the ways it may go. */
export const MERGE_REQUEST = machine({
  opened: { merge: 'merged', close: 'closed', lock: 'locked' },
  locked: { unlock: 'opened', merge: 'merged', close: 'closed' },
  closed: { reopen: 'opened', merge: 'merged' },
  merged: {},
})
export type MergeRequestStatus = Status<typeof MERGE_REQUEST>

/** What an owner asked for here, done on the forge by a worker. */
export const MERGE_ACTION = machine({
  queued: { claim: 'doing', cancel: 'canceled' },
  doing: { do: 'done', refuse: 'refused', err: 'errored', lose: 'queued' },
  errored: { retry: 'queued' },
  done: {},
  refused: {},
  canceled: {},
})
export type MergeActionStatus = Status<typeof MERGE_ACTION>

export const MERGE_ACTION_KINDS = ['approve', 'merge'] as const
export type MergeActionKind = (typeof MERGE_ACTION_KINDS)[number]
