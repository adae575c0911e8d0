import { Fault } from '../pipelines/fault'
import type { EnvironmentPolicy } from './environment'
import { TARGETS } from './targets/index'
import type { Target } from './targets/target'

/** The driver that an environment's policy names. @throws Fault input.invalid where there is none of that kind */
export function targetOf(row: { environment: string; policy: EnvironmentPolicy }): Target {
  // A policy that was never agreed to may be anything.
  const kind = row.policy.target?.kind
  const make = TARGETS[kind]
  if (make === undefined)
    throw new Fault('input.invalid', `${row.environment} names the target kind ${kind}, which does not exist`)
  return make(row.policy.target)
}
