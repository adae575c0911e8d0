// What reached production must come back to develop, or the next release brings an old fault back.
import { machine, type Status } from './machine'

/** `conflicting`: people have to merge by hand. `declined`: the request was closed unmerged; the debt stays. */
export const BACK_MERGE = machine({
  owed: { open: 'opened', skip: 'unneeded', conflict: 'conflicting', merge: 'merged' },
  opened: { merge: 'merged', close: 'declined', conflict: 'conflicting', skip: 'unneeded' },
  conflicting: { merge: 'merged', skip: 'unneeded', resolve: 'opened', close: 'declined' },
  declined: { merge: 'merged', skip: 'unneeded', reopen: 'opened', conflict: 'conflicting' },
  merged: {},
  unneeded: {},
})
export type BackMergeStatus = Status<typeof BACK_MERGE>

/** The debt is not paid yet. */
export const UNPAID: readonly BackMergeStatus[] = ['owed', 'opened', 'conflicting', 'declined']
