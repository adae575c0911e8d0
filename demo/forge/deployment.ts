// Environments and what was deployed to them, as a forge keeps the list; pure.

export type Tier = 'production' | 'staging' | 'testing' | 'development' | 'other'
export const TIERS: readonly string[] = ['production', 'staging', 'testing', 'development', 'other']

export interface Environment {
  id: number
  name: string
  externalUrl: string | null
  tier: Tier
  description: string | null
  status: 'available' | 'stopped'
  createdAt: string
  updatedAt: string
}

export const DEPLOYMENT_STATES = ['created', 'running', 'success', 'failed', 'canceled'] as const
export type DeploymentState = (typeof DEPLOYMENT_STATES)[number]

export interface Deployment {
  /** One in the whole forge. */
  id: number
  /** One in the project. */
  iid: number
  environmentId: number
  sha: string
  ref: string
  tag: boolean
  status: DeploymentState
  description: string
  logUrl: string | null
  userId: number
  createdAt: string
  updatedAt: string
  finishedAt: string | null
}

const EVENTS: Record<Exclude<DeploymentState, 'created'>, { event: string; from: readonly DeploymentState[] }> = {
  running: { event: 'run', from: ['created'] },
  success: { event: 'succeed', from: ['created', 'running', 'failed', 'canceled'] },
  failed: { event: 'drop', from: ['created', 'running', 'success', 'canceled'] },
  canceled: { event: 'cancel', from: ['created', 'running', 'success', 'failed'] },
}

/** The event of GitLab's state machine that cannot lead on from here; null: it can. */
export const blockedEvent = (from: DeploymentState, to: Exclude<DeploymentState, 'created'>): string | null =>
  EVENTS[to].from.includes(from) ? null : EVENTS[to].event

/** GitLab guesses it by the name. */
export function tierOf(name: string): Tier {
  if (/(^|[^a-z])(prod|live)/i.test(name)) return 'production'
  if (/stag|model|pre|demo|non-prod/i.test(name)) return 'staging'
  if (/test|tst|int|ac(ce|)pt|qa|qc|control|quality/i.test(name)) return 'testing'
  if (/dev|review|trunk/i.test(name)) return 'development'
  return 'other'
}

const NAME = /^[\w./ {}$-]{1,255}$/

/** What GitLab says of a name that no environment can have; null: it can. */
export const nameProblem = (name: string): string | null =>
  NAME.test(name) && !/^\/|\/$/.test(name)
    ? null
    : "can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, but it cannot start or end with '/'"
