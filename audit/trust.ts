// What it takes to check a sign-off, and nothing secret: web and worker hold the same.
import type { KeyObject } from 'node:crypto'

/** One statement, of a transaction or of none. */
export type Asks = (text: string, values: unknown[]) => Promise<{ rows: unknown[] }>

export interface Trust {
  /** The trail's name, as in "Installation".origin. */
  origin: string
  /** Public keys of the trail, the one in force last. Rotated ones stay: what they signed holds. */
  keys: readonly KeyObject[]
  /** WebAuthn relying party: the host name of PUBLIC_URL. */
  rpId: string
  /** Origin of PUBLIC_URL: the only one whose assertions count. */
  webOrigin: string
  /**
   * Version of each environment's policy that this worker agreed to last, kept outside the database; undefined: not known here.
   * A database that was put back to an older one is seen by it.
   */
  agreed(environmentId: number): number | undefined
  /** Is this credential removed, as the worker remembers outside the database? */
  removed(credentialId: string): boolean
  /**
   * Why this database is not the one whose trail this worker signed; null: it is. Absent where nothing is remembered outside the
   * database.
   */
  doubts?(ask: Asks): Promise<string | null>
}
