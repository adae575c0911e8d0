import type { Mischief } from './mischief'
import type { People } from './people'
import type { Project } from './repositories'
import type { CommitStatus } from './statuses'
import type { Hook, Sender } from './webhooks'

/** Everything a forge knows. Nothing is global: several forges live in one process. */
export interface World {
  url: string
  people: People
  projects: Project[]
  hooks: Map<number, Hook[]>
  /** by project */
  statuses: Map<number, CommitStatus[]>
  sender: Sender
  mischief: Mischief
  /** false: signing tokens are ignored in silence, as before GitLab 19 */
  signing: boolean
  nextId: () => number
}
