import type { Signer } from '../audit/certificate'
import type { Trust } from '../audit/trust'
import type { RecordHandle } from '../prisma/client'
import type { Actor } from '../prisma/record'
import type { Engine } from './engines/engine'
import type { Leases } from './lease'

/** What a worker's verbs work with. Made once, in the worker's composition root. */
export interface Context {
  record: RecordHandle
  /** This installation: a label on everything it makes, so that several can share one engine. */
  instance: string
  worker: string
  /** Folder of the sealing keys. */
  keys: string
  /** Folder of what is remembered of the trail outside the database: the last signed head, agreed policies, removed keys. */
  trail: string
  /** Signs with the trail's private key. */
  signer: Signer
  /** What a sign-off is checked with. */
  trust: Trust
  /** Folder of bare repositories; may be lost at any time. */
  cache: string
  /** Free MiB of a disk below which no build and no deployment is begun; absent: FLOOR_MB of room.ts. */
  floorMb?: number
  /** Where people and the forge reach the dashboard, no trailing slash. */
  publicUrl: string
  engine: Engine
  /** Base images that replace the templates' public ones, by language. */
  bases: Record<string, string>
  leases: Leases
  /** Ends when the worker is told to stop at once. */
  stopping: AbortSignal
}

export const asWorker = (context: Pick<Context, 'worker'>): Actor => ({
  actor: `worker:${context.worker}`,
  actorName: `worker ${context.worker}`,
})
