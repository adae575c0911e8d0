// What the contract of the forges asks of each kind: a forge that stands, with real git behind it, and hands to work it
// from the other side, as people and git do. The suites are forges*.test.ts; a kind joins them in given-forges.ts.
import type { IncomingHttpHeaders } from 'node:http'
import type { CommitState, Forge } from '../../pipelines/forges/forge'

/** Somebody with an account. `id` as webhooks and approvals name them. */
export interface Person {
  id: string
  username: string
  token: string
}

export interface Delivery {
  headers: IncomingHttpHeaders
  body: Buffer
}

/** Where kinds rightly differ. Everything else must be alike. */
export interface Traits {
  /** False: approve is ok and says that there are none. */
  approvals: boolean
  /** `git push -o ci.skip` reaches the webhook. */
  skips: boolean
  /** A merge request can come from a fork: `openMergeRequest({ fork: true })`. */
  forks: boolean
  /** A project merges in these ways: `mergeBy`. */
  mergeMethods: readonly MergeMethod[]
  /** What `eventName` calls them. */
  eventNames: { push: string; tag: string; mergeRequest: string }
  /** What `statuses` shows where this state was set. */
  shows: Readonly<Record<CommitState, string>>
}

export type MergeMethod = 'merge' | 'squash' | 'fast-forward'

/** How the forge is ill. An `answer` befalls the next call of the API alone; the others last until null. */
export type Illness =
  | { answer: 429; retryAfterS: number }
  | { answer: 500 | 502 }
  | { slowMs: number }
  | { down: true }
  /** Every delivery comes twice. */
  | { twice: true }
  /** After each push it takes so long until the forge knows what can be merged; till then it merges nothing. */
  | { checkingMs: number }

export interface StandingForge {
  /** Its address, as a project's settings name it. */
  url: string
  /** The one project, empty but for what is pushed: group/name. */
  path: string
  projectId: number
  defaultBranch: string
  /** May make webhooks, merge and tag. Shiplock's own user. */
  maintainer: Person
  /** May push. Who pushes and opens merge requests below. */
  developer: Person
  /** May not see the project. */
  stranger: Person
  /** The driver under test. `path`: the project's, unless told. */
  forge(token: string, options?: { deadlineMs?: number; path?: string }): Forge

  /** Takes webhooks; what came is in `deliveries`, oldest first. A test empties it. */
  hookUrl: string
  deliveries: Delivery[]
  /** Resolves when no webhook is under way. */
  idle(): Promise<void>

  /**
   * Commits on top of the branch (of `onto`, the default branch where absent, while there is no such branch) and pushes as
   * the developer. `files`: path to content; null: deleted. Answers the commit.
   */
  push(
    branch: string,
    message: string,
    options?: { files?: Record<string, string | null>; onto?: string; skip?: boolean; force?: boolean },
  ): Promise<string>
  deleteBranch(branch: string): Promise<void>
  /** Annotated where there is a message. */
  pushTag(name: string, commit: string, message?: string): Promise<void>
  deleteTag(name: string): Promise<void>
  /** The tree of a commit as git knows it, and its parents, after a fetch from the forge. */
  commit(hash: string): Promise<{ tree: string; parents: string[] }>
  /** What a ref of the forge names for git, headRef too; null: nothing. */
  ref(name: string): Promise<string | null>

  /** Opens one as the developer; answers its number. `fork`: the source is copied into a fork of theirs, and comes from there. */
  openMergeRequest(wanted: {
    source: string
    target: string
    title: string
    draft?: boolean
    fork?: boolean
  }): Promise<number>
  /** As a person does it on the forge's page. */
  closeMergeRequest(iid: number): Promise<void>
  mergeBy(method: MergeMethod): Promise<void>
  /** The bodies of the notes that people wrote on it (Shiplock too), oldest first. */
  notes(iid: number): Promise<{ id: string; body: string }[]>
  deleteNote(iid: number, id: string): Promise<void>

  /** What the forge shows for a commit now, by the status's name. */
  statuses(commit: string): Promise<Record<string, { state: string; description: string }>>
  /** What the forge shows on its page of deployments, oldest first. `state` in the words of the interface. */
  deployments(): Promise<{ id: string; environment: string; commit: string; state: string }[]>
  /** Where the environment says that it answers; null: there is no such environment. Empty: it does not say. */
  environmentUrl(name: string): Promise<string | null>

  /** Null: well again. */
  fallIll(illness: Illness | null): void
  close(): Promise<void>
}

/** One kind of forge. `name` is its key in FORGES and INTAKES. */
export interface GivenForge {
  name: string
  traits: Traits
  /** A new one, with a project and people of its own. At most a second or two. */
  start(): Promise<StandingForge>
}
