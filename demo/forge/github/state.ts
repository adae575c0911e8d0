// What GitHub keeps beyond what every forge knows: its hooks, statuses, reviews, deployments and ways to merge.
import type { MergeRequest } from '../merge-request'
import type { Project } from '../repositories'
import type { Sender } from '../webhooks'
import type { World } from '../world'

export interface GithubHook {
  id: number
  url: string
  projectId: number
  contentType: string
  secret: string | null
  insecureSsl: string
  events: string[]
  active: boolean
  /** GitHub never switches a hook off by itself. */
  disabled: null
  createdAt: string
}

export interface Status {
  id: number
  sha: string
  state: string
  context: string
  description: string | null
  targetUrl: string | null
  creatorId: number
  createdAt: string
}

export interface Review {
  id: number
  userId: number
  state: 'APPROVED' | 'CHANGES_REQUESTED' | 'COMMENTED' | 'DISMISSED'
  body: string
  commitId: string
  submittedAt: string
}

export interface DeploymentStatus {
  id: number
  state: string
  description: string
  logUrl: string
  environmentUrl: string
  creatorId: number
  createdAt: string
}

export interface Deployment {
  id: number
  sha: string
  ref: string
  task: string
  environment: string
  payload: unknown
  description: string
  isProduction: boolean
  isTransient: boolean
  creatorId: number
  createdAt: string
  /** Oldest first. */
  statuses: DeploymentStatus[]
}

export interface Methods {
  merge: boolean
  squash: boolean
  rebase: boolean
}

/** One face of a forge; what it shares with GitLab's is the World. */
export interface Github {
  world: World
  sender: Sender<GithubHook>
  /** All by project, but for reviews. */
  hooks: Map<number, GithubHook[]>
  statuses: Map<number, Status[]>
  deployments: Map<number, Deployment[]>
  methods: Map<number, Methods>
  reviews: Map<MergeRequest, Review[]>
}

export function listOf<K, T>(lists: Map<K, T[]>, key: K): T[] {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  return list
}

export const methodsOf = (github: Github, project: Project): Methods =>
  github.methods.get(project.id) ?? { merge: true, squash: true, rebase: true }
