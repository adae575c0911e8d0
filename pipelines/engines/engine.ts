// The interface is the manual. An engine driver imports this file, the faults and its SDK; it has no database.
//
// Order: ensureReady once, then build and run in any order. Concurrency: any number of builds and runs at once, also from
// several processes. Repeatability: a build or run of the same (run, stage, epoch) first removes what an earlier, lost
// attempt of that stage left; cleanUp may be called twice. A verdict is a value; a Fault is thrown only when we could not
// find out (engine.unreachable, engine.refused).
//
// Trust: an image, a layer, a cache that carries another installation's, another project's or a lower class's label is not used
// for an order's label, whatever name leads to it. Images without our labels are public.
import type { Builder } from '../dockerfile-bases'
import type { TrustClass } from '../trust'

/** Who the work is for. Everything the engine makes carries these as labels: shiplock.instance/project/trust/run/stage/epoch. */
export interface WorkLabel {
  /** One Shiplock installation: an engine may serve several, and each touches only its own. */
  instance: string
  project: number
  /** Who could have decided what is made: what a lower class made is not used here, and this is not used by a higher one. */
  trust: TrustClass
  run: number
  stage: string
  /** Grows with each attempt: what carries an older epoch is a lost attempt and may be removed. */
  epoch: number
}

export interface Limits {
  /** Wall time in ms; then SIGTERM, and SIGKILL after graceMs. */
  timeMs: number
  graceMs: number
  memoryBytes: number
  cpus: number
  pids: number
  /** What the container may write, in bytes; over it the step is stopped. */
  diskBytes: number
}

/**
 * A tar stream of the commit's files, made afresh for each call. With a prefix (`workspace/`), every name starts with it
 * and its folder is the first entry.
 */
export type Files = (prefix?: string) => NodeJS.ReadableStream

/** A name of an image, and what it stands for: an id of the store, or a digest of its registry. Null: not known. */
export interface Base {
  image: string
  digest: string | null
}

export interface BuildOrder {
  label: WorkLabel
  files: Files
  /** Path in the files, or the whole text of one (from a template). */
  dockerfile: { path: string } | { text: string }
  /**
   * What the names of its images meant when the build was planned: that is built from, whatever the names mean now. One that
   * is not listed, or listed with null, is looked up as the build begins.
   */
  bases?: readonly Base[]
  /** The name the image gets in the store, `name:tag`. */
  image: string
  /** OCI labels, e.g. org.opencontainers.image.revision. */
  imageLabels: Record<string, string>
  limits: Limits
}

/**
 * A container that stands beside a step while it runs, reached by its name on their common network. It gets the step's
 * limits for itself; what it writes counts with the step's. Times in ms.
 */
export interface ServiceOrder {
  /** Its host name for the step. */
  name: string
  image: string
  env: Record<string, string>
  /** Null: the image's own. */
  command: readonly string[] | null
  /** When it counts as ready; null: the image's own healthcheck, and without one when it has run for a second. `test` as in Compose. */
  healthcheck: {
    test: readonly string[]
    interval: number
    timeout: number
    startPeriod: number
    retries: number
  } | null
}

/** A file that a step left, taken out of its container after the commands have ended, also when they failed. */
export interface Collected {
  /** As found, relative to the working directory. */
  path: string
  bytes: Buffer
}

export interface CollectOrder {
  /** Globs relative to the working directory: `reports/*.xml`, `dist/**`, `dist` for all below it. No symbolic link is followed. */
  globs: readonly string[]
  most: { files: number; fileBytes: number; bytes: number }
  /** Awaited one after the other. */
  take: (file: Collected) => Promise<void>
  /** Told of what was left out for a limit, once, in words. */
  leftOut: (because: string) => void
}

/** A folder that outlives the step. `key` names it: everything that may change what is in it, or who may read it, is part of it. */
export interface Cache {
  /** At most 200 of [a-z0-9.-]. */
  key: string
  /** Absolute path in the container. */
  path: string
}

