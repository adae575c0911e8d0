// The interface is the manual. A forge driver imports this file, the faults and its SDK, nothing else; it has no database.
//
// Order: deliveries arrive in any order, more than once, or never: an event is a hint, and the truth is read with the
// verbs below. Concurrency: every verb may be called at the same time from several workers. Repeatability: reads always;
// `setStatus` and `ensureHook` are safe to repeat.
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
  verify(headers: Headers, rawBody: Buffer, secrets: HookSecrets, now: number): boolean
  /** The delivery's own id, kept by the forge over its retries; null where it sends none. */
  deliveryKey(headers: Headers): string | null
  /** The event's name as the forge calls it, for the inbox. At most 100 characters. */
  eventName(headers: Headers): string
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
}

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
   * Sets a commit status. `ref` is always sent (GitLab otherwise picks a branch). GitLab's 400 on a repeated state is
   * success here; a 400 on a transition it cannot make is forge.refused.
   */
  setStatus(
    projectId: number,
    status: { commit: string; ref: string; name: string; state: CommitState; description: string; url: string },
  ): Promise<void>
  /** User and password for git over HTTP, and the header that carries them. */
  gitCredentials(): { username: string; password: string }
}

/** Makes a driver for one forge. `deadlineMs` bounds every single call. */
export type ForgeFactory = (options: { url: string; token: string; deadlineMs?: number }) => Forge
