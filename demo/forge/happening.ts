// What happens in a forge, in no API's words. Each face of the forge listens, and tells its own webhooks of it.
import type { Changes, MergeRequest } from './merge-request'
import type { User } from './people'
import type { Project } from './repositories'

export interface RefChange {
  ref: string
  /** all zeros: made by this change */
  before: string
  /** all zeros: removed by it */
  after: string
}

export type Happening =
  | { kind: 'push'; project: Project; user: User; changes: readonly RefChange[]; options: Record<string, unknown> }
  | {
      kind: 'merge-request'
      action: 'open' | 'reopen' | 'update' | 'approved' | 'unapproved' | 'merge' | 'close'
      /** As it was right after it: a copy. */
      mergeRequest: MergeRequest
      user: User
      /** The earlier head, where new commits were pushed to the source. */
      oldHead: string | null
      changes: Changes
      /** The forge did it by itself, as when a push takes approvals away. */
      system: boolean
    }

export type Listener = (happening: Happening) => Promise<void>

/** Tells every listener, one after the other. What is done is done: one that fails is heard of in the log alone. */
export async function announce(listeners: readonly Listener[], happening: Happening) {
  // What changes while they are told belongs to the next happening.
  const told =
    happening.kind === 'push' ? happening : { ...happening, mergeRequest: structuredClone(happening.mergeRequest) }
  for (const listener of listeners)
    await listener(told).catch((error: Error) => console.warn(`demo forge: no webhooks: ${error.message}`))
}

export const isZero = (hash: string) => /^0+$/.test(hash)
export const HEADS = 'refs/heads/'
export const TAGS = 'refs/tags/'