export interface StepOrder {
  label: WorkLabel
  /** A digest in the store, or a reference that is pulled where it is absent. One that others made is refused. */
  image: string
  /** The image is what the work's own run or release was built as: one from before classes were written on images is taken. */
  own?: boolean
  /** Commands, one after the other, each through the container's own /bin/sh -c; the first that fails ends the step. */
  run: readonly string[]
  /** The commit's files, copied to /workspace; null: the image's own files and working directory are used. */
  files: Files | null
  workdir?: string
  env: Record<string, string>
  limits: Limits
  /** Started before the step, waited for until healthy (at most `SERVICE_WAIT_MS`), removed after it. */
  services?: readonly ServiceOrder[]
  /** One more network that the step joins: where a deployed release is reached. */
  network?: string
  caches?: readonly Cache[]
  collect?: CollectOrder
}

/** Service containers that are not healthy by then fail the step, with their last words. */
export const SERVICE_WAIT_MS = 60_000

export type Verdict =
  | { ok: true; because: string; exitCode: number | null }
  /** The answer is no: a failed command, a time limit, memory, a Dockerfile that does not build. */
  | { ok: false; because: string; exitCode: number | null }

/** `bases`: what it was built from, as the order named it or as it was found. */
export type BuildVerdict = (Verdict & { ok: true; digest: string; bases: Base[] }) | (Verdict & { ok: false })

/** Takes output as it comes; the engine waits for the promise before it reads more. */
export type Log = (bytes: Buffer) => void | Promise<void>

export interface Engine {
  /** Is it there? Its version and name, or a Fault that says what to do. */
  ensureReady(): Promise<{ version: string }>
  /** The folder that it keeps images and containers in, where that is on this machine. Null, or absent: it is not. */
  root?(): Promise<string | null>
  /** How it reads a Dockerfile. */
  builder(): Promise<Builder>
  /** The image in the local store by name or digest: its digest and labels, or null. */
  image(reference: string): Promise<{ digest: string; labels: Record<string, string>; bytes?: number } | null>
  /**
   * What the name of a base image stands for now, as a build would take it: in the store, or else in its registry. Null:
   * neither knows it, or the registry could not be asked.
   */
  baseDigest(reference: string): Promise<string | null>
  /**
   * Gives an image in the store one more name. The same name again moves it, within one project; a name that another project's
   * image has, or one that no project built, is never moved: engine.refused. A build names its image by the same rule.
   * image.missing where there is no such image.
   */
  tag(digest: string, name: string): Promise<void>
  /** Builds. `signal` aborts it: then the verdict is ok: false, "canceled". */
  build(order: BuildOrder, log: Log, signal: AbortSignal): Promise<BuildVerdict>
  /** Runs the commands in one container without privileges, and removes it. A digest that is not in the store: image.missing. */
  run(order: StepOrder, log: Log, signal: AbortSignal): Promise<Verdict>
  /** Removes the containers of one stage (every epoch up to and including this one), or of the whole run. */
  cleanUp(what: { instance: string; run: number; stage?: string; upToEpoch?: number }): Promise<void>
  /**
   * Removes caches that no step was started with for `unusedMs`, and the least used beyond `mostBytes` in all; and so the
   * cache mounts of its builds, where they are known. Gives how many. Never one in use.
   */
  pruneCaches(instance: string, limits: { unusedMs: number; mostBytes: number }): Promise<number>
  /** What exists with our instance label and kind=step or kind=service, networks last: for the sweep that removes orphans. */
  list(instance: string): Promise<{ id: string; run: number; stage: string; epoch: number }[]>
  /** Removes one by id; absent is fine. */
  remove(id: string): Promise<void>
  /** Removes what builds of killed workers left beside the engine, on its own machine; gives how much. Absent: nothing is ever left. */
  sweepBuilds?(instance: string): Promise<number>
  /** Removes all that this instance made: step and service containers, their networks, its caches and images. Deployments stay, and what they run. */
  removeAll(instance: string): Promise<void>
}
