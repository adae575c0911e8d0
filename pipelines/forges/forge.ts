// The interface is the manual. A forge driver imports this file, the faults and its SDK, nothing else; it has no database.
//
// Order: deliveries arrive in any order, more than once, or never: an event is a hint, and the truth is read with the
// verbs below. Concurrency: every verb may be called at the same time from several workers. Repeatability: reads always;
// `setStatus`, `ensureHook`, `createTag`, `openMergeRequest`, `approve`, `merge`, `tellDeployment` and `writeNote` are safe
// to repeat: what is so already is success.
// Errors: every verb throws Fault with a forge.* code; a message names the call and the forge's own words, never a token.

/** What one webhook request means, after its payload was parsed. Payload values are untrusted strings. */
export type ForgeEvent =
  | {
      kind: 'push'
      /** The forge's own numeric project id, to be compared with the project the hook belongs to. */
      forgeProjectId: number
      path: string
      branch: string
      /** 40 or 64 hex digits; all zeros: the branch was created. */
      before: string
      /** all zeros: the branch was deleted. */
      after: string
      title: string
      pusherId: string
      pusherName: string
      /** `git push -o ci.skip`: the pusher asked for no run. */
      skip: boolean
    }
  | {
      kind: 'tag'
      forgeProjectId: number
      path: string
      name: string
      /** all zeros: the tag was made; both are the tag object's hash where it is annotated. */
      before: string
      /** all zeros: the tag was deleted. */
      after: string
      /** The commit it points at, dereferenced; null: deleted, or of no commit. */
      commit: string | null
      pusherId: string
      pusherName: string
    }
  | {
      kind: 'merge-request'
      forgeProjectId: number
      path: string
      /** The number people know it by; everything else about it is read again from the forge. */
      iid: number
      /** The forge's own word for what happened: open, update, approved, merge, synchronize … For the inbox. */
      action: string
      title: string
      source: string
      target: string
      actorId: string
      actorName: string
    }
  | { kind: 'ignored'; because: string }

/** The secrets of one webhook. */
export interface HookSecrets {
  /** Sent in clear in X-Gitlab-Token. */
  token: string
  /** 32 bytes, the HMAC key of Standard Webhooks signatures. */
  signingKey: Buffer
  /** The forge confirmed that it signs: then only a signature counts. */
  signed: boolean
}

export type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Pure: no I/O, so that the web process can verify without holding a forge token. */
export interface ForgeIntake {
  /** Is any secret header there at all? Asked before the body is read. */
  hasSecret(headers: Headers): boolean
  /** True where signature or token is right; compares in constant time; a repeated header is refused. `now` in ms. */
  verify(headers: Headers, rawBody: Buffer, secrets: HookSecrets, now: number): boolean | Promise<boolean>
  /** The delivery's own id, kept by the forge over its retries; null where it sends none. */
  deliveryKey(headers: Headers): string | null
  /** The event's name as the forge calls it, for the inbox. At most 100 characters. */
  eventName(headers: Headers): string
  /** The headers that `parse` needs besides the body, made from what `eventName` gave: for a replay from the inbox. */
  headersOf(eventName: string): Headers
  /** Never throws: what cannot be understood is `ignored` with the reason. */
  parse(headers: Headers, rawBody: Buffer): ForgeEvent
}

export interface ForgeProject {
  id: number
  path: string
  name: string
  webUrl: string
  /** HTTP address without credentials. */
  cloneUrl: string
  defaultBranch: string | null
  /** What the token may do there, so far as the forge says: maintainer may make webhooks and protect, developer may push. */
  role: 'maintainer' | 'developer' | 'less' | null
}

export interface ForgeBranch {
  name: string
  commit: string
  /** Of the commit; empty where the forge's list tells none: `head` does. */
  title: string
  protected: boolean
}

export interface ForgeMergeRequest {
  iid: number
  title: string
  status: 'opened' | 'closed' | 'merged' | 'locked'
  draft: boolean
  source: string
  target: string
  /** True: the source branch lives in another repository, or in one that is gone. */
  fork: boolean
  /** group/name of the source's repository; empty where it is gone. */
  sourcePath: string
  /** The newest commit of the source. */
  head: string
  author: { id: string; name: string }
  merger: { id: string; name: string } | null
  webUrl: string
  mergeable: 'mergeable' | 'conflict' | 'blocked' | 'checking'
  /** The forge's own word for that. */
  mergeableBecause: string
  /** What came onto the target: the merge commit, the squashed commit, or at a fast-forward the head itself; null: not merged. */
  mergeCommit: string | null
  /** Who has approved it as it is now; on a forge without approvals: none. */
  approvals: readonly { id: string; name: string }[]
}

