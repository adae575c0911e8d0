import { machine, type Status } from '../pipelines/machine'

/**
 * A person's answer. It counts while it is given, is used up by one deployment, and can be taken back until then. What it
 * says no longer fits makes it void.
 */
export const APPROVAL = machine({
  given: { use: 'used', withdraw: 'withdrawn', expire: 'expired', void: 'void' },
  used: {},
  withdrawn: {},
  expired: {},
  void: {},
})
export type ApprovalStatus = Status<typeof APPROVAL>
