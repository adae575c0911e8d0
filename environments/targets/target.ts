// The interface is the manual. A target driver imports this file, the faults and its SDK; it has no database.
//
// Order: apply, observe, (the record says what serves), then retire; withdraw instead of retire where the record says that it
// does not serve. Concurrency: one apply or withdraw per environment at a time (the record sees to that); observe and retire
// any time. Repeatability: every verb is safe to repeat. apply leaves alone what runs as asked and removes what an earlier lost
// attempt left half-made. Success is what was observed through a window, never what was asked. The old set runs until `retire`:
// where the new one does not hold, it is removed, and the old one serves as before.

/** What is deployed: everything a target needs, and nothing that it would have to look up. */
export interface Deployment {
  instance: string
  project: number
  environment: string
  service: string
  release: number
  promotion: number
  epoch: number
  /** sha256:… of the image; never a tag. */
  digest: string
  commit: string
  version: string
  replicas: number
  /** Container ports, e.g. [8085]. Each is published on a host port that the engine picks. */
  ports: readonly number[]
  healthcheck: Healthcheck | null
  env: Record<string, string>
  limits: { memoryBytes: number; cpus: number; pids: number }
  /** How long (ms) every replica must answer well, again and again, before the new set may serve. */
  monitor: number
}

/** Times in ms. Names follow the Compose specification. */
export interface Healthcheck {
  http: string
  port: number
  interval: number
  timeout: number
  startPeriod: number
  retries: number
}

export type Applied =
  | { ok: true; because: string }
  /** The answer is no: never healthy, or the engine refuses the container. Holds the container's last words. */
  | { ok: false; because: string }

/** Which attempt made a set of replicas: the newest one among them, where some were kept. */
export interface MadeBy {
  promotion: number
  epoch: number
}

export interface Where {
  instance: string
  project: number
  environment: string
  service: string
}

export interface Observation {
  /** The set that serves: the newest one that has taken over. Null: none has. */
  set: MadeBy | null
  /** Attempts that left half-made replicas here, or are at work. */
  starting: MadeBy[]
  /** Containers of earlier sets that are not retired yet. */
  left: number
  /** The earlier set that would serve again if the one that serves were withdrawn. Null: there is none. */
  earlier: { made: MadeBy; digest: string | null; running: boolean } | null
  /** The digest that every replica runs; null: nothing runs, or the replicas differ. */
  digest: string | null
  health: 'healthy' | 'progressing' | 'unhealthy' | 'absent'
  because: string
  /** Where a browser finds it, from this machine. */
  url: string | null
  /** Where a container of the same engine finds it: the network to join, and the address there. Null: nothing runs, or no port. */
  inside: { network: string; url: string } | null
  replicas: {
    id: string
    name: string
    digest: string
    running: boolean
    url: string | null
    startedAt: string
    /** How often the engine has started it again by itself, since a person or the engine's own start last did. */
    restarts: number
  }[]
}

export interface Target {
  /** Throws target.unreachable where it does not answer. */
  ensureReady(): Promise<void>
  /** Why it cannot run the image of this digest; null: it holds it. Throws target.unreachable where it does not answer. */
  lacks(digest: string): Promise<string | null>
  /** Starts a new set beside the old one, watches it through the window, and lets it take over. The old set still runs. */
  apply(deployment: Deployment, log: (line: string) => void, signal: AbortSignal): Promise<Applied>
  observe(where: Where & { ports: readonly number[]; healthcheck: Healthcheck | null }): Promise<Observation>
  /**
   * Ends what served before `serving` (ids of replicas, as observed), with time to finish its requests. Nothing where another
   * set serves meanwhile. @returns how many containers went
   */
  retire(where: Where, serving: readonly string[]): Promise<number>
  /** Removes what one attempt made, half-made or serving; what served before it serves again. @returns how many went */
  withdraw(where: Where, made: MadeBy): Promise<number>
  /** Removes everything this instance deployed, everywhere. For the demo and the tests. */
  removeAll(instance: string): Promise<void>
}
