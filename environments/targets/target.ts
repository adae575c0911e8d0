// The interface is the manual. A target driver imports this file, the faults and its SDK; it has no database.
//
// Order: apply, then observe. Concurrency: one apply per environment at a time (the record sees to that); observe any time.
// Repeatability: apply with the same release is safe to repeat: what already runs as asked is left alone, what an earlier
// lost attempt left half-made is removed. Success is what was observed, never what was asked. The old release keeps
// serving until the new one is healthy; where that never happens, the new one is removed and the old one still serves.

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

export interface Observation {
  /** The digest that every replica runs; null: nothing runs, or the replicas differ. */
  digest: string | null
  health: 'healthy' | 'progressing' | 'unhealthy' | 'absent'
  because: string
  /** Where a browser finds it, from this machine. */
  url: string | null
  /** Where a container of the same engine finds it: the network to join, and the address there. Null: nothing runs, or no port. */
  inside: { network: string; url: string } | null
  replicas: { id: string; name: string; digest: string; running: boolean; url: string | null; startedAt: string }[]
}

export interface Target {
  /** Throws target.unreachable where it does not answer. */
  ensureReady(): Promise<void>
  /** Why it cannot run the image of this digest; null: it holds it. Throws target.unreachable where it does not answer. */
  lacks(digest: string): Promise<string | null>
  apply(deployment: Deployment, log: (line: string) => void, signal: AbortSignal): Promise<Applied>
  observe(where: {
    instance: string
    project: number
    environment: string
    service: string
    ports: readonly number[]
    healthcheck: Healthcheck | null
  }): Promise<Observation>
  /** Removes everything this instance deployed, everywhere. For the demo and the tests. */
  removeAll(instance: string): Promise<void>
}
