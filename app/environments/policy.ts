import { EnvironmentPolicy } from '../../environments/environment'

type Shown = Pick<EnvironmentPolicy, 'after' | 'start' | 'approvals' | 'freeze' | 'replicas' | 'verify'>

/** Nothing of it is known, so nothing of it starts by itself. */
const UNREADABLE: Shown = {
  after: undefined,
  start: 'by-hand',
  approvals: [],
  freeze: [],
  replicas: undefined,
  verify: [],
}

/** The policy of an environment's row. What another version wrote, and cannot be read, is shown as started by hand. Pure. */
export const policyOf = (stored: unknown): Shown => EnvironmentPolicy.safeParse(stored).data ?? UNREADABLE
