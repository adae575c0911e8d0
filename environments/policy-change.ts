import { machine, type Status } from '../pipelines/machine'

/** A change of an environment's policy: proposed, agreed to by the people who sign deployments there, applied by a worker. */
export const POLICY_CHANGE = machine({
  proposed: { apply: 'applied', refuse: 'refused', withdraw: 'withdrawn', overtake: 'stale' },
  applied: {},
  refused: {},
  withdrawn: {},
  stale: {},
})
export type PolicyChangeStatus = Status<typeof POLICY_CHANGE>
