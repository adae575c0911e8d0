import type { Deployment, Environment } from './deployment'
import type { Listener } from './happening'
import type { Limits } from './limits'
import type { MergeRequest } from './merge-request'
import type { Mischief } from './mischief'
import type { People } from './people'
import type { Project } from './repositories'
import type { CommitStatus } from './statuses'
import type { Turns } from './turns'
import type { Hook, Sender } from './webhooks'

/** Everything a forge knows. Nothing is global: several forges live in one process. */
export interface World {
  url: string
  /** Folder that holds the bare repositories. */
  root: string
  /** The GitLab that it stands in for. */
  version: string
  people: People
  projects: Project[]
  /** Paths of projects that are being made. */
  underConstruction: Set<string>
  /** Full paths of groups and of users, at the place of their id less one. */
  namespaces: string[]
  hooks: Map<number, Hook[]>
  /** by project */
  statuses: Map<number, CommitStatus[]>
  /** Of all projects, oldest first. */
  mergeRequests: MergeRequest[]
  /** by project */
  environments: Map<number, Environment[]>
  /** by project, oldest first */
  deployments: Map<number, Deployment[]>
  /** Whoever tells webhooks of what happens; each face of the forge adds its own. */
  listeners: Listener[]
  /** The names that a merge request's head can be fetched by, each face's own. */
  headRefs: ((iid: number) => string)[]
  sender: Sender
  mischief: Mischief
  limits: Limits
  /** What changes refs waits for its turn, by project: what each change did is known by comparing before and after. */
  turns: Turns
  /** false: signing tokens are ignored in silence, as before GitLab 19 */
  signing: boolean
  nextId: () => number
  nextProjectId: () => number
}