/** Asked for and refused is an answer, with the forge's reason; "could not find out" is a Fault. */
export type Done = { ok: true; because: string } | { ok: false; because: string }

export type DeploymentState = 'running' | 'success' | 'failed' | 'canceled'

export interface ForgeHook {
  id: number
  /** True where the forge confirmed, read back, that it signs. */
  signed: boolean
}

export type CommitState = 'pending' | 'running' | 'success' | 'failed' | 'canceled' | 'skipped'

/** What talks to one forge with one token. */
export interface Forge {
  /** Who the token is; throws forge.denied where it is not accepted. */
  whoAmI(): Promise<{ id: number; username: string }>
  project(path: string): Promise<ForgeProject>
  /** The commit a branch points at now, or null where there is no such branch. */
  head(projectId: number, branch: string): Promise<{ commit: string; title: string } | null>
  /** Makes the webhook, or brings an existing one of the same address up to date; reads it back. Twice is quiet. */
  ensureHook(projectId: number, url: string, secrets: { token: string; signingKey: Buffer }): Promise<ForgeHook>
  /**
   * Sets a commit status. `ref` is always sent (GitLab otherwise picks a branch): a branch that is there, or refs/tags/<name>. GitLab's 400 on a repeated state is
   * success here; a 400 on a transition it cannot make is forge.refused.
   */
  setStatus(
    projectId: number,
    status: { commit: string; ref: string; name: string; state: CommitState; description: string; url: string },
  ): Promise<void>
  /** All branches, at most 2,000: the rest is left out, and the answer says so. */
  branches(projectId: number): Promise<{ branches: ForgeBranch[]; isComplete: boolean }>
  /** Whether the webhook is there and the forge still sends to it; `because` in the forge's words where it does not. */
  hookState(projectId: number, hookId: number): Promise<{ alive: boolean; because: string }>
  /** The commit a tag names, dereferenced; null: there is no such tag. */
  tag(projectId: number, name: string): Promise<{ commit: string } | null>
  /** Makes an annotated tag. ok: false where it exists on another commit, or may not be made. */
  createTag(projectId: number, tag: { name: string; commit: string; message: string }): Promise<Done>
  /** Null: there is no such merge request. */
  mergeRequest(projectId: number, iid: number): Promise<ForgeMergeRequest | null>
  /** Numbers of the open ones, newest first, at most 500. */
  openMergeRequests(projectId: number): Promise<number[]>
  /** Opens one; where one of the same source and target is open, that one. */
  openMergeRequest(
    projectId: number,
    wanted: { source: string; target: string; title: string; description: string },
  ): Promise<{ iid: number; webUrl: string }>
  /** Approves as the token's user, only while the head is still `head`. A forge without approvals: ok, and it says so. */
  approve(projectId: number, iid: number, head: string): Promise<Done>
  /** Merges, only while the head is still `head`, by the project's own merge method. */
  merge(projectId: number, iid: number, head: string, message: string): Promise<Done>
  /** Writes one note on a merge request, or changes the one it wrote before (made anew where that is gone). */
  writeNote(projectId: number, iid: number, note: { id: bigint | null; body: string }): Promise<{ id: bigint }>
  /** Records a deployment on the forge's own pages, or what became of it. A repeated state is success. */
  tellDeployment(
    projectId: number,
    deployment: {
      id: bigint | null
      environment: string
      tier: 'testing' | 'staging' | 'production' | 'other'
      /** Where the service answers; empty where it has no address. */
      url: string
      logUrl: string
      commit: string
      /** A branch that is there, or refs/tags/<name>: GitLab refuses what is gone. */
      ref: string
      state: DeploymentState
      description: string
    },
  ): Promise<{ id: bigint }>
  /** The name under which git finds a merge request's head, also of a fork: refs/merge-requests/7/head. */
  headRef(iid: number): string
  /** User and password for git over HTTP, and the header that carries them. */
  gitCredentials(): { username: string; password: string }
}

/** Makes a driver for one project of one forge. `path`: group/name, for forges that ask by it. `deadlineMs` bounds every single call. */
export type ForgeFactory = (options: { url: string; token: string; path: string; deadlineMs?: number }) => Forge
